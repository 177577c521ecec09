"""What was read from the box that takes anything, compared with what stands in the form.

An address is fetched once, here, and never when saving: what was read travels in the page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from .. import outbound
from ..certificates import PRIVATE_KEY, load_certificates, normalise_certificates
from ..idp_words import IDPS
from ..models import Connector, ConnectorType
from ..pasted import Understood, read
from ..providers import PROVIDERS
from ..web_address import host_of
from .check_texts import text_in_words

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

    @property
    def provider(self) -> str:
        return next((idp.label for idp in IDPS if idp.key == self.understood.provider), "")

    @property
    def has_news(self) -> bool:
        return any(item.is_new for item in self.differences)


def read_into(form: Mapping[str, str]) -> Reading:
    """Read the box of a form that was posted, and compare it with the form's fields."""
    text = form.get("paste", "")
    # One of several, chosen from what an earlier reading found.
    entity_id = form.get("entity_id", "") if form.get("_read") == "choice" else ""
    try:
        understood = _understood(text, entity_id)
    except ValidationError as error:
        kept = "" if error.code == PRIVATE_KEY else text
        return Reading(kept, error=" ".join(error.messages))
    if understood.choices:
        return Reading(text, understood)
    return Reading(text, understood, differences=tuple(_differences(form, understood)))


def _understood(text: str, entity_id: str) -> Understood:
    found = read(text, entity_id=entity_id)
    if not found.url:
        return found
    host = host_of(found.url)
    try:
        response = outbound.request("GET", found.url)
    except outbound.OutboundError as error:
        raise _not_fetched(text_in_words(str(error))) from error
    if response.status_code != 200:
        raise _not_fetched(f"{host}: HTTP {response.status_code}.")
    fetched = read(response.text, entity_id=entity_id)
    if fetched.url:
        raise _not_fetched(
            _("%(host)s answers with another address, not with metadata.") % {"host": host}
        )
    note = _("Read from %(url)s.") % {"url": found.url[:200]}
    return replace(fetched, notes=(note, *fetched.notes))


def _not_fetched(why: str) -> ValidationError:
    cure = _("Open the address in a browser, and paste here what it shows or saves.")
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
        _("%(subject)s, until %(date)s, SHA-256 %(fingerprint)s…")
        % {
            "subject": item.subject,
            "date": date_format(item.valid_until),
            "fingerprint": item.fingerprint[:11],
        }
        for item in load_certificates(blocks)
    )
