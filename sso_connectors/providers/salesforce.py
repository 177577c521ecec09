"""Salesforce: OpenID Connect at a login host or at an organisation's My Domain.

The token response also holds `id`, an address where social-core's backend looks the person up with the
token in the query. It is never fetched here: the ID token says who it is.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from ..identity import Grant
from .oidc import OpenIdConnect
from .options import Option, fitting

SERVER: Final = "https://{host}"
DEFAULT_HOST: Final = "login.salesforce.com"
# Salesforce doesn't say how long a session lasts; an organisation can't make it shorter than this.
SHORTEST_SESSION: Final = 15 * 60
_NAME: Final = r"(?!-)[a-z0-9]+(?:-[a-z0-9]+)*"  # no two hyphens: they part a sandbox's name
_HOST: Final = re.compile(
    rf"(?=.{{1,120}}\Z)(?:login|test|{_NAME}\.my|{_NAME}--{_NAME}\.sandbox\.my)\.salesforce\.com"
)
_INSTANCE = re.compile(
    r"https://(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:salesforce|force)\.com"
).fullmatch


def salesforce_host(text: str) -> str:
    """An Option's `clean` for where people sign in: one of Salesforce's own hosts, and no other."""
    return fitting(
        text.lower(),
        _HOST,
        _(
            "“%(text)s” is not a Salesforce host: login.salesforce.com, test.salesforce.com, or a "
            "My Domain such as acme.my.salesforce.com or acme--test.sandbox.my.salesforce.com."
        ),
    )


class Salesforce(OpenIdConnect):
    method = "salesforce"
    label = "Salesforce"
    can_ask_again = False  # it takes prompt=login, and says no auth_time
    register_at = "https://login.salesforce.com/"
    register_where = _(
        "Setup → External Client App Manager → the app → OAuth Settings → Callback URL"
    )
    words: ClassVar = {"client_id": "Consumer Key", "client_secret": "Consumer Secret"}
    options: ClassVar = (
        Option(
            "host",
            _("Salesforce host"),
            _(
                "The My Domain, such as acme.my.salesforce.com: only people of that organisation sign in "
                "there. Empty: login.salesforce.com, where people of every organisation do."
            ),
            default=DEFAULT_HOST,
            clean=salesforce_host,
        ),
    )

    TOKEN_ENDPOINT_AUTH_METHOD = "client_secret_post"  # noqa: S105 - a name

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return SERVER.format(host=options.get("host") or DEFAULT_HOST)

    def get_scope(self) -> list[str]:
        return ["openid", "email", "api", "refresh_token"]

    def oidc_config(self) -> dict[str, Any]:
        """Known without asking, so that no document says where the client secret goes."""
        server = self.client.issuer
        return {
            "issuer": server,
            "authorization_endpoint": f"{server}/services/oauth2/authorize",
            "token_endpoint": f"{server}/services/oauth2/token",
            "userinfo_endpoint": f"{server}/services/oauth2/userinfo",
            "revocation_endpoint": f"{server}/services/oauth2/revoke",
            "jwks_uri": f"{server}/id/keys",
        }

    # --- the tokens afterwards --------------------------------------------------------------------

    def grant(self, response: Mapping[str, Any], *, previous: Grant | None = None) -> Grant:
        return super().grant({"expires_in": SHORTEST_SESSION, **response}, previous=previous)

    def instance(self, response: Mapping[str, Any]) -> dict[str, str]:
        """Where calls go with the token; a host that isn't Salesforce's would collect tokens."""
        address = response.get("instance_url")
        if isinstance(address, str) and _INSTANCE(address):
            return {"instance_url": address}
        return {}
