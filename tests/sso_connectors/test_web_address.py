"""The parser of every address that a stranger wrote: it answers with an address, or ValidationError."""

import random
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError

from sso_connectors import addresses
from sso_connectors.network import address_policy
from sso_connectors.web_address import WebAddress, host_of, read_address

# What other parsers stumble over, or read in another way.
ODD: Final = (
    "https://[::1/",
    "https://::1]/",
    "https://[::1]x/",
    "https://[v1.a]/",
    "https://[fe80::1%25eth0]/",
    "https://[1::2::3]/",
    "https://idp.exam℀ple/",
    "https://ｉｄｐ.example/",
    "https://idp。example/",
    "https://іdp.example/",  # a Cyrillic і
    "https://alice@idp.example/",
    "https://idp.example:443@evil.example/",
    "https://idp.example\\@evil.example/",
    "https://idp.example\\.evil.example/",
    "https://idp.example/#@evil.example/",
    "https://idp.example\t.evil.example/",
    "https://idp.example\r\nHost: evil.example/",
    "https://idp.example/\0",
    "\x01https://idp.example/",
    "https://idp.example:0/",
    "https://idp.example:65536/",
    "https://idp.example:٤٤٣/",
    "https://idp.example:-1/",
    "https://idp.example:/",
    "https://idp.example:00443/",
    "https://idp%2eexample/",
    "https://idp.example;script-src/",
    "https://\ud800.example/",
    "https:idp.example/",
    "//idp.example/",
    "https://",
    "://",
)

pytestmark = pytest.mark.row(31)


@pytest.mark.parametrize(
    "text", [*ODD, "", None, 5, True, b"https://idp.example/", [], {}], ids=ascii
)
def test_what_is_no_address(text: Any) -> None:
    with pytest.raises(ValidationError):
        read_address(text)
    assert host_of(text) == ""
    for validate in (addresses.validate_endpoint, address_policy.validate_server_url):
        with pytest.raises(ValidationError):
            validate(text)


def test_address() -> None:
    assert read_address("https://IDP.example:8443/a/b?c=d") == WebAddress(
        scheme="https",
        host="idp.example",
        port=8443,
        path="/a/b",
        origin="https://IDP.example:8443",
    )
    assert read_address("http://[2001:db8::1]/").host == "2001:db8::1"


_PIECES: Final = (
    *(
        "https://",
        "http://",
        "file:",
        "//",
        "://",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        ";",
        ",",
        "%",
        "[",
        "]",
    ),
    *(
        "::1",
        "fe80::1%25eth0",
        "127.0.0.1",
        "0x7f.1",
        "idp.example",
        "evil.example",
        "localhost",
        "v1.a",
    ),
    *(
        "443",
        "65536",
        "0",
        "-1",
        "٤٤٣",
        "\0",
        "\t",
        "\r\n",
        " ",
        "\u2028",
        "℀",
        "。",
        "ｅ",
        "\ud800",
        "ß",
        "İ",
    ),
    *(
        "%2e",
        "%00",
        "%5c",
        "xn--",
        "..",
        "a" * 70,
        "_",
        "*",
        "'",
        '"',
        "&",
        "|",
        "^",
        "`",
        "{",
        "\x7f",
    ),
)


@pytest.mark.parametrize("seed", range(20))
def test_any_text_is_an_address_or_a_validation_error(seed: int) -> None:
    """Nothing else comes out, and what is an address is the same one to Python's own parser."""
    draw = random.Random(seed)  # noqa: S311 - the same each time
    for _each in range(1000):
        start = draw.choice(("https://", "https://", "http://", ""))
        text = start + "".join(draw.choices(_PIECES, k=draw.randrange(7)))
        for validate in (addresses.validate_endpoint, address_policy.validate_server_url):
            try:
                validate(text)
            except ValidationError:
                continue
            found, parts = read_address(text), urlsplit(text)
            assert (found.scheme, found.host, found.port) == (
                parts.scheme,
                parts.hostname,
                parts.port,
            )
            assert found.scheme in {"https", "http"}
            assert parts.username is parts.password is None
            assert set(text) <= set(map(chr, range(33, 127))) - {"\\"}
        assert addresses.safe_next(text) in {"", text}
        addresses.is_base_host(text)
