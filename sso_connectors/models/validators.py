"""What people type into fields: what is refused there, and a client secret, which is sealed at once."""

from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..certificates.parsing import PRIVATE_KEY, about_private_key
from ..secrets.encryption import NoEncryptionKey, Secret

_LONGEST: Final = 4096


def refuse_control_characters(text: str) -> None:
    if not text.isprintable():
        raise ValidationError(_("This text contains a line break or a control character."))


def refuse_private_key(text: str) -> None:
    if "PRIVATE KEY" in text:
        raise ValidationError(about_private_key(), code=PRIVATE_KEY)


@sensitive_variables()
def sealed_client_secret(pasted: str) -> Secret:
    """Seal what somebody pasted, without what came along around it.

    Raises ValidationError, which never repeats the text.
    """
    inside = [place for place, character in enumerate(pasted) if _is_ink(character)]
    text = pasted[inside[0] : inside[-1] + 1] if inside else ""
    if not text:
        raise ValidationError(_("This text is empty."))
    # First, since a private key has line breaks, and is the graver mistake.
    refuse_private_key(text)
    refuse_control_characters(text)
    if len(text) > _LONGEST:
        raise ValidationError(_("This text is too long for a client secret."))
    try:
        return Secret.seal(text)
    except NoEncryptionKey as error:
        raise ValidationError(
            _(
                "Secrets can't be stored: the setting FIELD_ENCRYPTION_KEYS contains no "
                "usable key. The operator has to set it."
            ),
            code="no_encryption_key",
        ) from error


def _is_ink(character: str) -> bool:
    return character.isprintable() and character != " "
