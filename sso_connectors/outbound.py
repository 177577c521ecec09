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
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from . import addresses, outages

MAX_BYTES: Final = 1024 * 1024  # of a body, counted after decompression
TOTAL_SECONDS: Final = 10.0  # for the whole exchange, from the look-up of the name to the last byte
CONNECT_SECONDS: Final = 5.0  # of these, until a connection stands
# Firewalls forget an idle connection without a word; what is sent into it waits for nothing.
IDLE_SECONDS: Final = 30.0

# At WARNING and DEBUG it writes whole paths with their queries, in which some providers want tokens.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Found = Sequence[tuple[int, int, int, str, Any]]  # what getaddrinfo returns

_PRINTABLE_ASCII = re.compile(r"[!-~]+").fullmatch
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}").fullmatch
# The resolver takes 2130706433, 0x7f.1 and 127.1 for addresses.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)").fullmatch

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")
# `is_global` of some Pythons calls these public: relays and tunnels to other addresses, documentation.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
]
# Where clouds hand the machine its credentials, beside the link-local 169.254.169.254.
_METADATA = [
    ipaddress.ip_network(network)
    for network in (
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd00:c1::/32",
        "fd20:ce::/32",
    )
]

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
        raise OutboundRefused(" ".join(error.messages)) from error
    prepared = _prepared(method, url, params, data, json, headers, auth)
    host = urlsplit(url).hostname or ""
    if outages.is_away(host):
        raise OutboundFailed(
            f"{host} failed to answer a moment ago, and is left alone for another."
        )
    token = _deadline.set(min(time.monotonic() + TOTAL_SECONDS, _limit.get()))
    try:
        response = _exchange(prepared, host)
    except OutboundFailed:
        outages.note_failure(host)
        raise
    except (urllib3.exceptions.HTTPError, OSError) as error:
        outages.note_failure(host)
        raise OutboundFailed(f"{host} {_failing(error)}") from error
    finally:
        _deadline.reset(token)
    outages.note_answer(host)
    return response


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All requests in the block together take no longer than that."""
    token = _limit.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _limit.reset(token)


def validate_server_url(url: str) -> None:
    """Raise ValidationError unless the server may fetch from `url`, as far as can be told without asking."""
    scheme, host = _scheme_and_host(url)
    if not host:
        raise ValidationError(
            _(
                "This is not a web address that the server could fetch from. It looks like %(example)s."
            ),
            code="server_url",
            params={"example": "https://idp.company.example/path"},
        )
    if scheme != "https" and not (
        scheme == "http" and addresses.is_loopback(host) and _loopback_is_allowed()
    ):
        raise ValidationError(
            _("The address starts with “%(scheme)s://”; it must start with “https://”."),
            code="server_url_scheme",
            params={"scheme": scheme},
        )
    if not is_allowed_host(host):
        raise ValidationError(
            _("The server doesn't fetch from “%(host)s”: that is not a public host."),
            code="server_url_host",
            params={"host": host},
        )


def is_allowed_host(host: str) -> bool:
    """Whether the server may look for `host`, a name or literal address: its form, and what that alone tells."""
    address = _literal(host)
    if address:
        return _may_connect(address, host)
    name = host.lower()
    if addresses.is_loopback(name):
        return _loopback_is_allowed()
    return bool(_NAME(name)) and not _NUMBER(name)


def _scheme_and_host(url: str) -> tuple[str, str]:
    """The two, in lower case, or two empty strings unless there is but one way to read `url`."""
    if not _PRINTABLE_ASCII(url) or "\\" in url or "#" in url:
        return "", ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "", ""
    shown = f"[{host}]" if ":" in host else host
    # Nothing else, such as a user name before it: other readers take another part for the host.
    if not parts.scheme or parts.netloc.lower() not in {shown, f"{shown}:{port}"} or port == 0:
        return "", ""
    return parts.scheme, host


def _literal(host: str) -> _Address | None:
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


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
    pools = urllib3.PoolManager(num_pools=32, maxsize=4, ssl_context=context)
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return pools


def _connect(host: str, port: int, *, plain: bool) -> socket.socket:
    """Connect to an address of `host` that was judged: each of them must be allowed."""
    until = time.monotonic() + min(CONNECT_SECONDS, _seconds_left())
    found = _resolve(host, port, until - time.monotonic())
    for *_rest, place in found:
        address = ipaddress.ip_address(place[0])
        if not _may_connect(address, host) or (plain and not address.is_loopback):
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


def _may_connect(address: _Address, host: str) -> bool:
    """Whether a connection to `address` in the name of `host` is allowed; the rule on what we reach."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            address = address.ipv4_mapped
        elif address in _NAT64:  # in networks without IPv4, what every public host resolves to
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.is_loopback:
        return _loopback_is_allowed()
    if (
        address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address in network for network in _METADATA)
    ):
        return False
    return _is_public(address) or _is_listed(host)


def _is_public(address: _Address) -> bool:
    return (
        address.is_global
        and (address.version == 4 or address in _IPV6_UNICAST)
        and not any(address in network for network in _NOT_PUBLIC)
    )


def _is_listed(host: str) -> bool:
    return _spelling(host) in map(_spelling, settings.PRIVATE_IDP_HOSTS)


def _spelling(host: str) -> str:
    return str(_literal(host) or host).lower()


def _loopback_is_allowed() -> bool:
    """So that the product can be tried with identity providers on the same machine, and never otherwise."""
    return addresses.is_loopback(addresses.base_host())


def _seconds_left() -> float:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
