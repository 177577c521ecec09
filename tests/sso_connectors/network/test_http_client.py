"""The guarded HTTP client, against servers that lie, dawdle and send too much; all sockets are real."""

import gzip
import json
import logging
import socket
import ssl
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from django.utils.translation import override

from sso_connectors.network import http_client
from sso_connectors.network.http_client import OutboundFailed, OutboundRefused
from tests.network import (
    OK,
    PUBLIC,
    Authority,
    Network,
    Script,
    Site,
    answering,
    answering_once,
    authority,
    dripping,
    site,
)
from tests.outside import AnotherWayOut, refuse_any_other_way_out

SECRET = "s3cr3t-of-the-test"

row_31 = pytest.mark.row(31)
row_38 = pytest.mark.row(38)


@pytest.fixture(autouse=True)
def _no_connection_from_elsewhere() -> Iterator[None]:
    http_client._pools.cache_clear()
    yield
    if http_client._pools.cache_info().currsize:
        http_client._pools().clear()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.6)


@contextmanager
def given_up_in_time() -> Iterator[None]:
    started = time.monotonic()
    with pytest.raises(OutboundFailed, match="didn't answer in time"):
        yield
    assert 0.5 < time.monotonic() - started < 4


@pytest.fixture
def hurry_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.3)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority().trusted_as(tmp_path / "ca.pem"))


# --- which hosts, by what they resolve to -----------------------------------------------------


