"""`python -m benchmarks.pages`: the Maker's pages at two sizes, as Markdown on standard output.

PostgreSQL is the server that DATABASE_URL names, or the local one; its role must be allowed to
create databases.
"""

import argparse
import os
import platform
import sys
from importlib.metadata import version

from tests.races.product import Kind

from .run import run
from .size import FULL, SMALL


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pages",
        description="Measure the Maker's pages at a small size and at full size.",
        allow_abbrev=False,
    )
    parser.add_argument("--rounds", type=int, default=7, help="at least 2 (default: 7)")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    kinds: list[Kind] = ["sqlite", "postgres"]
    if options.database != "both":
        kinds = [options.database]
    before = os.getloadavg()[0]
    tables = run(rounds=options.rounds, kinds=kinds)
    after = os.getloadavg()[0]
    sys.stdout.write(
        f"Small: {SMALL}. Full: {FULL}.\n\n{tables}\n\n"
        f"- {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; "
        f"Python {platform.python_version()}, Django {version('Django')}\n"
        f"- {options.rounds} rounds; load average {before:.1f} before, {after:.1f} after\n"
    )


if __name__ == "__main__":
    main()
