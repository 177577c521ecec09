"""Delete what has served its time; for cron."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from sso_connectors.attempts import Attempt
from sso_connectors.pending import PendingLogin


class Command(BaseCommand):
    help = "Delete expired pending logins and sessions, and attempts older than ATTEMPT_DAYS."

    def handle(self, *args: Any, **options: Any) -> None:
        pending = PendingLogin.clear_expired()
        oldest = timezone.now() - timedelta(days=settings.ATTEMPT_DAYS)
        attempts = Attempt.objects.filter(started_at__lt=oldest).delete()[0]
        call_command("clearsessions")
        self.stdout.write(f"Deleted {pending} pending logins and {attempts} attempts.")
