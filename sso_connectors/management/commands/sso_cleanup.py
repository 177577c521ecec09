"""Delete what has served its time, and revoke tokens whose link is gone; for cron."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from sso_connectors.attempts import Attempt
from sso_connectors.pending import PendingLogin
from sso_connectors.protocols.oauth2.revocation import revoke_waiting
from sso_connectors.vault import Token

_MOST_TOKENS: Final = 20_000
_SECONDS_FOR_TOKENS: Final = 20 * 60.0


class Command(BaseCommand):
    help = (
        "Delete expired pending logins and sessions, and attempts older than ATTEMPT_DAYS; "
        "revoke tokens whose link is gone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        pending = PendingLogin.clear_expired()
        oldest = timezone.now() - timedelta(days=settings.ATTEMPT_DAYS)
        attempts = Attempt.objects.filter(started_at__lt=oldest).delete()[0]
        call_command("clearsessions")
        self.stdout.write(f"Deleted {pending} pending logins and {attempts} attempts.")
        Token.cut_loose(link__user__is_active=False)  # bulk writes deactivate past `save()`
        revoked = revoke_waiting(limit=_MOST_TOKENS, seconds=_SECONDS_FOR_TOKENS)
        if revoked.any:
            self.stdout.write(
                f"Revoked {revoked.done} tokens; {revoked.failed} failed and will be tried again, "
                f"{revoked.given_up} were given up."
            )
