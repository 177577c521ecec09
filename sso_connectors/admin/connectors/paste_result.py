"""What was read from the box that takes anything, compared with what stands in the form.

An address is fetched once, here, and never when saving: what was read travels in the page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ...certificates.parsing import (
    MAX_PASTE,
    PRIVATE_KEY,
    load_certificates,
    normalise_certificates,
)
from ...certificates.unwrapping import decode
from ...models import Connector, ConnectorType
from ...network import http_client
from ...providers import PROVIDERS
from ...reader import Understood, read
from ...reader.idp_words import IDPS
from ...reader.openid import is_discovery_address
from ...reader.understood import refusal
from ...web_address import host_of
from ..attempts.check_texts import text_in_words

# Of characters a file may have as many as a paste; UTF-16 has two bytes for each.
MAX_FILE: Final = 2 * MAX_PASTE
_OPENID: Final = "oidc"
_OPENID_ISSUER: Final = "option_oidc_issuer"


@dataclass(frozen=True)
class Difference:
    """One field: what stands in the form `now`, what was `read`, both as shown, and the new value."""

    name: str
    label: str
    now: str
    read: str
    value: str

    @property
    def is_new(self) -> bool:
        return self.now != self.read


@dataclass(frozen=True)
class Reading:
    """What came of one paste. `pasted` is shown again in the box, and so never a private key."""

    pasted: str
    understood: Understood = field(default_factory=Understood)
    error: str = ""
    differences: tuple[Difference, ...] = ()
    search: str = ""
    missing: tuple[str, ...] = ()
    """The labels of required fields that are neither in this nor in the form."""

    @property
    def provider(self) -> str:
        return next((idp.label for idp in IDPS if idp.key == self.understood.provider), "")

    @property
    def choices_count(self) -> int:
        return len(self.understood.choices) + self.understood.more_choices

    @property
    def missing_fields(self) -> str:
        return ", ".join(capfirst(label) for label in self.missing)

    @property
    def has_news(self) -> bool:
        return any(item.is_new for item in self.differences)


def read_into(form: Mapping[str, str], upload: "UploadedFile[bytes] | None" = None) -> Reading:
    """Read the box of a form that was posted, or a file, and compare it with the form's fields.

    While both are empty, a discovery address that stands in an issuer's field is read.
    """
    button = form.get("_read", "")
    text = form.get("paste", "")
    try:
        if upload:
            text = text_of(upload)
        elif not text.strip():
            text = next(filter(is_discovery_address, _issuers(form)), text)
        understood = _understood(
            text,
            # One of several, chosen from what an earlier reading found.
            entity_id=form.get("entity_id", "") if button == "choice" else "",
            search=form.get("search", "") if button == "search" else "",
        )
    except ValidationError as error:
        kept = "" if error.code == PRIVATE_KEY else text
        return Reading(kept, error=" ".join(error.messages))
    if understood.choices:
        return Reading(text, understood, search=form.get("search", ""))
    missing = tuple(_label(name) for name in understood.missing if not form.get(name, "").strip())
    differences = tuple(_differences(form, understood))
    return Reading(text, understood, differences=differences, missing=missing)


def text_of(upload: "UploadedFile[bytes]") -> str:
    """Return what a file says; of a certificate in DER its base64. Raises ValidationError."""
    octets = upload.read(MAX_FILE + 1)
    if len(octets) > MAX_FILE:
        raise refusal(_("This file is larger than %(limit)s bytes."), limit=MAX_FILE)
    try:
        return decode(octets)
    except ValueError as error:
        raise refusal(
            _(
                "This file contains neither text nor a certificate. If it is an archive, "
                "unpack it first."
            )
        ) from error


def _issuers(form: Mapping[str, str]) -> list[str]:
    return [form.get(name, "").strip() for name in ("issuer_url", _OPENID_ISSUER)]


def _understood(text: str, *, entity_id: str, search: str) -> Understood:
    found = read(text, entity_id=entity_id, search=search)
    if not found.url:
        return found
    try:
        fetched = _fetched(found.url, entity_id=entity_id, search=search)
    except ValidationError as error:
        # What stands beside the address is as good as before.
        if found.is_empty or error.code == PRIVATE_KEY:
            raise
        return replace(found, notes=(*found.notes, *error.messages))
    note = _("Read from %(url)s.") % {"url": found.url[:200]}
    if fetched.type != "saml2" or fetched.choices:
        return replace(fetched, notes=(note, *fetched.notes, *_other_issuer(found, fetched)))
    return replace(
        fetched,
        issuer_url=fetched.issuer_url or found.issuer_url,
        endpoint=fetched.endpoint or found.endpoint,
        certificates=fetched.certificates or found.certificates,
        notes=(note, *fetched.notes, *found.notes, *_other_issuer(found, fetched)),
    )


def _fetched(url: str, *, entity_id: str, search: str) -> Understood:
    """Raises ValidationError."""
    host = host_of(url)
    try:
        response = http_client.request("GET", url)
    except http_client.OutboundError as error:
        raise _not_fetched(text_in_words(str(error))) from error
    if response.status_code != 200:
        raise _not_fetched(f"{host}: HTTP {response.status_code}.")
    try:
        text = decode(response.content)
    except ValueError as error:
        raise _not_fetched(
            _("%(host)s returned something that is not text.") % {"host": host}
        ) from error
    fetched = read(text, entity_id=entity_id, search=search)
    if fetched.url:
        raise _not_fetched(_("%(host)s returned another address, not metadata.") % {"host": host})
    return fetched


def _other_issuer(found: Understood, fetched: Understood) -> list[str]:
    """A slash at its end is the document's to know; another issuer is said."""
    if not found.issuer_url or not fetched.issuer_url:
        return []
    if found.issuer_url.rstrip("/") == fetched.issuer_url.rstrip("/"):
        return []
    return [
        _("The document names the issuer %(fetched)s, not %(found)s.")
        % {"fetched": fetched.issuer_url[:200], "found": found.issuer_url[:200]}
    ]


