"""Connectors, users and links as JSON: read, checked, compared, and written all or nothing.

The form stands in docs/commands.md. A file says what it wants of the things it names and
leaves all else alone; an absent key keeps what is stored, or the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from django.db import DatabaseError, transaction

from users.models import User

from ..models import Connector, Link
from .connector_changes import Comparison as Connectors
from .connector_changes import compare_connectors, create_connectors, update_connectors
from .connectors import as_json, doubts
from .file import Refused, read
from .locks import check_foreign_keys, held_by_others, is_about_a_lock, limit_waiting
from .users import Comparison as Users
from .users import compare_users, create_users, prepare_users, update_users, write_links

__all__ = ["Refused", "Result", "apply", "export"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_REFUSED: Final = "the database refused it; was something else changing it? Try again"
_BUSY: Final = (
    "somebody else is changing some of it at this moment, and was waited for in vain; try again"
)


@dataclass
class Result:
    """What was (or would be) written, and what to mind, one line each."""

    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def apply(text: str, *, dry_run: bool, environment: Mapping[str, str] = _NOTHING) -> Result:
    """Make connectors, users and links as the JSON `text` says, or change nothing at all.

    Compared is without a transaction, so that nobody waits for it; on SQLite one would keep all others from
    writing. Rows that change are locked last and for short, in one transaction that writes all.

    environment: where a secret written as `env:NAME` is looked up. Raises Refused.
    """
    file = read(text, environment)
    connectors = compare_connectors(file)
    users = compare_users(file, connectors)
    if file.problems:
        raise Refused(file.problems)
    try:
        if not dry_run and (connectors.differences or users.lines or users.link_lines):
            new_users = prepare_users(users)
            with transaction.atomic():
                limit_waiting()
                create_connectors(connectors)
                create_users(users, new_users)
                write_links(users, connectors)
                check_foreign_keys()
                # Last, since others wait for the rows that these lock.
                update_connectors(connectors)
                update_users(users)
    except DatabaseError as error:
        if is_about_a_lock(error):
            raise Refused(_held(connectors, users) or [_BUSY]) from error
        raise Refused([_REFUSED]) from error
    differences = connectors.differences.values()
    return Result(
        changes=[*(each.in_words() for each in differences), *users.in_words()],
        warnings=[line for each in differences for line in doubts(each.connector)],
    )


def _held(connectors: Connectors, users: Users) -> list[str]:
    """A line for each row that somebody else holds, of those that are written or pointed at."""
    people = [users.keys[name] for name in (*users.changed, *users.linked) if name in users.keys]
    targets = connectors.keys.values()
    names = [
        *(f"connector {row.reference}" for row in held_by_others(Connector, targets)),
        *(f"user {row.username}" for row in held_by_others(User, people)),
    ]
    return [f"{name}: somebody else is changing it at this moment; try again" for name in names]


def export() -> dict[str, Any]:
    """Everything in the form that `apply` reads, without secrets."""
    links: dict[int, list[str]] = {}
    pairs = Link.objects.order_by("connector__reference").values_list(
        "user_id", "connector__reference"
    )
    for user_id, reference in pairs.iterator():
        links.setdefault(user_id, []).append(reference)
    return {
        "connectors": [as_json(item) for item in Connector.objects.order_by("reference")],
        "users": [
            {
                "username": user.username,
                "active": user.is_active,
                "staff": user.is_staff,
                "connectors": links.get(user.pk, []),
            }
            for user in User.objects.order_by("username").iterator()
        ],
    }
