"""Delete what has served its time, end what nobody ended, and revoke tokens whose link is gone; for cron."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils import timezone

from sso_connectors.models.attempt import Attempt
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.models.token import Token
from sso_connectors.operations.cleanup import close_attempts, delete_before
from sso_connectors.protocols.oauth2.revocation import revoke_waiting

_MOST_TOKENS: Final = 20_000
_SECONDS_FOR_TOKENS: Final = 20 * 60.0


class Command(BaseCommand):
    help = (
        "Delete expired pending logins and sessions, and attempts older than ATTEMPT_DAYS; "
        "end attempts whose person never came back; revoke tokens whose link is gone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        # First, so that no attempt's deletion takes many of them along.
        pending = delete_before(PendingLogin, "expires_at", now)
        attempts = delete_before(Attempt, "started_at", now - timedelta(days=settings.ATTEMPT_DAYS))
        delete_before(Session, "expire_date", now)
        self.stdout.write(f"Deleted {pending} pending logins and {attempts} attempts.")
        if closed := close_attempts():
            self.stdout.write(f"Ended {closed} attempts whose person never came back.")
        Token.cut_loose(link__user__is_active=False)  # bulk writes deactivate past `save()`
        revoked = revoke_waiting(limit=_MOST_TOKENS, seconds=_SECONDS_FOR_TOKENS)
        if revoked.any:
            self.stdout.write(
                f"Revoked {revoked.done} tokens; {revoked.failed} failed and will be tried again, "
                f"{revoked.given_up} were given up."
            )
