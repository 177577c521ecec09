"""How many sign-ins may ask one identity provider at once, over all processes of this machine.

Each exchange with an identity provider keeps a worker waiting. Without a cap, the agents of one customer whose
provider is slow (slow, not dead: it fails nothing, so that `outages` sees nothing) occupy every worker, and nobody
else signs in. Whoever finds no place is told at once, before anything is used up, and comes again.

A place is a file that is locked (flock): all workers of a machine see it, with or without a shared cache, and the
kernel frees it when a worker dies.
"""

import fcntl
import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

# For one host, and for all together: several slow ones leave a quarter to everybody else. Of 32 requests that
# four workers of eight threads serve at once (docs/operators.md).
PER_HOST: Final = 8
IN_ALL: Final = 24
# Where a worker serves one request at a time there are far fewer.
PER_HOST_WITHOUT_THREADS: Final = 2
IN_ALL_WITHOUT_THREADS: Final = 3


class HostBusy(Exception):
    """As many sign-ins as may are asking this host already."""


@contextmanager
def under_way(host: str) -> Iterator[None]:
    """Hold a place of `host` until the end of the block; "" needs none, since nobody is asked.

    Raises HostBusy. Where the files can't be locked nobody is counted, and the log says so.
    """
    with ExitStack() as held:
        for name, most in _caps(host) if host else ():
            place = _take(name, most)
            if place is None:
                raise HostBusy
            held.callback(place.close)
        yield


def _caps(host: str) -> tuple[tuple[str, int], ...]:
    # Servers with threads never serve in the main one, those without always do.
    if threading.current_thread() is threading.main_thread():
        return (host, PER_HOST_WITHOUT_THREADS), ("", IN_ALL_WITHOUT_THREADS)
    return (host, PER_HOST), ("", IN_ALL)


class _Place:
    """A lock that ends when it is closed."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _take(name: str, most: int) -> _Place | None:
    """The first free one of so many places, or None."""
    # A host's whole digest: with a shorter one somebody could make up a host that shares another's places.
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        folder = _folder()
        for number in range(most):
            # Opened anew each time: a lock belongs to its opening, so that threads exclude each other too.
            descriptor = os.open(
                folder / f"{digest}-{number}",
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o600,
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            else:
                return _Place(descriptor)
    except OSError as error:
        # Agents go on signing in; a full disk must not be what stops them.
        logger.warning("Exchanges are not limited: %s", os.strerror(error.errno or 0))
        return _Place(None)
    return None


def _folder() -> Path:
    folder = Path(settings.EXCHANGES_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
