"""Slack: OpenID Connect ("Sign in with Slack") of one workspace."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from social_core.exceptions import AuthProviderError

from .base import Claims
from .oidc import OpenIdConnect
from .options import Option, fitting

ISSUER: Final = "https://slack.com"
REVOCATION: Final = "https://slack.com/api/auth.revoke"
TEAM_CLAIM: Final = "https://slack.com/team_id"
_TEAM: Final = re.compile(r"[TE][A-Z0-9]{2,20}")
# What Slack answers of a token that has ended already.
_ENDED: Final = ("token_revoked", "token_expired", "account_inactive", "invalid_auth")


def team(text: str) -> str:
    """An Option's `clean` for the ID of a workspace."""
    return fitting(
        text.upper(), _TEAM, _("“%(text)s” is not the ID of a workspace. Example: T0123ABCD.")
    )


class Slack(OpenIdConnect):
    method = "slack"
    label = "Slack"
    revokes_access_token = True
    # It knows no prompt=login; its auth_time is when the token was made, and proves nothing.
    can_ask_again = False
    register_at = "https://api.slack.com/apps"
    register_where = _("the app → OAuth & Permissions → Redirect URLs")
    words: ClassVar = {"client_id": "Client ID", "client_secret": "Client Secret"}
    options: ClassVar = (
        Option(
            "team",
            "Workspace",
            _(
                "Only members of the workspace with this ID can sign in. The ID is in "
                "Slack's address in a browser: app.slack.com/client/T…"
            ),
            required=True,
            clean=team,
        ),
    )

    lacks_tenant = Q(options__team__isnull=True) | Q(options__team="")

    # PKCE makes an app there a public client for good, which ours isn't; the nonce ties code to browser.
    DEFAULT_USE_PKCE = False
    TOKEN_ENDPOINT_AUTH_METHOD = "client_secret_post"  # noqa: S105 - a name

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return ISSUER

    def auth_params(self, state: str | None = None) -> dict[str, Any]:
        return {**super().auth_params(state), "team": self.option("team")}

    def identify(self, person: Mapping[str, Any]) -> Claims:
        wanted, received = self.option("team"), person.get(TEAM_CLAIM)
        # The parameter of the request is only a hint, which anybody can take away; and whoever runs another
        # workspace says which addresses its members have. None wanted fits nobody.
        self.checks.record(
            "workspace",
            bool(wanted) and received == wanted,
            expected=wanted,
            received=received,
        )
        claims = super().identify(person)
        # A user's ID is one of a kind in its workspace only.
        return Claims(username=claims.username, subject=f"{received}:{claims.subject}")

    def revoke_token(self, token: str, uid: str) -> bool | None:
        answer = self.get_json(
            REVOCATION,
            method="POST",
            headers={"Authorization": f"Bearer {token}"},
            stage="disconnect",
        )
        # Slack's errors come with status 200.
        found = answer if isinstance(answer, dict) else {}
        if found.get("ok") is not True and found.get("error") not in _ENDED:
            raise AuthProviderError(
                self, provider_code=str(found.get("error")), code="http_error", stage="disconnect"
            )
        return True
