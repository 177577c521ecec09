"""A proxy that ends TLS in front of the product, as nginx or a load balancer does in production."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
SECONDS_TO_ANSWER = 30


@contextmanager
def tls_proxy(*, port: int, upstream_port: int, certificate: Path, key: Path) -> Iterator[None]:
    """Serve https on localhost:`port` from http on 127.0.0.1:`upstream_port`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            # A browser that has left, or is closed at the end of a test, is no fault of the proxy's.
            with suppress(ConnectionError, ssl.SSLError):
                self._forward()

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection(
                "127.0.0.1", upstream_port, timeout=SECONDS_TO_ANSWER
            )
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            # What the client says of itself here is replaced, as a good proxy does.
            headers |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "https"}
            with closing(upstream):
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {*HOP_BY_HOP, "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = forward

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("localhost", port), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
