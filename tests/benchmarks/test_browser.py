"""The storm's browser: which cookies go where, and from which address it comes."""

from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from benchmarks.storm.browser import Browser, LoginLost


class Echo(BaseHTTPRequestHandler):
    """Says what came; the path's last part says which cookie to set."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = f"{self.client_address[0]} {self.headers.get('Cookie', '')}".encode()
        self.send_response(200)
        if self.path in COOKIES:
            self.send_header("Set-Cookie", COOKIES[self.path])
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: a log is nobody's here."""


COOKIES = {
    "/lax": "a=1; Path=/; SameSite=Lax",
    "/silent": "b=2; Path=/",
    "/none": "c=3; Path=/; SameSite=None; Secure",
    "/gone": 'a=""; Max-Age=0; Path=/; SameSite=Lax',
}


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def browser(port: int) -> Iterator[Browser]:
    with closing(Browser("127.0.0.1", port, source="127.0.1.7")) as browser:
        yield browser


def test_comes_from_its_own_address(browser: Browser) -> None:
    assert browser.get("/").page == "127.0.1.7 "


def test_post_of_another_site_carries_only_what_is_meant_to_cross(browser: Browser) -> None:
    for path in ("/lax", "/silent", "/none"):
        browser.get(path)
    assert browser.get("/").page == "127.0.1.7 a=1; b=2; c=3"
    assert browser.post("/", "answer").page == "127.0.1.7 c=3"


def test_forgets_what_it_is_told_to(browser: Browser) -> None:
    browser.get("/lax")
    browser.get("/gone")
    assert browser.get("/").page == "127.0.1.7 "


def test_times_each_request(browser: Browser) -> None:
    browser.get("/")
    browser.post("/", "answer")
    assert len(browser.seconds) == 2


def test_another_site_is_a_lost_login(browser: Browser) -> None:
    with pytest.raises(LoginLost, match=r"elsewhere\.example"):
        browser.get("https://elsewhere.example/")


def test_server_that_is_gone_is_a_lost_login() -> None:
    with (
        closing(Browser("127.0.0.1", 1, source="127.0.1.7")) as browser,
        pytest.raises(LoginLost, match="ConnectionRefused"),
    ):
        browser.get("/")
