"""The storms in turns, ours and the peer's, and what they showed, as Markdown on standard output."""

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.idp import SigningKey
from tests.rigs.process import interrupt_on_signals

from ..filled.roster import Roster
from ..peers import say
from .sites import ALLAUTH, PRODUCT, Site
from .storm import Storm, run
from .tables import machine, tables

LOCAL_REDIS: Final = "redis://127.0.0.1:6379/9"
TROUBLES_SHOWN: Final = 10


def main() -> int:
    """Run what the command line asks for; 1 if a login was lost, or led to somebody else's page."""
    options = _options()
    interrupt_on_signals()
    cache_url = os.environ.get("CACHE_URL", "")
    if not cache_url.startswith(("redis:", "rediss:")):
        cache_url = LOCAL_REDIS
    sites = [PRODUCT]
    if not options.only:
        if find_spec("allauth"):
            sites.append(ALLAUTH)
        else:
            say(f"{ALLAUTH.name} could not be installed, so there is nothing to compare with.")
    roster = Roster(options.agents, options.connectors)
    keys = [SigningKey.rsa(common_name=f"customer-{each}") for each in range(roster.connectors)]
    storms: dict[Site, list[Storm]] = {site: [] for site in sites}
    before = os.getloadavg()[0]
    for number in range(options.rounds):
        for site in sites:
            say(f"storm: round {number + 1} of {options.rounds}, {site.name}")
            with tempfile.TemporaryDirectory(prefix="storm-") as folder:
                storm = run(
                    site,
                    roster,
                    keys,
                    at_once=options.concurrency,
                    workers=options.workers,
                    cache_url=cache_url,
                    folder=Path(folder),
                )
            storms[site].append(storm)
            _complain(storm)
    after = os.getloadavg()[0]
    sys.stdout.write(
        f"{options.agents:,} agents at {options.connectors:,} connectors, {options.concurrency} at a "
        f"time; gunicorn with {options.workers} workers; rounds: {options.rounds}\n\n"
        f"{tables(storms)}\n\n{machine(storms, cache_url)}\n"
        f"- load average {before:.1f} before, {after:.1f} after\n"
    )
    failed = [each for of_site in storms.values() for each in of_site if each.lost or each.wrong]
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    for name, default, what in (
        ("agents", 5000, "who sign in, once in each round"),
        ("connectors", 50, "each with an identity provider and a key of its own"),
        ("concurrency", 32, "agents at a time"),
        ("workers", 2, "processes of gunicorn"),
        ("rounds", 2, "storms on each site"),
    ):
        parser.add_argument(
            f"--{name}", type=_count, default=default, help=f"{what} (default: {default})"
        )
    parser.add_argument("--only", choices=["product"], help="leave out the peer")
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _complain(storm: Storm) -> None:
    troubles = [*storm.wrong, *storm.lost]
    for trouble in troubles[:TROUBLES_SHOWN]:
        say(trouble)
    if troubles:
        say(f"{len(troubles)} in all; the server's last lines:\n{storm.last_lines}")


if __name__ == "__main__":
    sys.exit(main())
