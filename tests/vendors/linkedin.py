"""LinkedIn's double: no PKCE, no nonce in the ID token, `email_verified` as text, no refresh token."""

from .oidc import OidcVendor


class LinkedInVendor(OidcVendor):
    issuer_path = "/oauth"
    authorize_path = "/oauth/v2/authorization"
    token_path = "/oauth/v2/accessToken"
    jwks_path = "/oauth/openid/jwks"
    userinfo_path = "/v2/userinfo"
    scopes = frozenset({"openid", "profile", "email"})
    methods = ("client_secret_post",)
    pkce = False
    repeats_nonce = False
    hands_out_refresh = False
    life = 5184000
    extra_parameters = frozenset({"nonce"})

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "sub": "782bbtaQ",
            "email": "alice@acme.example",
            "email_verified": "true",
        }
