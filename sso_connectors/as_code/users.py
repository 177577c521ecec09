"""Where the users of a file and their links differ from the stored ones, and the writing of just that.

They are compared without a lock, some hundreds at a time. What differs is locked, compared again, and
written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from users.models import User
from users.usernames import normalise_username

from ..history.bulk import copy_to_history, history_together
from ..history.reasons import APPLIED
from ..models import Link
from ..protocols.oauth2.revocation import revoke_of_all_inactive
from .connector_changes import Comparison as Connectors
from .file import Entry, File, Refused, kind
from .locks import in_batches, lock_entries

_READ: Final = (
    "username",
    "is_active",
    "is_staff",
    "password",
    "password_is_own",
    "must_change_password",
    "session_epoch",
)
_KEYS: Final = {"username", "active", "staff", "connectors"}


@dataclass
class Comparison:
    """What a file wants of users; each by the username.

    keys: the primary keys of those that are there. new, changed: whose rows are to be written. linked: whose
    links are. lines: what changes, in words.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    link_lines: dict[str, list[str]] = field(default_factory=dict)

    def in_words(self) -> Iterator[str]:
        for username in self.entries:
            if username in self.lines:
                yield self.lines[username]
            yield from self.link_lines.get(username, ())


def compare_users(file: File, connectors: Connectors) -> Comparison:
    """Look where they differ, unless anything in the file is wrong; nothing is locked or written."""
    found = Comparison()
    for entry in file.entries("users", "username", _KEYS):
        try:
            username = normalise_username(entry.given["username"])
        except ValidationError as error:
            entry.complain(" ".join(error.messages))
            continue
        if username in found.entries:
            entry.complain("stands twice in the file; case makes no difference")
            continue
        _check(entry, connectors.references)
        found.entries[username] = entry
    if file.problems:
        return found
    for batch in in_batches(found.entries):
        _compare_rows(found, batch)
        _compare_links(found, batch, connectors)
    return found


def _check(entry: Entry, references: Mapping[str, str]) -> None:
    for key in ("active", "staff"):
        if key in entry.given and not isinstance(entry.given[key], bool):
            entry.complain(f"{key}: must be true or false, not {kind(entry.given[key])}")
    given = entry.given.get("connectors", [])
    if not isinstance(given, list):
        entry.complain(f"connectors: must be a list, not {kind(given)}")
        return
    for reference in given:
        if not isinstance(reference, str):
            entry.complain(f"connectors: must hold references, not {kind(reference)}")
        elif reference.lower() not in references:
            entry.complain(f"connectors: there is no connector {reference[:100]!r}")


def _compare_rows(found: Comparison, batch: list[str]) -> None:
    stored = User.objects.filter(username__in=batch).order_by()
    rows = {user.username: user for user in stored.only(*_READ)}
    for username in batch:
        if username not in rows:
            found.new.append(username)
            found.lines[username] = f"user {username}: created"
            continue
        user = rows[username]
        found.keys[username] = user.pk
        before = (user.is_active, user.is_staff)
        user.is_active, user.is_staff = _wanted(found.entries[username].given, *before)
        if (user.is_active, user.is_staff) != before:
            found.changed.append(username)
            found.lines[username] = _change_in_words(user, rises=user.is_staff > before[1])


def _change_in_words(user: User, *, rises: bool) -> str:
    """Say also that a password goes: in memory only, as `update_users` does it for good."""
    if rises:
        user.part_with_given_password()
    removed = "; password removed" if user.has_lost_password else ""
    return f"user {user.username}: changed{removed}"


def _wanted(given: Mapping[str, Any], is_active: bool, is_staff: bool) -> tuple[bool, bool]:
    return given.get("active", is_active), given.get("staff", is_staff)


def _compare_links(found: Comparison, batch: list[str], connectors: Connectors) -> None:
    for username, (add, remove) in _links(found, batch, connectors).items():
        found.linked.append(username)
        found.link_lines[username] = _in_words(username, add, [*remove], connectors)


def _links(
    found: Comparison, batch: list[str], connectors: Connectors
) -> dict[str, tuple[list[str], dict[str, int]]]:
    """Whose links differ: the references to be linked, and the links to be deleted by their references."""
    keys = {found.keys[name]: name for name in batch if name in found.keys}
    have: dict[str, dict[str, int]] = {}
    stored = Link.objects.filter(user__in=keys).order_by("pk")
    for pk, user, connector in stored.values_list("pk", "user_id", "connector_id"):
        if connector in connectors.by_key:  # or it has come since, and isn't ours to judge
            have.setdefault(keys[user], {})[connectors.by_key[connector]] = pk
    differing = {}
    for username in batch:
        given = found.entries[username].given
        if "connectors" not in given:
            continue
        want = dict.fromkeys(reference.lower() for reference in given["connectors"])
        had = have.get(username, {})
        add = [reference for reference in want if reference not in had]
        remove = {reference: pk for reference, pk in had.items() if reference not in want}
        if add or remove:
            differing[username] = (add, remove)
    return differing


