"""One agent's browser, over real HTTP, with the manners that matter: whose cookies go where."""

import http.client
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode, urlsplit

SECONDS_FOR_AN_ANSWER: Final = 60.0


class LoginLost(Exception):
    """This login came to no end; the message says where."""


@dataclass(frozen=True)
class Reply:
    status: int
    location: str
    page: str


class Browser:
    """A connection that is kept while the server keeps it, and cookies of its own.

    seconds: what each request took until its answer was read, connecting included.
    """

    def __init__(self, host: str, port: int, *, source: str) -> None:
        self.seconds: list[float] = []
        self._site = f"{host}:{port}"
        self._cookies = SimpleCookie()
        self._connection = http.client.HTTPConnection(
            host, port, timeout=SECONDS_FOR_AN_ANSWER, source_address=(source, 0)
        )

    def close(self) -> None:
        self._connection.close()

    def get(self, url: str) -> Reply:
        return self._send("GET", url, self._cookie_header(crossing=False))

    def post(self, url: str, saml_response: str) -> Reply:
        """What the page of an identity provider does: it comes from another site."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "https://idp.example",
            "Sec-Fetch-Site": "cross-site",
            **self._cookie_header(crossing=True),
        }
        return self._send("POST", url, headers, urlencode({"SAMLResponse": saml_response}))

    def _send(self, method: str, url: str, headers: dict[str, str], body: str = "") -> Reply:
        parts = urlsplit(url)
        if parts.netloc not in ("", self._site):
            raise LoginLost(f"{method} led to another site: {parts.netloc}")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        begun = time.perf_counter()
        try:
            self._connection.request(method, target, body or None, headers)
            response = self._connection.getresponse()
            page = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise LoginLost(f"{method} {parts.path}: {error!r}") from error
        self.seconds.append(time.perf_counter() - begun)
        for header in response.headers.get_all("Set-Cookie", []):
            self._keep(header)
        return Reply(response.status, response.headers.get("Location", ""), page)

    def _cookie_header(self, *, crossing: bool) -> dict[str, str]:
        """A cookie without SameSite counts as Lax, which a POST from another site doesn't carry."""
        pairs = [
            f"{name}={cookie.coded_value}"
            for name, cookie in self._cookies.items()
            if not crossing or cookie["samesite"].lower() == "none"
        ]
        return {"Cookie": "; ".join(pairs)} if pairs else {}

    def _keep(self, header: str) -> None:
        received = SimpleCookie(header)
        for name, cookie in received.items():
            self._cookies.pop(name, None)
            if cookie["max-age"] != "0":
                self._cookies[name] = cookie
