"""The cookie that ties a login to the browser that began it (login CSRF): one for all its tabs."""

import re
import secrets
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .. import addresses

_MAX_AGE: Final = 24 * 60 * 60
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch


def _name() -> str:
    # With __Host- no sub-domain can plant a cookie of its choice here.
    return "__Host-sso-browser" if addresses.is_https() else "sso-browser"


def browser_of(request: HttpRequest) -> str | None:
    """The browser's secret, or None when it has none that could be ours."""
    value = request.COOKIES.get(_name(), "")
    return value if _WELL_FORMED(value) else None


def new_browser() -> str:
    return secrets.token_urlsafe(32)


def remember(response: HttpResponseBase, browser: str) -> None:
    response.set_cookie(
        _name(),
        browser,
        max_age=_MAX_AGE,
        path="/",
        secure=addresses.is_https(),
        httponly=True,
        samesite="Lax",
    )
