"""Where the connectors of a file differ from the stored ones, and the writing of just that.

They are compared without a lock. What differs is locked, compared again, and written.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

from django.db import IntegrityError, transaction

from ..history.bulk import history_together
from ..history.reasons import APPLIED
from ..models import Connector
from .connectors import KEYS, Difference, complain_of_constraints, difference_of
from .file import Entry, File, Refused
from .locks import in_batches, lock_entries


@dataclass
class Comparison:
    """What a file wants of connectors.

    differences: of those that are not as the file wants them. references: all that will be there, as they
    are spelt. keys: the primary keys of those that are there. Each by the reference in lower case.
    """

    differences: dict[str, Difference] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)

    @cached_property
    def by_key(self) -> dict[int, str]:
        """Of those that were there when they were compared."""
        return {pk: reference for reference, pk in self.keys.items()}


def compare_connectors(file: File) -> Comparison:
    """Look where the connectors of the file differ from the stored ones; nothing is locked or written."""
    found = Comparison()
    for pk, reference in Connector.objects.order_by().values_list("pk", "reference"):
        found.references[reference.lower()] = reference
        found.keys[reference.lower()] = pk
    wanted: dict[str, Entry] = {}
    for entry in file.entries("connectors", "reference", {*KEYS}):
        reference = entry.given["reference"].strip().lower()
        if reference in wanted:
            entry.complain("stands twice in the file; case makes no difference")
            continue
        wanted[reference] = entry
    for batch in in_batches(wanted.items()):
        keys = [found.keys[reference] for reference, _entry in batch if reference in found.keys]
        stored = Connector.objects.in_bulk(keys)
        for reference, entry in batch:
            connector = stored.get(found.keys.get(reference, 0)) or Connector()
            difference = difference_of(entry, connector)
            found.references[reference] = connector.reference
            if difference is not None:
                found.differences[reference] = difference
    return found


def create_connectors(found: Comparison) -> None:
    """Write the new ones. Raises Refused, saying of each what the database has against it."""
    for batch in in_batches(each for each in found.differences.values() if each.is_new):
        connectors = [each.connector for each in batch]
        try:
            with transaction.atomic(), history_together(by=None, reason=APPLIED):
                Connector.create_together(connectors)
        except IntegrityError as error:
            _explain(batch, error)
        found.keys.update((each.reference.lower(), each.pk) for each in connectors)


def update_connectors(found: Comparison) -> None:
    """Lock those that differ, compare them again under the lock, and write them.

    Raises Refused for those that somebody else has deleted, or changed so that the file doesn't fit any more.
    """
    differences = found.differences
    for batch in in_batches(each for each in differences.values() if not each.is_new):
        entries = {each.connector.pk: each.entry for each in batch}
        rows = lock_entries(Connector, entries)
        with history_together(by=None, reason=APPLIED):
            for before in batch:
                reference = before.connector.reference.lower()
                # Changed since it was compared? What the file says nothing of stays as that change left it.
                now = difference_of(before.entry, rows[before.connector.pk])
                if before.entry.file.problems:  # the rest of what is stored no longer goes with it
                    raise Refused(before.entry.file.problems)
                if now is None:
                    del differences[reference]
                else:
                    now.connector.save()
                    differences[reference] = now


def _explain(batch: Iterable[Difference], error: IntegrityError) -> NoReturn:
    """Raise Refused with a line for each that breaks a rule of the database, else the error itself."""
    problems: list[str] = []
    for each in batch:
        each.connector.pk, each.connector._state.adding = None, True
        complain_of_constraints(each.connector, each.entry)
        problems = each.entry.file.problems
    if problems:
        raise Refused(problems) from error
    raise error
