"""One person's login at one site, timed request by request; what the identity provider does is not.

The browser has the manners that matter: a POST from another site carries SameSite=None cookies alone.
"""

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client

from tests.idp import IdP, read_redirect

from ..product import ATTRIBUTES, BASE
from ..worker import Answering, Message, Moment

STEPS: Final = ("start", "answer", "finish")
_HOST: Final = BASE.removeprefix("http://")


@dataclass(frozen=True)
class Visit:
    """login_address: where it starts. name: whom the identity provider signs in."""

    login_address: str
    idp: IdP
    name: str


@dataclass
class _Step:
    seconds: tuple[float, float] = (0.0, 0.0)
    queries: list[str] = field(default_factory=list)


@dataclass
class _Browser:
    """One client for all, as a server has its middleware for all; its cookies are each person's.

    `address` changes with each login, since sites count by address.
    """

    client: Client = field(default_factory=lambda: Client(HTTP_HOST=_HOST))
    crossing: Client = field(default_factory=lambda: Client(HTTP_HOST=_HOST))
    address: str = ""

    def begin(self, number: int) -> None:
        self.client.cookies.clear()
        self.crossing.cookies.clear()
        self.address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def get(self, url: str) -> Any:
        return self.client.get(url, REMOTE_ADDR=self.address)

    def post(self, url: str, body: str) -> Any:
        response = self.crossing.post(
            url,
            body,
            content_type="application/x-www-form-urlencoded",
            HTTP_ORIGIN="https://idp.example",
            REMOTE_ADDR=self.address,
        )
        self.client.cookies.update(self.crossing.cookies)
        return response

    def cross(self) -> None:
        for name, cookie in self.client.cookies.items():
            if cookie["samesite"].lower() == "none":
                self.crossing.cookies[name] = cookie

    @property
    def is_signed_in(self) -> bool:
        # Without the cookie, asking the client for its session would make one.
        return (
            settings.SESSION_COOKIE_NAME in self.client.cookies
            and SESSION_KEY in self.client.session
        )


def answering(visits: Callable[[int], Visit]) -> Answering:
    """Measure logins: `visits(n)` says whose the nth is.

    A message {"seconds": s} is answered with samples of as many logins as take about s seconds, and
    two at least; {"count": true} with the queries of one.
    """
    browser = _Browser()
    numbers = itertools.count(1)

    def answer(message: Message) -> Message:
        if message.get("count"):
            steps, size = _sign_in(browser, next(numbers), visits, counting=True)
            return {"queries": [step.queries for step in steps], "bytes": size}
        samples: list[list[tuple[float, float]]] = []
        begun = Moment.now()
        while len(samples) < 2 or begun.since()[1] < message["seconds"]:
            steps, _ = _sign_in(browser, next(numbers), visits)
            samples.append([step.seconds for step in steps])
        return {"samples": samples}

    for _ in range(3):  # imports and caches that only the first requests pay for
        _sign_in(browser, next(numbers), visits)
    return answer


def _sign_in(
    browser: _Browser, number: int, visits: Callable[[int], Visit], *, counting: bool = False
) -> tuple[list[_Step], int]:
    visit = visits(number)
    browser.begin(number)
    steps = [_Step() for _ in STEPS]
    response = _timed(steps[0], lambda: browser.get(visit.login_address), counting)
    request = read_redirect(response["Location"])
    answer = visit.idp.respond(request, name_id=visit.name, attributes=ATTRIBUTES)
    acs_url = request.acs_url or ""
    browser.cross()
    body = urlencode({"SAMLResponse": answer})
    response = _timed(steps[1], lambda: browser.post(acs_url, body), counting)
    if not browser.is_signed_in:  # some sites need a GET of their own, to see their cookies again
        onward = response["Location"]
        _timed(steps[2], lambda: browser.get(onward), counting)
    if not browser.is_signed_in:
        raise AssertionError(f"nobody is signed in: {response.status_code}")
    return steps, len(answer) * 3 // 4


def _timed(step: _Step, act: Callable[[], Any], counting: bool) -> Any:
    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        step.queries.append(sql)
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        if counting:
            stack.enter_context(connection.execute_wrapper(count))
        moment = Moment.now()
        response = act()
        step.seconds = moment.since()
    if response.status_code not in (302, 303):
        raise AssertionError(f"{response.status_code}: {response.content[:300]!r}")
    return response
