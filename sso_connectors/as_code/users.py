"""The users of a file and their links, written some hundreds at a time."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from users.models import User
from users.usernames import normalise_username

from ..bulk_history import history_together
from ..models import Connector, Link
from ..protocols.oauth2.revocation import revoke_of_all_inactive
from ..records import APPLIED
from .file import Entry, File, kind

_BATCH: Final = 500
_KEYS: Final = {"username", "active", "staff", "connectors"}

# What a file gives of users, by their usernames.
_Given = Mapping[str, Mapping[str, Any]]


def apply_users(file: File, connectors: Mapping[str, Connector], *, changes: list[str]) -> None:
    """Write users and links, unless anything in the file is wrong. connectors: as `apply_connectors` returns."""
    wanted: dict[str, Mapping[str, Any]] = {}
    for entry in file.entries("users", "username", _KEYS):
        try:
            username = normalise_username(entry.given["username"])
        except ValidationError as error:
            entry.complain(" ".join(error.messages))
            continue
        if username in wanted:
            entry.complain("stands twice in the file; case makes no difference")
            continue
        _check(entry, connectors)
        wanted[username] = entry.given
    if file.problems:
        return
    names = list(wanted)
    for start in range(0, len(names), _BATCH):
        batch = {name: wanted[name] for name in names[start : start + _BATCH]}
        _write_users(batch, changes)
        _write_links(batch, connectors, changes)


def _check(entry: Entry, connectors: Mapping[str, Connector]) -> None:
    for key in ("active", "staff"):
        if key in entry.given and not isinstance(entry.given[key], bool):
            entry.complain(f"{key}: must be true or false, not {kind(entry.given[key])}")
    references = entry.given.get("connectors", [])
    if not isinstance(references, list):
        entry.complain(f"connectors: must be a list, not {kind(references)}")
        return
    for reference in references:
        if not isinstance(reference, str):
            entry.complain(f"connectors: must hold references, not {kind(reference)}")
        elif reference.lower() not in connectors:
            entry.complain(f"connectors: there is no connector {reference[:100]!r}")


def _write_users(batch: _Given, changes: list[str]) -> None:
    # Locked, since what is read is written again: to change one's rank must not make them active.
    users = User.objects.select_for_update().filter(username__in=batch)
    stored = {user.username: user for user in users}
    new, changed = [], []
    for username, given in batch.items():
        user = stored.get(username) or User(username=username)
        before = (user.is_active, user.is_staff)
        user.is_active = given.get("active", user.is_active)
        user.is_staff = given.get("staff", user.is_staff)
        if username not in stored:
            user.set_unusable_password()
            new.append(user)
            changes.append(f"user {username}: created")
        elif before != (user.is_active, user.is_staff):
            if user.is_staff and not before[1]:
                # In bulk, past `User.save()`.
                user.part_with_given_password()
            if not user.is_active:
                user.session_epoch += 1
            changed.append(user)
            removed = "; password removed" if user.has_lost_password else ""
            changes.append(f"user {username}: changed{removed}")
    bulk_create_with_history(new, User, batch_size=_BATCH, default_change_reason=APPLIED)
    bulk_update_with_history(
        changed,
        User,
        ["is_active", "is_staff", "session_epoch", "password", "must_change_password"],
        batch_size=_BATCH,
        default_change_reason=APPLIED,
    )
    revoke_of_all_inactive()


def _write_links(batch: _Given, connectors: Mapping[str, Connector], changes: list[str]) -> None:
    users = {user.username: user for user in User.objects.filter(username__in=batch)}
    stored: dict[int, dict[int, Link]] = {}
    for link in Link.objects.filter(user__in=users.values()).select_related("connector"):
        stored.setdefault(link.user_id, {})[link.connector_id] = link
    new: list[Link] = []
    gone: list[int] = []
    for username, given in batch.items():
        if "connectors" not in given:
            continue
        user = users[username]
        have = stored.get(user.pk, {})
        named = [connectors[reference.lower()] for reference in given["connectors"]]
        want = {connector.pk: connector for connector in named}
        for pk, connector in want.items():
            if pk not in have:
                new.append(Link(user=user, connector=connector))
                changes.append(f"user {username}: linked to {connector.reference}")
        for pk, link in have.items():
            if pk not in want:
                gone.append(link.pk)
                changes.append(f"user {username}: unlinked from {link.connector.reference}")
    bulk_create_with_history(new, Link, batch_size=_BATCH, default_change_reason=APPLIED)
    if gone:
        with history_together(by=None, reason=APPLIED):
            Link.objects.filter(pk__in=gone).delete()
