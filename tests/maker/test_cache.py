"""A Redis that hangs is waited for once, briefly, and then left alone."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.test import Client
from redis.exceptions import RedisError, TimeoutError

from maker.cache import PATIENCE, PAUSE, CacheLeftAlone, _Pause
from sso_connectors.login import throttle
from sso_connectors.network import circuit_breaker
from tests.agent import Agent
from tests.idp import IdP
from users.models import User

pytestmark = [pytest.mark.row(38)]

OPERATIONS: Any = {
    "add": ("a", 1),
    "get": ("a",),
    "set": ("a", 1),
    "touch": ("a",),
    "delete": ("a",),
    "get_many": (["a"],),
    "has_key": ("a",),
    "incr": ("a",),
    "set_many": ({"a": 1},),
    "delete_many": (["a"],),
    "clear": (),
}


class Hanging:
    """Takes connections and what is sent, and answers nothing, or when told so like an empty Redis."""

    def __init__(self) -> None:
        self.taken = 0
        self.answers = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                taken, _ = self._server.accept()
            except OSError:
                return
            self.taken += 1
            self._held.append(taken)
            threading.Thread(target=self._answer, args=[taken], daemon=True).start()

    def _answer(self, taken: socket.socket) -> None:
        while received := _received(taken):
            # One answer for each command of a pipeline; `*2\r\n$3\r\nGET...` begins each with a star.
            taken.sendall(self.answers * received.count(b"*"))

    def close(self) -> None:
        for each in [self._server, *self._held]:
            each.close()


def _received(taken: socket.socket) -> bytes:
    try:
        return taken.recv(65536)
    except OSError:
        return b""


@pytest.fixture
def hanging(settings: Any) -> Iterator[Hanging]:
    server = Hanging()
    settings.CACHES = {"default": {"BACKEND": "maker.cache.RedisCache", "LOCATION": server.url}}
    yield server
    # Before the other fixtures clear the cache, which would fail.
    del settings.CACHES
    server.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_waits_once_and_then_for_nobody(hanging: Hanging, name: str) -> None:
    operation = getattr(cache, name)
    with pytest.raises(TimeoutError):
        operation(*OPERATIONS[name])
    for _ in range(3):
        with pytest.raises(CacheLeftAlone):
            operation(*OPERATIONS[name])
    assert hanging.taken == 1


def test_every_operation_of_the_client_is_known() -> None:
    """A new one of Django's would wait each time."""
    from django.core.cache.backends.redis import RedisCacheClient

    public = {name for name in vars(RedisCacheClient) if name[0] != "_"}
    assert public - {"get_client"} == set(OPERATIONS)


def test_the_pause_ends_with_one_that_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("maker.cache.time.monotonic", lambda: now)
    pause = _Pause()
    pause.take_turn()
    pause.begin()
    now += PAUSE - 0.1
    with pytest.raises(CacheLeftAlone):
        pause.take_turn()
    now += 0.2
    pause.take_turn()
    with pytest.raises(CacheLeftAlone):
        pause.take_turn()  # another thread: it waits for nobody while the first tries
    pause.end()
    pause.take_turn()
    pause.take_turn()


def test_an_answer_ends_the_pause(hanging: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        cache.get("a")
    client = caches["default"]._cache  # type: ignore[attr-defined]
    client.pause._until = 1.0  # long ago
    monkeypatch.setattr(client, "get_client", lambda *_: {cache.make_key("a"): b"1"})
    assert [cache.get("a"), cache.get("a")] == [1, 1]


def test_threads_know_of_each_others_failure(hanging: Hanging) -> None:
    with pytest.raises(TimeoutError):
        cache.get("a")
    found: list[type[BaseException]] = []

    def look() -> None:
        try:
            cache.get("a")
        except RedisError as error:
            found.append(type(error))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [CacheLeftAlone]


def test_an_answer_that_says_no_is_no_failure(hanging: Hanging) -> None:
    hanging.answers = b"-WRONGTYPE of another kind\r\n"
    for _ in range(2):
        with pytest.raises(RedisError) as caught:
            cache.get("a")
        assert not isinstance(caught.value, CacheLeftAlone)


def test_short_unless_the_operator_says_otherwise(hanging: Hanging, settings: Any) -> None:
    def options() -> Any:
        pool = caches["default"]._cache._get_connection_pool(write=True)  # type: ignore[attr-defined]
        return pool.connection_kwargs

    assert options()["socket_timeout"] == options()["socket_connect_timeout"] == PATIENCE == 0.3
    own = {"socket_timeout": 2, "socket_connect_timeout": 3}
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": own}}
    assert (options()["socket_timeout"], options()["socket_connect_timeout"]) == (2, 3)


@pytest.mark.django_db
def test_a_login_waits_once(hanging: Hanging, agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp)
    assert agent.username == "alice@acme.example"
    assert hanging.taken == 1


@pytest.mark.django_db
def test_health_says_so(hanging: Hanging) -> None:
    for _ in range(2):
        response = Client().get("/healthz")
        assert (response.status_code, response.content) == (503, b"no answer: cache\n")
    assert hanging.taken == 1


def test_callers_go_on_during_the_pause(hanging: Hanging, rf: Any) -> None:
    with pytest.raises(TimeoutError):
        cache.get("a")
    throttle.brake(rf.get("/"), what="start")
    assert not throttle.due("something", every=60)
    assert not circuit_breaker.is_away("idp.example")
    circuit_breaker.note_failure("idp.example")
    circuit_breaker.note_answer("idp.example")
