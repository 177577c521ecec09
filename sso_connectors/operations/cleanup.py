"""What has served its time goes, and what nobody ended is ended, some hundreds of rows at a time.

However much there is: memory stays flat, and nobody waits for longer than one batch takes, since each is a
transaction of its own.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeVar

from django.db import models
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from ..models.attempt import Attempt, Outcome
from ..models.pending_login import HANDLE_LIFETIME, LIFETIME, PendingLogin

BATCH: Final = 500

Row = TypeVar("Row", bound=models.Model)


def delete_before(model: type[Row], field: str, moment: datetime) -> int:
    """Delete the rows whose `field`, a time with an index, is earlier; return how many."""
    label, deleted = model._meta.label, 0
    for rows in _batches(model._default_manager.filter(**{f"{field}__lt": moment}), field):
        # Its key alone: what cascades needs a row, and one of an attempt holds some kilobytes.
        deleted += rows.only("pk").delete()[1].get(label, 0)
    return deleted


def close_attempts() -> int:
    """End the attempts whose person never came back; return how many.

    An attempt is left alone while its pending login could still be finished. One that ends at this
    moment keeps that end.
    """
    now = timezone.now()
    can_be_finished = PendingLogin.objects.filter(attempt=OuterRef("pk"), expires_at__gt=now)
    open_still = Attempt.objects.filter(
        ~Exists(can_be_finished),
        outcome=Outcome.IN_PROGRESS,
        started_at__lt=now - LIFETIME - HANDLE_LIFETIME,
    )
    return sum(
        rows.update(outcome=Outcome.NEVER_CAME_BACK, ended_at=F("started_at") + LIFETIME)
        for rows in _batches(open_still, "started_at")
    )


def _batches(rows: models.QuerySet[Row], field: str) -> Iterator[models.QuerySet[Row]]:
    """These rows in the order of `field`, by their keys; each batch asks again for what makes them such rows.

    It goes on from the last time, or each batch would walk over all that was deleted before.
    """
    by_time = rows.order_by(field)
    while found := list(by_time.values_list("pk", field)[:BATCH]):
        yield rows.filter(pk__in=[pk for pk, _time in found])
        by_time = rows.filter(**{f"{field}__gte": found[-1][1]}).order_by(field)
