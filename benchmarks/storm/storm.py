"""One storm on one site: everybody signs in once, and what it took."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from math import ceil, nan
from pathlib import Path
from typing import Final

from tests.idp import SigningKey
from tests.rigs.process import ServerProcess

from ..contest import Contender
from ..filled.roster import Roster
from ..worker import Message
from .processor import seconds_of_group
from .sites import HOST, Running, Site, serving

SECONDS_FOR_A_STORM: Final = 1200
_PARTS: Final = 2  # the crowd's processes: one alone would be a queue of its own


@dataclass(frozen=True)
class Storm:
    """steps: of each login that went well, the seconds of each request.

    seconds: from the first agent's start to the last one's end. server, crowd, signing: processor
    seconds of gunicorn with its workers, of the agents, and of that the identity providers'.
    postgres: its version, as it numbers them. last_lines: of the server's log.
    """

    steps: Sequence[Sequence[float]]
    lost: Sequence[str]
    wrong: Sequence[str]
    seconds: float
    server: float
    crowd: float
    signing: float
    postgres: int
    last_lines: str

    @property
    def rate(self) -> float:
        return len(self.steps) / self.seconds

    @property
    def server_share(self) -> float:
        return self.share(self.server)

    def share(self, seconds: float) -> float:
        """One login's share of what all took."""
        return seconds / len(self.steps) if self.steps else nan

    def percentile(self, part: float, step: int | None = None) -> float:
        """Seconds within which that part of the logins was done, or that step of them."""
        figures = sorted(sum(each) if step is None else each[step] for each in self.steps)
        return figures[ceil(part * len(figures)) - 1] if figures else nan


def run(
    site: Site,
    roster: Roster,
    keys: Sequence[SigningKey],
    *,
    at_once: int,
    workers: int,
    cache_url: str,
    folder: Path,
) -> Storm:
    """Serve the site, let everybody in, `at_once` at a time, and stop it."""
    filling = {"roster": asdict(roster), "certificates": [key.pem for key in keys]}
    with (
        serving(site, filling, workers=workers, cache_url=cache_url, folder=folder) as running,
        ExitStack() as stack,
    ):
        crowd = _crowd(site, roster, keys, port=running.port, at_once=at_once)
        for each in crowd:
            each.start()
            stack.callback(each.stop)
        before = seconds_of_group(running.server.pid)
        answers = _let_loose(crowd, running.server)
        used = seconds_of_group(running.server.pid) - before
        return _storm(answers, running, used)


def _crowd(
    site: Site, roster: Roster, keys: Sequence[SigningKey], *, port: int, at_once: int
) -> list[Contender]:
    parts = min(_PARTS, at_once)
    shared = {
        "roster": asdict(roster),
        "keys": [(key.private_pem, key.pem) for key in keys],
        "login_address": site.login_address,
        "host": HOST,
        "port": port,
        "parts": parts,
    }
    return [
        Contender(
            f"crowd {part}",
            "benchmarks.storm.crowd",
            {**shared, "part": part, "at_once": len(range(part, at_once, parts))},
            is_peer=False,
        )
        for part in range(parts)
    ]


def _let_loose(crowd: Sequence[Contender], server: ServerProcess) -> list[Message]:
    with ThreadPoolExecutor(len(crowd)) as pool:
        waiting = [pool.submit(each.ask, {"seconds": SECONDS_FOR_A_STORM}) for each in crowd]
        try:
            return [each.result() for each in waiting]
        except BaseException:
            server.stop()  # whoever still queues finds nobody, and goes
            raise


def _storm(answers: Sequence[Message], running: Running, server: float) -> Storm:
    logins = [login for answer in answers for login in answer["logins"]]
    done = [login for login in logins if "steps" in login]
    return Storm(
        steps=[login["steps"] for login in done],
        lost=[login["lost"] for login in logins if "lost" in login],
        wrong=[login["wrong"] for login in logins if "wrong" in login],
        seconds=max(each["ended"] for each in answers) - min(each["begun"] for each in answers),
        server=server,
        crowd=sum(each["processor"] for each in answers),
        signing=sum(login["signing"] for login in done),
        postgres=running.database.number("SELECT current_setting('server_version_num')"),
        last_lines=running.server.last_lines(40),
    )
