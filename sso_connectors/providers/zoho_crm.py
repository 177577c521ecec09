"""Zoho CRM: OAuth 2, in one of several data centres that know nothing of each other's accounts.

People start at one accounts server; the answer names the one that has their account, in `accounts-server`,
a parameter that anybody can write. The client secret goes to a listed server, or nowhere.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from social_core.backends.oauth import BaseOAuth2PKCE
from social_core.exceptions import AuthResponseError

from ..results.errors import ResponseRefused
from ..results.identity import Grant
from .base import Claims, Provider
from .options import Option

DEFAULT_SERVER: Final = "https://accounts.zoho.com"
# The accounts server of each data centre, and where its API is called.
DATA_CENTRES: Final[Mapping[str, str]] = {
    DEFAULT_SERVER: "https://www.zohoapis.com",
    "https://accounts.zoho.eu": "https://www.zohoapis.eu",
    "https://accounts.zoho.in": "https://www.zohoapis.in",
    "https://accounts.zoho.com.au": "https://www.zohoapis.com.au",
    "https://accounts.zoho.jp": "https://www.zohoapis.jp",
    "https://accounts.zoho.com.cn": "https://www.zohoapis.com.cn",
    "https://accounts.zohocloud.ca": "https://www.zohoapis.ca",
    "https://accounts.zoho.sa": "https://www.zohoapis.sa",
    "https://accounts.zoho.uk": "https://www.zohoapis.uk",
}
_NUMBER = re.compile(r"[0-9]{1,25}").fullmatch


def listed_server(text: str) -> str:
    """An Option's `clean` for a data centre's accounts server."""
    text = text.lower().rstrip("/")
    if text not in DATA_CENTRES:
        raise ValidationError(
            _("“%(text)s” is not a Zoho accounts server. Use one of these: %(servers)s."),
            params={"text": text[:100], "servers": ", ".join(DATA_CENTRES)},
        )
    return text


class ZohoCRM(Provider, BaseOAuth2PKCE[Any]):
    method = "zoho_crm"
    label = "Zoho CRM"
    register_at = "https://api-console.zoho.com/"
    register_where = _("Server-based Applications → the client → Authorized Redirect URIs")
    words: ClassVar = {"client_id": "Client ID", "client_secret": "Client Secret"}
    options: ClassVar = (
        Option(
            "accounts_server",
            "Accounts server",
            _(
                "The data centre where the client is registered. If empty: "
                "https://accounts.zoho.com."
            ),
            default=DEFAULT_SERVER,
            clean=listed_server,
        ),
    )

    SCOPE_SEPARATOR = ","

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return str(options.get("accounts_server") or DEFAULT_SERVER)

    def get_scope(self) -> list[str]:
        return ["AaaServer.profile.READ", "ZohoCRM.users.READ"]

    def authorization_url(self) -> str:
        return f"{self.client.issuer}/oauth/v2/auth"

    def auth_params(self, state: str | None = None) -> dict[str, Any]:
        params: dict[str, Any] = super().auth_params(state)  # type: ignore[no-untyped-call]
        # Without these two Zoho gives a refresh token at the first sign-in only, or none.
        return {**params, "access_type": "offline", "prompt": "consent"}

    def access_token_url(self) -> str:
        return f"{self.accounts_server()}/oauth/v2/token"

    def accounts_server(self) -> str:
        """The server that has the person's account: as remembered for a refresh, else as answered.

        Raises ResponseRefused for one that isn't listed: it would be sent code and client secret.
        """
        remembered: Mapping[str, str] = self.memory.get("grant_extra", {})
        server = remembered.get("accounts_server") or self.data.get("accounts-server")
        server = server or self.client.issuer
        if server not in DATA_CENTRES:
            self.checks.record(
                "accounts server", False, expected=", ".join(DATA_CENTRES), received=server
            )
            raise ResponseRefused(
                f"The answer names {server}, which is no accounts server of Zoho's."
            )
        return str(server)

    # --- who it is --------------------------------------------------------------------------------

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The account and, as its address may be unconfirmed there, what Zoho CRM says of this user."""
        headers = {"Authorization": f"Zoho-oauthtoken {access_token}"}
        account = self.get_json(f"{self.accounts_server()}/oauth/user/info", headers=headers)
        answer = self.get_json(
            f"{self.instance(kwargs['response'])['api_domain']}/crm/v8/users",
            headers=headers,
            params={"type": "CurrentUser"},
        )
        users = answer.get("users") if isinstance(answer, dict) else None
        if not isinstance(account, dict) or not isinstance(users, list):
            raise AuthResponseError(self, code="malformed_response", stage="user_info")
        found = users[0] if len(users) == 1 and isinstance(users[0], dict) else {}
        return {**account, "crm_user": found}

    def identify(self, person: Mapping[str, Any]) -> Claims:
        number, user = str(person.get("ZUID")), person["crm_user"]
        same = self.checks.record(
            "Zoho CRM user",
            bool(_NUMBER(number)) and str(user.get("zuid")) == number,
            expected=f"the user of the account {number}",
            received=user.get("zuid") or "none",
        )
        email = person.get("Email")
        confirmed, status = user.get("confirm"), user.get("status")
        passed = self.checks.record(
            "e-mail address",
            same
            and isinstance(email, str)
            and email == email.strip()
            and user.get("email") == email
            and confirmed is True
            and status == "active",
            expected="that of an active user of Zoho CRM who has confirmed it",
            received=f"{email or 'none'}, in Zoho CRM {user.get('email') or 'none'}, "
            f"confirm {confirmed}, {status}",
        )
        return Claims(username=str(email) if passed else "", subject=number if same else "")

    # --- the tokens afterwards --------------------------------------------------------------------

    def instance(self, response: Mapping[str, Any]) -> dict[str, str]:
        """The account's server, for the next refresh, and where calls go with the token.

        An address that isn't listed would collect tokens: its data centre's own stands in for it.
        """
        server = self.accounts_server()
        remembered = self.memory.get("grant_extra", {}).get("api_domain")
        named = [each for each in (response.get("api_domain"), remembered) if each]
        listed = [each for each in named if each in DATA_CENTRES.values()]
        return {
            "accounts_server": server,
            "api_domain": listed[0] if listed else DATA_CENTRES[server],
        }

    def revoke(self, grant: Grant) -> bool | None:
        self.memory["grant_extra"] = dict(grant.extra)  # which server has the account
        return super().revoke(grant)

    def revoke_token(self, token: str, uid: str) -> bool | None:
        """End a refresh token, and with it the access tokens made from it."""
        self.request(
            f"{self.accounts_server()}/oauth/v2/token/revoke",
            method="POST",
            params={"token": token},  # where Zoho looks for it
            stage="disconnect",
        )
        return True
