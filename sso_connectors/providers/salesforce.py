"""Salesforce: OpenID Connect at a login host or at an organisation's My Domain.

The token response also holds `id`, an address where social-core's backend looks the person up with the
token in the query. It is never fetched here: the ID token says who it is.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..results.identity import Grant
from .base import Claims
from .oidc import OpenIdConnect
from .options import Option, fitting

SERVER: Final = "https://{host}"
DEFAULT_HOST: Final = "login.salesforce.com"
# Where people of every organisation sign in; each organisation's administrator types its users' addresses.
_OF_EVERYBODY: Final = (DEFAULT_HOST, "test.salesforce.com")
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
            "“%(text)s” is not a Salesforce host. Use login.salesforce.com, "
            "test.salesforce.com, or a My Domain such as acme.my.salesforce.com or "
            "acme--test.sandbox.my.salesforce.com."
        ),
    )


# 15 characters, in which case counts, and where there are 18 a checksum of the case.
_ORGANISATION: Final = re.compile(r"00D[A-Za-z0-9]{12}(?:[A-Z0-5]{3})?")
_OF_THE_SUBJECT = re.compile(
    r"https://[a-z0-9.-]+/id/(00D[A-Za-z0-9]{12})\w{0,3}/\w{15,18}"
).fullmatch


def organisation(text: str) -> str:
    """An Option's `clean` for the ID of an organisation, in its form of 15 characters."""
    return fitting(
        text,
        _ORGANISATION,
        _("“%(text)s” is not the ID of an organisation. Example: 00D5e000000abcd."),
    )[:15]


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
                "The My Domain, such as acme.my.salesforce.com: only people in that "
                "organisation can sign in there. If empty: login.salesforce.com, where "
                "people in every organisation can sign in, so the organisation ID is "
                "required."
            ),
            default=DEFAULT_HOST,
            clean=salesforce_host,
        ),
        Option(
            "organization_id",
            _("Organisation ID"),
            _(
                "Only people in the organisation with this ID can sign in. Required "
                "unless the host is a My Domain. The ID is in Setup, under Company "
                "Information."
            ),
            clean=organisation,
        ),
    )

    asks_userinfo = True  # which alone says whether the person is active, and of what kind
    lacks_tenant = (Q(options__organization_id__isnull=True) | Q(options__organization_id="")) & (
        Q(options__host__isnull=True) | Q(options__host__in=["", *_OF_EVERYBODY])
    )

    TOKEN_ENDPOINT_AUTH_METHOD = "client_secret_post"  # noqa: S105 - a name

    @classmethod
    def missing_options(cls, options: Mapping[str, Any]) -> list[str]:
        host = options.get("host") or DEFAULT_HOST
        is_open = host in _OF_EVERYBODY and not options.get("organization_id")
        return ["organization_id"] if is_open else []

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

    # --- who it is --------------------------------------------------------------------------------

    def identify(self, person: Mapping[str, Any]) -> Claims:
        claims = super().identify(person)
        wanted = self.option("organization_id")
        if wanted or self.missing_options(self.client.options):
            # Of the signed subject, and not of the fields around it.
            found = _OF_THE_SUBJECT(claims.subject)
            named = found[1] if found else None
            self.checks.record(
                "organisation", bool(wanted) and named == wanted, expected=wanted, received=named
            )
        # Partners and customers get into the same organisation by its sites, some by signing up there.
        active, kind = person.get("active"), person.get("user_type")
        self.checks.record(
            "Salesforce user",
            active is True and kind == "STANDARD",
            expected="an active user of the type STANDARD",
            received=f"active {active}, type {kind}",
        )
        return claims

    # --- the tokens afterwards --------------------------------------------------------------------

    def grant(self, response: Mapping[str, Any], *, previous: Grant | None = None) -> Grant:
        return super().grant({"expires_in": SHORTEST_SESSION, **response}, previous=previous)

    def instance(self, response: Mapping[str, Any]) -> dict[str, str]:
        """Where calls go with the token; a host that isn't Salesforce's would collect tokens."""
        address = response.get("instance_url")
        if isinstance(address, str) and _INSTANCE(address):
            return {"instance_url": address}
        return {}