def _not_fetched(why: str) -> ValidationError:
    cure = _("Open the address in a browser, then paste here what it shows or saves.")
    sentence = _("Nothing could be read from this address: %(why)s") % {"why": why}
    return ValidationError(f"{sentence} {cure}", code="fetch")


# --- the difference ---------------------------------------------------------------------------


def _differences(form: Mapping[str, str], found: Understood) -> Iterator[Difference]:
    for name, value in _values(form, found).items():
        now = form.get(name, "")
        yield Difference(
            name=name,
            label=_label(name),
            now=_shown(name, now),
            read=_shown(name, value),
            value=value,
        )


def _values(form: Mapping[str, str], found: Understood) -> dict[str, str]:
    """What was read, by field of the form."""
    if found.type == "oauth2":
        return {"type": ConnectorType.OAUTH2.value, **_openid(found.issuer_url)}
    values = {
        "issuer_url": found.issuer_url,
        "endpoint": found.endpoint,
        "binding": found.binding,
        "identifier_format": found.identifier_format,
        "certificates": found.certificates,
    }
    read = {name: value for name, value in values.items() if value}
    if form.get("type", ConnectorType.SAML2) != ConnectorType.SAML2:
        read = {"type": ConnectorType.SAML2.value, **read}
    return read


def _openid(issuer: str) -> dict[str, str]:
    """The method of that issuer: its own where it has one, which asks whose people may sign in, else the
    generic one."""
    for method, provider in PROVIDERS.items():
        if provider.issuer_of({}) == issuer.rstrip("/"):
            return {"authentication_method": method}
    return {"authentication_method": _OPENID, _OPENID_ISSUER: issuer}


def _label(name: str) -> str:
    if name == _OPENID_ISSUER:
        (label,) = (
            option.label for option in PROVIDERS[_OPENID].options if option.name == "issuer"
        )
        return str(label)
    return str(Connector._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _shown(name: str, value: str) -> str:
    if name == "certificates":
        return _certificates(value)
    if name == _OPENID_ISSUER:
        return value.strip()
    labels = dict(Connector._meta.get_field(name).flatchoices)  # type: ignore[union-attr]
    return str(labels.get(value, value.strip()))


def _certificates(pasted: str) -> str:
    """Each on a line. Of what is no certificate nothing is repeated: it may be a private key."""
    if not pasted.strip():
        return ""
    try:
        blocks = normalise_certificates(pasted)
    except ValidationError:
        return _("something that isn't a certificate")
    return "\n".join(
        _("%(subject)s, valid until %(date)s, SHA-256 %(fingerprint)s…")
        % {
            "subject": item.subject,
            "date": date_format(item.valid_until),
            "fingerprint": item.fingerprint[:11],
        }
        for item in load_certificates(blocks)
    )
