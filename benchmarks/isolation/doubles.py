"""What fails: an identity provider that is slow or hangs, and the way to a Redis that hangs."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FOR_EVER = 600.0


@contextmanager
def slow_provider(host: str, *, seconds: float) -> Iterator[str]:
    """Serve an OpenID provider whose token endpoint takes that long; return its issuer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/keys",
                }
            )

        def do_POST(self) -> None:
            over.wait(seconds)
            self._say({"error": "invalid_grant"}, status=400)

        def _say(self, document: dict[str, Any], status: int = 200) -> None:
            body = json.dumps(document).encode()
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    over = threading.Event()
    with Server((host, 0), Handler) as server:
        issuer = f"http://{host}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield issuer
        over.set()
        server.shutdown()


class Way:
    """A TCP proxy to one place, which can stop passing anything on without closing."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._take, daemon=True).start()

    def hang(self) -> None:
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.go_on()
        self._server.close()

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.wait()
        with suppress(OSError), closing(socket.create_connection(self._to)) as place:
            back = threading.Thread(target=self._pass_on, args=[place, client], daemon=True)
            back.start()
            self._pass_on(client, place)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
