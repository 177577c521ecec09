"""What a sentence is made of: what happened, what to do, whose turn it is.

Values in it are a stranger's: plain text, shortened, and escaped by whoever puts them on a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from django.db.models import TextChoices
from django.utils.dateparse import parse_datetime
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

_LONGEST: Final = 120
HIDDEN: Final = "…"
# How the checks write that nothing was received.
NONE: Final = frozenset({"none", "None", ""})


class Turn(TextChoices):
    """Who has to do something."""

    AGENT = "agent", _("the agent")
    ADMINISTRATOR = "administrator", _("the administrator")
    IT_PERSON = "it_person", _("the customer's IT")
    OPERATOR = "operator", _("the operator")
    PROVIDER = "provider", _("the identity provider")
    NOBODY = "nobody", _("nobody")


class Topic(TextChoices):
    """What an identity provider has a name of its own for."""

    IDENTITY = "identity"
    REPLY_URL = "reply_url"
    RECIPIENT = "recipient"
    ISSUER = "issuer"
    CERTIFICATE = "certificate"
    SIGNING = "signing"
    ALGORITHM = "algorithm"
    ENCRYPTION = "encryption"
    USERNAME = "username"
    FORMAT = "format"
    CLIENT_ID = "client_id"
    CLIENT_SECRET = "client_secret"  # noqa: S105 - a name


@dataclass(frozen=True)
class Service:
    """An identity provider that we know by name.

    words: what it calls what. runs_itself: its vendor runs it, so that its clock is right.
    """

    name: str
    words: Mapping[Topic, StrOrPromise] = field(default_factory=dict)
    runs_itself: bool = True


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    cure: what to do; known_cure: the same in the words of a known identity provider that has one for
    `topic`. values: what the texts name beside expected, received and the identity provider.
    """

    turn: Turn
    what: StrOrPromise
    cure: StrOrPromise
    topic: Topic | None = None
    known_cure: StrOrPromise = ""
    values: Mapping[str, str] = field(default_factory=dict)

    def naming(self, **values: str) -> "Finding":
        return replace(self, values={**self.values, **values})

    def sentence(self, service: Service | None, /, **values: str) -> str:
        """The finding in the active language; `values` are as they came."""
        shown = {name: shortened(value) for name, value in {**values, **self.values}.items()}
        cure = self.cure
        word = service.words.get(self.topic) if service and self.topic else None
        if service and word and self.known_cure:
            cure = self.known_cure
            shown |= {"idp": service.name, "field": str(word)}
        return f"{str(self.what) % shown} {str(cure) % shown}".strip()


# What a failed check says: always the same, or by what it expected and received.
Finder = Finding | Callable[[str, str], Finding]


def shortened(text: str) -> str:
    """One line without anything invisible, cut in the middle: addresses differ at their ends."""
    line = "".join(letter if letter.isprintable() else "�" for letter in text)
    if len(line) <= _LONGEST:
        return line
    half = _LONGEST // 2
    return f"{line[:half]}…{line[-half:]}"


def moment(written: str) -> datetime | None:
    """The time in a check's expected or received; None where there is none."""
    try:
        when = parse_datetime(written)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when and when.tzinfo is None else when


def apart(one: datetime, other: datetime) -> str:
    """How far two times are from each other, such as "5 minutes", in the active language."""
    try:
        return timesince(min(one, other), max(one, other), depth=1).replace("\xa0", " ")
    except OverflowError:  # at the ends of the calendar
        return HIDDEN