@row_31
@pytest.mark.parametrize(
    "answer",
    [
        ["10.0.0.1"],
        ["127.0.0.1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        ["fd12:3456::1"],
        ["fe80::1%2"],
        ["100.64.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "2606:4700::1111", "fe80::1%2"],
    ],
)
def test_name_of_a_private_address(answer: list[str], network: Network) -> None:
    network.answers = [answer]
    with pytest.raises(OutboundRefused, match=r"^idp\.example has the address .* not public\.$"):
        http_client.request("GET", "https://idp.example/")
    assert network.connected == []


@row_31
@pytest.mark.usefixtures("trusted")
def test_the_address_that_was_judged_is_connected_to(network: Network, tmp_path: Path) -> None:
    """DNS rebinding: every look-up after the first would lead inside."""
    network.answers = [[PUBLIC], ["10.0.0.1"]]
    with site(answering(OK), tls=authority().server(tmp_path, "idp.example")) as served:
        network.port = served.port
        assert http_client.request("GET", "https://idp.example:8443/path?a=b").text == "ok"
    assert network.lookups == ["idp.example"]
    assert network.connected == [PUBLIC]
    assert served.names == ["idp.example"]
    assert served.heads[0].startswith("GET /path?a=b HTTP/1.1\r\n")
    assert "Host: idp.example:8443\r\n" in served.heads[0]


@row_31
@pytest.mark.usefixtures("trusted")
def test_private_address_of_a_listed_name(network: Network, settings: Any, tmp_path: Path) -> None:
    network.answers = [["10.1.2.3"]]
    context = authority().server(tmp_path, "idp.company.internal")
    with site(answering(OK), tls=context) as served:
        network.port = served.port
        settings.PRIVATE_IDP_HOSTS = ["other.internal", "IDP.company.internal"]
        assert http_client.request("GET", "https://idp.Company.internal/").text == "ok"
        assert network.connected == ["10.1.2.3"]
        settings.PRIVATE_IDP_HOSTS = ["company.internal", "idp.company.internal.example"]
        http_client._pools.cache_clear()
        with pytest.raises(OutboundRefused):
            http_client.request("GET", "https://idp.company.internal/")
    assert served.connections == 1


@row_31
def test_plain_http_stays_on_this_machine_whatever_localhost_resolves_to(
    network: Network, settings: Any
) -> None:
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    network.answers = [[PUBLIC]]
    with pytest.raises(OutboundRefused):
        http_client.request("GET", "http://localhost:9400/")
    assert network.connected == []


def test_a_refusal_is_kept_in_one_language() -> None:
    with override("fr"), pytest.raises(OutboundRefused, match=r"^The address starts with"):
        http_client.request("GET", "ftp://idp.example/")


@pytest.mark.usefixtures("trusted")
def test_another_address_where_one_is_dead(network: Network, tmp_path: Path) -> None:
    network.answers = [["2606:4700::1111", PUBLIC]]
    with site(answering(OK), tls=authority().server(tmp_path, "idp.example")) as served:
        network.port = served.port
        assert http_client.request("GET", "https://idp.example/").text == "ok"
    assert network.connected == ["2606:4700::1111", PUBLIC]


@row_31
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with site(answering(OK)) as elsewhere:
        answer = f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere.url}?{SECRET}\r\nContent-Length: 0\r\n\r\n"
        with (
            site(answering(answer.encode())) as served,
            pytest.raises(OutboundRefused) as caught,
        ):
            http_client.request("GET", served.url)
    assert str(caught.value) == f"127.0.0.1 answers with a redirect ({status})."
    assert elsewhere.connections == 0


# --- TLS --------------------------------------------------------------------------------------


@row_31
@pytest.mark.parametrize(
    ("host", "ends", "known", "why"),
    [
        ("other.example", timedelta(days=1), True, "Hostname mismatch"),
        ("idp.example", -timedelta(days=1), True, "certificate has expired"),
        ("idp.example", timedelta(days=1), False, "unable to get local issuer certificate"),
    ],
)
def test_certificate_that_is_not_trusted(
    host: str,
    ends: timedelta,
    known: bool,
    why: str,
    network: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trusted = authority() if known else Authority.make("another-authority")
    monkeypatch.setenv("SSL_CERT_FILE", trusted.trusted_as(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority().trusted_as(tmp_path / "requests.pem"))
    with site(answering(OK), tls=authority().server(tmp_path, host, ends=ends)) as served:
        network.port = served.port
        with pytest.raises(OutboundFailed, match=rf"^idp\.example has a certificate.*{why}"):
            http_client.request("POST", "https://idp.example/", data={"code": SECRET})
    assert served.heads == []


@row_31
def test_a_server_without_tls(network: Network) -> None:
    with site(lambda connection, _site: connection.sendall(OK)) as served:
        network.port = served.port
        with pytest.raises(OutboundFailed, match=r"^idp\.example can't be talked to by TLS"):
            http_client.request("GET", "https://idp.example/", params={"code": SECRET})


@row_31
@pytest.mark.usefixtures("trusted")
def test_old_tls(network: Network, tmp_path: Path) -> None:
    context = authority().server(tmp_path, "idp.example")
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with site(answering(OK), tls=context) as served:
        network.port = served.port
        with pytest.raises(OutboundFailed, match="can't be talked to by TLS"):
            http_client.request("GET", "https://idp.example/")
    assert served.heads == []


# --- what is sent -----------------------------------------------------------------------------


def test_what_is_sent() -> None:
    with site(answering(OK)) as served:
        http_client.request("GET", served.url, params={"a": "b c"}, headers={"X-One": b"1"})
        http_client.request("POST", served.url, data={"code": "x&y"}, auth=("client", "pass"))
        http_client.request("POST", served.url, json={"a": 1}, headers={"user-agent": "Mine"})
    get, form, posted = served.heads
    assert get.startswith("GET /?a=b+c HTTP/1.1\r\n")
    assert "X-One: 1" in get
    assert "User-Agent: sso-connectors" in get
    assert "Accept-Encoding: identity" in get
    assert served.bodies[1] == b"code=x%26y"
    assert "Authorization: Basic Y2xpZW50OnBhc3M=" in form
    assert "Content-Type: application/x-www-form-urlencoded" in form
    assert json.loads(served.bodies[2]) == {"a": 1}
    assert posted.lower().count("user-agent:") == 1
    assert "Mine" in posted


def test_a_request_that_can_not_be_written() -> None:
    with site(answering(OK)) as served:
        for token in (f"{SECRET}\r\nHost: evil.example", f"{SECRET}\u20ac", f"{SECRET}\n"):
            with pytest.raises(OutboundRefused) as caught:
                http_client.request("GET", served.url, headers={"Authorization": f"Bearer {token}"})
            assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert served.heads == []


@row_31
def test_nothing_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with site(answering(OK)) as proxy, site(answering(OK)) as served:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        http_client.request("GET", served.url)
        assert "authorization" not in served.heads[0].lower()
        assert proxy.connections == 0
        # A test of the test: requests itself takes both.
        requests.get(served.url, timeout=5)
        assert proxy.connections == 1
        assert "Authorization" in proxy.heads[0]


def test_no_cookie_is_kept() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    with site(answering(answer)) as served:
        assert http_client.request("GET", served.url).headers["Set-Cookie"] == "a=b; Path=/"
        http_client.request("GET", served.url)
    assert "cookie" not in served.heads[1].lower()


# --- the answer -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 429, 500, 503])
def test_a_status_is_the_callers_affair(status: int) -> None:
    body = b"" if status == 204 else b'{"error": "invalid_grant"}'
    head = (
        f"HTTP/1.1 {status} Reason\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    with site(answering(head.encode() + b"\r\n\r\n" + body)) as served:
        response = http_client.request("POST", served.url)
    assert isinstance(response, requests.Response)
    assert (response.status_code, response.reason) == (status, "Reason")
    assert response.headers["content-type"] == "application/json"
    assert response.content == body
    assert response.url == served.url
    assert response.request.method == "POST"
    if body:
        assert response.json() == {"error": "invalid_grant"}
    if status >= 400:
        with pytest.raises(requests.HTTPError):
            response.raise_for_status()


def test_text_is_utf_8_whatever_the_server_names() -> None:
    """A codec of the server's choosing may take quadratic time; punycode's does."""
    body = "é".encode() + b"a" * 200_000 + b"-" + b"b" * 200_000
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=punycode\r\nContent-Length: {len(body)}"
    with site(answering(head.encode() + b"\r\n\r\n" + body)) as served:
        response = http_client.request("GET", served.url)
    started = time.monotonic()
    assert response.text.startswith("éaa")
    assert time.monotonic() - started < 1


def _with_length(length: int, *headers: bytes, body: bytes | None = None) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % length, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"x" * length if body is None else body)


@row_31
def test_size_up_to_the_cap() -> None:
    with site(answering(_with_length(http_client.MAX_BYTES))) as served:
        assert len(http_client.request("GET", served.url).content) == http_client.MAX_BYTES


def _endless(connection: socket.socket, served: Site) -> None:
    served.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def _until_the_end(connection: socket.socket, served: Site) -> None:
    served.read(connection)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (http_client.MAX_BYTES + 1))


def _bomb(layers: int) -> bytes:
    packed = b"\0" * 50_000_000
    for _ in range(layers):
        packed = gzip.compress(packed, 6)
    encoding = b"Content-Encoding: " + b", ".join([b"gzip"] * layers)
    return _with_length(len(packed), encoding, body=packed)


@row_31
@pytest.mark.parametrize(
    "script",
    [
        answering(_with_length(http_client.MAX_BYTES + 1)),
        _endless,
        _until_the_end,
        answering(_bomb(1)),
        answering(_bomb(2)),
    ],
    ids=["length", "chunked", "no length", "bomb", "bomb of bombs"],
)
def test_too_large(script: Script) -> None:
    with site(script) as served:
        started = time.monotonic()
        with pytest.raises(OutboundFailed, match=r"^127\.0\.0\.1 answers with more than"):
            http_client.request("GET", served.url)
        assert time.monotonic() - started < 5


def test_a_compressed_answer_though_none_was_asked_for() -> None:
    packed = gzip.compress(b"packed all the same")
    answer = _with_length(len(packed), b"Content-Encoding: gzip", body=packed)
    with site(answering(answer)) as served:
        assert http_client.request("GET", served.url).text == "packed all the same"


@row_38
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "broke off"),
        (b"HTTP/1.1 ", "broke off"),
        (_with_length(100, body=b"x" * 99), "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "broke off"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", "broke off"),
        (_with_length(4, b"Content-Encoding: gzip", body=b"none"), "can't be decompressed"),
    ],
)
def test_no_proper_answer(answer: bytes, why: str) -> None:
    with site(answering_once(answer)) as served, pytest.raises(OutboundFailed, match=why):
        http_client.request("GET", served.url)


