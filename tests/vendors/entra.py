"""Microsoft Entra ID's double: one tenant, which is found by its GUID and by its verified domain."""

from typing import Any, ClassVar

from .oidc import OidcVendor
from .server import Handler, Reply, Request, as_json

TENANT = "11111111-aaaa-4bbb-8ccc-000000000001"
OTHER_TENANT = "22222222-aaaa-4bbb-8ccc-000000000002"
DOMAIN = "acme.example"
ALICE = "aaaaaaaa-0000-4000-8000-00000000a11c"


class EntraVendor(OidcVendor):
    issuer_path = f"/{TENANT}/v2.0"
    authorize_path = f"/{TENANT}/oauth2/v2.0/authorize"
    token_path = f"/{TENANT}/oauth2/v2.0/token"
    jwks_path = f"/{TENANT}/discovery/v2.0/keys"
    userinfo_path = "/oidc/userinfo"
    scopes = frozenset({"openid", "profile", "offline_access"})
    methods = ("client_secret_post", "private_key_jwt", "client_secret_basic")
    rotates: ClassVar[bool] = True
    discovered_issuer = ""  # another one than its own

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "sub": "of-this-app-only",
            "tid": TENANT,
            "oid": ALICE,
            "preferred_username": "Alice@acme.example",
            "ver": "2.0",
        }

    def routes(self) -> dict[tuple[str, str], Handler]:
        of_the_domain = f"/{DOMAIN}/v2.0/.well-known/openid-configuration"
        return super().routes() | {("GET", of_the_domain): self.discovery}

    def configuration(self) -> dict[str, Any]:
        found = super().configuration()
        return found | ({"issuer": self.discovered_issuer} if self.discovered_issuer else {})

    def userinfo(self, request: Request) -> Reply:
        return as_json({"error": "nobody asks this here"}, 500)
