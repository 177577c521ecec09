"""What a provider's connectors need beside client ID and secret: each value in one spelling, or refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)


@dataclass(frozen=True)
class Option:
    """One thing that a method needs beside client ID and secret.

    name: its key in `options` and in JSON. clean: returns the value in its one spelling, or raises
    ValidationError; a typed value is a str, a switch's a bool.
    """

    name: str
    label: StrOrPromise
    help_text: StrOrPromise = ""
    required: bool = False
    default: str = ""
    is_switch: bool = False
    clean: Callable[[str], str] = str

    def read(self, value: object) -> str | bool:
        """Return `value` in its one spelling; "" or False where there is none. Raises ValidationError."""
        if self.is_switch:
            if value not in (None, "", True, False):
                raise ValidationError(_("must be true or false."))
            return bool(value)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValidationError(_("must be text."))
        text = value.strip()
        return self.clean(text) if text else ""


def fitting(text: str, pattern: re.Pattern[str], otherwise: StrOrPromise) -> str:
    """Return `text` if the whole of it fits `pattern`.

    Raises ValidationError with the sentence `otherwise`, which names %(text)s.
    """
    if not pattern.fullmatch(text):
        raise ValidationError(otherwise, params={"text": text[:100]})
    return text


def domain(text: str) -> str:
    """An Option's `clean` for a domain name."""
    return fitting(text.lower(), _DOMAIN, _("“%(text)s” is not a domain name."))
