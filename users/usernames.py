"""A username is an e-mail address, kept in one spelling so that it can be compared for equality."""

import re
import unicodedata
from typing import Any

import idna
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

MAX_LENGTH = 254
# RFC 5322 dot-atom and RFC 1035 labels; quoted local parts and address literals name no employee.
PATTERN = (
    r"^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_matches = re.compile(PATTERN).fullmatch


def normalise_username(text: str) -> str:
    """Return the one spelling of an e-mail address: lower-case ASCII, the domain as punycode.

    Only letter case and the form of an international domain (RFC 5891) are evened out. Look-alikes
    and compatibility characters are refused, never mapped, since mapping would let one address stand
    for another.

    Raises ValidationError, saying what was seen, when `text` is not such an address.
    """
    text = text.strip(" \t\r\n")
    local, at, domain = text.rpartition("@")
    try:
        if not unicodedata.is_normalized("NFKC", text):
            raise ValueError
        if not domain.isascii():
            domain = idna.encode(domain.lower(), strict=True).decode("ascii")
        address = f"{local}{at}{domain}"
        if not address.isascii():
            raise ValueError
        address = address.lower()
        if len(address) > MAX_LENGTH or not _matches(address):
            raise ValueError
    except ValueError as error:  # idna.IDNAError is one
        shown = text if len(text) <= 80 else f"{text[:80]}…"
        raise ValidationError(
            _("“%(shown)s” is not an e-mail address. Example of a username: name@company.example."),
            code="username",
            params={"shown": shown},
        ) from error
    return address


class UsernameField(models.CharField[str, str]):
    """A CharField whose cleaned value is in the one spelling."""

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return super().clean(normalise_username(str(value or "")), model_instance)
