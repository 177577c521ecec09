"""The contender's side: a process of its own, which does as it is told over a pipe.

    python -m benchmarks.worker MODULE

MODULE.start(setup) returns a function, which is called with each further message. A message is one
line of JSON on standard input, its answer one line on standard output.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import django

Message = dict[str, Any]
Answering = Callable[[Message], Message]


@dataclass(frozen=True)
class Moment:
    """processor: seconds that this process and its ended children have used. clock: seconds passed."""

    processor: float
    clock: float

    @classmethod
    def now(cls) -> "Moment":
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(time.process_time() + children.ru_utime + children.ru_stime, time.perf_counter())

    def since(self) -> tuple[float, float]:
        """Processor and clock seconds from this moment until now."""
        now = Moment.now()
        return now.processor - self.processor, now.clock - self.clock


def main(module: str) -> None:
    answers = _own_stdout()
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        django.setup()
    start = importlib.import_module(module).start
    answering: Answering = start(json.loads(sys.stdin.readline()))
    _say(answers, {"ready": True})
    for line in sys.stdin:
        _say(answers, answering(json.loads(line)))


def _own_stdout() -> TextIO:
    """Standard output for answers alone; whatever else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, message: Message) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
