"""Salesforce's double: one host, its organisation's OpenID provider. Nothing here is found by discovery."""

from collections.abc import Mapping
from typing import Any

from .code_grant import Tokens
from .oidc import OidcVendor
from .server import Handler

ALICE = "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA"
INSTANCE = "https://acme.my.salesforce.com"


class SalesforceVendor(OidcVendor):
    authorize_path = "/services/oauth2/authorize"
    token_path = "/services/oauth2/token"
    jwks_path = "/id/keys"
    userinfo_path = "/services/oauth2/userinfo"
    revocation_path = "/services/oauth2/revoke"
    scopes = frozenset({"openid", "email", "api", "refresh_token"})
    life = 0  # it never says
    rotates = True  # where the app's setting says so
    in_userinfo_only = frozenset({"email", "email_verified", "active", "user_type"})

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "sub": ALICE,
            "email": "alice@acme.example",
            "email_verified": True,
            "active": True,
            "user_type": "STANDARD",
        }
        self.around_the_token: dict[str, Any] = {"instance_url": INSTANCE, "id": ALICE}

    def routes(self) -> dict[tuple[str, str], Handler]:
        routes = super().routes()
        del routes["GET", "/.well-known/openid-configuration"]
        return routes

    def answer(self, tokens: Tokens, *, asked: Mapping[str, str], is_new: bool) -> dict[str, Any]:
        answer = super().answer(tokens, asked=asked, is_new=is_new)
        return answer | {"issued_at": "1784000000000", "signature": "c2ln"} | self.around_the_token
