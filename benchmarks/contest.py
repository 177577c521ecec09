"""Contenders in turns, A B C A B C: what else the machine does meanwhile meets them all alike."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

from .worker import Message

_BASE_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class ContenderFailed(Exception):
    """The contender did not start, or ended; the message is the last line that it left."""


@dataclass
class Contender:
    """One process. `missing` says why it isn't measured, "" while it is.

    A peer may be missing; without one of the others there is nothing to compare with.
    """

    name: str
    module: str
    setup: Message
    environment: Mapping[str, str] = field(default_factory=dict)
    is_peer: bool = True
    missing: str = ""

    def start(self) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        inherited = {name: os.environ[name] for name in _BASE_ENVIRONMENT if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of ours
            [sys.executable, "-m", "benchmarks.worker", self.module],
            env={**inherited, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.ask(self.setup)

    def ask(self, message: Message) -> Message:
        """Send one message and wait for its answer; raises ContenderFailed."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise ContenderFailed("no pipe")
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # the empty answer below tells the same, with the reason
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise ContenderFailed(self._last_words())
        answer: Message = json.loads(line)
        return answer

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def give_up(self, failure: ContenderFailed) -> None:
        """Note that a peer failed; raises the failure on for any other contender."""
        if not self.is_peer:
            raise failure
        self.missing = str(failure)

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with {self._process.returncode}"


def started(contenders: Sequence[Contender]) -> list[Contender]:
    """Start each; the `missing` of one that can't be started says why."""
    for contender in contenders:
        try:
            contender.start()
        except ContenderFailed as failure:
            contender.give_up(failure)
    return [contender for contender in contenders if not contender.missing]


@dataclass
class Series:
    """One contender's figure of each round, in seconds; rounds stand in the same order for all."""

    processor: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)

    def add(self, samples: Sequence[Sequence[float]]) -> None:
        """One round: the median of its samples, each a pair of processor and clock seconds."""
        self.processor.append(statistics.median(sample[0] for sample in samples))
        self.clock.append(statistics.median(sample[1] for sample in samples))


@dataclass(frozen=True)
class Ratio:
    """The median over the rounds, and between what the middle half of them lies."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float], reference: Sequence[float]) -> "Ratio":
        """Each round against the same round of the reference."""
        ratios = [a / b for a, b in zip(figures, reference, strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        digits = 2 if self.median < 10 else 1 if self.median < 100 else 0
        low, median, high = (
            f"{figure:.{digits}f}" for figure in (self.low, self.median, self.high)
        )
        return f"{median} ({low}–{high})"


def milliseconds(figures: Sequence[float]) -> str:
    median = statistics.median(figures) * 1000
    return f"{median:.2f}" if median < 10 else f"{median:.0f}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
