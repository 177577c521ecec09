"""One command of manage.py in a process of its own, measured from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..product import ROOT

_KEY: Final = "b25seS1mb3ItYmVuY2htYXJrcywgYW5kIG5vd2hlcmU="


@dataclass(frozen=True)
class Cost:
    """processor, clock: seconds; the first user and system time of the process. memory: its peak, in MiB."""

    processor: float
    clock: float
    memory: float
    output: str


def run(environment: Mapping[str, str], *arguments: str) -> Cost:
    """Raises RuntimeError with what the command printed when it fails."""
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own manage.py
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment, "FIELD_ENCRYPTION_KEYS": _KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read() if process.stdout else ""
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{output}")
    return Cost(
        processor=usage.ru_utime + usage.ru_stime,
        clock=time.monotonic() - begun,
        memory=usage.ru_maxrss / 1024,  # Linux tells KiB
        output=output,
    )
