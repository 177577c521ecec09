"""The addresses that we give out, all built from PUBLIC_BASE_URL and never from a request's Host."""

import ipaddress
import re
from functools import cache
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from .web_address import host_of, read_address

_PRINTABLE_ASCII = re.compile(r"[!-~]+").fullmatch
_MAX_NEXT = 2000


def identity() -> str:
    """Our SAML entity ID, which is also where our metadata is."""
    return base_url() + _path("metadata")


def reply_url() -> str:
    """The assertion consumer service of SAML, and a redirect URI that OAUTH 2 connectors may share."""
    return base_url() + _path("callback")


def oauth_callback() -> str:
    """The other redirect URI that OAUTH 2 connectors may share: the one of INO cx's help pages."""
    return base_url() + _path("oauth-callback")


def own_redirect_uri(reference: str) -> str:
    """The redirect URI of the OAUTH 2 connector with this reference, and of no other."""
    return f"{oauth_callback()}/{quote(reference, safe='')}"


def is_at(address: str, path: str) -> bool:
    """Whether a request's decoded `path` is that of `address`, which is one of ours."""
    return unquote(address.removeprefix(base_url())) == path


def login_address(reference: str) -> str:
    return reply_url().removesuffix("callback") + quote(reference, safe="")


@cache
def _path(name: str) -> str:
    return reverse(f"sso_connectors:{name}")


def base_url() -> str:
    return str(settings.PUBLIC_BASE_URL)


def base_host() -> str:
    return urlsplit(base_url()).hostname or ""


def is_base_host(host: str) -> bool:
    """Whether a Host header (already checked against ALLOWED_HOSTS) names our own host, on any port."""
    return host_of(f"http://{host}/") == base_host()


def is_https() -> bool:
    return base_url().startswith("https://")


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Scheme, host and port of a validated endpoint."""
    return read_address(url).origin


def safe_next(target: str) -> str:
    """Return `target` when it is a path on this site, else "".

    An open redirect would lend our name to a stranger's page right after a sign-in.
    """
    if (
        len(target) <= _MAX_NEXT
        and _PRINTABLE_ASCII(target)
        and target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    ):
        return target
    return ""


def validate_endpoint(url: object) -> None:
    """Raise ValidationError unless browsers may be sent to `url` with a request for sign-in."""
    try:
        address = read_address(url)
    except ValidationError as error:
        raise ValidationError(
            _(
                "This is not a web address that a browser could open: %(url)s. It looks like %(example)s."
            ),
            code="endpoint",
            params={"url": str(url)[:200], "example": "https://idp.company.example/saml/sso"},
        ) from error
    if address.scheme == "https":
        return
    if address.scheme == "http" and is_loopback(address.host) and is_loopback(base_host()):
        return
    raise ValidationError(
        _(
            "The address starts with “%(scheme)s://”; it must start with “https://”, since sign-in goes there."
        ),
        code="endpoint_scheme",
        params={"scheme": address.scheme},
    )
