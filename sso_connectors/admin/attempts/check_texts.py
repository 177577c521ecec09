"""What an attempt's checks and its detail say, in the language of whoever reads.

They are stored as the code wrote them, in English, with values in them that came from outside. Each text of ours
is found again by its own form, and its translation gets the same values; whatever isn't ours stays as it came.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext, override
from django_stubs_ext import StrOrPromise

from ...results.checks import as_text
from .check_names import check_in_words
from .check_phrases import PHRASES

_HOLE: Final = re.compile(r"%\((\w+)\)s")
_SENTENCES: Final = re.compile(r"(?<=\.) ")
_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
# Of the values that are not just anything.
_SHAPES: Final[Mapping[str, str]] = {
    "count": r"\d+",
    "number": r"\d+",
    "time": _TIME,
    "until": _TIME,
    "date": r"\d{4}-\d\d-\d\d",
    "print": "[0-9A-F:]{95}",
    "prints": "[0-9A-F:or …]+",
    "flag": "True|False|None",
    "word": r"\S+",
    "host": r"\S+",
}


class _Table(NamedTuple):
    """The phrases by how they are written: those without values, and the others in their order."""

    exact: Mapping[str, StrOrPromise]
    patterns: Sequence[tuple[re.Pattern[str], StrOrPromise]]


def text_in_words(text: str) -> str:
    """A check's `text` in the active language; what is not known of it stays as it is, sentence by sentence."""
    whole = known(text)
    if whole is not None:
        return whole
    return " ".join(map(_sentence_in_words, _SENTENCES.split(text)))


def detail_in_words(detail: str, checks: Sequence[Mapping[str, Any]]) -> str:
    """An attempt's `detail` likewise; one that lists the failed `checks` is told anew from them."""
    failed = [(check["name"], check["received"]) for check in checks if not check["passed"]]
    if detail != as_text("; ".join(f"{name}: received {received}" for name, received in failed)):
        return text_in_words(detail)
    told = gettext("%(check)s: received %(received)s")
    return gettext("; ").join(
        told % {"check": check_in_words(name), "received": text_in_words(received)}
        for name, received in failed
    )


def known(text: str) -> str | None:
    """`text` in the active language where it is one of ours as a whole."""
    table = _table()
    if text in table.exact:
        return str(table.exact[text])
    for pattern, phrase in table.patterns:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        values = found.groupdict()
        if "known" not in values or values["known"] in table.exact:
            words = {name: text_in_words(value) for name, value in values.items()}
            return str(phrase) % words
    return None


def _sentence_in_words(sentence: str) -> str:
    words = known(sentence)
    if words is None and sentence.endswith("."):
        part = known(sentence[:-1])
        words = part and f"{part}."
    return words or sentence


@cache
def _table() -> _Table:
    with override(None):  # as they are written in the code
        written = [(str(phrase), phrase) for phrase in PHRASES]
    return _Table(
        exact={text: phrase for text, phrase in written if not _HOLE.search(text)},
        patterns=[(_pattern(text), phrase) for text, phrase in written if _HOLE.search(text)],
    )


def _pattern(text: str) -> re.Pattern[str]:
    """Each value ends where the text behind it first begins, once and for all: what a stranger writes can't make
    the search go back and try again."""
    start, *rest = _HOLE.split(text)
    holes = [
        f"(?P<{name}>{_SHAPES.get(name, '.*?')}){re.escape(behind)}"
        for name, behind in zip(rest[::2], rest[1::2], strict=True)
    ]
    settled = "".join(f"(?>{hole})" for hole in holes[:-1])
    return re.compile(f"{re.escape(start)}{settled}{holes[-1]}", re.DOTALL)
