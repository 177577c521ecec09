"""What a connector's attempts say of its state: tested, or failing; and when its certificates were used.

Only attempts that count say something: those that passed; whose answer the identity provider's signature vouched
for, or our server fetched; and those whose browser came back to the failure page with the cookie it began with.
The reply URL is open to everybody, so whatever else is posted there is kept on an attempt, and no more.

A login costs no write here unless the state changes, but for one an hour for each certificate. And none waits:
where another transaction holds the row (a form that is saved, a file that is applied, an UPDATE in a shell), nothing is
written, and the next login writes it.
"""

import time
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..models import Certificate, Connector, ConnectorType
from ..models.attempt import IS_CODE, Attempt, Outcome
from ..models.pending_login import browser_mark
from ..results.identity import Identity

FAILING_AFTER: Final = 5
FAILING_PEOPLE: Final = 2
USE_NOTED_EVERY: Final = timedelta(hours=1)
# Of which connector's certificates this process need not note a use again, and until when. Its own memory
# and not the cache: while that is away, a certificate in use would come to look unused.
_noted: dict[tuple[int, str, datetime], float] = {}
_MOST_NOTED: Final = 10_000


def note_passed(connector: Connector) -> None:
    """A test or a sign-in passed, by what `connector` trusted when it was loaded."""
    if connector.tested_at is None or connector.failing_cause:
        # A change of what it trusts, made meanwhile, has changed this time too.
        judged = Connector.objects.filter(pk=connector.pk, updated_at=connector.updated_at)
        _write(judged, tested_at=timezone.now(), failing_cause="")


def note_failed(attempt: Attempt) -> None:
    """A connector fails when its last attempts that count, of two people or more, failed for one cause."""
    if not attempt.counts:
        return
    # Not by `attempt`, which remembers a connector that may have been deleted meanwhile.
    connector = Connector.objects.filter(pk=attempt.connector_id or 0).first()
    if connector is None:
        return
    cause = _common_cause(connector)
    if cause != connector.failing_cause:
        _write(Connector.objects.filter(pk=connector.pk), failing_cause=cause)


def note_came_back(code: str, *, browser: str | None) -> None:
    """The failure page of the attempt `code` was opened: it counts now, if `browser` is the one that began.

    A SAML answer is posted without cookies, so only here is seen that it was the agent's, and no stranger's who
    knows the request.
    """
    if browser is None or not IS_CODE(code):
        return
    own = Attempt.objects.filter(
        code=code, browser=browser_mark(browser), outcome=Outcome.FAILED, counts=False
    )
    for attempt in own:
        if own.filter(pk=attempt.pk).update(counts=True):
            attempt.counts = True
            note_failed(attempt)


def note_used(connector: Connector, identity: Identity) -> None:
    """The key that `identity` names verified a sign-in: write it down at most once an hour.

    The memory of this process spares the query; the condition the write, where another was first.
    """
    if connector.type != ConnectorType.SAML2:
        return
    # With the time of the last change, so that a certificate that was removed and is back counts anew.
    certificate = connector.pk, identity.key, connector.updated_at
    if time.monotonic() < _noted.get(certificate, 0):
        return
    now = timezone.now()
    long_ago = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    rows = Certificate.objects.filter(long_ago, connector=connector, fingerprint=identity.key)
    if not _write(rows, last_used_at=now) and rows.exists():
        return  # somebody holds it: the next sign-in notes it
    if len(_noted) >= _MOST_NOTED:
        _noted.clear()
    _noted[certificate] = time.monotonic() + USE_NOTED_EVERY.total_seconds()


def _write(rows: QuerySet[Any], **values: Any) -> int:
    """Update those of `rows` that nobody holds, without waiting for the others; return how many.

    An UPDATE alone waits for whoever holds its row, and every agent of that connector with it. The lock is the
    one of an UPDATE that changes no key, or a login that begins here meanwhile would count as a holder. SQLite has no
    locks on rows: there a login waits for any writer, since it writes itself.
    """
    free = rows.select_for_update(skip_locked=True, no_key=True).values("pk")
    with transaction.atomic():
        return int(rows.model._base_manager.filter(pk__in=free).update(**values))


def _common_cause(connector: Connector) -> str:
    counted = Attempt.objects.filter(connector=connector, counts=True)
    last = list(counted.values_list("outcome", "cause", "browser")[:FAILING_AFTER])
    if len(last) < FAILING_AFTER:
        return connector.failing_cause  # too few to say anything new
    causes = {cause for _, cause, _ in last}
    people = {browser for _, _, browser in last}
    if (
        all(outcome == Outcome.FAILED for outcome, _, _ in last)
        and len(causes) == 1
        and len(people) >= FAILING_PEOPLE
    ):
        return str(causes.pop())
    return ""
