"""The one parser of web addresses that come from outside: typed, pasted, or in a provider's document.

It takes fewer than a browser does, so that there is but one way to read what it takes: whoever judges an
address and whoever goes there then mean the same host. What it doesn't take raises ValidationError, and
never anything else, whatever was in a document's JSON.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# No blanks or control characters, which readers leave out or end at, and nothing that looks like another letter.
_PRINTABLE_ASCII: Final = re.compile(r"[!-~]+").fullmatch
# A host goes into a Content-Security-Policy, where ";" or "," would start another directive.
_NAME: Final = re.compile(r"[a-z0-9._-]+").fullmatch


@dataclass(frozen=True)
class WebAddress:
    """An address with one way to read it. `scheme` and `host` are in lower case; `port` None is the scheme's."""

    scheme: str
    host: str
    port: int | None
    path: str
    origin: str


def read_address(text: object) -> WebAddress:
    """Return the absolute address that `text` is, of any scheme. Raises ValidationError."""
    # A backslash is a slash to browsers only; behind "#" nothing is sent, and some read a host there.
    if not isinstance(text, str) or not _PRINTABLE_ASCII(text) or "\\" in text or "#" in text:
        raise _not_one()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            ipaddress.IPv6Address(host)
    except ValueError as error:  # [::1 without an end, a port that is none
        raise _not_one() from error
    # Nothing else, such as a user name before it: other readers take another part for the host.
    shown = f"[{host}]" if ":" in host else host
    is_one = ":" in host or _NAME(host)
    if not is_one or port == 0 or parts.netloc.lower() not in {shown, f"{shown}:{port}"}:
        raise _not_one()
    if not parts.scheme or "%" in host:
        raise _not_one()
    return WebAddress(parts.scheme, host, port, parts.path, f"{parts.scheme}://{parts.netloc}")


def host_of(text: object) -> str:
    """The host of the address `text`, "" where that is none."""
    try:
        return read_address(text).host
    except ValidationError:
        return ""


def _not_one() -> ValidationError:
    return ValidationError(_("This is not a web address."), code="address")
