"""System checks: what an operator may have set wrongly, said before the first login."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from .. import addresses
from ..network.address_policy import is_allowed_host
from ..secrets import encryption

SHORTEST_TOKEN: Final = 20
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


@register()
def metrics_allowed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.E005: an entry that is no network would let nobody in, or the wrong one."""
    wrong = [
        entry for entry in settings.METRICS_ALLOWED if entry == "unix" or not _is_network(entry)
    ]
    if not wrong:
        return []
    return [
        Error(
            f"METRICS_ALLOWED has {', '.join(wrong)}, which is no address or network.",
            hint="List addresses or networks, like 10.0.0.9,10.2.0.0/16. Else use METRICS_TOKEN.",
            id="sso.E005",
        )
    ]


@register()
def metrics_token(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.E006: the numbers name customers, and anybody may guess. The token is never repeated."""
    if not settings.METRICS_TOKEN or len(settings.METRICS_TOKEN) >= SHORTEST_TOKEN:
        return []
    return [
        Error(
            f"METRICS_TOKEN is shorter than {SHORTEST_TOKEN} characters.",
            hint='To make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
            id="sso.E006",
        )
    ]


@register(deploy=True)
def metrics_for_nobody(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.W004: until this was asked for, every private address was answered; a scraper now gets 404."""
    if not settings.PROMETHEUS_MULTIPROC_DIR or settings.METRICS_TOKEN or settings.METRICS_ALLOWED:
        return []
    return [
        Warning(
            "PROMETHEUS_MULTIPROC_DIR is set, but nobody may read /metrics.",
            hint="Set METRICS_TOKEN, or list the scraper's address in METRICS_ALLOWED.",
            id="sso.W004",
        )
    ]


@register(deploy=True)
def files_of_others(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """sso.W003: who can read the database has the sessions in it; who can read .env has the keys."""
    open_to_others = [
        f"{path} ({mode:03o})"
        for path, wanted in _private_files()
        if path.exists() and (mode := path.stat().st_mode & 0o777) & ~wanted
    ]
    if not open_to_others:
        return []
    return [
        Warning(
            f"Other users of this machine can read or enter {', '.join(open_to_others)}.",
            hint="Take their rights away: chmod 600 for files, chmod 700 for folders.",
            id="sso.W003",
        )
    ]


def _private_files() -> Iterator[tuple[Path, int]]:
    """Each with the most that its mode may be. A group may read .env: it is often root's."""
    yield Path(settings.ENV_FILE), 0o770
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        return
    file = Path(database["NAME"])
    for suffix in ("", "-wal", "-shm", "-journal"):
        yield file.with_name(f"{file.name}{suffix}"), 0o600
    if file.parent == Path(settings.VAR_DIR):
        yield file.parent, 0o700


def _is_network(entry: str) -> bool:
    if entry == "unix":
        return True
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True
