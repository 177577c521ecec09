"""Discovery documents and key sets of OpenID providers: fetched, kept, and fetched again in time.

A document is fresh for an hour and kept for a day, so that a provider whose documents are away for a
moment still signs people in. When many logins want one at once, one of them fetches it.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from django.core.cache import cache
from redis.exceptions import RedisError
from social_core.exceptions import SocialAuthBaseException

from ..results.errors import LoginError

logger = logging.getLogger(__name__)

FRESH: Final = 60 * 60
KEPT: Final = 24 * 60 * 60
# An unknown kid makes us look again; somebody who sends made-up ones must not make us hammer a provider.
BETWEEN_LOOKS: Final = 30
_LOOKS: Final = ("look", "look-again")
_LOOKING, _LOOKED = "looking", "looked"
# Longer than a request can take.
_FETCHING: Final = 15
_PATIENCE: Final = 5.0
_PATIENCE_AGAIN: Final = 1.0
_SKEW: Final = 120

Document = dict[str, Any]
Fetch = Callable[[str], Document]


def document(url: str, fetch: Fetch) -> Document:
    """Return the document at `url`, fetching it where no fresh one is kept.

    Whatever `fetch` raises is raised on when nothing is kept.
    """
    kept = _kept(url)
    if kept is not None and kept[0] > time.time() - FRESH:
        return kept[1]
    if kept is not None:
        return _fetch(url, fetch, kept) if _take_turn(url, seconds=_FETCHING) else kept[1]
    if not _take_turn(url, seconds=_FETCHING) and (found := _wait(url)) is not None:
        return found
    try:
        return _fetch(url, fetch, kept)
    except (SocialAuthBaseException, LoginError):
        _leave_turn(url)  # or whoever tries again would wait for nobody
        raise


def is_fresh(url: str) -> bool:
    """Whether `document` would answer without asking anybody."""
    kept = _kept(url)
    return kept is not None and kept[0] > time.time() - FRESH


def fetch_again(url: str, fetch: Fetch) -> Document:
    """Like `document`, but past what is kept: for who was signed to with a key that isn't in it.

    When what is kept was fetched doesn't matter, as a key may be replaced right after; how often we
    look does. In BETWEEN_LOOKS seconds it is looked for twice: the second time for the key that came
    right after the first. Whoever comes while another looks has that one's document.
    """
    kept = _kept(url)
    if kept is None:
        return _fetch(url, fetch, None)
    for look in _LOOKS:
        if _begin_look(url, look):
            try:
                return _fetch(url, fetch, kept)
            finally:
                _end_look(url, look)
        newer = _wait_for_newer(url, look, kept)
        if newer is not None:
            return newer
    return kept[1]


def _fetch(url: str, fetch: Fetch, kept: tuple[float, Document] | None) -> Document:
    try:
        found = fetch(url)
    except (SocialAuthBaseException, LoginError):
        if kept is None:
            raise
        logger.warning("A provider's document could not be fetched; the one kept is used.")
        return kept[1]
    try:
        cache.set(_key(url), json.dumps([time.time(), found]), timeout=KEPT)
    except (RedisError, OSError):
        logger.warning("The cache did not answer; a provider's document is not kept.")
    return found


def _kept(url: str) -> tuple[float, Document] | None:
    try:
        text = cache.get(_key(url))
    except (RedisError, OSError):
        return None
    if text is None:
        return None
    fetched_at, found = json.loads(text)
    # After a clock has jumped back it would stay fresh for too long; servers' clocks differ a little.
    return (fetched_at, found) if fetched_at <= time.time() + _SKEW else None


def _take_turn(url: str, *, seconds: int) -> bool:
    try:
        return cache.add(f"{_key(url)}:turn", 1, timeout=seconds)
    except (RedisError, OSError):
        return True


def _leave_turn(url: str) -> None:
    with suppress(RedisError, OSError):
        cache.delete(f"{_key(url)}:turn")


def _wait(url: str) -> Document | None:
    """Another login is fetching it for the first time. None when it is our turn, or patience is out."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        time.sleep(0.05)
        kept = _kept(url)
        if kept is not None:
            return kept[1]
        if _take_turn(url, seconds=_FETCHING):
            return None
    return None


def _begin_look(url: str, look: str) -> bool:
    try:
        return cache.add(f"{_key(url)}:{look}", _LOOKING, timeout=BETWEEN_LOOKS)
    except (RedisError, OSError):
        return True


def _end_look(url: str, look: str) -> None:
    """It stays counted for as long again, by whatever it found."""
    with suppress(RedisError, OSError):
        cache.set(f"{_key(url)}:{look}", _LOOKED, timeout=BETWEEN_LOOKS)


def _wait_for_newer(url: str, look: str, kept: tuple[float, Document]) -> Document | None:
    """What another login finds that looks because of the same unknown key; None where nobody does."""
    until = time.monotonic() + _PATIENCE_AGAIN
    while True:
        try:
            is_looking = cache.get(f"{_key(url)}:{look}") == _LOOKING
        except (RedisError, OSError):
            return None
        newer = _kept(url)
        if newer is not None and newer[0] > kept[0]:
            return newer[1]
        if not is_looking or time.monotonic() >= until:
            return None
        time.sleep(0.05)


def _key(url: str) -> str:
    return f"sso:document:{hashlib.sha256(url.encode(errors='replace')).hexdigest()}"
