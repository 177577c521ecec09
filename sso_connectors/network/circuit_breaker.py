"""Hosts that don't answer, so that one of them can't keep every worker waiting for it.

After FAILURES in a row within WATCHED seconds a host is not asked for PAUSE seconds; whoever needs it is told at
once. All processes that share the cache know; without the cache nobody is spared.
"""

import logging
from typing import Final

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

FAILURES: Final = 3
WATCHED: Final = 60
PAUSE: Final = 20


def is_away(host: str) -> bool:
    try:
        return bool(cache.get(f"sso:away:{host}"))
    except (RedisError, OSError):
        return False


def note_failure(host: str) -> None:
    """Count one failure; the one that makes it too many begins the pause."""
    key = f"sso:failing:{host}"
    try:
        cache.add(key, 0, timeout=WATCHED)
        if cache.incr(key) >= FAILURES:
            cache.set(f"sso:away:{host}", 1, timeout=PAUSE)
            # One more failure after the pause is enough for the next.
            cache.set(key, FAILURES - 1, timeout=WATCHED)
            logger.warning("A provider's host doesn't answer; it is left alone for a moment.")
    except (RedisError, OSError, ValueError):
        return


def note_answer(host: str) -> None:
    try:
        cache.delete(f"sso:failing:{host}")
    except (RedisError, OSError):
        return
