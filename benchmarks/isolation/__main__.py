"""`python -m benchmarks.isolation`: what one customer's trouble, or one fault, costs the agents of all others.

With --before REVISION the same is done with that revision's code, taken out of Git into a folder that goes again.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

from tests.rigs.process import ServerFailedError, interrupt_on_signals

from ..filled.roster import Roster
from ..peers import ROOT, say
from .agents import Measured, others
from .faults import Sizes, all_faults
from .scene import WORKERS, scene

LOCAL_REDIS: Final = "redis://127.0.0.1:6379/9"
ALLOWED: Final = 3.0  # times the quiet p99
_CONNECTORS: Final = 4

Results = dict[str, Measured | None]


def main() -> int:
    """Print the table; 1 if a fault cost the others more than it may, with the code of this folder."""
    options = _options()
    interrupt_on_signals()
    sys.stdout.write(
        f"gunicorn with {WORKERS} workers, {options.threads} threads each (before: {options.threads_before}); "
        f"{options.rate:g} logins of others a second for {options.seconds:g} s; {options.agents} agents at the slow "
        f"provider; {options.connectors} connectors and {options.users} users applied; "
        f"{options.attempts} attempts cleared; load average {os.getloadavg()[0]:.1f}\n\n"
    )
    with tempfile.TemporaryDirectory(prefix="isolation-") as name:
        folder = Path(name)
        before: Results | None = None
        if options.before:
            code = _taken_out(options.before, folder / "code")
            before = _measure("before", code, options.threads_before, options, folder / "before")
        after = _measure("after", ROOT, options.threads, options, folder / "after")
    sys.stdout.write(f"{table(after, before)}\n")
    return 0 if all(_is_fine(after, fault) for fault in after) else 1


def _measure(
    name: str, code: Path, threads: int, options: argparse.Namespace, folder: Path
) -> Results:
    redis_url = os.environ.get("CACHE_URL", "")
    if not redis_url.startswith(("redis:", "rediss:")):
        redis_url = LOCAL_REDIS
    roster = Roster(agents=max(1, int(options.seconds * options.rate)), connectors=_CONNECTORS)
    sizes = Sizes(options.agents, options.connectors, options.users, options.attempts)
    results: Results = {}
    with scene(code, threads=threads, redis_url=redis_url, roster=roster, folder=folder) as made:
        for fault, happening in all_faults(sizes).items():
            if fault != "none" and not re.search(options.only, fault):
                continue
            try:
                with happening(made):
                    results[fault] = others(made, seconds=options.seconds, rate=options.rate)
            except ServerFailedError:
                results[fault] = None
            say(f"{name}: {fault}: {', '.join(_cells(results, fault))}")
    return results


def _taken_out(revision: str, folder: Path) -> Path:
    archive = subprocess.run(  # noqa: S603 - ours
        ["git", "archive", revision],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def table(after: Results, before: Results | None) -> str:
    """Markdown: for each fault the others' waits, and how often the quiet p99."""
    parts: Mapping[str, Results] = {**({"before: ": before} if before else {}), "": after}
    if before:
        parts = {"before: ": before, "after: ": after}
    heads = [f"{name}{head}" for name in parts for head in ("p50, s", "p99, s", "x quiet", "lost")]
    lines = [
        f"| fault | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * len(heads)}",
    ]
    for fault in after:
        cells = [cell for results in parts.values() for cell in _cells(results, fault)]
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(results: Results, fault: str) -> list[str]:
    measured = results.get(fault)
    if measured is None:
        return ["no worker", "no worker", "", "all"]
    number = len(measured.seconds) + len(measured.lost)
    lost = f"{len(measured.lost)} of {number}" if measured.lost else "0"
    if not measured.seconds:
        return ["none in", "none in", "", lost]
    return [
        f"{measured.percentile(0.5):.2f}",
        f"{measured.percentile(0.99):.2f}",
        f"{_times(results, fault):.1f}",
        lost,
    ]


def _times(results: Results, fault: str) -> float:
    quiet, measured = results["none"], results[fault]
    if quiet is None or measured is None or not quiet.seconds or not measured.seconds:
        return float("inf")
    return measured.percentile(0.99) / quiet.percentile(0.99)


def _is_fine(results: Results, fault: str) -> bool:
    measured = results[fault]
    return measured is not None and not measured.lost and _times(results, fault) < ALLOWED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.isolation",
        description="Measure what one fault costs the agents of all other customers.",
        allow_abbrev=False,
    )
    parser.add_argument("--before", default="", help="a revision whose code is measured too")
    parser.add_argument("--only", default="", help="faults whose names match this pattern")
    wants: list[tuple[str, Callable[[str], float], float, str]] = [
        ("threads", int, 8, "threads of a worker; 0: gunicorn's default"),
        ("threads-before", int, 0, "the same, of the revision before"),
        ("seconds", float, 20.0, "how long each fault is measured"),
        ("rate", float, 5.0, "logins of others that begin in a second"),
        ("agents", int, 48, "agents that come back from the slow identity provider"),
        ("connectors", int, 1000, "connectors in the file that is applied"),
        ("users", int, 10_000, "users in the file that is applied"),
        ("attempts", int, 30_000, "old attempts that are cleared"),
    ]
    for name, kind, default, means in wants:
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{means} ({default:g})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
