"""Okta's double: an organisation's own authorization server, and a custom one called “default”."""

from .oidc import OidcVendor


class OktaVendor(OidcVendor):
    authorize_path = "/oauth2/v1/authorize"
    token_path = "/oauth2/v1/token"
    jwks_path = "/oauth2/v1/keys"
    userinfo_path = "/oauth2/v1/userinfo"
    revocation_path = "/oauth2/v1/revoke"
    scopes = frozenset({"openid", "profile", "email", "offline_access"})
    basic = True
    methods = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt")
    rotates = True
    sends_iss = True
    in_userinfo_only = frozenset({"email", "email_verified"})

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "sub": "00u1a2b3c4d5e6f7g8h9",
            "email": "alice@acme.example",
            "email_verified": True,
        }


class OktaCustomServer(OktaVendor):
    issuer_path = "/oauth2/default"
    in_userinfo_only = frozenset()
