"""What every request passes: health, the proxy's word, and no caching."""

import ipaddress
import socket
from typing import Any

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from maker.middleware import (
    NoStoreMiddleware,
    TrustedProxyMiddleware,
    client_address,
    is_trusted_proxy,
)

STRANGER = "203.0.113.9"
CLIENT = "198.51.100.7"


# --- health -----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "10.0.0.7:8000"},
        {"HTTP_HOST": ""},
        {"HTTP_HOST": "in valid"},
        {"HTTP_X_FORWARDED_PROTO": "http"},
    ],
    ids=str,
)
def test_healthy(headers: dict[str, Any], settings: Any) -> None:
    """A load balancer asks by address and over plain http: no host check, no redirect."""
    settings.SECURE_SSL_REDIRECT = True
    for method in ("get", "head"):
        response = getattr(Client(), method)("/healthz", **headers)
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert response["Content-Type"] == "text/plain"
        assert not response.cookies
    assert Client().get("/healthz", **headers).content == b"ok\n"


@pytest.mark.django_db
def test_other_addresses_are_not_answered_by_it(settings: Any) -> None:
    assert Client().get("/healthz/", HTTP_HOST="localhost").status_code == 404
    assert Client().get("/sign-in", HTTP_HOST="evil.example").status_code == 400


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("already closed")])
@pytest.mark.django_db
def test_a_database_that_fails(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(connection, "cursor", fail)
    response = Client().get("/healthz", HTTP_HOST="evil.example")
    assert response.status_code == 503
    assert response.content == b"no answer: database\n"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_cache_that_is_away(settings: Any, unused_port: int) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "maker.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{unused_port}/0",
        }
    }
    response = Client().get("/healthz", HTTP_HOST="localhost")
    assert response.status_code == 503
    assert response.content == b"no answer: cache\n"


@pytest.mark.django_db
def test_a_cache_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "get", lambda key: None)
    assert Client().get("/healthz").content == b"no answer: cache\n"


def test_both_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError

    def fail_database(*args: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(connection, "cursor", fail_database)
    monkeypatch.setattr(cache, "set", fail)
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (503, b"no answer: database, cache\n")


@pytest.fixture
def unused_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the proxy's word -------------------------------------------------------------------------


class Passed:
    """What the request was when it came out of the middleware."""

    def __init__(self, remote: str, **headers: Any) -> None:
        self.request: HttpRequest = RequestFactory().get("/", REMOTE_ADDR=remote, **headers)
        TrustedProxyMiddleware(self._keep)(self.request)

    def _keep(self, request: HttpRequest) -> HttpResponse:
        self.address = client_address(request)
        self.is_https = request.is_secure()
        self.headers = request.headers
        return HttpResponse()


@pytest.mark.row(30)
@pytest.mark.parametrize("trusted", [[], ["10.0.0.0/8", "unix"]])
def test_strangers_are_not_believed(trusted: list[str], settings: Any) -> None:
    settings.TRUSTED_PROXIES = trusted
    passed = Passed(STRANGER, HTTP_X_FORWARDED_FOR="10.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    assert passed.address == STRANGER
    assert not passed.is_https
    assert "X-Forwarded-For" not in passed.headers
    assert "X-Forwarded-Proto" not in passed.headers


@pytest.mark.row(30)
@pytest.mark.parametrize(
    ("forwarded_for", "address"),
    [
        (CLIENT, CLIENT),
        (f"  {CLIENT} ", CLIENT),
        (f"{CLIENT}, 10.0.0.5", CLIENT),
        (f"{CLIENT},10.0.0.5,10.1.2.3,2001:db8::5", CLIENT),
        # What stands left of the first stranger is only that stranger's word.
        (f"127.0.0.1, {CLIENT}", CLIENT),
        (f"10.0.0.5, {CLIENT}", CLIENT),
        (f"10.0.0.5, {CLIENT}, 10.0.0.6", CLIENT),
        (f"{STRANGER}, {CLIENT}, 10.0.0.6", CLIENT),
        ("2001:db8:1::7", "2001:db8:1::"),  # counted by /64
        # All of them are proxies: the farthest is the client.
        ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
        # Nothing that can be used: the last hop that can be.
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("unknown, 10.0.0.8", "10.0.0.8"),
        (f"{CLIENT}, ", "10.0.0.1"),
        (f"{CLIENT}, <script>, 10.0.0.8", "10.0.0.8"),
        (f"{CLIENT}:4711", CLIENT),
        ("unix", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1"),
    ],
)
def test_a_chain_of_proxies(forwarded_for: str, address: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8::5", "unix"]
    passed = Passed("10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded_for)
    assert passed.address == address
    ipaddress.ip_address(passed.address)
    assert "X-Forwarded-For" not in passed.headers


@pytest.mark.parametrize(
    ("proto", "is_https"), [("https", True), ("http", False), ("", False), (None, False)]
)
def test_a_proxy_says_whether_it_was_https(
    proto: str | None, is_https: bool, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    headers = {} if proto is None else {"HTTP_X_FORWARDED_PROTO": proto}
    assert Passed("10.0.0.1", **headers).is_https is is_https
    assert not Passed("10.0.0.2", **headers).is_https


@pytest.mark.parametrize("trusted", [["10.0.0.0/8"], []])
def test_a_unix_socket_only_where_it_is_named(trusted: list[str], settings: Any) -> None:
    forwarded = {"HTTP_X_FORWARDED_FOR": CLIENT, "HTTP_X_FORWARDED_PROTO": "https"}
    settings.TRUSTED_PROXIES = [*trusted, "unix"]
    passed = Passed("", **forwarded)
    assert passed.address == CLIENT
    assert passed.is_https
    assert Passed(STRANGER, **forwarded).address == STRANGER
    settings.TRUSTED_PROXIES = trusted
    passed = Passed("", **forwarded)
    assert passed.address == ""
    assert not passed.is_https


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:10.0.0.1", False),
        ("010.0.0.1", False),
        ("167772161", False),
        ("nonsense", False),
    ],
)
def test_who_is_a_trusted_proxy(address: str, trusted: bool, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8::/32"]
    assert is_trusted_proxy(address) is trusted


@pytest.mark.django_db
@pytest.mark.row(30)
def test_the_whole_site_behind_a_proxy(settings: Any) -> None:
    """With https, a forged header of a stranger doesn't get past the redirect."""
    settings.SECURE_SSL_REDIRECT = True
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    forwarded: dict[str, Any] = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "localhost"}
    assert Client(REMOTE_ADDR="10.0.0.1").get("/sign-in", **forwarded).status_code == 200
    response = Client(REMOTE_ADDR=STRANGER).get("/sign-in", **forwarded)
    assert response.status_code == 301
    assert response["Location"] == "https://localhost/sign-in"


# --- no caching -------------------------------------------------------------------------------


@pytest.mark.row(36)
@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sign-in",
        "/signed-out",
        "/maker/",
        "/maker/login/",
        "/api/sso/login/nobody",
        "/api/sso/login/callback",
        "/not-found",
    ],
)
def test_no_page_is_kept_by_a_cache(path: str) -> None:
    response = Client().get(path, HTTP_HOST="localhost")
    assert "no-store" in response["Cache-Control"]


def test_a_view_may_say_otherwise() -> None:
    def respond(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cache-Control": "max-age=60"})

    request = RequestFactory().get("/")
    assert NoStoreMiddleware(respond)(request)["Cache-Control"] == "max-age=60"
    plain = NoStoreMiddleware(lambda request: HttpResponse())(request)
    assert plain["Cache-Control"] == "no-store"
