"""System checks: what an operator may have set wrongly, said before the first login."""

import ipaddress
import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from . import addresses, encryption
from .reachable import is_allowed_host

_is_origin = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?").fullmatch


@register()
def public_base_url(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.E001: every address that we give out starts with this one, cookies live on its host."""
    if not _is_origin(settings.PUBLIC_BASE_URL):
        return [
            Error(
                f"PUBLIC_BASE_URL is {settings.PUBLIC_BASE_URL!r}, which is not a plain origin.",
                hint="Set it to scheme and host alone, like https://maker.company.example.",
                id="sso.E001",
            )
        ]
    return []


@register(deploy=True)
def https_in_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.W001: without https, session cookies travel in the clear."""
    if addresses.is_https():
        return []
    return [
        Warning(
            "PUBLIC_BASE_URL is not https; session cookies would travel in the clear.",
            id="sso.W001",
        )
    ]


@register()
def trusted_proxies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.E002: an entry that is no network would silently trust nobody, or the wrong one."""
    wrong = [entry for entry in settings.TRUSTED_PROXIES if not _is_network(entry)]
    if not wrong:
        return []
    return [
        Error(
            f"TRUSTED_PROXIES has {', '.join(wrong)}, which is no address, network or the word unix.",
            hint="List addresses or networks, like 10.0.0.5,10.1.0.0/16; unix for a local socket.",
            id="sso.E002",
        )
    ]


@register()
def private_idp_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.E003: an entry that is no plain host would match nothing; some are never connected to."""
    wrong = [entry for entry in settings.PRIVATE_IDP_HOSTS if not is_allowed_host(entry)]
    if not wrong:
        return []
    return [
        Error(
            f"PRIVATE_IDP_HOSTS has {', '.join(map(repr, wrong))}, which is no host inside a company.",
            hint="List plain host names or addresses, like idp.company.internal,10.0.0.5.",
            id="sso.E003",
        )
    ]


@register()
def field_encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.E004: with an entry that is no key, no secret can be read. The entry is never repeated."""
    positions = encryption.malformed_keys()
    if not positions:
        return []
    return [
        Error(
            f"FIELD_ENCRYPTION_KEYS has no key at position {', '.join(map(str, positions))}.",
            hint=f"A key is 32 random bytes in base64; to make one: {encryption.HOW_TO_MAKE_A_KEY}",
            id="sso.E004",
        )
    ]


@register(deploy=True)
def no_field_encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.W002: a client secret can't be kept without a key, so no OAUTH 2 connector works."""
    if settings.FIELD_ENCRYPTION_KEYS:
        return []
    return [
        Warning(
            "FIELD_ENCRYPTION_KEYS is empty; OAUTH 2 connectors can't keep their client secret.",
            hint=f"Set it to a key; to make one: {encryption.HOW_TO_MAKE_A_KEY}",
            id="sso.W002",
        )
    ]


def _is_network(entry: str) -> bool:
    if entry == "unix":
        return True
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True
