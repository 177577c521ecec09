"""`python -m benchmarks.commands`: what commands cost at full size, as Markdown on standard output.

PostgreSQL is the server that DATABASE_URL names, or the local one; its role must be allowed to
create databases. Each command has some minutes at most, and each database is gone at the end.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.races.product import Kind, own_database

from ..contest import table
from ..product import environment
from . import apply, cleanup
from .command import Cost, run


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.commands",
        description="Measure sso_apply and sso_cleanup at full size.",
        allow_abbrev=False,
    )
    parser.add_argument("--connectors", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=95_000)
    parser.add_argument("--attempts", type=int, default=200_000)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    kinds: list[Kind] = ["sqlite", "postgres"]
    if options.database != "both":
        kinds = [options.database]
    before = os.getloadavg()[0]
    rows = []
    for kind in kinds:
        for what, cost in _costs(kind, options):
            sys.stderr.write(f"commands: {kind}, {what}: {cost.processor:.1f} s\n")
            rows.append(
                [kind, what, f"{cost.processor:.1f}", f"{cost.clock:.1f}", f"{cost.memory:.0f}"]
            )
    head = ("database", "run", "processor, s", "clock, s", "peak memory, MiB")
    sys.stdout.write(
        f"{options.connectors:,} connectors, {options.users:,} users, one link each; "
        f"{options.attempts:,} attempts.\n\n{table(head, rows)}\n\n"
        f"- {os.cpu_count()} cores, {platform.machine()}; Python {platform.python_version()}; "
        f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after\n"
    )


def _costs(kind: Kind, options: argparse.Namespace) -> Iterator[tuple[str, Cost]]:
    with (
        tempfile.TemporaryDirectory() as name,
        own_database(kind, Path(name), name="commands") as own,
    ):
        settings = environment(own.url)
        run(settings, "migrate", "--verbosity=0")
        yield from cleanup.costs(settings, attempts=options.attempts)
        if options.users:
            yield from apply.costs(
                settings, Path(name), connectors=options.connectors, users=options.users
            )


if __name__ == "__main__":
    main()
