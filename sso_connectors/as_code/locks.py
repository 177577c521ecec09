"""Rows are locked for as short as can be, and nobody is waited for without end."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

from django.db import DatabaseError, OperationalError, connection, models, transaction

from .file import Entry, Refused

# Whoever waits for a row of ours waits as long again, so this is short: a form holds one for milliseconds.
LONGEST_WAIT: Final = timedelta(seconds=5)
BATCH: Final = 500
_LOCK_NOT_AVAILABLE: Final = "55P03"  # PostgreSQL's manual, appendix A

Row = TypeVar("Row", bound=models.Model)


Item = TypeVar("Item")


def in_batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def limit_waiting() -> None:
    """Let this transaction wait for a lock for LONGEST_WAIT at most. SQLite's limit stands in the settings."""
    if connection.vendor == "postgresql":
        milliseconds = int(LONGEST_WAIT.total_seconds() * 1000)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])


def lock_entries(model: type[Row], entries: Mapping[int, Entry]) -> dict[int, Row]:
    """Return the rows of these primary keys, locked until the transaction ends.

    Raises Refused, with a line for each entry whose row somebody else holds or has deleted.
    """
    try:
        rows = _lock(model, entries)
    except OperationalError as error:
        if not is_about_a_lock(error):
            raise
        for pk in _held(model, entries):
            entries[pk].complain("somebody else is changing it at this moment; try again")
        if problems := next(iter(entries.values())).file.problems:
            raise Refused(problems) from error
        raise  # they have let go since
    for pk, entry in entries.items():
        if pk not in rows:
            entry.complain("somebody else has deleted it at this moment; try again")
    if len(rows) < len(entries):
        raise Refused(entry.file.problems)
    return rows


def _lock(model: type[Row], keys: Collection[int]) -> dict[int, Row]:
    """In one order, so that two of us can't wait for each other.

    A login that stores a row pointing at one of them goes on meanwhile: FOR NO KEY UPDATE lets it.
    """
    rows = model._default_manager.filter(pk__in=keys).order_by("pk")
    with transaction.atomic():
        return {row.pk: row for row in rows.select_for_update(no_key=True)}


def _held(model: type[Row], keys: Collection[int]) -> set[int]:
    rows = model._default_manager.filter(pk__in=keys)
    free = rows.select_for_update(no_key=True, skip_locked=True)
    return set(rows.values_list("pk", flat=True)) - set(free.values_list("pk", flat=True))


def is_about_a_lock(error: DatabaseError) -> bool:
    """Whether a lock of somebody else's was waited for in vain."""
    return getattr(error.__cause__, "sqlstate", "") == _LOCK_NOT_AVAILABLE or (
        "database is locked" in str(error)
    )
