"""A small HTTP server on a loopback address, in a thread: what every double of a vendor stands on.

LoopbackServer serves; VendorServer has routes. A double gives it routes; a handler takes a Request and returns (status, headers, body), or raises Refused.
Every request is kept, also one that no route takes. A handler that fails fails the test.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Refused(Exception):
    """What a strict vendor answers to a wrong request: `error` is one of RFC 6749's codes, or its own."""

    def __init__(self, error: str, why: str = "", *, status: int = 400) -> None:
        super().__init__(f"{error}: {why}")
        self.error, self.why, self.status = error, why, status


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)

    def form(self) -> dict[str, str]:
        """The body's fields, each of them once."""
        if self.headers.get("content-type", "").partition(";")[0] != FORM:
            raise Refused("invalid_request", "the body is not a form")
        return once(self.body.decode())

    def json(self) -> dict[str, Any]:
        if self.headers.get("content-type", "").partition(";")[0] != JSON:
            raise Refused("invalid_request", "the body is not JSON")
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise Refused("invalid_request", "the body is not an object")
        return found

    def basic(self) -> tuple[str, str] | None:
        """Name and password of HTTP Basic, where they were sent."""
        kind, _space, text = self.headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return None
        name, _colon, password = base64.b64decode(text).decode().partition(":")
        return name, password

    def bearer(self) -> str:
        """The access token that was sent, or ""."""
        kind, _space, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" else ""


Reply = tuple[int, Mapping[str, str], bytes]
Handler = Callable[[Request], Reply]
Routes = Mapping[tuple[str, str], Handler]  # by method and path


def as_json(document: object, status: int = 200) -> Reply:
    return status, {"Content-Type": JSON}, json.dumps(document).encode()


class LoopbackServer:
    """Serves while its `with` block lasts; a mistake of its own fails the test there.

    host: any address of 127.0.0.0/8. waits: whether the end waits for answers under way.
    """

    def __init__(
        self, handler: type[BaseHTTPRequestHandler], *, host: str, waits: bool = True
    ) -> None:
        self.mistakes: list[BaseException] = []
        self._http = ThreadingHTTPServer((host, 0), handler)
        self._http.daemon_threads = not waits
        self._http.block_on_close = waits
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        if self.mistakes and error is None:
            raise self.mistakes[0]


class VendorServer(LoopbackServer):
    """Answers by its routes, and keeps every request."""

    def __init__(self, routes: Routes, *, host: str = "127.0.0.1") -> None:
        super().__init__(_handler_for(self), host=host)
        self.routes = dict(routes)
        self.requests: list[Request] = []
        self.refusals: list[Refused] = []

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`, oldest first."""
        return [request for request in self.requests if request.path == path]

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        handler = self.routes.get((request.method, request.path))
        if handler is None:
            return as_json({"error": "not_found"}, 404)
        try:
            return handler(request)
        except Refused as refused:
            self.refusals.append(refused)
            return as_json(
                {"error": refused.error, "error_description": refused.why}, refused.status
            )
        except Exception as fault:  # noqa: BLE001 - it is raised again in the test's own thread
            self.mistakes.append(fault)
            return as_json({"error": "server_error"}, 500)


def _handler_for(server: VendorServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a client may say nothing

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                request = Request(self.command, parts.path, once(parts.query), headers, body)
            except Refused as refused:
                status, answer_headers, answer = as_json({"error": refused.error}, 400)
            else:
                status, answer_headers, answer = server.answer(request)
            self.send_response(status)
            for name, value in answer_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what came is in `requests`."""

    return Handler


def once(query: str) -> dict[str, str]:
    """Raises Refused for a parameter that is there twice."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise Refused("invalid_request", "a parameter is there twice")
    return dict(pairs)
