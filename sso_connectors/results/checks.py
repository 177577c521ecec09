"""What an attempt keeps of one message: its checks and claims, bounded in number and in size.

Strangers write here: whoever starts a login can answer it with anything. So a row takes MAX_ROW at most, whatever
the message was, and the page that shows it is as quick as for an honest one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

_SHOWN: Final = 300
_LONGEST_NAME: Final = 60
# A message may give rise to as many checks, or make as many claims, as it has elements.
MAX_CHECKS: Final = 100
MAX_OF_ONE_NAME: Final = 4
MAX_CLAIMS: Final = 100
MAX_OF_ONE_CLAIM: Final = 20
# Bytes as JSON is stored, in which one character may take twelve.
_MAX_TEXTS: Final = 24 * 1024
_MAX_CLAIMS_STORED: Final = 32 * 1024
MAX_ROW: Final = 80 * 1024
_CUT: Final = "…"
# In place of the checks that were not kept: how many, and whether they passed.
LEFT_OUT: Final = "checks left out"


@dataclass
class Check:
    name: str
    passed: bool
    expected: str
    received: str
    verified: bool


@dataclass
class Checks:
    """Collects every check of one answer, so that all that is wrong is shown, not only the first.

    Of each name a few are kept, the failed before the passed: what is left out changes no verdict, since there
    is a failed one among `items` whenever any has failed.
    """

    verified: bool = False
    items: list[Check] = field(default_factory=list)
    passed_left_out: int = 0
    failed_left_out: int = 0
    # Takes the secrets out of a text, where a protocol has any.
    hide: Callable[[str], str] = str

    def record(self, name: str, passed: bool, *, expected: object, received: object) -> bool:
        """Keep one verdict and return it."""
        name = as_text(name, limit=_LONGEST_NAME)
        wanted, came = self.hide(as_text(expected)), self.hide(as_text(received))
        self._keep(Check(name, passed, wanted, came, self.verified))
        return passed

    def take(self, other: "Checks") -> None:
        """Keep what `other` has collected."""
        for item in other.items:
            self._keep(item)
        self.passed_left_out += other.passed_left_out
        self.failed_left_out += other.failed_left_out

    def _keep(self, check: Check) -> None:
        alike = [place for place, item in enumerate(self.items) if item.name == check.name]
        if len(alike) < MAX_OF_ONE_NAME and len(self.items) < MAX_CHECKS:
            self.items.append(check)
            return
        full = alike if len(alike) >= MAX_OF_ONE_NAME else range(len(self.items))
        passed = next((place for place in reversed(full) if self.items[place].passed), None)
        if check.passed or passed is None:  # what is kept of it has failed already
            self.passed_left_out += check.passed
            self.failed_left_out += not check.passed
        else:
            self.items[passed] = check
            self.passed_left_out += 1

    @property
    def failed(self) -> list[Check]:
        return [item for item in self.items if not item.passed]

    def as_json(self) -> list[dict[str, Any]]:
        """As it is stored: verdicts one and all, and texts as long as there is room, of the failed first."""
        rows = [dict(vars(item)) for item in self.items]
        room = _MAX_TEXTS
        for row in sorted(rows, key=lambda row: row["passed"]):
            size = len(json.dumps([row["expected"], row["received"]]))
            if size > room:
                row["expected"] = row["received"] = _CUT
            else:
                room -= size
        if self.passed_left_out or self.failed_left_out:
            count = self.passed_left_out + self.failed_left_out
            passed = not self.failed_left_out
            rows.append(vars(Check(LEFT_OUT, passed, "", f"{count} more", verified=False)))
        return rows

    @classmethod
    def from_json(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """What `as_json` made."""
        checks = cls(verified=bool(rows))
        for row in rows:
            if row["name"] != LEFT_OUT:
                checks.items.append(Check(**row))
            else:
                count = int(row["received"].partition(" ")[0])
                checks.passed_left_out = count if row["passed"] else 0
                checks.failed_left_out = 0 if row["passed"] else count
        return checks


def as_text(value: object, *, limit: int = _SHOWN) -> str:
    """What a stranger sent, in a form that can be stored: shortened, without null characters or halves
    of a pair (JSON can write one)."""
    text = "" if value is None else str(value)
    if "\0" in text or not text.isascii():
        text = text.replace("\0", "�").encode(errors="replace").decode()
    return text if len(text) <= limit else f"{text[:limit]}…"


def kept_claims(claims: Mapping[str, Any]) -> dict[str, list[str]]:
    """Claims about a person as an attempt keeps them; how many more there were stands under “…”."""
    kept: dict[str, list[str]] = {}
    room = _MAX_CLAIMS_STORED
    for name, value in claims.items():
        values = value if isinstance(value, list | tuple) else [value]
        texts = [as_text(each) for each in values[:MAX_OF_ONE_CLAIM]]
        if len(values) > len(texts):
            texts.append(f"{_CUT} +{len(values) - len(texts)}")
        size = len(json.dumps([as_text(name), texts]))
        if len(kept) == MAX_CLAIMS or size > room:
            return kept | {_CUT: [f"+{len(claims) - len(kept)}"]}
        kept[as_text(name)] = texts
        room -= size
    return kept
