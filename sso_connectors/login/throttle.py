"""A brake on starting logins without end; wide, since hundreds of agents share one address."""

import ipaddress
import logging
import time
from typing import Final

from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from ..results.errors import TooManyStarts

logger = logging.getLogger(__name__)

PER_MINUTE: Final = 3000


def counted_as(address: str) -> str:
    """The address under which a client's attempts are counted; what is no IP address stays as it is.

    One subscriber has a whole /64 of IPv6 (RFC 6177): counted one by one, its 2**64 addresses would
    never reach a limit. IPv4 written as IPv6 counts as the IPv4 address that it is.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed.packed, 64), strict=False).network_address)


def due(what: str, *, every: int) -> bool:
    """Whether `what` has not been done in the last `every` seconds, by any process sharing the cache."""
    try:
        return cache.add(f"sso:due:{what}", 1, timeout=every)
    except (RedisError, OSError):
        return False


def brake(request: HttpRequest, *, what: str) -> None:
    """Count one `what` of the client's address; raises TooManyStarts beyond PER_MINUTE."""
    client = counted_as(str(request.META.get("REMOTE_ADDR", "")))
    key = f"sso:{what}:{int(time.time() // 60)}:{client}"
    try:
        cache.add(key, 0, timeout=120)
        count = cache.incr(key)
    except (RedisError, OSError, ValueError):
        # Agents go on signing in while the cache is away; /healthz says that it is.
        logger.warning("The cache did not answer; starts are not counted.")
        return
    if count > PER_MINUTE:
        raise TooManyStarts(f"More than {PER_MINUTE} in a minute from one address.")
