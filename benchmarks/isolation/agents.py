"""Two crowds: the agents of other customers, whose wait is measured, and those of the slow identity provider."""

import http.client
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from math import ceil, nan
from typing import Final
from urllib.parse import parse_qs, urlsplit

from ..filled.roster import reference, source
from ..storm.browser import Browser, LoginLost
from ..storm.login import sign_in
from .scene import HOST, SLOW, Scene

SECONDS_TO_DRAIN: Final = 40.0
_GOES_ON: Final = re.compile(r"(\d+);url=(.*)")


@dataclass(frozen=True)
class Measured:
    """seconds: of each login that went well. lost: why the others did not."""

    seconds: Sequence[float]
    lost: Sequence[str]

    def percentile(self, part: float) -> float:
        figures = sorted(self.seconds)
        return figures[ceil(part * len(figures)) - 1] if figures else nan


def others(scene: Scene, *, seconds: float, rate: float) -> Measured:
    """A login begins every 1/rate seconds, however long those before it take, as agents do."""
    done: list[float] = []
    lost: list[str] = []

    def visit(agent: int) -> None:
        connector = scene.roster.connector(agent)
        with closing(Browser(HOST, scene.port, source=source(agent))) as browser:
            try:
                sign_in(
                    browser,
                    login_address=f"/api/sso/login/{reference(connector)}",
                    idp=scene.idps[connector],
                    username=scene.roster.username(agent),
                )
            except LoginLost as error:
                lost.append(str(error))
            else:
                done.append(sum(browser.seconds))

    threads = []
    began = time.monotonic()
    number = int(seconds * rate)
    for login in range(number):
        time.sleep(max(0.0, began + login / rate - time.monotonic()))
        agent = login % scene.roster.agents
        threads.append(threading.Thread(target=visit, args=[agent], daemon=True))
        threads[-1].start()
    until = time.monotonic() + SECONDS_TO_DRAIN
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    missing = number - len(done) - len(lost)
    return Measured(list(done), [*lost, *["no end in time"] * missing])


@contextmanager
def coming_back(scene: Scene, *, agents: int) -> Iterator[None]:
    """So many agents come back from the slow identity provider, and again, until the end of the block."""
    over = threading.Event()

    def visit() -> None:
        while not over.is_set():
            with suppress(OSError, http.client.HTTPException, KeyError):
                _come_back(scene.port, over)
            over.wait(0.2)

    for _ in range(agents):
        threading.Thread(target=visit, daemon=True).start()
    time.sleep(1.5)  # until they are there
    try:
        yield
    finally:
        over.set()


def _come_back(port: int, over: threading.Event) -> None:
    cookies: dict[str, str] = {}
    address = f"/api/sso/login/{SLOW}"
    while not over.is_set():
        with closing(http.client.HTTPConnection(HOST, port, timeout=60)) as connection:
            headers = {"Cookie": "; ".join(f"{name}={cookies[name]}" for name in cookies)}
            connection.request("GET", address, headers=headers)
            response = connection.getresponse()
            response.read()
        for header in response.headers.get_all("Set-Cookie", []):
            name, _, rest = header.partition("=")
            cookies[name] = rest.partition(";")[0]
        location = response.headers.get("Location", "")
        found = _GOES_ON.match(response.headers.get("Refresh", ""))
        if found:
            over.wait(float(found[1]))
            address = urlsplit(address).path + found[2]
        elif "state=" in location:
            asked = parse_qs(urlsplit(location).query)
            back = urlsplit(asked["redirect_uri"][0]).path
            address = f"{back}?code=made-up&state={asked['state'][0]}"
        else:
            return
