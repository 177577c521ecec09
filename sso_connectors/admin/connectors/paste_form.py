"""The connector's form while something is read into it: shown again as it stands, and not saved."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorDict
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ...certificates.parsing import PRIVATE_KEY, normalise_certificates
from ...models import Connector
from ...reader import read
from ...reader.idp_words import recognise
from ...reader.openid import is_discovery_address
from ...reader.understood import private_key
from .idp_fields import CHOSEN, idps_words

# The fields that a paste can fill; what was read of each waits in the page under this prefix.
_READ_FIELDS: Final = (
    "type",
    "issuer_url",
    "endpoint",
    "identifier_format",
    "certificates",
    "binding",
    "authentication_method",
    "option_oidc_issuer",
)
_PREFIX: Final = "read_"
FILE: Final = "paste_file"
"""The box's own field for a file; nothing of it is kept."""

# What `Words` calls the fields that an identity provider has words for.
_WORDS: Final = {
    "issuer_url": "issuer_url",
    "endpoint": "endpoint",
    "identifier_format": "identifier_format",
    "certificates": "certificate",
}


class TakesPaste(forms.ModelForm[Connector]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # "_read" and "_use" are the buttons of the box that takes anything: shown again, not saved.
        self.is_reading = "_read" in self.data or "_use" in self.data
        if self.is_reading:
            values = _taken_over(self.data) if "_use" in self.data else self.data
            self.data = without_private_keys(values)
        self.words_of = _words_of(self.data, self.instance)
        for name, word in _WORDS.items():
            if name in self.fields:
                field = self.fields[name]
                words = idps_words(word, chosen=self.words_of)
                field.help_text = format_html("{}{}", field.help_text, words)

    def is_multipart(self) -> bool:
        """The box takes a file, too."""
        return "certificates" in self.fields or super().is_multipart()

    @property
    def unread(self) -> str:
        """What stands in the box, to be shown again where saving didn't go through."""
        text = "" if self.is_reading else str(self.data.get("paste", "")).strip()
        return "" if _holds_private_key(text) else text

    def full_clean(self) -> None:
        """Check nothing while something is read into the form: it isn't finished."""
        if self.is_reading:
            self._errors = ErrorDict()
            self.cleaned_data: dict[str, Any] = {}
        else:
            super().full_clean()

    def is_valid(self) -> bool:
        return not self.is_reading and super().is_valid()

    def refuse_unread(self) -> None:
        """Saving it unread would look as if it had been taken over."""
        self._refuse_discovery_address()
        text = self.data.get("paste", "").strip()
        if "certificates" not in self.fields or not (text or self.files.get(FILE)):
            return
        if _holds_private_key(text):
            (why,) = private_key().messages
            # At the top of the page it stands far from the box.
            error = ValidationError(
                _("In the box “Paste anything”: %(why)s"), code=PRIVATE_KEY, params={"why": why}
            )
        else:
            error = ValidationError(
                _(
                    "What you pasted isn't in the fields yet. Press “Read”, then “Use "
                    "these”, or clear the box."
                ),
                code="unread",
            )
        self.add_error(None, error)

    def _refuse_discovery_address(self) -> None:
        """With its ending it is no issuer: no token would ever name it."""
        for name in ("issuer_url", "option_oidc_issuer"):
            if name in self.fields and is_discovery_address(self.data.get(name, "").strip()):
                self.add_error(
                    name,
                    ValidationError(
                        _(
                            "This is the address of the discovery document. Leave the "
                            "box “Paste anything” empty and press “Read”. The issuer is "
                            "read from there, letter by letter."
                        ),
                        code="discovery_address",
                    ),
                )


def _taken_over(form: Mapping[str, str]) -> dict[str, str]:
    """The form as it stands, with what was read in its fields: *Use these* without JavaScript."""
    values = {name: form[name] for name in form}
    for name in _READ_FIELDS:
        if _PREFIX + name in form:
            values[name] = form[_PREFIX + name]
    return values


def without_private_keys(form: Mapping[str, str]) -> dict[str, str]:
    """The form to show again unchecked: a page that shows a private key again has repeated it."""
    values = {name: "" if "PRIVATE KEY" in form[name] else form[name] for name in form}
    if _holds_private_key(values.get("certificates", "")):
        values["certificates"] = ""
    return values


def _holds_private_key(text: str) -> bool:
    """Whether a box for certificates was filled with one, with or without the lines around it."""
    if not text.strip():
        return False
    for reads in (normalise_certificates, read):
        try:
            reads(text)
        except ValidationError as error:
            if error.code == PRIVATE_KEY:
                return True
    return False


def _words_of(form: Mapping[str, str], connector: Connector) -> str:
    """The key of the identity provider in whose words the form speaks: as chosen, else as recognised."""
    if form.get(CHOSEN):
        return form[CHOSEN]
    idp = recognise(
        issuer_url=form.get("issuer_url", connector.issuer_url),
        endpoint=form.get("endpoint", connector.endpoint),
    )
    return idp.key if idp else ""
