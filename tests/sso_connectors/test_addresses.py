"""The addresses that we give out, and the two kinds that we take: an endpoint and `next`."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.urls import resolve

from sso_connectors import addresses

BASE = "https://maker.company.example"
EVERY_CHARACTER = "AZaz09_.+-@"


@pytest.fixture
def in_production(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = BASE


# --- ours -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_production")
def test_ours() -> None:
    assert addresses.identity() == f"{BASE}/api/saml/metadata"
    assert addresses.reply_url() == f"{BASE}/api/sso/login/callback"
    assert addresses.login_address("acme") == f"{BASE}/api/sso/login/acme"
    assert addresses.is_https()


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("Acme", "Acme"),
        ("a.b_c-d", "a.b_c-d"),
        ("a+b", "a%2Bb"),
        ("it@acme.example", "it%40acme.example"),
        ("..a", "..a"),
    ],
)
def test_a_reference_stands_percent_encoded(reference: str, path: str) -> None:
    assert addresses.login_address(reference) == f"{BASE}/api/sso/login/{path}"


@pytest.mark.parametrize("character", EVERY_CHARACTER)
@pytest.mark.parametrize("pattern", ["{}1", "1{}", "1{}1", "{}{}1"])
def test_the_login_address_leads_back_to_every_reference(character: str, pattern: str) -> None:
    reference = pattern.replace("{}", character)
    path = urlsplit(addresses.login_address(reference)).path
    for way in (path, path.replace("%40", "@").replace("%2B", "+")):
        match = resolve(unquote(way))
        assert match.view_name == "sso_connectors:login"
        assert match.kwargs == {"reference": reference}


def test_no_reference_takes_the_place_of_the_reply_url() -> None:
    assert resolve("/api/sso/login/callback").view_name == "sso_connectors:callback"
    assert resolve("/api/sso/login/callback1").kwargs == {"reference": "callback1"}


@pytest.mark.row(35)
@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("maker.company.example", True),
        ("MAKER.company.example", True),
        ("maker.company.example:8443", True),
        ("evil.example", False),
        ("maker.company.example.evil.example", False),
        ("", False),
    ],
)
@pytest.mark.usefixtures("in_production")
def test_our_own_host(host: str, ours: bool) -> None:
    assert addresses.is_base_host(host) is ours


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to judge, none to listen at
        ("::", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("2130706433", False),
        ("127.1", False),
        ("0x7f.0.0.1", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert addresses.is_loopback(host) is loopback


# --- endpoint ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://idp.example/sso", "https://idp.example"),
        ("https://idp.example", "https://idp.example"),
        ("https://IDP.example:8443/a/b?c=d&e=%20;f,g", "https://IDP.example:8443"),
        ("https://idp.example?idpid=C01abc", "https://idp.example"),
        ("https://idp.internal/adfs/ls/", "https://idp.internal"),
        ("https://idp/sso", "https://idp"),
        ("https://10.1.2.3/sso", "https://10.1.2.3"),
        ("https://127.0.0.1/sso", "https://127.0.0.1"),
        ("https://localhost/sso", "https://localhost"),
        ("https://[2001:db8::1]:8443/sso", "https://[2001:db8::1]:8443"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example"),
        ("https://idp.example/it's/~a(b)/@me/c:d", "https://idp.example"),
    ],
)
def test_an_endpoint_is_https_on_any_host(url: str, origin: str) -> None:
    addresses.validate_endpoint(url)
    assert addresses.origin(url) == origin


BAD_ENDPOINTS = [
    "",
    "idp.example/sso",
    "//idp.example/sso",
    "https:idp.example/sso",
    "https:/idp.example/sso",
    "https://",
    "https:///sso",
    "https://:443/sso",
    "https://?a=b",
    "https://alice@idp.example/",
    "https://alice:secret@idp.example/",
    "https://@idp.example/",
    "https://:@idp.example/",
    "https://idp.example@evil.example/",
    "https://idp.example\\@evil.example/",
    "https://idp.example/a\\b",
    "https:\\\\idp.example\\sso",
    "https://idp.example/sso#",
    "https://idp.example/#sso",
    "https://idp.example/a b",
    "https://idp.example/ ",
    " https://idp.example/",
    "https://idp.example/\n",
    "https://idp.example/\r\nSet-Cookie: a=b",
    "https://idp.exa\tmple/",
    "https://idp.example/\0",
    "https://idp.example/\x7f",
    "https://idp.example/\u2028",
    "https://idp.example;script-src/",
    "https://idp.example,evil.example/",
    "https://idp.example'/",
    'https://idp.example"/',
    "https://idp.example*/",
    "https://*.example/",
    "https://*/",
    "https://idp%2eexample/",
    "https://idp%00.example/",
    "https://(idp).example/",
    "https://münchen.example/",
    "https://idp。example/",
    "https://ｉｄｐ.example/",
    "https://idp.example/ü",
    "https://[::1",
    "https://::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[nonsense]/",
    "https://idp.example:0/",
    "https://idp.example:65536/",
    "https://idp.example:-1/",
    "https://idp.example:x/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "mailto:idp@idp.example",
    "urn:oid:1.2.3",
    "about:blank",
    "file:///etc/passwd",
]
BAD_SCHEMES = [
    "http://idp.example/sso",
    "http://10.0.0.1/",
    "ftp://idp.example/",
    "javascript://idp.example/%0aalert(1)",
    "data://idp.example/",
    "ws://idp.example/",
    "file://idp.example/etc",
    "httpss://idp.example/",
]


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize("url", BAD_ENDPOINTS)
def test_an_endpoint_that_is_no_web_address(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        addresses.validate_endpoint(url)
    assert caught.value.code == "endpoint"
    (message,) = caught.value.messages
    assert f"could open: {url}." in message
    assert "https://idp.company.example/saml/sso" in message


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize("url", BAD_SCHEMES)
def test_an_endpoint_that_is_not_https(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        addresses.validate_endpoint(url)
    assert caught.value.code == "endpoint_scheme"
    (message,) = caught.value.messages
    assert f"“{url.partition(':')[0]}://”" in message
    assert "must start with “https://”" in message


def test_a_long_endpoint_is_told_in_short() -> None:
    with pytest.raises(ValidationError) as caught:
        addresses.validate_endpoint("https://idp.example/ü" + "x" * 100_000)
    assert len(caught.value.messages[0]) < 400


LOOPBACK_ENDPOINTS = [
    "http://localhost:9400/sso",
    "http://127.0.0.1/sso",
    "http://127.0.0.2:8080/sso",
    "http://[::1]:9400/sso",
]


@pytest.mark.row(31)
@pytest.mark.parametrize("url", LOOPBACK_ENDPOINTS)
def test_plain_http_only_between_loopback_and_loopback(url: str, settings: Any) -> None:
    for base in ("http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"):
        settings.PUBLIC_BASE_URL = base
        addresses.validate_endpoint(url)
        for elsewhere in (
            "http://idp.example/",
            "http://localhost.evil.example/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://2130706433/",
            "ftp://localhost/",
        ):
            with pytest.raises(ValidationError):
                addresses.validate_endpoint(elsewhere)
    for base in (BASE, "http://maker.company.example", "http://localhost.company.example"):
        settings.PUBLIC_BASE_URL = base
        with pytest.raises(ValidationError) as caught:
            addresses.validate_endpoint(url)
        assert caught.value.code == "endpoint_scheme"


# --- next -------------------------------------------------------------------------------------


@pytest.mark.row(26)
@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/maker/",
        "/maker/sso_connectors/connector/?type=saml2&q=a+b",
        "/a/b#c",
        "/a?next=https://other.example/",
        "/a?b=//c",
        "/a:b@c",
        "/%2F%2Fevil.example",
        "/@evil.example",
        "/;a=b,c",
        "/.well-known/change-password",
        "/" + "x" * 1999,
    ],
)
def test_next_is_a_path_on_this_site(target: str) -> None:
    assert addresses.safe_next(target) == target


@pytest.mark.row(26)
@pytest.mark.parametrize(
    "target",
    [
        "",
        " ",
        "maker/",
        "./maker/",
        "../maker/",
        "?a=b",
        "#a",
        "@evil.example",
        ".evil.example",
        ":80",
        "evil.example",
        "//evil.example",
        "//evil.example/maker/",
        "///evil.example",
        "////evil.example",
        "//",
        "///",
        "//localhost:8000/maker/",
        "//user@evil.example",
        "//evil.example:80",
        "//[::1]/",
        "//[",
        "//%5cevil.example",
        "/\\evil.example",
        "/\\/evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "\\evil.example",
        "/maker/\\..\\..\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        "\n//evil.example",
        " //evil.example",
        "//evil.example ",
        " /maker/",
        "/maker/ ",
        "/maker/\n",
        "/maker/\r\nLocation: https://evil.example",
        "/\0/evil.example",
        "\0//evil.example",
        "\x08//evil.example",
        "/\x7f/evil.example",
        "/\x1b/evil.example",
        "/\u00a0/evil.example",
        "/\u2028/evil.example",
        "/\u200b/evil.example",
        "/\ufeff/evil.example",
        "\ufeff//evil.example",
        "／／evil.example",
        "/／evil.example",
        "/。evil.example",
        "//evil。example",
        "/ü",
        "/\ud800",
        "http://evil.example",
        "https://evil.example",
        "HTTPS://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "http:\\\\evil.example",
        "https://localhost:8000/maker/",
        "https://localhost:8000@evil.example/",
        "http://localhost:8000/",
        "ftp://evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "javascript://localhost/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://evil.example/1",
        "mailto:a@evil.example",
        "x:/maker/",
        "/" + "x" * 2000,
    ],
)
def test_next_leads_nowhere_else(target: str) -> None:
    assert addresses.safe_next(target) == ""
