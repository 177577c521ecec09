"""Redis that hangs costs one short wait in a while, and not one for each look.

A cache that refuses connections fails at once; one that hangs (a host that drops packets, a frozen process) would
let each look wait, several times in each request. So each wait is short, and after one that failed the cache is
left alone for some seconds: whoever asks meanwhile is told at once, and goes on as without a cache.
"""

import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from django.core.cache.backends.redis import RedisCacheClient
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

PATIENCE: Final = 0.3  # seconds, for each of connecting, sending and receiving
PAUSE: Final = 5.0  # seconds
# CACHE_URL may name others: redis://cache.example/0?socket_timeout=1
_DEFAULTS: Final = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
_GUARDED: Final = (
    *("add", "get", "set", "touch", "delete", "get_many", "has_key", "incr"),
    *("set_many", "delete_many", "clear"),
)


class CacheLeftAlone(RedisConnectionError):
    """The cache failed a moment ago. Callers treat it as any failure of Redis."""


class _Pause:
    """What all threads of this process know of one cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def take_turn(self) -> None:
        """Raises CacheLeftAlone during a pause. At its end one caller tries; the others are told, as before."""
        if not self._until:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                raise CacheLeftAlone("The cache failed a moment ago, and is left alone.")
            if self._until:
                self._until = now + PAUSE

    def begin(self) -> None:
        self._until = time.monotonic() + PAUSE

    def end(self) -> None:
        self._until = 0.0


_pauses: dict[str, _Pause] = {}


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def guarded(client: "GuardedClient", *args: Any, **kwargs: Any) -> Any:
        client.pause.take_turn()
        try:
            result = method(client, *args, **kwargs)
        except (RedisConnectionError, RedisTimeoutError, OSError):
            client.pause.begin()
            raise
        client.pause.end()
        return result

    return guarded


class GuardedClient(RedisCacheClient):
    """Django makes one for each thread; the pause is common to all."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, **{**_DEFAULTS, **options})
        self.pause = _pauses.setdefault("\n".join(servers), _Pause())


for _name in _GUARDED:
    setattr(GuardedClient, _name, _guarded(getattr(RedisCacheClient, _name)))


class RedisCache(DjangoRedisCache):
    def __init__(self, server: str | list[str], params: Mapping[str, Any]) -> None:
        super().__init__(server, dict(params))
        self._class = GuardedClient
