"""The one guarded HTTP client: what the server itself fetches, it fetches through `request()`.

Addresses come from administrators and from documents of identity providers, and from our place in the
network more can be reached than from theirs (server-side request forgery). So a host must resolve to
public addresses only, or stand in PRIVATE_IDP_HOSTS, and it is judged where the connection is made: by
the very address that is connected to, so that neither a second look-up (DNS rebinding) nor a second
reading of the URL can differ. A kept connection leads to an address that was judged when it was made.

Nothing is taken from the environment (proxies, netrc), no redirect is followed, no cookie kept, and no
request is ever sent twice: an authorization code or refresh token works once. Certificates are verified
with the authorities of the system, which OpenSSL lets an operator name by SSL_CERT_FILE or SSL_CERT_DIR.
"""

import io
import ipaddress
import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

import requests
import urllib3
from django.core.exceptions import ValidationError
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..results.errors import in_english
from ..web_address import host_of
from . import circuit_breaker
from .address_policy import may_connect, validate_server_url

MAX_BYTES: Final = 1024 * 1024  # of a body, counted after decompression
TOTAL_SECONDS: Final = 10.0  # for the whole exchange, from the look-up of the name to the last byte
CONNECT_SECONDS: Final = 5.0  # of these, until a connection stands
# Firewalls forget an idle connection without a word; what is sent into it waits for nothing.
IDLE_SECONDS: Final = 30.0

# At WARNING and DEBUG it writes whole paths with their queries, in which some providers want tokens.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_Found = Sequence[tuple[int, int, int, str, Any]]  # what getaddrinfo returns

# When the exchange under way must be over, by time.monotonic().
_deadline: ContextVar[float] = ContextVar("_deadline")
# When all exchanges of one piece of work must be over.
_limit: ContextVar[float] = ContextVar("_limit", default=float("inf"))


class OutboundError(Exception):
    """A request that got no answer; the message is for administrators, without query, body or secret."""


class OutboundRefused(OutboundError):
    """We don't connect there, or don't go where we were sent."""


class OutboundFailed(OutboundError):
    """The other side can't be reached, can't be trusted, or didn't answer properly."""


