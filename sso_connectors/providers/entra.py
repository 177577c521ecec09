"""Microsoft Entra ID: OpenID Connect of one tenant.

An e-mail address in Entra is whatever somebody wrote there, in any tenant (nOAuth), so `email` counts
for nothing. A user principal name belongs to a domain that the tenant has proved to own; it counts for
the tenant's own members, in the one tenant that the connector trusts.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..results.errors import ResponseRefused
from .base import Claims
from .oidc import OpenIdConnect
from .options import Option, domain

AUTHORITY: Final = "https://login.microsoftonline.com"
# Of the tenant's v1.0 tokens; where a v2.0 token says at which tenant the person signed in, it says so too.
OLD_AUTHORITY: Final = "https://sts.windows.net"
# All personal accounts are in this tenant; anybody can make one.
PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
ANY_TENANT: Final = frozenset({"common", "organizations", "consumers"})
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def tenant(text: str) -> str:
    """An Option's `clean` for a tenant: its GUID, or a domain that it has verified."""
    text = text.lower()
    if text in ANY_TENANT or text == PERSONAL:
        raise ValidationError(
            _("“%(text)s” lets anyone in, from any tenant. Enter this company's tenant."),
            params={"text": text},
        )
    return text if _GUID(text) else domain(text)


class Entra(OpenIdConnect):
    method = "entra"
    label = "Microsoft Entra ID"
    register_at = "https://entra.microsoft.com/"
    register_where = _("App registrations → the app → Authentication → Web → Redirect URIs")
    words: ClassVar = {
        "client_id": "Application (client) ID",
        "client_secret": "Client secret, Value (not Secret ID)",
    }
    options: ClassVar = (
        Option(
            "tenant",
            "Tenant",
            _(
                "The directory (tenant) ID, or a verified domain of the tenant. Only "
                "members of this tenant can sign in, by their user principal name."
            ),
            required=True,
            clean=tenant,
        ),
    )

    TOKEN_ENDPOINT_AUTH_METHOD = "client_secret_post"  # noqa: S105 - a name

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return _issuer(options["tenant"]) if options.get("tenant") else ""

    def get_scope(self) -> list[str]:
        # No e-mail address is asked for. Without offline_access there is no refresh token.
        return ["openid", "profile", "offline_access"]

    # --- one tenant -------------------------------------------------------------------------------

    def check_configuration(self, found: Mapping[str, Any]) -> None:
        """Found under a domain's name, the document is of the tenant that owns the domain, by its GUID.

        That of a tenant which isn't one ("common") has a placeholder in its issuer, and is refused.
        """
        guid = _tenant_in(found.get("issuer"))
        asked_for = self.option("tenant")
        if not guid or guid == PERSONAL or (_GUID(asked_for) and guid != asked_for):
            raise ResponseRefused(
                f"The discovery document says that the issuer is {found.get('issuer')}; "
                f"the connector trusts the tenant {asked_for}."
            )

    def id_token_issuer(self) -> str:
        return str(self.oidc_config()["issuer"])

    def response_issuer(self) -> str:
        return self.id_token_issuer()

    # --- who it is --------------------------------------------------------------------------------

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        # The userinfo endpoint has nothing more to say about who it is.
        return dict(self.id_token or {})

    def identify(self, person: Mapping[str, Any]) -> Claims:
        guid = _tenant_in(self.id_token_issuer())
        is_ours = self.checks.record(
            "tenant", person.get("tid") == guid, expected=guid, received=person.get("tid")
        )
        is_member = self._check_member(person, guid)
        has_object = self.checks.record(
            "object identifier",
            bool(_GUID(str(person.get("oid")).lower())),
            expected="the object identifier (oid)",
            received=person.get("oid"),
        )
        # `sub` is another one in each app: a new registration would look like other people.
        subject = f"{guid}:{str(person['oid']).lower()}" if has_object else ""
        name = person.get("preferred_username") or person.get("upn")
        return Claims(username=str(name) if name and is_ours and is_member else "", subject=subject)

    def _check_member(self, person: Mapping[str, Any], guid: str) -> bool:
        """A guest comes with the name that another tenant, or anybody's mail server, gave them."""
        home, account = person.get("idp"), person.get("acct")
        names = f"{person.get('preferred_username')}, upn {person.get('upn')}"
        at_home = home in (None, person.get("iss"), f"{OLD_AUTHORITY}/{guid}/")
        is_member = account is None or str(account) == "0"
        return self.checks.record(
            "member of the tenant",
            at_home and is_member and "#ext#" not in names.lower(),
            expected="a member, no guest (idp of the tenant or none, acct 0 or none, no #EXT#)",
            received=f"{names}, idp {home}, acct {account}",
        )


def _issuer(name: str) -> str:
    return f"{AUTHORITY}/{name}/v2.0"


def _tenant_in(issuer: object) -> str:
    """The GUID in a tenant's issuer; "" for anything else."""
    guid = str(issuer).removeprefix(f"{AUTHORITY}/").removesuffix("/v2.0")
    return guid if _GUID(guid) and issuer == _issuer(guid) else ""
