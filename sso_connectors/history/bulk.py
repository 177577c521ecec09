"""History of many writes at once: one INSERT for a few hundred rows, not one for each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connection, models, transaction
from django.dispatch import receiver
from django.utils import timezone
from simple_history.signals import pre_create_historical_record

from users.models import User

_BATCH = 500


@dataclass
class _HeldBack:
    by: User | None
    reason: str | None
    rows: dict[type[models.Model], list[Any]] = field(default_factory=dict)

    def keep(self, row: Any, **options: Any) -> None:
        """In the place of the row's own `save()`."""
        self.rows.setdefault(type(row), []).append(row)


_held_back: ContextVar[_HeldBack | None] = ContextVar("held_back", default=None)


@contextmanager
def history_together(*, by: User | None, reason: str | None = None) -> Iterator[None]:
    """Write the history of what is saved or deleted inside at its end, in the same transaction.

    django-simple-history has helpers for `bulk_create` and `bulk_update`, and nothing for deletions:
    each row that goes would cost a query.
    """
    held = _HeldBack(by, reason)
    token = _held_back.set(held)
    try:
        with transaction.atomic():
            yield
            for model, rows in held.rows.items():
                model._default_manager.bulk_create(rows, batch_size=_BATCH)
    finally:
        _held_back.reset(token)


@receiver(pre_create_historical_record, dispatch_uid="sso_connectors.history.bulk")
def hold_back(sender: type[models.Model], history_instance: Any, **kwargs: Any) -> None:
    held = _held_back.get()
    if held is None:
        return
    history_instance.history_user = held.by
    history_instance.history_change_reason = held.reason
    # The signal comes right before the row is saved, and is the only word in between.
    history_instance.save = partial(held.keep, history_instance)


def copy_to_history(
    model: type[models.Model], keys: Sequence[int], *, kind: str, reason: str
) -> None:
    """Write the history of these rows as they are stored now, by nobody, without reading them.

    The database copies them itself: in Python a row of history costs as much again as the row.
    kind: "+" for rows that were added, "~" for changed ones.
    """
    if not keys:
        return
    history = model.history.model  # type: ignore[attr-defined]
    quote = connection.ops.quote_name
    copied = ", ".join(quote(field.column) for field in history.tracked_fields)
    noted = ", ".join(map(quote, ("history_date", "history_type", "history_change_reason")))
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            cursor.execute(
                f"INSERT INTO {quote(history._meta.db_table)} ({copied}, {noted}) "  # noqa: S608 - names of ours
                f"SELECT {copied}, %s, %s, %s FROM {quote(model._meta.db_table)} "
                f"WHERE {quote(model._meta.pk.attname)} IN ({', '.join(['%s'] * len(batch))})",
                [now, kind, reason, *batch],
            )