def _in_words(
    username: str, add: list[str], remove: list[str], connectors: Connectors
) -> list[str]:
    spelt = connectors.references
    return [
        *(f"user {username}: linked to {spelt[reference]}" for reference in add),
        *(f"user {username}: unlinked from {spelt[reference]}" for reference in remove),
    ]


def prepare_users(found: Comparison) -> list[User]:
    """The new ones, not stored yet, without a usable password. Before the transaction, since it takes a while."""
    users = []
    for username in found.new:
        is_active, is_staff = _wanted(found.entries[username].given, True, False)
        user = User(username=username, is_active=is_active, is_staff=is_staff)
        user.set_unusable_password()
        users.append(user)
    return users


def create_users(found: Comparison, new: list[User]) -> None:
    """Write what `prepare_users` returned. Raises Refused for those that have come meanwhile."""
    for users in in_batches(new):
        try:
            with transaction.atomic():
                User.objects.bulk_create(users)
                copy_to_history(User, [user.pk for user in users], kind="+", reason=APPLIED)
        except IntegrityError as error:
            there = User.objects.filter(username__in=[user.username for user in users])
            entries = [found.entries[name] for name in there.values_list("username", flat=True)]
            for entry in entries:
                entry.complain("somebody else has added it at this moment; try again")
            if entries:
                raise Refused(entries[0].file.problems) from error
            raise
        found.keys.update((user.username, user.pk) for user in users)


def update_users(found: Comparison) -> None:
    """Lock those that differ, compare them again under the lock, and write them.

    To change one's rank must not make them active: what is read is written again. Raises Refused for those
    that somebody else has deleted.
    """
    for batch in in_batches(found.changed):
        rows = lock_entries(User, {found.keys[name]: found.entries[name] for name in batch})
        changed, risen = [], set()
        for username in batch:
            user = rows[found.keys[username]]
            before = (user.is_active, user.is_staff)
            given = found.entries[username].given
            user.is_active, user.is_staff = _wanted(given, *before)
            if before == (user.is_active, user.is_staff):  # somebody else has done it meanwhile
                del found.lines[username]
                continue
            if user.is_staff > before[1]:
                risen.add(user.pk)
            found.lines[username] = _change_in_words(user, rises=user.pk in risen)
            changed.append(user)
        _update(changed, risen)
    if found.changed:
        revoke_of_all_inactive()


def _update(changed: list[User], risen: set[int]) -> None:
    """By one statement for all that come to be alike; `bulk_update` takes ten times as long.

    risen: the keys of those who are made staff, so that their sessions end, and with them a password that
    somebody else chose.
    """
    alike: dict[tuple[bool, bool, bool], list[int]] = {}
    for user in changed:
        alike.setdefault((user.is_active, user.is_staff, user.pk in risen), []).append(user.pk)
        if user.has_lost_password:
            User.objects.filter(pk=user.pk).update(
                password=user.password, must_change_password=user.must_change_password
            )
    for (is_active, is_staff, rises), keys in alike.items():
        User.objects.filter(pk__in=keys).update(
            is_active=is_active,
            is_staff=is_staff,
            # As `User.save()`: or an old session would come back to life with its user.
            session_epoch=F("session_epoch") + int(not is_active) + int(rises),
        )
    copy_to_history(User, [user.pk for user in changed], kind="~", reason=APPLIED)


def write_links(found: Comparison, connectors: Connectors) -> None:
    """Add and delete links, compared again: those of new connectors and users are known only now."""
    for batch in in_batches(found.linked):
        new: list[Link] = []
        gone: list[int] = []
        differing = _links(found, batch, connectors)
        for username in batch:
            add, remove = differing.get(username, ([], {}))
            found.link_lines[username] = _in_words(username, add, [*remove], connectors)
            user = found.keys[username]
            new += [
                Link(user_id=user, connector_id=connectors.keys[reference]) for reference in add
            ]
            gone += remove.values()
        Link.objects.bulk_create(new)
        copy_to_history(Link, [link.pk for link in new], kind="+", reason=APPLIED)
        if gone:
            with history_together(by=None, reason=APPLIED):
                Link.objects.filter(pk__in=gone).delete()
