"""Servers on loopback that lie, dawdle and send too much, and the names and certificates to reach them by."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PRODUCTION = "https://maker.company.example"
PUBLIC = "93.184.215.14"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Script = Callable[[socket.socket, "Site"], None]


@dataclass
class Site:
    """A server on loopback that plays a script on each connection and keeps what it was sent."""

    port: int
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # asked for by SNI
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def read(self, connection: socket.socket) -> bool:
        """Read one request; False at the end of the connection."""
        received = b""
        while b"\r\n\r\n" not in received:
            if not (piece := connection.recv(65536)):
                return False
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        length = 0
        for line in text.split("\r\n"):
            if line.lower().startswith("content-length:"):
                length = int(line.partition(":")[2])
        while len(body) < length:
            body += connection.recv(65536)
        self.heads.append(text)
        self.bodies.append(body)
        return True


def answering(*answers: bytes) -> Script:
    """To the requests of all connections, one after the other, these answers; the last for ever."""
    left = list(answers)

    def script(connection: socket.socket, site: Site) -> None:
        while site.read(connection):
            connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


def answering_once(answer: bytes) -> Script:
    """One answer, then the end of the connection."""

    def script(connection: socket.socket, site: Site) -> None:
        if site.read(connection):
            connection.sendall(answer)

    return script


def dripping(start: bytes, drop: bytes) -> Script:
    def script(connection: socket.socket, site: Site) -> None:
        site.read(connection)
        connection.sendall(start)
        for _ in range(100):
            time.sleep(0.1)
            connection.sendall(drop)

    return script


@contextmanager
def site(
    script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Site]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    served = Site(listener.getsockname()[1])
    if tls:
        tls.sni_callback = lambda _connection, name, _context: served.names.append(name)

    def serve(connection: socket.socket) -> None:
        # The client may hang up at any time, and is meant to.
        with suppress(OSError), connection:
            connection.settimeout(15)
            if tls:
                with tls.wrap_socket(connection, server_side=True) as secured:
                    script(secured, served)
            else:
                script(connection, served)

    def accept() -> None:
        with suppress(OSError):  # closed, at the end
            while True:
                connection, _ = listener.accept()
                served.connections += 1
                Thread(target=serve, args=[connection], daemon=True).start()

    thread = Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@dataclass
class Network:
    """What names resolve to, look-up by look-up; whatever is connected to is `port` on this machine."""

    answers: list[list[str]] = field(default_factory=lambda: [[PUBLIC]])
    port: int = 0
    lookups: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)

    def getaddrinfo(self, host: str, port: int, *_args: Any, **_kwargs: Any) -> list[Any]:
        self.lookups.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in found
        ]


# --- certificates -----------------------------------------------------------------------------


@dataclass
class Authority:
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, name, key, key, timedelta(days=1), ca=True)
        return cls(name, key, certificate)

    def trusted_as(self, file: Path) -> str:
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(file)

    def server(
        self, folder: Path, host: str, *, ends: timedelta = timedelta(days=1)
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(host, self.name, key, self.key, ends)
        file = folder / "server.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signed_by: ec.EllipticCurvePrivateKey,
    ends: timedelta,
    *,
    ca: bool = False,
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signed_by, hashes.SHA256())
    )


@cache
def authority() -> Authority:
    return Authority.make("an-authority")
