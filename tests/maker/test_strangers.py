"""What a stranger sends to the real server: answered plainly, one log line at most, and no traceback."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.test import Client

from maker.log import JsonFormatter
from tests.rigs.process import ServerProcess, free_port

pytestmark = pytest.mark.row(35)

ROOT: Final = Path(__file__).resolve().parents[2]
LONG: Final = "x" * 4000
HOSTS: Final = {
    "two": "Host: localhost\r\nHost: evil.example",
    "two alike": "Host: localhost\r\nHost: localhost",
    "another": "Host: evil.example",
    "two in one": "Host: localhost,evil.example",
    "a blank in it": "Host: a b",
    "long": f"Host: {LONG}",
    "a port that is none": "Host: localhost:port",
    "percent signs": "Host: %s%(name)s%n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ServerProcess]]:
    folder, port = tmp_path_factory.mktemp("strangers"), free_port()
    running = ServerProcess(
        [
            *(sys.executable, "-m", "gunicorn", "maker.wsgi", "--bind", f"127.0.0.1:{port}"),
            *("--workers", "1", "--threads", "2", "--no-control-socket"),
        ],
        log=folder / "gunicorn.log",
        folder=ROOT,
        environment={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.races.settings",
            "SECRET_KEY": "r" * 60,
            "DEBUG": "false",
            "PUBLIC_BASE_URL": f"http://localhost:{port}",
            "ALLOWED_HOSTS": "localhost",
            "DATABASE_URL": f"sqlite:///{folder / 'strangers.sqlite3'}",
            "CACHE_URL": "locmemcache://",
        },
    )
    try:
        running.wait_until_answering(f"http://127.0.0.1:{port}/healthz")
        yield port, running
    finally:
        running.stop()


def send(port: int, head: str, path: str = "/sign-in") -> str:
    """One request as it stands; the first line of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        request = f"GET {path} HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode("latin-1").partition("\r\n")[0]


@pytest.mark.parametrize("name", HOSTS)
def test_made_up_host(server: tuple[int, ServerProcess], name: str) -> None:
    port, running = server
    before = running.log.read_text()
    for path in ("/sign-in", "/maker/", "/api/sso/login/acme"):
        assert send(port, HOSTS[name], path) == "HTTP/1.1 400 Bad Request"

    written = running.log.read_text().removeprefix(before).splitlines()
    assert len(written) <= 3, "one line for each request at most"
    assert "Traceback" not in "".join(written)
    assert max(map(len, written)) < 700
    for line in written:
        if line.startswith("{"):
            assert json.loads(line)["logger"] == "django.security.DisallowedHost"
    assert send(port, "Host: localhost") == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("host", ["localhost,evil.example", "evil.example", LONG, "a b"])
def test_made_up_host_behind_another_server(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """Others join two headers of one name by a comma (RFC 9110 section 5.3)."""
    response = Client(HTTP_HOST=host).get("/sign-in")
    assert response.status_code == 400
    assert "The request can't be read" in response.content.decode()
    (record,) = caplog.records
    assert len(JsonFormatter().format(record)) < 700
