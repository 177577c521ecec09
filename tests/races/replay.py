"""Once means once: one signed response, used by many at the same moment, opens one session.

    python -m tests.races.replay [--rounds 300] [--database sqlite|postgres]

Every round posts a response fifty times at once to a product that runs in several processes, then
follows every redirect, and the one that leads into a session fifty times, all at once as well.
"""

import argparse
import http.client
import itertools
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar, get_args
from urllib.parse import urlencode, urlsplit

from tests.idp import IdP, read_redirect
from tests.rigs.process import interrupt_on_signals, say

from .product import REFERENCE, USERNAME, Kind, Product, running_product

CALLBACK: Final = "/api/sso/login/callback"
NEXT: Final = "/sign-in?after=race"
REFUSAL: Final = "You are not signed in"
SESSIONS: Final = "SELECT count(*) FROM django_session"
SIGNED_IN: Final = "SELECT count(*) FROM sso_connectors_attempt WHERE outcome = 'signed_in'"
SECONDS_FOR_AN_ANSWER: Final = 60.0
TROUBLES_SHOWN: Final = 10

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Reply:
    status: int
    location: str
    cookies: dict[str, str]
    page: str

    @property
    def query(self) -> str:
        """What the redirect that answers a POST goes on with."""
        return urlsplit(self.location).query

    @property
    def enters(self) -> bool:
        """Whether a session began."""
        return self.status == 302 and self.location == NEXT and "sessionid" in self.cookies

    @property
    def refuses(self) -> bool:
        """Whether it is the page of every refusal, which gives no session."""
        return self.status == 403 and REFUSAL in self.page and "sessionid" not in self.cookies


@dataclass
class Wire:
    """HTTP to the product; each thread keeps a connection of its own open."""

    port: int
    _mine: threading.local = field(default_factory=threading.local)
    _all: list[http.client.HTTPConnection] = field(default_factory=list)

    def close(self) -> None:
        for connection in self._all:
            connection.close()

    def get(self, target: str, *, client: str, cookie: str = "") -> Reply:
        return self._send("GET", target, {"Cookie": cookie, "X-Forwarded-For": client})

    def post(self, saml_response: str, *, client: str) -> Reply:
        """What the identity provider's page makes a browser do: without cookies."""
        form = "application/x-www-form-urlencoded"
        headers = {"Content-Type": form, "X-Forwarded-For": client}
        return self._send("POST", CALLBACK, headers, urlencode({"SAMLResponse": saml_response}))

    def _send(self, method: str, target: str, headers: dict[str, str], body: str = "") -> Reply:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=SECONDS_FOR_AN_ANSWER
            )
            self._all.append(self._mine.connection)
        connection: http.client.HTTPConnection = self._mine.connection
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            page = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Reply(0, "", {}, repr(error))
        pairs = [value.partition(";")[0] for value in response.headers.get_all("Set-Cookie", [])]
        cookies = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
        return Reply(response.status, response.headers.get("Location", ""), cookies, page)


@dataclass
class Tally:
    """What happened in all rounds of one kind."""

    rounds: int = 0
    posts: int = 0
    follows: int = 0
    sessions: int = 0
    refusals: int = 0
    faults: int = 0
    """Answers with a status of 500 and up, and connections that broke."""
    troubles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Login:
    """One login under way: which browser began it, and the answer to it."""

    browser: str
    saml_response: str


