"""`python -m benchmarks.as_code`: what `sso_apply` costs, as Markdown on standard output.

PostgreSQL is the server that DATABASE_URL names, or the local one; its role must be allowed to
create databases. Each run ends within some minutes, and has a database of its own.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.races.product import Kind, own_database

from ..contest import table
from ..product import environment
from .command import Cost, run
from .document import changed, document

_EVERY: Final = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.as_code",
        description="Measure sso_apply at full size.",
        allow_abbrev=False,
    )
    parser.add_argument("--connectors", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=95_000)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    kinds: list[Kind] = ["sqlite", "postgres"]
    if options.database != "both":
        kinds = [options.database]
    before = os.getloadavg()[0]
    first = document(connectors=options.connectors, users=options.users)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for kind in kinds:
            for what, cost in _costs(kind, Path(name), first):
                sys.stderr.write(f"as code: {kind}, {what}: {cost.processor:.1f} s\n")
                rows.append(
                    [kind, what, f"{cost.processor:.1f}", f"{cost.clock:.1f}", f"{cost.memory:.0f}"]
                )
    head = ("database", "run", "processor, s", "clock, s", "peak memory, MiB")
    sys.stdout.write(
        f"{options.connectors:,} connectors, {options.users:,} users, one link each.\n\n"
        f"{table(head, rows)}\n\n"
        f"- {os.cpu_count()} cores, {platform.machine()}; Python {platform.python_version()}; "
        f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after\n"
    )


def _costs(kind: Kind, folder: Path, first: dict[str, Any]) -> list[tuple[str, Cost]]:
    with own_database(kind, folder, name="as_code") as database:
        settings = environment(database.url)
        run(settings, "migrate", "--verbosity=0")
        files = {
            "first": first,
            "changed": changed(first, every=_EVERY),
            "all changed": changed(first, every=1),
        }
        for name, content in files.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
        steps = (
            ("dry run of the first file", "first", "--dry-run"),
            ("create", "first"),
            ("again, dry run", "first", "--dry-run"),
            ("again, nothing to change", "first"),
            (f"one in {_EVERY} changed, dry run", "changed", "--dry-run"),
            (f"one in {_EVERY} changed", "changed"),
            ("all changed", "all changed"),
        )
        return [
            (what, run(settings, "sso_apply", str(folder / f"{name}.json"), *options))
            for what, name, *options in steps
        ]


if __name__ == "__main__":
    main()
