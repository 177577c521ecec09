"""Documents of OpenID providers: fetched once however many want them, kept while theirs is away."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError
from social_core.exceptions import AuthProviderError

from sso_connectors.providers import PROVIDERS, Client, documents
from sso_connectors.providers.oidc import OpenIdConnect
from sso_connectors.results.errors import ResponseRefused
from tests.openid import OpenIdProvider, a_key, answering
from tests.rigs.process import free_port

pytestmark = pytest.mark.row(20)

row_38 = pytest.mark.row(38)
MANY = 20


def _redis() -> str:
    """Where a Redis of the tests' is, or "" where there is none."""
    url = os.environ.get("CACHE_URL", "")
    url = url if url.startswith("redis://") else "redis://127.0.0.1:6379/13"
    try:
        with Redis.from_url(url, socket_connect_timeout=1) as redis:
            redis.ping()
    except (RedisError, OSError):
        return ""
    return url


@pytest.fixture(autouse=True)
def _time_travels_with_us(settings: Any) -> Iterator[None]:
    """Redis keeps its own time, whatever the tests say that it is."""
    settings.CACHES = _caches("locmem.LocMemCache", str(uuid.uuid4()))
    yield
    del settings.CACHES


@pytest.fixture(params=["locmem", "redis"])
def _each_cache(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    if request.param == "redis":
        location = _redis()
        if not location:
            pytest.skip("There is no Redis here.")
        settings.CACHES = _caches("redis.RedisCache", location)
    yield
    cache.close()


def _caches(backend: str, location: str) -> dict[str, dict[str, str]]:
    return {
        "default": {
            "BACKEND": f"django.core.cache.backends.{backend}",
            "LOCATION": location,
            "KEY_PREFIX": f"test-{uuid.uuid4()}",  # nobody else's keys are met
        }
    }


class Source:
    """What fetches, and counts how often it was asked."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.url = f"https://idp.example/{uuid.uuid4()}"
        self.seconds = seconds
        self.fetched = 0
        self.fault: Exception | None = None

    def __call__(self, url: str) -> documents.Document:
        assert url == self.url
        self.fetched += 1
        number = self.fetched
        time.sleep(self.seconds)
        if self.fault is not None:
            raise self.fault
        return {"number": number}

    def look(self) -> int:
        return int(documents.document(self.url, self)["number"])

    def look_again(self) -> int:
        return int(documents.fetch_again(self.url, self)["number"])


def at_once(what: Callable[[], Any]) -> list[Any]:
    """What MANY threads get that begin together, each in a process's own thread."""
    together = Barrier(MANY)

    def run(_: int) -> Any:
        together.wait(10)
        return what()

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(run, range(MANY)))


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds))


# --- freshness --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_each_cache")
def test_fresh_for_an_hour() -> None:
    source = Source()
    assert [source.look(), source.look()] == [1, 1]

    with later(documents.FRESH - 5):
        assert source.look() == 1
    with later(documents.FRESH + 5):
        cache.delete(f"{documents._key(source.url)}:turn")  # Redis keeps its own time
        assert [source.look(), source.look()] == [2, 2]


def test_documents_are_not_mixed_up() -> None:
    one, two = Source(), Source()
    two.fetched = 10

    assert (one.look(), two.look(), one.look()) == (1, 11, 1)