@row_38
def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(answering(OK)) as served:
        pass
    with pytest.raises(
        OutboundFailed, match=r"^127\.0\.0\.1 accepts no connection: Connection refused"
    ):
        http_client.request("GET", served.url)

    def unknown(*_args: Any, **_kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OutboundFailed, match=r"^idp\.example can't be found in the DNS"):
        http_client.request("GET", "https://idp.example/")


# --- time -------------------------------------------------------------------------------------


def _silent(connection: socket.socket, served: Site) -> None:
    connection.recv(1)
    time.sleep(5)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@row_38
@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    "script",
    [
        _silent,
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(_with_length(1000, body=b""), b"x"),
        dripping(CHUNKED, b"1\r\nx\r\n"),
        dripping(CHUNKED + b"1", b"0"),
        dripping(CHUNKED + b"0\r\n", b"A: b\r\n"),
        dripping(b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
    ],
)
def test_time_is_for_the_whole_exchange(script: Script) -> None:
    with site(script) as served, given_up_in_time():
        http_client.request("GET", served.url)


@row_38
@pytest.mark.usefixtures("hurry", "trusted")
@pytest.mark.parametrize(
    "script",
    [_silent, dripping(b"", b"H"), dripping(_with_length(1000, body=b""), b"x")],
)
def test_time_is_for_the_whole_exchange_by_tls(
    script: Script, network: Network, tmp_path: Path
) -> None:
    with site(script, tls=authority().server(tmp_path, "idp.example")) as served:
        network.port = served.port
        with given_up_in_time():
            http_client.request("GET", "https://idp.example/")


