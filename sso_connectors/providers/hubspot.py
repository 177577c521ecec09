"""HubSpot: OAuth 2 by its endpoints of 2026-03; those of v1, which social-core's backend uses, end in 2027.

One app is installed into many HubSpot accounts ("hubs"), each with users of its own.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from social_core.backends.oauth import BaseOAuth2PKCE
from social_core.exceptions import AuthResponseError, SocialAuthBaseException

from ..results.identity import Grant
from .base import Claims, Provider
from .options import Option, fitting

ISSUER: Final = "https://app.hubspot.com"
AUTHORIZATION: Final = "https://app.hubspot.com/oauth/authorize"
TOKENS: Final = "https://api.hubapi.com/oauth/2026-03/token"
_HUB_ID: Final = re.compile(r"[1-9][0-9]{0,17}")


def hub_id(text: str) -> str:
    """An Option's `clean` for the ID of a HubSpot account."""
    return fitting(text, _HUB_ID, _("“%(text)s” is not a hub ID. It is a number, such as 1234567."))


class HubSpot(Provider, BaseOAuth2PKCE[Any]):
    method = "hubspot"
    label = "HubSpot"
    register_at = "https://app.hubspot.com/l/developer-projects"
    register_where = _("the app → Auth → Redirect URLs")
    words: ClassVar = {"client_id": "Client ID", "client_secret": "Client secret"}
    options: ClassVar = (
        Option(
            "hub_id",
            "Hub ID",
            _(
                "Only people in the HubSpot account with this number can sign in. The "
                "number is in every HubSpot address, and at the top right under the "
                "account's name."
            ),
            required=True,
            clean=hub_id,
        ),
    )

    lacks_tenant = Q(options__hub_id__isnull=True) | Q(options__hub_id="")

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return ISSUER

    def get_scope(self) -> list[str]:
        return ["oauth"]

    def authorization_url(self) -> str:
        return AUTHORIZATION

    def access_token_url(self) -> str:
        return TOKENS

    # --- who it is --------------------------------------------------------------------------------

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Whose the token is (RFC 7662), asked by POST: v1 wants the token in a path, where it is logged."""
        found = self.get_json(
            f"{TOKENS}/introspect",
            method="POST",
            data={
                **self.body_credentials(),
                "token": access_token,
                "token_type_hint": "access_token",
            },
        )
        if not isinstance(found, dict):
            raise AuthResponseError(self, code="malformed_response", stage="user_info")
        return found

    def identify(self, person: Mapping[str, Any]) -> Claims:
        self.checks.record(
            "access token",
            person.get("active") is True,
            expected="active",
            received=f"active {person.get('active')}",
        )
        hub, user = person.get("hub_id"), person.get("user_id")
        wanted = self.option("hub_id")
        # Whoever runs another account says which addresses its users have. None wanted fits nobody.
        self.checks.record(
            "hub ID",
            type(hub) is int and str(hub) == wanted,
            expected=wanted,
            received=hub,
        )
        # HubSpot has no flag for it: it is the address that the person signs in to HubSpot with, and
        # that an invitation went to.
        email = person.get("user")
        passed = self.checks.record(
            "e-mail address",
            isinstance(email, str) and "@" in email and email == email.strip(),
            expected="the address that the person signs in to HubSpot with",
            received=email or "none",
        )
        # A user's ID is looked at together with the hub: the same person has another role in another.
        known = type(hub) is int and type(user) is int
        return Claims(
            username=str(email) if passed else "", subject=f"{hub}:{user}" if known else ""
        )

    def get_provider_error(self, data: object, **about: Any) -> SocialAuthBaseException | None:
        """In RFC 6749's fields, in which HubSpot leaves `error` out and says `status`: BAD_REFRESH_TOKEN."""
        if isinstance(data, dict) and not data.get("error"):
            status, message = data.get("status"), data.get("message")
            # “error” says no more than that it is one.
            if isinstance(status, str) and status.lower() != "error":
                data = {"error": status.lower(), "error_description": str(message or "")}
        return super().get_provider_error(data, **about)

    # --- the tokens afterwards --------------------------------------------------------------------

    def grant(self, response: Mapping[str, Any], *, previous: Grant | None = None) -> Grant:
        scopes = response.get("scopes")  # a list, for RFC 6749's `scope`
        if isinstance(scopes, list):
            response = {**response, "scope": " ".join(map(str, scopes))}
        return super().grant(response, previous=previous)

    def revoke_token(self, token: str, uid: str) -> bool | None:
        """End a refresh token, and with it the app's access for this person."""
        self.request(
            f"{TOKENS}/revoke",
            method="POST",
            data={**self.body_credentials(), "token": token, "token_type_hint": "refresh_token"},
            stage="disconnect",
        )
        return True
