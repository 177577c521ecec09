"""JSON: an OpenID discovery document, or the settings of a program that speaks SAML."""

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final

from django.utils.translation import gettext as _

from ..certificates.text import is_private_key
from ..certificates.unwrapping import unwrap
from .understood import private_key, refusal

_MOST_VALUES: Final = 2_000
_SHORTEST_KEY: Final = 40
_LONGEST_VALUE: Final = 512 * 1024


def load(text: str) -> dict[str, Any]:
    """Return the object that `text` is. Raises ValidationError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # brackets without end
        # Not its own words, which may repeat a piece of the text.
        raise refusal(_("This looks like JSON, but can't be read.")) from error
    if isinstance(document, list):
        document = {"": document}
    if not isinstance(document, dict):
        raise refusal(_("This looks like JSON, but can't be read."))
    _refuse_private(document)
    return document


def metadata_in(document: dict[str, Any]) -> str:
    """The SAML metadata that is a value of it, as administration interfaces return it; or ""."""
    return next(
        (
            value
            for _path, value in _values(document)
            if "EntityDescriptor" in value and "<" in value
        ),
        "",
    )


def as_lines(document: dict[str, Any]) -> str:
    """Its values as the lines of a screen, `singleSignOnService url: https://…`."""
    lines = []
    for path, value in _values(document):
        # What is the service provider's says so at the top: {"sp": {"entityId": …}}.
        label = " ".join(("sp", *path[-1:]) if "sp" in path[:-1] else path[-2:])
        lines.append(f"{label}: {value}")
    return "\n".join(lines)


def _values(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each text in it, with the keys that lead there."""
    for place, (found, value) in enumerate(_walk(part, path)):
        if place >= _MOST_VALUES:
            return
        if len(value) <= _LONGEST_VALUE:
            yield found, value


def _walk(part: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from _walk(value, (*path, key[:100]))
    elif isinstance(part, list):
        for value in part:
            yield from _walk(value, path)


def _refuse_private(document: dict[str, Any]) -> None:
    """A JSON Web Key with its private part (RFC 7518, section 6), or the base64 of a private key."""
    keys = document.get("keys")
    several = keys if isinstance(keys, list) else []
    if any(isinstance(key, dict) and "kty" in key and "d" in key for key in [document, *several]):
        raise private_key()
    for _path, value in _values(document):
        if len(value) >= _SHORTEST_KEY and ("PRIVATE KEY" in unwrap(value) or _is_private(value)):
            raise private_key()


def _is_private(value: str) -> bool:
    try:
        return is_private_key(b64decode("".join(value.split()), validate=True))
    except ValueError:
        return False
