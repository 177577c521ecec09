"""Zendesk Support: OAuth 2 of one Zendesk account, which is its subdomain."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _
from social_core.backends.oauth import BaseOAuth2PKCE
from social_core.exceptions import AuthResponseError

from .base import Claims, Provider
from .options import Option, fitting

SERVER: Final = "https://{subdomain}.zendesk.com"
_OF_THE_COMPANY: Final = ("agent", "admin")
SCOPE: Final = "read"
_SUBDOMAIN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,61}")


def subdomain(text: str) -> str:
    """An Option's `clean` for the first part of a Zendesk address."""
    return fitting(
        text.lower(),
        _SUBDOMAIN,
        _("“%(text)s” is not a subdomain. In acme.zendesk.com, the subdomain is “acme”."),
    )


class Zendesk(Provider, BaseOAuth2PKCE[Any]):
    method = "zendesk"
    label = "Zendesk Support"
    register_at = "https://www.zendesk.com/login/"
    register_where = _(
        "Admin Center → Apps and integrations → APIs → OAuth clients → the client → Redirect URLs"
    )
    words: ClassVar = {"client_id": "Identifier", "client_secret": "Secret"}
    options: ClassVar = (
        Option(
            "subdomain",
            "Subdomain",
            _("The first part of the Zendesk address: “acme” in acme.zendesk.com."),
            required=True,
            clean=subdomain,
        ),
    )

    revokes_access_token = True
    ACCESS_TOKEN_PAYLOAD = "json"  # noqa: S105 - a name

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        name = options.get("subdomain")
        return SERVER.format(subdomain=name) if name else ""

    def get_scope(self) -> list[str]:
        return [SCOPE]

    def authorization_url(self) -> str:
        return f"{self.client.issuer}/oauth/authorizations/new"

    def access_token_url(self) -> str:
        return f"{self.client.issuer}/oauth/tokens"

    def auth_complete_params(self, state: str | None = None) -> dict[str, Any]:
        params: dict[str, Any] = super().auth_complete_params(state)  # type: ignore[no-untyped-call]
        return {**params, "scope": SCOPE}

    # --- who it is --------------------------------------------------------------------------------

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The user with all identities: `verified` on the user says only that one of them is."""
        answer = self._ask("users/me.json", access_token)
        user = answer.get("user") if isinstance(answer, dict) else None
        if not isinstance(user, dict):
            raise AuthResponseError(self, code="malformed_response", stage="user_info")
        number = user.get("id")
        if type(number) is not int:
            # Who isn't signed in is an anonymous user there, without a number.
            return {**user, "identities": []}
        if user.get("role") not in _OF_THE_COMPANY:  # who doesn't get in, and may not ask there
            return {**user, "identities": []}
        answer = self._ask(f"users/{number}/identities", access_token)
        identities = answer.get("identities") if isinstance(answer, dict) else None
        if not isinstance(identities, list):
            raise AuthResponseError(self, code="malformed_response", stage="user_info")
        return {**user, "identities": identities}

    def _ask(self, what: str, access_token: str) -> Any:
        return self.get_json(
            f"{self.client.issuer}/api/v2/{what}",
            headers={"Authorization": f"Bearer {access_token}"},
        )

    def identify(self, person: Mapping[str, Any]) -> Claims:
        number, email = person.get("id"), person.get("email")
        role, suspended, active = (person.get(name) for name in ("role", "suspended", "active"))
        # Anybody makes themselves an end user of a help center; and an agent who leaves becomes one.
        self.checks.record(
            "Zendesk user",
            role in _OF_THE_COMPANY and suspended is False and active is True,
            expected="an agent or administrator who is neither suspended nor deleted",
            received=f"role {role}, suspended {suspended}, active {active}",
        )
        is_verified = any(
            isinstance(each, dict)
            and each.get("type") == "email"
            and each.get("value") == email
            and each.get("verified") is True
            for each in person["identities"]
        )
        passed = self.checks.record(
            "e-mail address",
            isinstance(email, str)
            and email == email.strip()
            and person.get("verified") is True
            and is_verified,
            expected="an address that Zendesk has verified",
            received=f"{email or 'none'}, user verified {person.get('verified')}, "
            f"address verified {is_verified}",
        )
        return Claims(
            username=str(email) if passed else "",
            subject=str(number) if type(number) is int else "",
        )

    # --- the tokens afterwards --------------------------------------------------------------------

    def refresh_token(self, token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As social-core's, but in JSON. Zendesk ends the old pair in the same moment."""
        response = self.request_access_token(
            self.access_token_url(),
            method="POST",
            headers=self.auth_headers(),
            json={**self.refresh_token_params(token), "scope": SCOPE},
            stage="refresh",
        )
        self.get_access_token(response)
        return response

    def revoke_token(self, token: str, uid: str) -> bool | None:
        """End an access token, which is all that can name itself there, and its refresh token."""
        self.request(
            f"{self.client.issuer}/api/v2/oauth/tokens/current.json",
            method="DELETE",
            headers={"Authorization": f"Bearer {token}"},
            stage="disconnect",
        )
        return True
