"""Rows are locked for as short as can be, and nobody is waited for without end."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

from django.db import DatabaseError, connection, models, transaction

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


def check_foreign_keys() -> None:
    """Look now whether what was added points at something, and not at the commit, with all rows locked.

    SQLite looks at the commit, fast; asked before, it would look through all tables.
    """
    if connection.vendor == "postgresql":
        connection.check_constraints()


def lock_entries(model: type[Row], entries: Mapping[int, Entry]) -> dict[int, Row]:
    """Return the rows of these primary keys, locked until the transaction ends.

    In one order, so that two of us can't wait for each other. A login that stores a row pointing at one of
    them goes on meanwhile: FOR NO KEY UPDATE lets it. Raises Refused, with a line for each that is gone.
    """
    rows = model._default_manager.filter(pk__in=entries).order_by("pk")
    locked = {row.pk: row for row in rows.select_for_update(no_key=True)}
    gone = [entry for pk, entry in entries.items() if pk not in locked]
    for entry in gone:
        entry.complain("somebody else has deleted it at this moment; try again")
    if gone:
        raise Refused(gone[0].file.problems)
    return locked


def held_by_others(model: type[Row], keys: Iterable[int]) -> list[Row]:
    """Those of these rows that somebody else has locked. Each batch is let go at once."""
    held: list[Row] = []
    if not connection.features.has_select_for_update_skip_locked:  # SQLite locks no rows
        return held
    for batch in in_batches(keys):
        rows = model._default_manager.filter(pk__in=batch).order_by("pk")
        with transaction.atomic():
            free = rows.select_for_update(no_key=True, skip_locked=True)
            free_keys = set(free.values_list("pk", flat=True))
        held += [row for row in rows if row.pk not in free_keys]
    return held


def is_about_a_lock(error: DatabaseError) -> bool:
    """Whether a lock of somebody else's was waited for in vain."""
    state = getattr(error.__cause__, "sqlstate", "")
    return state == _LOCK_NOT_AVAILABLE or "database is locked" in str(error)
