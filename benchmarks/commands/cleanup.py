"""`sso_cleanup` of many login attempts: half are too old, and of the others one in ten was never ended."""

from collections.abc import Iterator, Mapping
from typing import Final

from .command import Cost, run

# Run by `manage.py shell`: attempts as long as those of an ordinary login.
_FILL: Final = """
from datetime import timedelta
from django.utils import timezone
from sso_connectors.models.attempt import Attempt, Outcome
check = {{"expected": "https://idp.example/saml/metadata", "received": "https://idp.example/saml/metadata"}}
checks = [{{"name": f"check {{n}}", "passed": True, "verified": True, **check}} for n in range(23)]
now = timezone.now()
for first in range(0, {attempts}, 2000):
    Attempt.objects.bulk_create(
        Attempt(
            connector_reference="acme",
            started_at=now - timedelta(days=40 if n % 2 else 1, seconds=n),
            outcome=Outcome.IN_PROGRESS if n % 20 == 0 else Outcome.SIGNED_IN,
            checks=checks,
        )
        for n in range(first, min(first + 2000, {attempts}))
    )
"""


def costs(settings: Mapping[str, str], *, attempts: int) -> Iterator[tuple[str, Cost]]:
    """On an empty database with tables."""
    yield "sso_cleanup: of nothing", run(settings, "sso_cleanup")
    run(settings, "shell", "--no-imports", "--command", _FILL.format(attempts=attempts))
    yield f"sso_cleanup: of {attempts:,} attempts", run(settings, "sso_cleanup")
    yield "sso_cleanup: again", run(settings, "sso_cleanup")