def request(
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | str | bytes | None = None,
    json: Any = None,
    headers: Mapping[str, str | bytes] | None = None,
    auth: tuple[str, str] | AuthBase | None = None,
) -> requests.Response:
    """Send one request and read its answer in full, within MAX_BYTES and TOTAL_SECONDS.

    A status of 4xx or 5xx is an answer like any other. Its text is read as UTF-8 whatever it says.

    Raises OutboundRefused, also for a redirect, and OutboundFailed.
    """
    try:
        validate_server_url(url)
    except ValidationError as error:
        raise OutboundRefused(in_english(error)) from error
    prepared = _prepared(method, url, params, data, json, headers, auth)
    host = host_of(url)
    if circuit_breaker.is_away(host):
        raise OutboundFailed(
            f"{host} failed to answer a moment ago, and is left alone for another."
        )
    token = _deadline.set(min(time.monotonic() + TOTAL_SECONDS, _limit.get()))
    try:
        response = _exchange(prepared, host)
    except OutboundFailed:
        circuit_breaker.note_failure(host)
        raise
    except (urllib3.exceptions.HTTPError, OSError) as error:
        circuit_breaker.note_failure(host)
        raise OutboundFailed(f"{host} {_failing(error)}") from error
    finally:
        _deadline.reset(token)
    circuit_breaker.note_answer(host)
    return response


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All requests in the block together take no longer than that."""
    token = _limit.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _limit.reset(token)


def _prepared(
    method: str,
    url: str,
    params: Any,
    data: Any,
    json: Any,
    headers: Mapping[str, str | bytes] | None,
    auth: Any,
) -> requests.PreparedRequest:
    """Outside a session: sessions keep cookies and read proxies and netrc from the environment."""
    ours: CaseInsensitiveDict[str | bytes] = CaseInsensitiveDict(
        {"User-Agent": "sso-connectors", "Accept": "*/*"}
    )
    ours.update(headers or {})
    try:
        prepared = requests.Request(
            method, url, headers=ours, data=data, json=json, params=params, auth=auth
        ).prepare()
        for value in prepared.headers.values():  # a token from outside may hold anything
            if isinstance(value, str):
                value.encode("latin-1")
    except (requests.RequestException, UnicodeError):
        # Their own texts hold the header's value.
        raise OutboundRefused("What is to be sent can't be put into a request.") from None
    return prepared


def _exchange(prepared: requests.PreparedRequest, host: str) -> requests.Response:
    raw = _pools().urlopen(
        str(prepared.method),
        str(prepared.url),
        body=prepared.body,
        headers=prepared.headers,
        redirect=False,
        retries=False,
        preload_content=False,
    )
    try:
        if raw.status // 100 == 3:
            # A redirect leads past every check, and takes tokens along.
            raise OutboundRefused(f"{host} answers with a redirect ({raw.status}).")
        body = raw.read(MAX_BYTES + 1, decode_content=True)
        if len(body) > MAX_BYTES:
            raise OutboundFailed(f"{host} answers with more than {MAX_BYTES} bytes.")
    finally:
        raw.close()
    response = requests.Response()
    response.status_code = raw.status
    response.reason = raw.reason or ""
    response.headers = CaseInsensitiveDict(raw.headers)
    response.url = str(prepared.url)
    response.request = prepared
    response.encoding = "utf-8"  # guessing it, and some codecs that a server may name, take minutes
    response.raw = io.BytesIO(body)
    return response


def _failing(error: BaseException) -> str:
    for link in _links(error):
        if isinstance(link, TimeoutError | urllib3.exceptions.TimeoutError):
            return f"didn't answer in time (at most {TOTAL_SECONDS:.0f} seconds)."
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"has a certificate that isn't trusted: {link.verify_message}."
        if isinstance(link, ssl.SSLError):
            return f"can't be talked to by TLS: {link.reason}."
        if isinstance(link, urllib3.exceptions.DecodeError):
            return "answers with what can't be decompressed."
    return "broke off, or answers with what is not HTTP."


def _links(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


# --- connections ------------------------------------------------------------------------------


class TimedSocket(socket.socket):
    """A socket whose every read and write has the time that is left of the whole exchange.

    With a time for each read, a byte now and then would hold a worker for good.
    """

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_seconds_left())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(_seconds_left())
        super().sendall(*args, **kwargs)


class _TimedTlsSocket(TimedSocket, ssl.SSLSocket):
    pass


class _Connection(HTTPConnection):
    _last_used = 0.0

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port, plain=True)

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._last_used < IDLE_SECONDS

    # urllib3's own says the same of its type: it is no subclass of http.client's.
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        self._last_used = time.monotonic()
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port, plain=False)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


@cache
def _pools() -> urllib3.PoolManager:
    """Connections kept for reuse, by scheme, host and port; safe to share among threads."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TimedTlsSocket
    pools = urllib3.PoolManager(num_pools=32, maxsize=8, ssl_context=context)
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return pools


def _connect(host: str, port: int, *, plain: bool) -> socket.socket:
    """Connect to an address of `host` that was judged: each of them must be allowed."""
    until = time.monotonic() + min(CONNECT_SECONDS, _seconds_left())
    found = _resolve(host, port, until - time.monotonic())
    for *_rest, place in found:
        address = ipaddress.ip_address(place[0])
        if not may_connect(address, host) or (plain and not address.is_loopback):
            raise OutboundRefused(f"{host} has the address {address}, which is not public.")
    failure: OSError | None = None
    for left, (family, kind, protocol, _name, place) in zip(
        range(len(found), 0, -1), found, strict=True
    ):
        connected = TimedSocket(family, kind, protocol)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A dead address leaves the others their share.
            connected.settimeout(max(0.001, (until - time.monotonic()) / left))
            connected.connect(place)
            connected.settimeout(_seconds_left())  # which the TLS handshake keeps to
        except OSError as error:
            connected.close()
            failure = error
        else:
            return connected
    why = (failure and failure.strerror) or "no answer in time"
    raise OutboundFailed(f"{host} accepts no connection: {why}.") from failure


def _resolve(host: str, port: int, seconds: float) -> _Found:
    """Ask in a thread of its own, since the resolver's patience can't be limited."""
    answer: queue.SimpleQueue[_Found | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            answer.put(error)

    threading.Thread(target=ask, name="outbound-resolve", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except queue.Empty:
        raise OutboundFailed(f"{host} couldn't be looked up in time.") from None
    if isinstance(found, OSError):
        raise OutboundFailed(f"{host} can't be found in the DNS.") from found
    return found


def _seconds_left() -> float:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
