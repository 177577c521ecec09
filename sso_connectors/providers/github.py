"""GitHub: OAuth 2 alone, for OAuth apps and GitHub Apps; its API says who it is."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _
from social_core.backends.oauth import BaseOAuth2PKCE
from social_core.exceptions import AuthProviderError, AuthResponseError

from .base import Claims, Provider

# Also what GitHub calls itself in its answers, where it does (RFC 9207).
ISSUER: Final = "https://github.com/login/oauth"
API: Final = "https://api.github.com"


class GitHub(Provider, BaseOAuth2PKCE[Any]):
    method = "github"
    label = "GitHub"
    revokes_access_token = True
    register_at = "https://github.com/settings/developers"
    register_where = _("OAuth Apps → the app → Authorization callback URL")
    words: ClassVar = {"client_id": "Client ID", "client_secret": "Client secrets"}

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return ISSUER

    def authorization_url(self) -> str:
        return f"{ISSUER}/authorize"

    def access_token_url(self) -> str:
        return f"{ISSUER}/access_token"

    def get_scope(self) -> list[str]:
        # An OAuth app's; a GitHub App has permissions instead, and GitHub overlooks these.
        return ["read:user", "user:email"]

    # --- who it is --------------------------------------------------------------------------------

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The account, with all of its addresses: the one on the profile is whatever was typed there."""
        person = self._ask("user", access_token)
        emails = self._ask("user/emails?per_page=100", access_token)
        if not isinstance(person, dict) or not isinstance(emails, list):
            raise AuthResponseError(self, code="malformed_response", stage="user_info")
        return {**person, "emails": emails}

    def _ask(self, what: str, access_token: str) -> Any:
        return self.get_json(
            f"{API}/{what}",
            headers={
                "Authorization": f"Bearer {access_token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )

    def identify(self, person: Mapping[str, Any]) -> Claims:
        number = person.get("id")
        # `login` is a name that the person can give up, and another take.
        subject = str(number) if type(number) is int else ""
        primary = [
            each for each in person["emails"] if isinstance(each, dict) and each.get("primary")
        ]
        email, verified = None, None
        if len(primary) == 1:
            email, verified = primary[0].get("email"), primary[0].get("verified")
        passed = self.checks.record(
            "e-mail address",
            isinstance(email, str) and verified is True,
            expected="a primary address that GitHub has verified",
            received=f"{email or 'none'}, verified {verified}",
        )
        suspended = person.get("suspended_at")
        self.checks.record(
            "GitHub user",
            suspended is None,
            expected="not suspended",
            received=f"suspended {suspended}",
        )
        return Claims(username=str(email) if passed else "", subject=subject)

    # --- the tokens afterwards --------------------------------------------------------------------

    def revoke_token(self, token: str, uid: str) -> bool | None:
        try:
            self.request(
                f"{API}/applications/{quote(self.client.client_id, safe='')}/token",
                method="DELETE",
                headers={"Accept": "application/vnd.github+json"},
                auth=self.get_key_and_secret(),
                json={"access_token": token},
                stage="disconnect",
            )
        except AuthProviderError as error:
            if error.status_code != HTTPStatus.NOT_FOUND:  # it has ended already
                raise
        return True
