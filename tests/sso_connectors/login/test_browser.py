"""The cookie that ties a login to its browser."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from sso_connectors.login import browser

SECRET = "k3c7qO0tTWQodwtyVB5gpzbf0KA8YpzEivViVyCMRKg"


@pytest.mark.row(24)
@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("https://maker.company.example", "__Host-sso-browser"),
        ("http://localhost:8000", "sso-browser"),
    ],
)
def test_cookie_is_for_this_host_and_no_script(base: str, name: str, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = base
    response = HttpResponse()
    browser.remember(response, SECRET)

    (cookie,) = response.cookies.values()
    assert cookie.key == name
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax", "an identity provider's GET brings it, its POST doesn't"
    assert bool(cookie["secure"]) is base.startswith("https:")
    assert (cookie["path"], cookie["domain"]) == ("/", "")


@pytest.mark.row(24)
@pytest.mark.parametrize("value", ["", "x", SECRET[1:], f"{SECRET}=", f" {SECRET[1:]}"])
def test_what_cannot_be_ours_is_no_browser(value: str) -> None:
    request = HttpRequest()
    request.COOKIES["sso-browser"] = SECRET
    assert browser.browser_of(request) == SECRET
    request.COOKIES["sso-browser"] = value
    assert browser.browser_of(request) is None
