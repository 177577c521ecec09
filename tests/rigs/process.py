"""Server processes for tests and for trying the product, and the identity providers they serve.

A server is started in a session of its own, so that it and whatever it forks can be ended together
by the number of its process group, and nothing else can be hit.
"""

import argparse
import atexit
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 5.0
SECONDS_BETWEEN_LOOKS = 0.05


class ServerFailedError(RuntimeError):
    """A server ended, or didn't answer in time; the message holds the last lines of its log."""


class ServerProcess:
    """A running server; it is ended by `stop()`, or else when this interpreter exits."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command` in `folder`, its output in `log`, `environment` added to our own."""
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._stopped = False
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """The server's process, whose number is its process group's too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once the server has ended, by itself or by `stop()`."""
        return not self._stopped and not self._has_ended()

    def wait_until_answering(self, url: str, *, seconds: float = SECONDS_TO_START) -> None:
        """Return when `url` answers 200; stop the server and raise ServerFailedError otherwise."""
        deadline = time.monotonic() + seconds
        while not _answers(url):
            ended = not self.running
            if ended or time.monotonic() > deadline:
                self.stop()
                reason = "ended at once" if ended else f"gave no answer in {seconds:.0f} seconds"
                raise ServerFailedError(f"The server for {url} {reason}:\n{self.last_lines()}")
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def last_lines(self, count: int = 15) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def stop(self) -> None:
        """End the server and all that it forked, and wait for it; calling it again is harmless."""
        if self._stopped:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        # Until wait() below the number can't become another process's, even if the server is dead.
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            deadline = time.monotonic() + SECONDS_TO_STOP
            while self._group_lives() and time.monotonic() < deadline:
                time.sleep(SECONDS_BETWEEN_LOOKS)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _has_ended(self) -> bool:
        """Look without reaping, since a reaped process's number may be given to another one."""
        look = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self.pid, look) is not None

    def _group_lives(self) -> bool:
        """Whether the server, or anything that it forked and that may hold its port, still runs."""
        return not self._has_ended() or self.pid in _living_groups()


def _living_groups() -> set[int]:
    """The process groups with a member that isn't a zombie (empty where there is no /proc)."""
    groups = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            # The name, in parentheses, may hold anything; state, parent and group come after it.
            state, _parent, group = file.read_text().rpartition(")")[2].split()[:3]
            if state not in {"Z", "X"}:
                groups.add(int(group))
    return groups


def _answers(url: str) -> bool:
    """Whether `url` answers 200 now."""
    try:
        fetch(url)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, http.client.HTTPException):
        return False
    return True


def fetch(url: str) -> str:
    """The text at `url`; a proxy in the environment is never asked. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        return str(response.read().decode(errors="replace"))


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def port_is_taken(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens on the port already."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


@dataclass(frozen=True)
class PracticeUser:
    """Somebody who can sign in at a practice identity provider."""

    login: str
    password: str
    email: str
    email_verified: bool = True


PRACTICE_USERS = tuple(
    PracticeUser(login, "practice", f"{login}@acme.example") for login in ("alice", "bob", "carol")
)


@dataclass(frozen=True, kw_only=True)
class PracticeProvider:
    """A running identity provider; as a context manager it is stopped at the end."""

    users: tuple[PracticeUser, ...]
    process: ServerProcess

    def facts(self) -> dict[str, str]:
        """What a connector to it needs to know, by name."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it; its folder stays, so that the next start has the same keys."""
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


@dataclass(frozen=True, kw_only=True)
class IdentityProvider(PracticeProvider):
    """One that speaks SAML."""

    base_url: str
    entity_id: str
    sso_url: str
    """Where the browser is sent (HTTP-Redirect)."""
    sso_post_url: str | None
    """The same for HTTP-POST, where that is offered."""
    certificate_pem: str
    """The certificate of the key that it signs with."""

    def facts(self) -> dict[str, str]:
        return {
            "entity_id": self.entity_id,
            "sso_url": self.sso_url,
            "sso_post_url": str(self.sso_post_url),
            "certificate_pem": self.certificate_pem,
        }


def command_line(description: str, *, port: int) -> argparse.ArgumentParser:
    """The arguments that every identity provider takes on its command line."""
    parser = argparse.ArgumentParser(description=description)
    base = "http://localhost:8000"
    parser.add_argument("--sp-entity-id", default=f"{base}/api/saml/metadata")
    parser.add_argument("--acs", default=f"{base}/api/sso/login/callback")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument(
        "--folder",
        type=Path,
        help="where keys and configuration are kept (default: a folder in var/ for each port)",
    )
    parser.add_argument(
        "--user",
        action="append",
        dest="users",
        metavar="LOGIN:PASSWORD:EMAIL",
        type=_user,
        help="may be given again (default: alice, bob and carol, password practice)",
    )
    return parser


def _user(text: str) -> PracticeUser:
    login, password, email = text.split(":", 2)
    return PracticeUser(login, password, email)


def run_in_foreground(start: Callable[[], PracticeProvider], missing: str | None) -> int:
    """Start an identity provider, tell its values, wait for Ctrl-C; return the exit status.

    `missing` is what the rig's `available()` said.
    """
    if missing:
        say(missing)
        return 1
    interrupt_on_signals()
    try:
        with start() as provider:
            for name, value in provider.facts().items():
                say(f"{name}: {value}")
            for user in provider.users:
                say(f"user: {user.login} / {user.password} ({user.email})")
            say("Ctrl-C ends it.")
            while provider.process.running:
                time.sleep(0.2)
            say(f"It ended by itself:\n{provider.process.last_lines()}")
            return 1
    except KeyboardInterrupt:
        return 0
    except ServerFailedError as error:
        say(str(error))
        return 1


def say(text: str) -> None:
    """Write to standard output at once, also where that is a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def interrupt_on_signals() -> None:
    """Let SIGTERM raise KeyboardInterrupt as Ctrl-C does, so that nothing is left running.

    SIGINT is named too: a shell starts what it puts in the background with that one ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
