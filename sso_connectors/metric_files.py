"""The files in which worker processes count for Prometheus, on a disk that may be full.

prometheus_client maps files that it has only made longer (`truncate`). Their blocks are found when they are first
written to, and where there are none left the process dies of SIGBUS, which nothing can catch: each new worker, for
ever. Here the blocks are asked for first (posix_fallocate), which is an error like others, and what can't be counted
in a file is counted in the memory of its process, where no scrape sees it. Losing metrics costs metrics only.
"""

import logging
import os
from contextlib import suppress
from typing import Any, Final

from prometheus_client import mmap_dict, values

logger = logging.getLogger(__name__)

_FIRST_SIZE: Final = mmap_dict._INITIAL_MMAP_SIZE


class AllocatedDict(mmap_dict.MmapedDict):
    """prometheus_client's, which never touches a block that it doesn't have. Raises OSError instead."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _allocate(filename, _FIRST_SIZE)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed = (
            self._used + len(key.encode()) + 64
        )  # the entry with its lengths, padding and numbers
        size = self._capacity
        while needed > size:
            size *= 2
        if size > self._capacity:
            _allocate(self._fname, size)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _allocate(filename: str, size: int) -> None:
    """Give the file at least so many bytes of blocks. Raises OSError, leaving no empty file behind."""
    descriptor = os.open(filename, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, max(size, os.fstat(descriptor).st_size))
    except OSError:
        if _is_unused(descriptor):
            with suppress(OSError):
                os.unlink(filename)  # an unused one would break each scrape
        raise
    finally:
        os.close(descriptor)


def _is_unused(descriptor: int) -> bool:
    return not any(os.pread(descriptor, 4, 0))


def value_class(mapped: type[Any]) -> type[Any]:
    """prometheus_client's class of values in files, which falls back to memory."""

    class CarefulValue:
        _multiprocess = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._made_of = args, kwargs
            self._value: Any
            try:
                self._value = mapped(*args, **kwargs)
            except OSError as error:
                self._count_in_memory(error)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._value, name)

        def inc(self, amount: float) -> None:
            try:
                self._value.inc(amount)
            except (OSError, TypeError) as error:
                # After a fork each value opens a file anew; TypeError: one before it couldn't, and all are closed.
                self._count_in_memory(error)
                self._value.inc(amount)

        def _count_in_memory(self, error: Exception) -> None:
            args, kwargs = self._made_of
            self._value = values.MutexValue(*args, **kwargs)  # type: ignore[no-untyped-call]
            number = error.errno if isinstance(error, OSError) else None
            logger.warning("A metric can't be counted in its file: %s", os.strerror(number or 0))

    return CarefulValue


def guard() -> None:
    """Have all metrics that are made from now on use these files. The very class is chosen at import."""
    if values.ValueClass is not values.MutexValue:
        values.MmapedDict = AllocatedDict  # type: ignore[attr-defined]
        values.ValueClass = value_class(values.MultiProcessValue())  # type: ignore[no-untyped-call]
