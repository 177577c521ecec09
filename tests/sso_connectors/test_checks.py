"""What an operator may have set wrongly is said before the first login."""

from typing import Any

import pytest
from django.core.checks import run_checks

from sso_connectors import checks


def found(*, deploy: bool = False) -> list[str]:
    """The ids of our own checks' messages."""
    messages = run_checks(include_deployment_checks=deploy)
    return [str(message.id) for message in messages if str(message.id).startswith("sso.")]


def test_the_defaults_are_right(settings: Any) -> None:
    assert found() == []


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8000",
        "https://maker.company.example",
        "https://maker.company.example:8443",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
    ],
)
def test_a_plain_origin(settings: Any, origin: str) -> None:
    settings.PUBLIC_BASE_URL = origin
    assert found() == []


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "maker.company.example",
        "maker.company.example:8000",
        "//maker.company.example",
        "ftp://maker.company.example",
        "HTTPS://maker.company.example",
        "https://",
        "https://:8443",
        "https:///maker",
        "https://maker.company.example/maker",
        "https://maker.company.example/",
        "https://maker.company.example?a=b",
        "https://maker.company.example?",
        "https://maker.company.example#a",
        "https://user@maker.company.example",
        "https://user:secret@maker.company.example",
        "https://maker.company.example:port",
        "https://maker.company.example\\evil.example",
        "https://maker company.example",
        " https://maker.company.example",
        "https://maker.company.example\n",
        "https://[::1",
        "https://münchen.example",
        "https://maker.company.example,https://other.example",
    ],
)
def test_e001_what_is_no_plain_origin(settings: Any, wrong: str) -> None:
    settings.PUBLIC_BASE_URL = wrong
    (error,) = checks.public_base_url(None)
    assert error.id == "sso.E001"
    assert repr(wrong) in error.msg
    assert "https://maker.company.example" in str(error.hint)
    assert found() == ["sso.E001"]


def test_w001_plain_http_in_production(settings: Any) -> None:
    assert found(deploy=True) == ["sso.W001"]
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    assert found(deploy=True) == []


@pytest.mark.parametrize(
    "right",
    [
        [],
        ["unix"],
        ["127.0.0.1", "::1", "10.0.0.0/8", "2001:db8::/32", "unix"],
        ["0.0.0.0/0"],
    ],
)
def test_proxies(settings: Any, right: list[str]) -> None:
    settings.TRUSTED_PROXIES = right
    assert found() == []


@pytest.mark.parametrize(
    "wrong",
    [
        "proxy",
        "10.0.0.5/8",
        "10.0.0",
        "10.0.0.0-10.0.0.9",
        "*",
        " ",
        "UNIX",
        "10.0.0.1:80",
        "[::1]",
    ],
)
def test_e002_what_is_no_network(settings: Any, wrong: str) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1", wrong]
    (error,) = checks.trusted_proxies(None)
    assert error.id == "sso.E002"
    assert wrong in error.msg
    assert "127.0.0.1" not in error.msg
    assert "unix" in str(error.hint)
    assert found() == ["sso.E002"]
