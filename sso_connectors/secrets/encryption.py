"""Secrets at rest: encrypted before the database sees them, decrypted only where they are used.

The keys are the setting FIELD_ENCRYPTION_KEYS: the first encrypts, all decrypt. What is stored is a
Fernet token: AES-128-CBC and HMAC-SHA256, with the time at which it was made.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

HOW_TO_MAKE_A_KEY: Final = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)
# Version 0x80, then the seconds since 1970 in eight bytes: so it begins, until the year 4147.
_BEGINNING: Final = "gAAAAA"
_is_key = re.compile(r"[A-Za-z0-9_-]{43}=").fullmatch
# A text of up to 15 bytes takes 73 bytes, each 16 bytes more take 16.
_is_token = re.compile(rf"{_BEGINNING}[A-Za-z0-9_-]{{92,}}={{0,2}}").fullmatch


class NoEncryptionKey(ImproperlyConfigured):
    """FIELD_ENCRYPTION_KEYS has no key, or an entry that is none."""


class UnreadableSecret(Exception):
    """None of the keys made this: the right one was lost, or the token was damaged."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that only `reveal()` shows. Printed, logged, pickled or compared, it stays sealed.

    Equal means the same token: the same text sealed twice is two secrets.
    """

    token: str

    @classmethod
    @sensitive_variables()  # an error page shows the variables of each frame
    def seal(cls, plain: str) -> Self:
        """Encrypt with the first key.

        Raises NoEncryptionKey, and ValueError for what is empty or can't be written as UTF-8.
        """
        if not plain:
            # Sealed, a blank secret would count as one that is there.
            raise ValueError("There is nothing to seal.")
        try:
            data = plain.encode()
        except UnicodeEncodeError:
            # That error's repr holds the whole text.
            raise ValueError("A secret must be text that UTF-8 can write.") from None
        return cls(_fernets()[0].encrypt(data).decode())

    def reveal(self) -> str:
        """Decrypt with whichever key made it. Raises UnreadableSecret."""
        return _read(MultiFernet.decrypt, self.token)

    def resealed(self) -> Self:
        """The same text under the first key, with its time. Raises UnreadableSecret."""
        return type(self)(_read(MultiFernet.rotate, self.token))

    @property
    def is_current(self) -> bool:
        """Whether the first key made it; False, too, where there is no key."""
        try:
            _fernets()[0].extract_timestamp(self.token.encode())
        except (InvalidToken, NoEncryptionKey):
            return False
        return True

    @property
    def sealed_at(self) -> datetime:
        """When the text was sealed, in UTC.

        Takes no key, so that a page can say it when the key is lost. Raises UnreadableSecret for
        what is no token.
        """
        if not _is_token(self.token):
            raise UnreadableSecret("What is stored is no encrypted text.")
        version_and_time = urlsafe_b64decode(self.token[:12])
        return datetime.fromtimestamp(int.from_bytes(version_and_time[1:], "big"), UTC)

    def __repr__(self) -> str:
        return "[secret]"


class SecretField(models.TextField["Secret | None", "Secret | None"]):
    """A Secret, or None where there is none.

    Loading a row decrypts nothing, so that a lost key breaks no list. Forms neither show nor fill
    it: their text is plain, and whoever takes it must seal it.
    """

    description = _("Encrypted text")
    empty_strings_allowed = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"null": True, "blank": True, "editable": False, **options})

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        """Nor can a plain text come in past `get_prep_value`, by an F() or by SQL."""
        column = self.db_type_parameters(connection)["qn_column"]
        return f"substr({column}, 1, {len(_BEGINNING)}) = '{_BEGINNING}'"

    def get_lookup(self, lookup_name: str) -> Any:
        """Only `isnull`: one text has many tokens, so that to look for one finds nothing."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def from_db_value(
        self, value: str | None, expression: Any, connection: BaseDatabaseWrapper
    ) -> Secret | None:
        return None if value is None else Secret(value)

    def to_python(self, value: Any) -> Secret | None:
        """Accepts a token too, for `loaddata`."""
        if value is None or isinstance(value, Secret):
            return value
        if isinstance(value, str) and _is_token(value):
            return Secret(value)
        raise ValidationError(_("This is not encrypted text."), code="not_encrypted")

    def get_prep_value(self, value: Any) -> str | None:
        """Raises TypeError for a plain text, which must not be stored by mistake."""
        if value is None:
            return None
        if not isinstance(value, Secret):
            raise TypeError(f"{self.name} takes a Secret or None, not {type(value).__name__}.")
        return value.token

    def value_to_string(self, obj: models.Model) -> str:
        """The token, for `dumpdata`."""
        return self.get_prep_value(self.value_from_object(obj)) or ""


def malformed_keys() -> list[int]:
    """Which entries of FIELD_ENCRYPTION_KEYS are no keys, counted from 1."""
    keys = enumerate(settings.FIELD_ENCRYPTION_KEYS, start=1)
    return [position for position, key in keys if _fernet(key) is None]


def _fernets() -> list[Fernet]:
    """All keys, at least one. Raises NoEncryptionKey."""
    fernets = [fernet for key in settings.FIELD_ENCRYPTION_KEYS if (fernet := _fernet(key))]
    if len(fernets) != len(settings.FIELD_ENCRYPTION_KEYS):
        positions = ", ".join(map(str, malformed_keys()))
        raise NoEncryptionKey(f"FIELD_ENCRYPTION_KEYS: no key at position {positions}.")
    if not fernets:
        raise NoEncryptionKey(
            f"FIELD_ENCRYPTION_KEYS is empty, so no secret can be kept. Set it to a key: {HOW_TO_MAKE_A_KEY}"
        )
    return fernets


@lru_cache(maxsize=16)
def _fernet(key: str) -> Fernet | None:
    """None for what is no key; raised from here, an error page would show it.

    Fernet alone decodes as far as it can: of two keys with a blank between, it takes the first.
    """
    return Fernet(key) if _is_key(key) else None


def _read(use: Callable[[MultiFernet, bytes], bytes], token: str) -> str:
    try:
        return use(MultiFernet(_fernets()), token.encode()).decode()
    except NoEncryptionKey as error:
        raise UnreadableSecret(str(error)) from error
    except InvalidToken as error:
        raise UnreadableSecret(
            "None of FIELD_ENCRYPTION_KEYS reads this secret: another key made it."
        ) from error
