"""What an operator may have set wrongly is said before the first login."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks

from sso_connectors import checks

A_KEY = "b25seS1mb3ItdGVzdHMsIGFuZCB1c2VkIG5vd2hlcmU="


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


@pytest.mark.parametrize(
    "right",
    [
        [],
        ["idp", "idp.company.internal", "IDP.Company.internal", "xn--mnchen-3ya.internal"],
        ["10.0.0.5", "fd12:3456::5", "100.64.0.1", "idp.example"],
    ],
)
def test_private_hosts(settings: Any, right: list[str]) -> None:
    settings.PRIVATE_IDP_HOSTS = right
    assert found() == []


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " ",
        " idp.internal",
        "https://idp.internal",
        "idp.internal:8443",
        "idp.internal/",
        "idp.internal.",
        ".internal",
        "*.internal",
        "*",
        "münchen.internal",
        "10.0.0.0/8",
        "10.0.0",
        "10.0.0.5:8443",
        "[fd12:3456::5]",
        "169.254.169.254",
        "fd00:ec2::254",
        "localhost",
        "127.0.0.1",
        "::1",
    ],
)
def test_e003_what_is_no_private_host(settings: Any, wrong: str) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    settings.PRIVATE_IDP_HOSTS = ["idp.company.internal", wrong, "10.0.0.5"]
    (error,) = checks.private_idp_hosts(None)
    assert error.id == "sso.E003"
    assert f"has {wrong!r}, which" in error.msg
    assert "10.0.0.5" in str(error.hint)
    assert found() == ["sso.E003"]


@pytest.mark.row(33)
@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        " ",
        "k3Jx9QvT2mZr7Lw5Yb8Nc4Hd6Gf1Ps0A",
        "ü" * 44,
        A_KEY[:-2],
        A_KEY + "AAAA",
        f" {A_KEY}",
        f"{A_KEY} {A_KEY}",
    ],
)
def test_e004_what_is_no_key(settings: Any, wrong: str) -> None:
    right = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [right, wrong, right, wrong]
    (error,) = checks.field_encryption_keys(None)
    assert error.id == "sso.E004"
    assert error.msg == "FIELD_ENCRYPTION_KEYS has no key at position 2, 4."
    assert right not in str(error), "a check is printed and logged"
    assert A_KEY[:-2] not in str(error)
    assert "generate_key" in str(error.hint)
    assert found() == ["sso.E004"]


@pytest.mark.row(33)
def test_w002_no_key_in_production(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    settings.FIELD_ENCRYPTION_KEYS = []
    assert found() == []
    assert found(deploy=True) == ["sso.W002"]
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert found(deploy=True) == []