@dataclass
class Racers:
    """A crowd with copies of what only one of them may use."""

    product: Product
    idp: IdP
    posts: int
    pool: ThreadPoolExecutor
    wire: Wire
    client: str = ""
    """The address of everybody in a round; the product counts what comes from one address."""

    def race(self, tally: Tally, *, tabs: int = 1, strangers: int = 0) -> None:
        """One round: a browser with so many tabs, and other browsers after its sessions."""
        self.client = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{tally.rounds % 256}"
        sessions = self.product.database.number(SESSIONS)
        signed_in = self.product.database.number(SIGNED_IN)
        browser, logins = "", []
        for _ in range(tabs):
            logins.append(self.begin(browser))
            browser = logins[-1].browser
        others = [self.begin("").browser for _ in range(strangers)]

        answers = self.all_at_once(
            lambda login: self.wire.post(login.saml_response, client=self.client),
            list(itertools.islice(itertools.cycle(logins), self.posts)),
        )
        onward = [answer.query for answer in answers if answer.status == 303]
        handles = [query for query in onward if query.startswith("handle=")]
        failed = [(query, browser) for query in onward if query.startswith("failed=")]
        # Strangers first, with handles that work: were they let in, nothing would stop them.
        tries = itertools.product(handles, [*others, browser])
        wanted = tabs * self.posts
        follows = [*itertools.islice(itertools.cycle(tries), wanted), *failed]
        replies = self.all_at_once(self.follow, follows)

        tally.rounds += 1
        tally.posts += len(answers)
        tally.follows += len(replies)
        began = self.product.database.number(SESSIONS) - sessions
        tally.sessions += began
        tally.refusals += sum(reply.refuses for reply in replies)
        tally.faults += sum(not 0 < reply.status < 500 for reply in [*answers, *replies])
        entered = Counter(
            cookie for (_, cookie), reply in zip(follows, replies, strict=True) if reply.enters
        )
        told = self.product.database.number(SIGNED_IN) - signed_in
        odd = Counter(
            reply.status for reply in replies if not reply.enters and not reply.refuses
        ) + Counter(answer.status for answer in answers if answer.status != 303)
        for what, value, expected in (
            ("redirects with a handle", len(handles), tabs),
            ("refused posts", len(failed), self.posts - tabs),
            ("times its browser was let in", entered.pop(browser, 0), tabs),
            ("times another browser was", entered.total(), 0),
            ("rows of django_session", began, tabs),
            ("attempts that signed in", told, tabs),
            ("answers that are neither", dict(odd), {}),
            ("late replay", self.late_replay(logins), True),
            ("next ordinary login", self.ordinary_login(browser), True),
        ):
            if value != expected:
                tally.troubles.append(f"round {tally.rounds}: {what}: {value}, not {expected}")

    def begin(self, browser: str) -> Login:
        """Open the login address, and sign the answer to what the identity provider gets."""
        reply = self.wire.get(
            f"/api/sso/login/{REFERENCE}?{urlencode({'next': NEXT})}",
            client=self.client,
            cookie=browser,
        )
        if reply.status != 302:
            raise RuntimeError(f"The login address answered {reply.status}: {reply.page[:500]}")
        cookie = f"sso-browser={reply.cookies['sso-browser']}"
        return Login(cookie, self.idp.respond(read_redirect(reply.location), name_id=USERNAME))

    def follow(self, step: tuple[str, str]) -> Reply:
        query, cookie = step
        return self.wire.get(f"{CALLBACK}?{query}", client=self.client, cookie=cookie)

    def late_replay(self, logins: Sequence[Login]) -> bool:
        """Whether a response that has been used is refused afterwards, too."""
        posted = [self.wire.post(login.saml_response, client=self.client) for login in logins]
        return all(answer.query.startswith("failed=") for answer in posted)

    def ordinary_login(self, browser: str) -> bool:
        """Whether the browser, after all that, signs in as if nothing had been."""
        login = self.begin(browser)
        answer = self.wire.post(login.saml_response, client=self.client)
        entered = self.follow((answer.query, login.browser))
        session = f"sessionid={entered.cookies.get('sessionid', '')}"
        landing = self.wire.get("/", client=self.client, cookie=session)
        return entered.enters and landing.status == 200 and USERNAME in landing.page

    def all_at_once(self, act: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        return list(self.pool.map(act, items))


RACES: Final[dict[str, dict[str, int]]] = {
    "one browser": {},
    "two tabs": {"tabs": 2},
    "two browsers": {"strangers": 1},
}


@contextmanager
def racers_at(kind: Kind, *, posts: int, workers: int, folder: Path) -> Iterator[Racers]:
    """A crowd before a product that runs on a database of that kind."""
    idp = IdP()
    with (
        running_product(kind, idp=idp, folder=folder, workers=workers) as product,
        closing(Wire(product.port)) as wire,
        ThreadPoolExecutor(posts) as pool,
    ):
        yield Racers(product, idp, posts, pool, wire)


def run(racers: Racers, rounds: int) -> dict[str, Tally]:
    """Run so many rounds, each kind in its turn."""
    tallies = {name: Tally() for name in RACES}
    for name, _ in zip(itertools.cycle(RACES), range(rounds), strict=False):
        racers.race(tallies[name], **RACES[name])
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    columns = ("rounds", "posts", "follows", "sessions", "refusals", "faults")
    lines = [
        "".join([f"{'':14}", *(f"{name if name != 'faults' else '5xx':>10}" for name in columns)])
    ]
    for race, tally in tallies.items():
        numbers = "".join(f"{getattr(tally, column):>10}" for column in columns)
        lines.append(f"{race:14}{numbers}  {'WRONG' if tally.troubles else 'right'}")
    return "\n".join(lines)


def main() -> int:
    """Run the races that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--posts", type=int, default=50, help="of one response, at once")
    parser.add_argument("--workers", type=int, default=4, help="processes of gunicorn")
    parser.add_argument("--database", choices=get_args(Kind), default="sqlite")
    arguments = parser.parse_args()
    interrupt_on_signals()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="races-") as folder,
        racers_at(
            arguments.database,
            posts=arguments.posts,
            workers=arguments.workers,
            folder=Path(folder),
        ) as racers,
    ):
        tallies = run(racers, arguments.rounds)
        log = racers.product.server.last_lines(40)
    seconds = time.monotonic() - began
    say(f"{arguments.database}, {arguments.workers} processes, {seconds:.0f} seconds")
    say(table(tallies))
    troubles = [f"{name}, {each}" for name, tally in tallies.items() for each in tally.troubles]
    if any(tally.faults for tally in tallies.values()):
        troubles.append(f"the server's last lines:\n{log}")
    for trouble in [*troubles[:TROUBLES_SHOWN], *troubles[TROUBLES_SHOWN:][-1:]]:
        say(trouble)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
