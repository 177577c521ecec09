"""Where the server itself may connect: whether a host, by its name and by its addresses, is one to ask.

Public hosts, those of PRIVATE_IDP_HOSTS, and loopback while the product itself stands there. Never the
places where a cloud hands a machine its credentials, listed or not.
"""

import ipaddress
import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .. import addresses
from ..web_address import read_address

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}").fullmatch
# The resolver takes 2130706433, 0x7f.1 and 127.1 for addresses.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)").fullmatch

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")
# `is_global` of some Pythons calls these public: relays and tunnels to other addresses, documentation.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
]
# Where clouds hand the machine its credentials, beside the link-local 169.254.169.254.
_METADATA = [
    ipaddress.ip_network(network)
    for network in (
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd00:c1::/32",
        "fd20:ce::/32",
    )
]


def validate_server_url(url: object) -> None:
    """Raise ValidationError unless the server may fetch from `url`, as far as can be told without asking."""
    try:
        address = read_address(url)
    except ValidationError as error:
        raise ValidationError(
            _(
                "This is not a web address that the server could fetch from. It looks like %(example)s."
            ),
            code="server_url",
            params={"example": "https://idp.company.example/path"},
        ) from error
    scheme, host = address.scheme, address.host
    if scheme != "https" and not (
        scheme == "http" and addresses.is_loopback(host) and _loopback_is_allowed()
    ):
        raise ValidationError(
            _("The address starts with “%(scheme)s://”; it must start with “https://”."),
            code="server_url_scheme",
            params={"scheme": scheme},
        )
    if not is_allowed_host(host):
        raise ValidationError(
            _("The server doesn't fetch from “%(host)s”: that is not a public host."),
            code="server_url_host",
            params={"host": host},
        )


def is_allowed_host(host: str) -> bool:
    """Whether the server may look for `host`, a name or literal address: its form, and what that alone tells."""
    address = _literal(host)
    if address:
        return may_connect(address, host)
    name = host.lower()
    if addresses.is_loopback(name):
        return _loopback_is_allowed()
    return bool(_NAME(name)) and not _NUMBER(name)


def _literal(host: str) -> Address | None:
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def may_connect(address: Address, host: str) -> bool:
    """Whether a connection to `address` in the name of `host` is allowed; the rule on what we reach."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            address = address.ipv4_mapped
        elif address in _NAT64:  # in networks without IPv4, what every public host resolves to
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.is_loopback:
        return _loopback_is_allowed()
    if (
        address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address in network for network in _METADATA)
    ):
        return False
    return _is_public(address) or _is_listed(host)


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and (address.version == 4 or address in _IPV6_UNICAST)
        and not any(address in network for network in _NOT_PUBLIC)
    )


def _is_listed(host: str) -> bool:
    return _spelling(host) in map(_spelling, settings.PRIVATE_IDP_HOSTS)


def _spelling(host: str) -> str:
    return str(_literal(host) or host).lower()


def _loopback_is_allowed() -> bool:
    """So that the product can be tried with identity providers on the same machine, and never otherwise."""
    return addresses.is_loopback(addresses.base_host())
