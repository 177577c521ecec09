"""A host that doesn't answer is left alone for a moment; the others are not."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from redis.exceptions import RedisError

from sso_connectors.network import circuit_breaker, http_client
from sso_connectors.network.http_client import OutboundFailed

pytestmark = [pytest.mark.row(38), pytest.mark.row(39)]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where connections are refused."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.2", 0))
        yield f"http://127.0.0.2:{reserved.getsockname()[1]}/"


def fail(url: str, *, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OutboundFailed):
            http_client.request("GET", url)


def test_host_that_fails_is_left_alone_and_asked_again(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "PAUSE", 1)
    fail(nobody, times=circuit_breaker.FAILURES - 1)
    assert not circuit_breaker.is_away("127.0.0.2")
    fail(nobody, times=1)
    assert circuit_breaker.is_away("127.0.0.2")
    with pytest.raises(OutboundFailed, match="left alone"):
        http_client.request("GET", nobody)
    assert not circuit_breaker.is_away("127.0.0.1")

    time.sleep(1.2)  # a cache of its own has a clock of its own
    assert not circuit_breaker.is_away("127.0.0.2")
    with pytest.raises(OutboundFailed) as caught:
        http_client.request("GET", nobody)
    assert "left alone" not in str(caught.value)
    assert circuit_breaker.is_away("127.0.0.2"), "one more failure is enough"


def test_failures_far_apart_are_no_outage(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "WATCHED", 1)
    for _ in range(circuit_breaker.FAILURES):
        fail(nobody, times=1)
        assert not circuit_breaker.is_away("127.0.0.2")
        time.sleep(1.2)


def test_answer_ends_the_count(nobody: str) -> None:
    fail(nobody, times=circuit_breaker.FAILURES - 1)
    circuit_breaker.note_answer("127.0.0.2")
    fail(nobody, times=circuit_breaker.FAILURES - 1)
    assert not circuit_breaker.is_away("127.0.0.2")


@pytest.mark.parametrize("fault", [RedisError, ConnectionRefusedError])
def test_without_the_cache_every_host_is_asked(
    nobody: str, fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise fault

    for name in ("get", "add", "set", "incr", "delete"):
        monkeypatch.setattr(cache, name, refuse)
    fail(nobody, times=circuit_breaker.FAILURES + 1)
    circuit_breaker.note_answer("127.0.0.2")
    assert not circuit_breaker.is_away("127.0.0.2")


def test_requests_of_one_piece_of_work_share_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        began = time.monotonic()
        with http_client.within(0.5):
            fail(url, times=2)
        assert time.monotonic() - began < 4
