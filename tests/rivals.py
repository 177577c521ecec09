"""Somebody else's transaction, at the same moment, in a connection of its own."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from django.db import connection, transaction


@contextmanager
def rival(change: Callable[[], object]) -> Iterator[None]:
    """Change something, and commit once whoever is in the block waits for it; in a real transaction only."""
    has_changed, is_waited_for = Event(), Event()

    def commit_late() -> None:
        try:
            with transaction.atomic():
                change()
                has_changed.set()
                assert is_waited_for.wait(10)
                time.sleep(0.3)  # until the other's statement stands before the lock
        finally:
            has_changed.set()
            connection.close()

    def tell(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith(("BEGIN", "UPDATE")) or sql.endswith(("FOR UPDATE", "FOR NO KEY UPDATE")):
            is_waited_for.set()
        return execute(sql, *arguments)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(commit_late)
        assert has_changed.wait(10)
        with connection.execute_wrapper(tell):
            yield
        other.result()
