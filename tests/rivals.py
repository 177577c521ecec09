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


def elsewhere(change: Callable[[], object]) -> None:
    """Do it in a connection of its own, and commit."""

    def run() -> None:
        try:
            change()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(30)


@contextmanager
def before_it_writes(change: Callable[[], object]) -> Iterator[None]:
    """Let somebody else change something after the comparison and before the transaction."""
    done = Event()

    def tell(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if not done.is_set() and (sql.startswith("BEGIN") or "lock_timeout" in sql):
            done.set()
            elsewhere(change)
        return execute(sql, *arguments)

    with connection.execute_wrapper(tell):
        yield
    assert done.is_set()


@contextmanager
def paused(run: Callable[[], object], *, before: str) -> Iterator[None]:
    """Run in another thread until a statement with `before` in it, and to its end after the block."""
    is_there, go_on = Event(), Event()

    def pause(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if before in sql and not is_there.is_set():
            is_there.set()
            assert go_on.wait(60)
        return execute(sql, *arguments)

    def work() -> None:
        try:
            with connection.execute_wrapper(pause):
                run()
        finally:
            is_there.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(work)
        try:
            assert is_there.wait(60)
            assert not other.done(), other.exception()
            yield
        finally:
            go_on.set()
        other.result()
