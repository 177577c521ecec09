"""Linking many users at once: who may be linked by whom, what it would do, and the writing of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from simple_history.utils import bulk_create_with_history

from users.models import User
from users.usernames import normalise_username

from ...history.bulk import history_together
from ...models import Connector, Link

# More at once is work for `sso_apply`, which needs no request to end in time.
MOST: Final = 5_000
_BATCH: Final = 500
_Item = TypeVar("_Item")

_SEE: Final = ("sso_connectors.view_link", "sso_connectors.view_connector", "users.view_user")

# Reasons in the history: stored, and so never translated.
FROM_USERS: Final = "from the list of users"
FROM_CONNECTOR: Final = "from the connector"
FROM_FILE: Final = "from a file"


class Verb(StrEnum):
    LINK = "link"
    UNLINK = "unlink"

    @property
    def permission(self) -> str:
        return f"sso_connectors.{'add' if self == Verb.LINK else 'delete'}_link"


@dataclass
class Plan:
    """What linking these users to a connector, or unlinking them from it, would do.

    Each user stands in one of the first three lists: `ready` to be written; `settled`, since there is
    nothing to do; `forbidden` to whoever asks. `unknown` and `malformed` are what was typed and names nobody.
    """

    verb: Verb
    connector: Connector
    ready: list[User] = field(default_factory=list)
    settled: list[User] = field(default_factory=list)
    forbidden: list[User] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)

    @property
    def inactive(self) -> int:
        return sum(not user.is_active for user in self.ready)

    @property
    def ids(self) -> str:
        return ",".join(str(user.pk) for user in self.ready)


def may(request: HttpRequest, verb: Verb) -> bool:
    """Whether somebody may link, or unlink, at all: each preview shows who is linked."""
    return request.user.has_perms((verb.permission, *_SEE))


def may_see(request: HttpRequest) -> bool:
    return request.user.has_perms(_SEE)


def may_touch(by: User | AnonymousUser, user: User) -> bool:
    """As on the user card: a link to one's own identity provider would be a way to become a superuser."""
    return by.is_superuser or not (user.is_staff or user.is_superuser)


def plan(verb: Verb, connector: Connector, users: Iterable[User], *, by: User) -> Plan:
    """Judge each user; nothing is written."""
    made = Plan(verb, connector)
    by_id = {user.pk: user for user in users}
    linked = set(_links(connector, list(by_id)))
    for pk, user in sorted(by_id.items(), key=lambda item: item[1].username):
        if (pk in linked) == (verb == Verb.LINK):
            made.settled.append(user)
        elif may_touch(by, user):
            made.ready.append(user)
        else:
            made.forbidden.append(user)
    return made


def carry_out(made: Plan, *, by: User, reason: str) -> None:
    """Write a plan, all or nothing.

    Raises IntegrityError when somebody else wrote one of its links, or deleted its connector, meanwhile.
    """
    with transaction.atomic():
        if made.verb == Verb.LINK:
            new = [Link(user=user, connector=made.connector) for user in made.ready]
            add_links(new, by=by, reason=reason)
        else:
            links = _links(made.connector, [user.pk for user in made.ready])
            remove_links(list(links.values()), by=by, reason=reason)


def add_links(links: Sequence[Link], *, by: User, reason: str) -> None:
    bulk_create_with_history(
        links, Link, batch_size=_BATCH, default_user=by, default_change_reason=reason
    )


def remove_links(links: Sequence[int], *, by: User, reason: str) -> None:
    """By their ids. Sessions end and tokens are revoked by what watches deletions (see models/token.py)."""
    with history_together(by=by, reason=reason):
        for batch in batches(links):
            Link.objects.filter(pk__in=batch).delete()


def users_by_id(ids: Sequence[int]) -> list[User]:
    return list(User.objects.in_bulk(ids).values())


def users_named(lines: Iterable[str]) -> tuple[list[User], list[str], list[str]]:
    """Look addresses up, in any spelling: the users, those whom nobody is called by, and what is no address."""
    names: dict[str, None] = {}
    malformed: list[str] = []
    for line in lines:
        try:
            names[normalise_username(line)] = None
        except ValidationError:
            malformed.append(line)
    found = User.objects.in_bulk(list(names), field_name="username")
    return list(found.values()), [name for name in names if name not in found], malformed


def batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """SQLite takes no query with any number of parameters."""
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _links(connector: Connector, users: Sequence[int]) -> dict[int, int]:
    """The links of these users to the connector, by user."""
    found: dict[int, int] = {}
    for batch in batches(users):
        links = Link.objects.filter(connector=connector, user__in=batch)
        found.update(links.values_list("user", "pk"))
    return found
