"""Which hosts the server may connect to, as far as their names and addresses tell."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.network import http_client
from sso_connectors.network.address_policy import is_allowed_host, validate_server_url
from sso_connectors.network.http_client import OutboundRefused
from tests.network import PRODUCTION, PUBLIC, Network

row_31 = pytest.mark.row(31)


@row_31
@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example",
        "https://idp.example/a/b?c=d&e=%20",
        "https://IDP.Example:8443/",
        "https://xn--mnchen-3ya.example/",
        "https://a_b.idp-1.example/",
        "https://idp.1and1/",
        f"https://{PUBLIC}/",
        "https://[2606:4700::1111]:8443/",
        "https://[64:ff9b::5db8:d70e]/",
        "https://[::ffff:5db8:d70e]/",
        "https://idp/",
    ],
)
def test_url_of_a_public_host(url: str, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = PRODUCTION
    validate_server_url(url)


NOT_A_URL = [
    "",
    "idp.example/",
    "//idp.example/",
    "https:idp.example/",
    "https:/idp.example/",
    "https://",
    "https:///path",
    "https://?a",
    "https://:443/",
    "https://alice@idp.example/",
    "https://alice:secret@idp.example/",
    "https://@idp.example/",
    "https://idp.example@evil.example/",
    "https://idp.example\\@evil.example/",
    "https://idp.example\\.evil.example/",
    "https://idp.example/a\\b",
    "https://idp.example/#a",
    "https://evil.example#@idp.example/",
    "https://idp.example/a b",
    " https://idp.example/",
    "https://idp.example/\n",
    "https://idp.exa\tmple/",
    "https://idp.example/\r\nHost: evil.example",
    "https://idp.example/\0",
    "https://idp.example/\x7f",
    "https://münchen.example/",
    "https://idp。example/",
    "https://ⓘdp.example/",
    "https://idp.example:/",
    "https://idp.example:0/",
    "https://idp.example:00443/",
    "https://idp.example:65536/",
    "https://idp.example:-1/",
    "https://idp.example:x/",
    "https://[::1/",
    "https://::1]/",
    "https://[v1.a]/",
    "https://a[::1]b/",
    "https://[nonsense]/",
]
NOT_HTTPS = [
    "http://idp.example/",
    f"http://{PUBLIC}/",
    "http://127.0.0.1/",
    "http://localhost/",
    "ftp://idp.example/",
    "file://idp.example/etc/passwd",
    "gopher://idp.example/",
]
NOT_ALLOWED = [
    "localhost",
    "LOCALHOST",
    "127.0.0.1",
    "127.8.9.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "0.0.0.0",  # noqa: S104 - an address to judge, none to listen at
    "[::]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[2606:4700::1111%25eth0]",
    "[fc00::1]",
    "[fec0::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[::7f00:1]",
    "[64:ff9b:1::1]",
    "2130706433",
    "134744072",
    "0x7f000001",
    "0x7f.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "8.8.8.0x8",
    "1.2.3.4.5",
    "idp.example.1",
    "idp.example.",
    "localhost.",
    "127.0.0.1.",
    "idp..example",
    ".idp.example",
    "-idp.example",
    "idp-.example",
    "*.example",
    "idp%2eexample",
    "idp,evil.example",
    "idp;evil.example",
    "a" * 64 + ".example",
    "a." * 130 + "example",
]


@row_31
@pytest.mark.parametrize(
    ("url", "code"),
    [
        *((url, "server_url") for url in NOT_A_URL),
        *((url, "server_url_scheme") for url in NOT_HTTPS),
        *(
            # What has another sign in it is no address at all.
            (f"https://{host}/", "server_url" if set(host) & set("%*;,") else "server_url_host")
            for host in NOT_ALLOWED
        ),
    ],
)
def test_url_that_is_not_fetched(url: str, code: str, settings: Any, network: Network) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_server_url(url)
    assert caught.value.code == code
    with pytest.raises(OutboundRefused):
        http_client.request("GET", url)
    assert network.lookups == network.connected == []


def test_saving_asks_nobody(network: Network) -> None:
    validate_server_url("https://nobody.example/")
    assert is_allowed_host("nobody.example")
    assert network.lookups == []


@row_31
@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.0.0.2:9400", "[::1]:9400", "LocalHost"]
)
def test_loopback_only_from_loopback(host: str, settings: Any) -> None:
    for base in ("http://localhost:8000", "http://127.0.0.1:8000", "https://[::1]"):
        settings.PUBLIC_BASE_URL = base
        validate_server_url(f"http://{host}/")
        validate_server_url(f"https://{host}/")
        for elsewhere in ("idp.example", PUBLIC, "10.0.0.1", "127.1", "2130706433", "localhost.a"):
            with pytest.raises(ValidationError):
                validate_server_url(f"http://{elsewhere}/")
    for base in (PRODUCTION, "http://maker.company.example", "http://localhost.company.example"):
        settings.PUBLIC_BASE_URL = base
        settings.PRIVATE_IDP_HOSTS = ["localhost", "127.0.0.1", "127.0.0.2", "::1"]
        for scheme in ("http", "https"):
            with pytest.raises(ValidationError):
                validate_server_url(f"{scheme}://{host}/")


@row_31
def test_listed_addresses(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = PRODUCTION
    settings.PRIVATE_IDP_HOSTS = ["10.0.0.5", "FD00:0::5", "100.64.0.1"]
    for host in ("10.0.0.5", "10.0.0.5:8443", "[fd00::5]", "[FD00:0:0::0005]:8443", "100.64.0.1"):
        validate_server_url(f"https://{host}/")
        with pytest.raises(ValidationError):
            validate_server_url(f"http://{host}/")
    for host in ("10.0.0.50", "10.0.0.6", "[fd00::6]", "[fd00::5%251]"):
        with pytest.raises(ValidationError):
            validate_server_url(f"https://{host}/")


NEVER = [
    "127.0.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "240.0.0.1",
    "0.0.0.0",  # noqa: S104 - an address to judge, none to listen at
    "::1",
    "::",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "fd00:ec2::254",
    "fd00:c1::a9fe:a9fe",
    "fd20:ce::254",
    "ff02::1",
]


@row_31
@pytest.mark.parametrize("address", NEVER)
def test_never_even_when_listed(address: str, settings: Any, network: Network) -> None:
    settings.PRIVATE_IDP_HOSTS = [address, "idp.company.internal"]
    assert not is_allowed_host(address)
    network.answers = [[address]]
    with pytest.raises(OutboundRefused, match="which is not public"):
        http_client.request("GET", "https://idp.company.internal/")
    assert network.connected == []
