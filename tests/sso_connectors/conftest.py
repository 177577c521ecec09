"""What several files here share."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sso_connectors.network import http_client
from tests.network import PRODUCTION, Network
from tests.vendors.hub import Hub


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Network:
    """As in production, but for the cables: a connection to any address ends at a server here."""
    settings.PUBLIC_BASE_URL = PRODUCTION
    stand_in = Network()

    def connect(self: http_client.TimedSocket, place: tuple[Any, ...]) -> None:
        stand_in.connected.append(place[0])
        if self.family == socket.AF_INET6:
            raise ConnectionRefusedError(111, "Connection refused")
        socket.socket.connect(self, ("127.0.0.1", stand_in.port))

    monkeypatch.setattr(socket, "getaddrinfo", stand_in.getaddrinfo)
    monkeypatch.setattr(http_client.TimedSocket, "connect", connect)
    return stand_in


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A vendor whose tokens end, rotate and are revoked."""
    with Hub() as vendor:
        yield vendor
