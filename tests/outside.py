"""Proof that code goes out through the guarded client alone: any other connection fails the test."""

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sso_connectors.network import http_client


class AnotherWayOut(BaseException):
    """No Exception, so that no library takes it for a fault of the network and goes on."""


@contextmanager
def refuse_any_other_way_out(*, but_ports: Collection[int] = ()) -> Iterator[None]:
    """Inside, a TCP connection from any thread must come from `outbound`, or go to one of `but_ports`.

    `but_ports` are for the test's own browser, and for Redis where the cache is one; PostgreSQL's
    client isn't seen. Raises AnotherWayOut there, and again at the end in case a thread swallowed it.
    """
    stray: list[str] = []
    connects = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guarded(name: str) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            if (
                self.family in {socket.AF_INET, socket.AF_INET6}
                and not isinstance(self, http_client.TimedSocket)
                and address[1] not in but_ports
            ):
                self.close()
                stray.append(f"{address[0]}:{address[1]}")
                raise AnotherWayOut(stray[-1])
            return connects[name](self, address)

        return connect

    with (
        mock.patch.object(socket.socket, "connect", guarded("connect")),
        mock.patch.object(socket.socket, "connect_ex", guarded("connect_ex")),
    ):
        yield
    if stray:
        raise AnotherWayOut(", ".join(stray))
