"""The file itself: its JSON, the two lists in it, and every complaint about them with its place."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """The file can't be applied; `problems` has one line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass
class File:
    """What stands under `connectors` and `users`, and what is wrong with it so far, one line each.

    environment: where a secret written as `env:NAME` is looked up.
    """

    environment: Mapping[str, str] = field(repr=False)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def complain(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def entries(self, name: str, key: str, known: set[str]) -> Iterator["Entry"]:
        """The objects of a list that have their `key` as text."""
        for position, given in enumerate(self.lists[name]):
            where = f"{name}[{position}]"
            if not isinstance(given, dict):
                self.complain(where, f"must be an object, not {kind(given)}")
                continue
            own = given.get(key)
            if not isinstance(own, str) or not own.strip():
                self.complain(where, f"{key}: must be there, as text")
                continue
            entry = Entry(self, f"{where} ({own.strip()[:100]})", given)
            entry.refuse_unknown(known)
            yield entry


@dataclass(frozen=True)
class Entry:
    """One object of the file; `where` is what a complaint calls it."""

    file: File = field(repr=False)
    where: str
    given: Mapping[str, Any]

    def complain(self, what: str) -> None:
        self.file.complain(self.where, what)

    def refuse_unknown(self, known: set[str]) -> None:
        for key in self.given:
            if key not in known:
                self.complain(f"{key}: unknown key; known are {', '.join(sorted(known))}")


def read(text: str, environment: Mapping[str, str]) -> File:
    """Raises Refused for what isn't an object in JSON, or holds a private key anywhere."""
    before, private_key, _after = text.partition("PRIVATE KEY")
    if private_key:  # in whatever place, before any complaint can repeat it
        line = before.count("\n") + 1
        sentence = (
            f"line {line}: this is a private key; it was not kept, and its owner should replace it if "
            "others could have seen it"
        )
        raise Refused([sentence])
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise Refused(
            [f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}"]
        ) from error
    except (ValueError, RecursionError) as error:
        raise Refused([str(error) or "the JSON is nested too deep"]) from error
    if not isinstance(document, dict):
        raise Refused(['the file must hold an object: {"connectors": […], "users": […]}'])
    file = File(environment)
    Entry(file, "the file", document).refuse_unknown({"connectors", "users"})
    for name in ("connectors", "users"):
        items = document.get(name, [])
        if not isinstance(items, list):
            file.complain(name, f"must be a list, not {kind(items)}")
            items = []
        file.lists[name] = items
    return file


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def kind(value: Any) -> str:
    """What a complaint calls a value of the wrong type."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "nothing" if value is None else "a number")
