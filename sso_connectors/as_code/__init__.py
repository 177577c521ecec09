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
from .connectors import apply_connectors, as_json
from .file import Refused, read
from .users import apply_users

__all__ = ["Refused", "Result", "apply", "export"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass
class Result:
    """What was (or would be) written, and what to mind, one line each."""

    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def apply(text: str, *, dry_run: bool, environment: Mapping[str, str] = _NOTHING) -> Result:
    """Make connectors, users and links as the JSON `text` says, or change nothing at all.

    environment: where a secret written as `env:NAME` is looked up. Raises Refused.
    """
    file = read(text, environment)
    result = Result()
    try:
        with transaction.atomic():
            known = apply_connectors(file, changes=result.changes, warnings=result.warnings)
            apply_users(file, known, changes=result.changes)
            if file.problems:
                raise Refused(file.problems)
            if dry_run:
                transaction.set_rollback(True)
    except DatabaseError as error:
        raise Refused(
            ["the database refused it; was something else changing it? Try again"]
        ) from error
    return result


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
