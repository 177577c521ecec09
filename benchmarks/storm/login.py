"""One agent's whole login, as a browser goes through it at either site."""

import re
import time
from typing import Final

from tests.idp import IdP, read_redirect

from ..product import ATTRIBUTES
from .browser import Browser, LoginLost, Reply

STEPS: Final = ("login address", "POST of the answer", "GET after it", "first page")
_ANY_AGENT: Final = re.compile(r"agent-\d+@[a-z0-9.-]+")


class WrongPerson(Exception):
    """The first page is somebody else's."""


def sign_in(browser: Browser, *, login_address: str, idp: IdP, username: str) -> float:
    """Return the processor seconds of the identity provider's work, which is no part of the login.

    Raises LoginLost and WrongPerson.
    """
    start = _redirect(browser.get(login_address), STEPS[0])
    if not start.location.startswith(idp.sso_url):
        raise LoginLost(f"{STEPS[0]} led to {start.location[:200]}")
    begun = time.thread_time()
    request = read_redirect(start.location)
    answer = idp.respond(request, name_id=username, attributes=ATTRIBUTES)
    signing = time.thread_time() - begun
    posted = _redirect(browser.post(request.acs_url or "", answer), STEPS[1])
    finished = _redirect(browser.get(posted.location), STEPS[2])
    first = browser.get(finished.location)
    shown = set(_ANY_AGENT.findall(first.page))
    if first.status != 200 or not shown:
        raise LoginLost(f"{STEPS[3]}: {first.status} {first.page[:200]!r}")
    if shown != {username}:
        raise WrongPerson(f"{username} sees {', '.join(sorted(shown))}")
    return signing


def _redirect(reply: Reply, step: str) -> Reply:
    if reply.status not in (302, 303):
        raise LoginLost(f"{step}: {reply.status} {reply.page[:200]!r}")
    return reply
