"""Links as the lines of a CSV file: read, and judged line by line. Nothing here is written."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import ValidationError
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from users.models import User
from users.usernames import normalise_username

from ...models import IS_REFERENCE, Connector, Link
from . import plans
from .plans import MOST, Verb

# Two hundred characters for each line, which is four times what they have.
MOST_BYTES: Final = MOST * 200
REQUIRED: Final = ("username", "reference")
# Our own export has the last; it says nothing about who is linked.
KNOWN: Final = (*REQUIRED, "action", "last_sign_in")
_DELIMITERS: Final = ",;\t"
# A spreadsheet takes what begins so for a formula, and would run it at whoever opens the export.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SHOWN: Final = 80


class Unreadable(ValidationError):
    """Nothing of the file can be used; the message says what to change."""


@dataclass(frozen=True)
class Line:
    """One line as it stands in the file; `problem` where it isn't even of the form."""

    number: int
    username: str
    reference: str
    action: str
    problem: str = ""


@dataclass(frozen=True)
class Judged:
    """A line, and what it asks for: a link that there is (with an id) or isn't yet; or a problem."""

    line: Line
    verb: Verb = Verb.LINK
    link: Link | None = None
    problem: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether all is as the line wants it."""
        return self.link is not None and (self.link.pk is not None) == (self.verb == Verb.LINK)


# --- reading -------------------------------------------------------------------------------------


def read(content: bytes) -> list[Line]:
    """Read a file, to one line more than it may have.

    Raises Unreadable, naming the line where there is one to name.
    """
    rows = _rows(_text(content))
    number, heading = next(rows, (1, []))
    columns = _columns(heading)
    lines: list[Line] = []
    for number, cells in rows:
        if len(lines) == MOST:
            raise too_long()
        lines.append(_line(number, cells, columns))
    if not lines:
        raise Unreadable(_("The file has a first line with the column names, but no other line."))
    return lines


def too_long() -> Unreadable:
    return Unreadable(
        _(
            "The file has more than %(most)d lines. Split it, or ask the operator to "
            "apply it with manage.py sso_apply, which has no limit."
        )
        % {"most": MOST}
    )


def _text(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable(
            _("The file is in UTF-16. Save it as “CSV UTF-8” (in Excel, a separate file type).")
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            _(
                "Line %(line)d is not in UTF-8. Save the file as “CSV UTF-8” (in Excel, "
                "a separate file type)."
            )
            % {"line": line}
        ) from error
    if "\0" in text:
        raise Unreadable(_("This is not a CSV file: it contains null characters."))
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold anything, with their numbers."""
    heading = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    delimiter = max(_DELIMITERS, key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(
                _("The quotation marks in line %(line)d don't match. Nothing after it can be read.")
                % {"line": number}
            ) from error
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield number, cells


def _columns(heading: Sequence[str]) -> list[str]:
    columns = [name.lower().replace(" ", "_") for name in heading]
    while columns and not columns[-1]:
        columns.pop()
    if not set(REQUIRED) <= set(columns):
        raise Unreadable(
            _(
                "The first line must contain the column names: username,reference (and "
                "action, to unlink as well). It contains: %(line)s"
            )
            % {"line": _shortened(",".join(heading))}
        )
    wrong = [name for name in columns if name not in KNOWN or columns.count(name) > 1]
    if wrong:
        raise Unreadable(
            _("The column “%(column)s” is unknown or appears twice. Columns: %(known)s.")
            % {"column": _shortened(wrong[0]), "known": ", ".join(KNOWN)}
        )
    return columns


def _line(number: int, cells: list[str], columns: Sequence[str]) -> Line:
    named = dict(zip(columns, map(unescaped, cells), strict=False))
    problem = ""
    if any(cells[len(columns) :]) or len(cells) < len(columns):
        problem = _("has %(cells)d cells, but the first line names %(columns)d columns") % {
            "cells": len(cells),
            "columns": len(columns),
        }
    return Line(
        number,
        username=named.get("username", ""),
        reference=named.get("reference", ""),
        action=named.get("action", ""),
        problem=problem,
    )


def escaped(text: str) -> str:
    """For a cell of an export: no spreadsheet runs it."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unescaped(text: str) -> str:
    return text[1:] if text.startswith(tuple(f"'{sign}" for sign in (*_FORMULA, "'"))) else text


# --- judging -------------------------------------------------------------------------------------


def judge(lines: Sequence[Line], *, by: User) -> list[Judged]:
    """Compare with what is stored, by a few queries however many lines there are."""
    names = {line.username: _normalised(line.username) for line in lines}
    users = User.objects.in_bulk(
        [name for name in {*names.values()} if name], field_name="username"
    )
    connectors = _connectors(lines)
    stored = _stored(users.values(), connectors.values())
    rights = {verb: by.has_perm(verb.permission) for verb in Verb}
    seen: dict[tuple[int, int], int] = {}
    judged = []
    for line in lines:
        user = users.get(names[line.username])
        connector = connectors.get(line.reference.lower())
        verb = _VERBS.get(line.action.lower())
        problem = _problem(line, names[line.username], user, connector, verb)
        if problem or user is None or connector is None or verb is None:
            judged.append(Judged(line, problem=problem))
            continue
        key = user.pk, connector.pk
        first = seen.setdefault(key, line.number)
        link = stored.get(key) or Link(user=user, connector=connector)
        if first != line.number:
            problem = _("line %(line)d is about the same user and connector") % {"line": first}
        elif not plans.may_touch(by, user):
            problem = _("the user is staff: only a superuser can link or unlink them")
        elif not rights[verb]:
            problem = _("you don't have the permission to do this")
        judged.append(Judged(line, verb, link, problem))
    return judged


_VERBS: Final[Mapping[str, Verb]] = {"": Verb.LINK, "link": Verb.LINK, "unlink": Verb.UNLINK}


def _problem(
    line: Line, name: str, user: User | None, connector: Connector | None, verb: Verb | None
) -> str:
    if line.problem:
        return line.problem
    if not name:
        return _("“%(text)s” is not an e-mail address") % {"text": _shortened(line.username)}
    if user is None:
        return _("the user %(name)s doesn't exist") % {"name": name}
    if connector is None:
        return _("no connector has the reference “%(text)s”") % {"text": _shortened(line.reference)}
    if verb is None:
        return _("the action is “link” or “unlink”, not “%(text)s”") % {
            "text": _shortened(line.action)
        }
    return ""


def _normalised(text: str) -> str:
    try:
        return normalise_username(text)
    except ValidationError:
        return ""


def _connectors(lines: Sequence[Line]) -> dict[str, Connector]:
    """By reference, in lower case."""
    wanted = list({line.reference.lower() for line in lines if IS_REFERENCE(line.reference)})
    found: dict[str, Connector] = {}
    for batch in plans.batches(wanted):
        named = Connector.objects.annotate(lower=Lower("reference")).filter(lower__in=batch)
        # Their certificates are a few kilobytes each, and nothing here reads them.
        for connector in named.only("name", "reference"):
            found[connector.reference.lower()] = connector
    return found


def _stored(users: Iterable[User], connectors: Iterable[Connector]) -> dict[tuple[int, int], Link]:
    """The links of these users to these connectors, by the ids of both."""
    users_by_id = {user.pk: user for user in users}
    connectors_by_id = {connector.pk: connector for connector in connectors}
    found: dict[tuple[int, int], Link] = {}
    for batch in plans.batches(list(users_by_id)):
        for link in Link.objects.filter(user__in=batch):
            if link.connector_id in connectors_by_id:
                link.user = users_by_id[link.user_id]
                link.connector = connectors_by_id[link.connector_id]
                found[link.user_id, link.connector_id] = link
    return found


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
