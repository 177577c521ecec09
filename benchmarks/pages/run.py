"""Each page on each database at both sizes, in turns."""

import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.races.product import Database, Kind, own_database

from ..contest import Contender, Ratio, Series, milliseconds, table
from ..product import environment
from ..worker import Message
from .size import FULL, SMALL, Size

_SIZES: Final = {"small": SMALL, "full": FULL}


def run(*, rounds: int, kinds: Sequence[Kind]) -> str:
    """Return one table for each kind of database."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders = []
        titles = {}
        for kind in kinds:
            for name, size in _SIZES.items():
                own = own_database(kind, folder, name=f"pages_{name}")
                database = stack.enter_context(own)
                contenders.append(contender(f"{kind} {name}", database, size))
            titles[kind] = _title(kind, database)

        def start(contender: Contender) -> None:
            contender.start()
            stack.callback(contender.stop)

        sys.stderr.write("pages: filling the databases, which takes a few minutes\n")
        with ThreadPoolExecutor() as pool:
            list(pool.map(start, contenders))
        counted = {each.name: each.ask({"count": True})["pages"] for each in contenders}
        series = {each.name: [Series() for _ in counted[each.name]] for each in contenders}
        for number in range(rounds):
            sys.stderr.write(f"pages: round {number + 1} of {rounds}\n")
            for each in contenders:
                seconds = each.ask({})["seconds"]
                for page, sample in zip(series[each.name], seconds, strict=True):
                    page.add([sample])
        return "\n\n".join(
            f"### {titles[kind]}\n\n"
            + _table(
                [counted[f"{kind} {name}"] for name in _SIZES],
                [series[f"{kind} {name}"] for name in _SIZES],
            )
            for kind in kinds
        )


def _title(kind: Kind, database: Database) -> str:
    if kind == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    major, minor = divmod(database.number("SHOW server_version_num"), 10_000)
    return f"PostgreSQL {major}.{minor}"


def contender(name: str, database: Database, size: Size) -> Contender:
    settings = {"DJANGO_SETTINGS_MODULE": "benchmarks.pages.settings"}
    return Contender(
        name,
        "benchmarks.pages.maker",
        vars(size),
        {**environment(database.url), **settings},
        is_peer=False,
    )


def _table(counted: Sequence[Sequence[Message]], series: Sequence[Sequence[Series]]) -> str:
    rows = []
    for few, many, small, full in zip(*counted, *series, strict=True):
        rows.append(
            [
                few["name"],
                few["queries"],
                many["queries"],
                milliseconds(small.processor),
                milliseconds(full.processor),
                Ratio.of(full.processor, small.processor),
                milliseconds(full.clock),
                Ratio.of(full.clock, small.clock),
                f"{few['bytes']:,}",
                f"{many['bytes']:,}",
            ]
        )
    head = (
        *("", "queries, small", "full", "ms, small", "full", "× small"),
        *("by the clock: ms, full", "× small", "bytes, small", "full"),
    )
    return table(head, rows)
