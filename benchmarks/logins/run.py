"""A whole login: the login address, the identity provider's POST, and the GET that follows it."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ..contest import Contender, ContenderFailed, Ratio, Series, milliseconds, started, table
from ..product import environment
from ..worker import Message
from .visit import STEPS

FEW: Final = "**the product**, 3 connectors"
MANY: Final = "**the product**, 10,000 connectors"


def run(*, rounds: int, seconds: float, xmlsec1: str) -> str:
    """Return the tables. `seconds`: how long each contender is measured in each round, about."""
    with tempfile.TemporaryDirectory() as directory:
        contenders = _contenders(Path(directory), xmlsec1)
        running = started([each for each in contenders if not each.missing])
        whole = {each.name: Series() for each in running}
        steps = {each.name: [Series() for _ in STEPS] for each in running}
        counted: dict[str, Message] = {}
        try:
            for each in running:
                counted[each.name] = each.ask({"count": True})
            for number in range(rounds):
                sys.stderr.write(f"logins: round {number + 1} of {rounds}\n")
                for each in list(running):
                    try:
                        samples = each.ask({"seconds": seconds})["samples"]
                    except ContenderFailed as failure:
                        each.give_up(failure)
                        running.remove(each)
                        continue
                    whole[each.name].add(
                        [[sum(part) for part in zip(*sample, strict=True)] for sample in samples]
                    )
                    for index, series in enumerate(steps[each.name]):
                        series.add([sample[index] for sample in samples])
        finally:
            for each in running:
                each.stop()
    return "\n\n".join(
        [_whole(contenders, whole, counted), _steps(contenders, steps, counted)],
    )


def _contenders(directory: Path, xmlsec1: str) -> list[Contender]:
    def ours(name: str, connectors: int) -> Contender:
        database = f"sqlite:///{directory / f'ours-{connectors}.sqlite3'}"
        setup = {"connectors": connectors}
        return Contender(
            name, "benchmarks.logins.ours", setup, environment(database), is_peer=False
        )

    def peer(name: str, short: str, connectors: int) -> Contender:
        stem = f"{short}-{connectors}"
        settings = {
            "DJANGO_SETTINGS_MODULE": f"benchmarks.logins.{short}_settings",
            "BENCHMARK_DATABASE": str(directory / f"{stem}.sqlite3"),
            "BENCHMARK_METADATA": str(directory / f"{stem}.xml"),
            "BENCHMARK_XMLSEC1": xmlsec1,
        }
        setup = {"connectors": connectors}
        contender = Contender(
            f"{name}, {connectors:,}", f"benchmarks.logins.stock_{short}", setup, settings
        )
        if short == "djangosaml2" and not xmlsec1:
            contender.missing = "the program xmlsec1 is not installed"
        return contender

    return [
        ours(FEW, 3),
        ours(MANY, 10_000),
        peer("django-allauth", "allauth", 3),
        peer("django-allauth", "allauth", 10_000),
        peer("djangosaml2", "djangosaml2", 3),
        peer("djangosaml2", "djangosaml2", 300),
    ]


def _whole(
    contenders: Sequence[Contender], whole: Mapping[str, Series], counted: Mapping[str, Message]
) -> str:
    ours = whole[FEW]
    rows: list[list[object]] = []
    for each in contenders:
        if each.missing:
            rows.append([f"{each.name}: not measured, {each.missing}", *[""] * 5])
            continue
        series = whole[each.name]
        rows.append(
            [
                each.name,
                milliseconds(series.processor),
                Ratio.of(series.processor, ours.processor),
                Ratio.of(series.clock, ours.clock),
                sum(len(queries) for queries in counted[each.name]["queries"]),
                f"{counted[each.name]['bytes']:,}",
            ]
        )
    head = ["", "ms", "× the product", "× the product, by the clock", "queries", "answer, bytes"]
    return table(head, rows)


def _steps(
    contenders: Sequence[Contender],
    steps: Mapping[str, Sequence[Series]],
    counted: Mapping[str, Message],
) -> str:
    rows: list[list[object]] = []
    for each in contenders:
        if each.missing:
            continue
        cells: list[object] = [each.name]
        for series, queries in zip(steps[each.name], counted[each.name]["queries"], strict=True):
            figure = milliseconds(series.processor)
            cells.append(f"{figure} ms, {len(queries)} queries" if any(series.clock) else "–")
        rows.append(cells)
    return table(["", "login address", "POST of the answer", "GET after it"], rows)
