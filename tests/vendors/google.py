"""Google's double: offline access is asked for, and the refresh token stays what it was."""

from .oidc import OidcVendor


class GoogleVendor(OidcVendor):
    authorize_path = "/o/oauth2/v2/auth"
    token_path = "/token"
    jwks_path = "/oauth2/v3/certs"
    userinfo_path = "/v1/userinfo"
    revocation_path = "/revoke"
    scopes = frozenset({"openid", "profile", "email"})
    basic = True
    extra_parameters = frozenset({"nonce", "access_type", "prompt", "hd"})

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "sub": "107691503500061507151",
            "email": "alice@acme.example",
            "email_verified": True,
            "hd": "acme.example",
        }

    def checked(self, location: str) -> dict[str, str]:
        asked = super().checked(location)
        assert asked["access_type"] == "offline"
        return asked