@row_38
@pytest.mark.parametrize("fault", [AuthProviderError(None, "away"), ResponseRefused("another")])
def test_kept_for_a_day_while_it_is_away(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    source.look()
    source.fault = fault

    with later(documents.FRESH + 5):
        assert [source.look(), source.look(), source.look()] == [1, 1, 1]
    assert source.fetched == 2, "and it is not asked by everybody meanwhile"
    assert "the one kept is used" in caplog.text
    assert source.url not in caplog.text
    with later(documents.KEPT + 5), pytest.raises(type(fault)):
        source.look()


@row_38
def test_failure_of_the_first_look_keeps_nobody_waiting() -> None:
    source = Source()
    source.fault = AuthProviderError(None, "away")
    with pytest.raises(AuthProviderError):
        source.look()
    source.fault = None
    before = time.monotonic()

    assert source.look() == 2
    assert time.monotonic() - before < 0.5


def test_mistake_of_ours_is_not_taken_for_a_fault_of_theirs() -> None:
    source = Source()
    source.look()
    source.fault = KeyError("ours")

    with later(documents.FRESH + 5), pytest.raises(KeyError):
        source.look()


@row_38
def test_clock_that_jumped_back() -> None:
    """What is from tomorrow would stay fresh till then; servers' clocks differ a little."""
    source = Source()
    with later(60):
        source.look()
    assert source.look() == 1
    with later(3600):
        documents.fetch_again(source.url, source)
    assert source.look() == 3


# --- without a stampede -----------------------------------------------------------------------------


@pytest.mark.usefixtures("_each_cache")
def test_many_first_looks_are_one_fetch() -> None:
    source = Source(seconds=0.3)

    assert set(at_once(source.look)) == {1}
    assert source.fetched == 1


def test_many_late_looks_are_one_fetch() -> None:
    source = Source(seconds=0.3)
    source.look()

    with later(documents.FRESH + 5):
        found = at_once(source.look)
    assert set(found) <= {1, 2}
    assert found.count(2) == 1, "the others don't wait"
    assert source.fetched == 2


@row_38
def test_when_the_first_one_fails_another_tries() -> None:
    source = Source(seconds=0.1)
    source.fault = AuthProviderError(None, "away")

    def look() -> bool:
        try:
            source.look()
        except AuthProviderError:
            source.fault = None  # for the next
            return False
        return True

    before = time.monotonic()
    assert at_once(look).count(False) == 1
    assert source.fetched == 2
    assert time.monotonic() - before < 4


@row_38
def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was to fetch it is gone for good."""
    monkeypatch.setattr(documents, "_PATIENCE", 0.2)
    source = Source()
    assert documents._take_turn(source.url, seconds=60)

    assert source.look() == 1


# --- unknown keys -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_each_cache")
def test_unknown_key_makes_us_look_again_but_not_without_end() -> None:
    source = Source()
    source.look()
    # What we have is from a moment ago, and so would be that of somebody who makes up keys.
    assert [source.look_again() for _each in range(5)] == [2, 3, 3, 3, 3]

    for look in documents._LOOKS:
        cache.delete(f"{documents._key(source.url)}:{look}")
    assert [source.look_again() for _each in range(3)] == [4, 5, 5]


def test_many_unknown_keys_are_one_look() -> None:
    source = Source(seconds=0.2)
    source.look()

    with later(documents.BETWEEN_LOOKS + 1):
        assert set(at_once(source.look_again)) == {2}
    assert source.fetched == 2


@row_38
def test_look_that_fails_is_not_repeated_without_end() -> None:
    source = Source()
    source.look()
    source.fault = AuthProviderError(None, "away")

    with later(documents.BETWEEN_LOOKS + 1):
        before = time.monotonic()
        assert [source.look_again() for _each in range(4)] == [1, 1, 1, 1]
        assert time.monotonic() - before < 4
    assert source.fetched == 3, "twice, as for any unknown key"


# --- without a cache --------------------------------------------------------------------------------


@row_38
def test_cache_that_is_away(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CACHES = _caches("redis.RedisCache", f"redis://127.0.0.1:{free_port()}/0")
    source = Source()
    assert [source.look(), source.look(), source.look_again()] == [1, 2, 3]
    assert "The cache did not answer" in caplog.text
    source.fault = AuthProviderError(None, "away")
    with pytest.raises(AuthProviderError):
        source.look()
    with pytest.raises(AuthProviderError):
        source.look_again()


# --- over the network -------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


def first_login(provider: OpenIdProvider) -> OpenIdConnect:
    client = Client(client_id="x", client_secret="y", issuer=provider.issuer)
    made = PROVIDERS["oidc"](client)
    assert isinstance(made, OpenIdConnect)
    return made


@pytest.mark.usefixtures("_each_cache")
def test_many_first_logins_ask_once(provider: OpenIdProvider) -> None:
    for endpoint in ("discovery", "jwks"):
        provider.hooks[endpoint] = lambda: time.sleep(0.2)

    def keys() -> list[str]:
        return [str(key["kid"]) for key in first_login(provider).keys(False)]

    assert at_once(keys) == [["first"]] * MANY
    assert len(provider.asked("discovery")) == len(provider.asked("jwks")) == 1


def test_many_logins_after_a_roll_over_ask_once(provider: OpenIdProvider) -> None:
    first_login(provider).keys(False)
    provider.roll_over(a_key("ES256", kid="second"), keep_old=False)
    provider.hooks["jwks"] = lambda: time.sleep(0.2)

    with later(documents.BETWEEN_LOOKS + 1):
        found = at_once(lambda: first_login(provider).keys(True)[0]["kid"])
    assert found == ["second"] * MANY
    assert len(provider.asked("jwks")) == 2


@pytest.mark.row(20)
@pytest.mark.usefixtures("_each_cache")
def test_key_replaced_right_after_a_look_is_found(provider: OpenIdProvider) -> None:
    """Twice: after the first look, which was nobody's fault, and after the one for an unknown key."""
    assert first_login(provider).keys(False)[0]["kid"] == "first"
    for kid in ("second", "third"):
        provider.roll_over(a_key("ES256", kid=kid), keep_old=False)
        assert first_login(provider).keys(True)[0]["kid"] == kid
    assert len(provider.asked("jwks")) == 3


@row_38
def test_documents_that_are_away_for_a_while(provider: OpenIdProvider) -> None:
    first_login(provider).keys(False)
    provider.faults = {"discovery": answering(503, b""), "jwks": answering(200, b"<html>")}

    with later(documents.FRESH + 5):
        assert first_login(provider).keys(False)[0]["kid"] == "first"
    assert len(provider.asked("discovery")) == len(provider.asked("jwks")) == 2


def test_one_look_serves_one_step_of_a_login(provider: OpenIdProvider, settings: Any) -> None:
    settings.CACHES = _caches("dummy.DummyCache", "")
    made = first_login(provider)
    made.auth_url()
    made.access_token_url()
    made.advertises_iss()

    assert len(provider.asked("discovery")) == 1