@row_38
@pytest.mark.usefixtures("hurry")
def test_a_server_that_never_shakes_hands(network: Network) -> None:
    with site(_silent) as served:
        network.port = served.port
        with given_up_in_time():
            http_client.request("GET", "https://idp.example/")


@row_38
@pytest.mark.usefixtures("hurry")
def test_a_server_that_never_reads() -> None:
    with site(lambda _connection, _site: time.sleep(5)) as served, given_up_in_time():
        http_client.request("POST", served.url, data=b"x" * 20_000_000)


@row_38
@pytest.mark.usefixtures("hurry", "trusted")
def test_a_server_that_reads_too_slowly_by_tls(network: Network, tmp_path: Path) -> None:
    def sip(connection: socket.socket, _site: Site) -> None:
        for _ in range(100):
            connection.recv(16_384)
            time.sleep(0.05)

    with site(sip, tls=authority().server(tmp_path, "idp.example")) as served:
        network.port = served.port
        with given_up_in_time():
            http_client.request("POST", "https://idp.example/", data=b"x" * 20_000_000)


@contextmanager
def deaf(port: int = 0) -> Iterator[int]:
    """A port at 127.0.0.3 whose queue is full, so that a connection to it never stands."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.3", port))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.3", port))
            waiting.append(one)
        try:
            yield port
        finally:
            for one in waiting:
                one.close()


@row_38
@pytest.mark.usefixtures("hurry_to_connect")
def test_a_connection_that_never_stands() -> None:
    with deaf() as port:
        started = time.monotonic()
        with pytest.raises(OutboundFailed, match="accepts no connection: no answer in time"):
            http_client.request("GET", f"http://127.0.0.3:{port}/")
        assert 0.2 < time.monotonic() - started < 4


@row_38
def test_a_dead_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 2.0)
    found = Network(answers=[["127.0.0.3", "127.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    with site(answering(OK)) as served, deaf(served.port):
        started = time.monotonic()
        assert http_client.request("GET", f"http://localhost:{served.port}/").text == "ok"
        assert 0.9 < time.monotonic() - started < 1.8


@row_38
@pytest.mark.usefixtures("hurry_to_connect")
def test_a_name_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()

    def slow(*_args: Any, **_kwargs: Any) -> Any:
        over.wait(10)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    started = time.monotonic()
    with pytest.raises(OutboundFailed, match="couldn't be looked up in time"):
        http_client.request("GET", "https://idp.example/")
    over.set()
    assert 0.2 < time.monotonic() - started < 4


@row_38
def test_time_that_is_over_before_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.0)
    with (
        site(answering(OK)) as served,
        pytest.raises(OutboundFailed, match="didn't answer in time"),
    ):
        http_client.request("GET", served.url)
    assert served.heads == []


def test_the_caps_themselves() -> None:
    assert (http_client.TOTAL_SECONDS, http_client.CONNECT_SECONDS) == (10, 5)
    assert http_client.MAX_BYTES == 2**20


# --- connections that are kept ----------------------------------------------------------------


def test_a_connection_is_used_again() -> None:
    with site(answering(OK)) as served:
        for _ in range(3):
            assert http_client.request("POST", served.url).text == "ok"
    assert served.connections == 1


@pytest.mark.usefixtures("trusted")
def test_a_connection_is_used_again_by_tls(network: Network, tmp_path: Path) -> None:
    with site(answering(OK), tls=authority().server(tmp_path, "idp.example")) as served:
        network.port = served.port
        for _ in range(3):
            assert http_client.request("GET", "https://idp.example/").text == "ok"
    assert served.connections == 1


def test_an_idle_connection_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(answering(OK)) as served:
        http_client.request("GET", served.url)
        monkeypatch.setattr(http_client, "IDLE_SECONDS", 0.05)
        time.sleep(0.1)
        http_client.request("GET", served.url)
    assert served.connections == 2


def test_what_is_left_of_a_refused_answer_is_nobodys() -> None:
    """Answers would otherwise reach the wrong request."""
    redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 40\r\n\r\n" + OK[:40]
    too_large = _with_length(http_client.MAX_BYTES + 100)
    with site(answering(redirect, too_large, OK)) as served:
        for refused in (OutboundRefused, OutboundFailed):
            with pytest.raises(refused):
                http_client.request("GET", served.url)
        assert http_client.request("GET", served.url).text == "ok"
    assert served.connections == 3


@row_38
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_request_is_sent_twice(method: str) -> None:
    """A second try would show an authorization code twice, which revokes what the first gave."""

    def script(connection: socket.socket, served: Site) -> None:
        served.read(connection)
        if len(served.heads) == 1:
            connection.sendall(OK)
            served.read(connection)  # and then it ends without a word

    with site(script) as served:
        assert http_client.request("GET", served.url).text == "ok"
        with pytest.raises(OutboundFailed, match="broke off"):
            http_client.request(method, served.url, data={"code": "once"})
        assert served.connections == 1
        assert len(served.heads) == 2


@row_38
def test_a_connection_that_was_closed_meanwhile() -> None:
    with site(answering_once(OK)) as served:
        for number in range(1, 4):
            assert http_client.request("POST", served.url, data={"n": str(number)}).text == "ok"
            time.sleep(0.05)
        assert served.connections == 3
        assert served.bodies == [b"n=1", b"n=2", b"n=3"]


def test_many_threads() -> None:
    def echo(connection: socket.socket, _served: Site) -> None:
        while received := connection.recv(65536):
            path = received.split(b" ")[1]
            connection.sendall(_with_length(len(path), body=path))

    def ask(number: int) -> None:
        for turn in range(20):
            path = f"/{number}/{turn}"
            assert http_client.request("GET", f"http://127.0.0.1:{served.port}{path}").text == path

    with site(echo) as served, ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))


# --- what it says -----------------------------------------------------------------------------


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 302 Found\r\nLocation: /" + SECRET.encode() + b"\r\nContent-Length: 0\r\n\r\n",
        _with_length(100, body=SECRET.encode()),
        _with_length(4, b"Content-Encoding: gzip", body=b"none"),
        _with_length(http_client.MAX_BYTES + 1),
        b"HTTP/1.1 200 OK\r\n" + SECRET.encode() + b"\r\nContent-Length: 0\r\n\r\n",
        OK,
    ],
    ids=["none", "redirect", "cut", "not gzip", "too large", "bad header", "proper"],
)
def test_no_secret_in_errors_and_logs(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    told = ""
    with site(answering_once(answer)) as served, caplog.at_level(logging.DEBUG):
        try:
            http_client.request(
                "POST",
                f"{served.url}tokens/{SECRET}",
                params={"access_token": SECRET},
                data={"client_secret": SECRET},
                headers={"Authorization": f"Bearer {SECRET}"},
            )
        except http_client.OutboundError as error:
            told = "".join(traceback.format_exception(error))
    assert SECRET in served.heads[0]
    assert SECRET not in told
    assert SECRET not in caplog.text


@pytest.mark.row(32)
@pytest.mark.usefixtures("hurry")
def test_no_secret_in_the_error_of_a_slow_answer() -> None:
    with site(_silent) as served, pytest.raises(OutboundFailed) as caught:
        http_client.request("GET", f"{served.url}{SECRET}?a={SECRET}")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


# --- and no other way out ---------------------------------------------------------------------


def test_any_other_way_out_fails_the_test() -> None:
    with site(answering(OK)) as served:
        with refuse_any_other_way_out():
            assert http_client.request("GET", served.url).text == "ok"
        with refuse_any_other_way_out(but_ports=[served.port]):
            requests.get(served.url, timeout=5)
        with pytest.raises(AnotherWayOut), refuse_any_other_way_out():
            requests.get(served.url, timeout=5)
        with (
            pytest.raises(AnotherWayOut),
            refuse_any_other_way_out(),
            suppress(AnotherWayOut),
        ):
            requests.get(served.url, timeout=5)
    assert served.connections == 2
