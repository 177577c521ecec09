"""SAML metadata (saml-metadata-2.0), read by the project's one parser."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal

from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from lxml import etree

from .. import addresses, safe_xml
from ..certificates import MAX_PASTE, normalise_certificates
from .understood import Understood, refusal

_MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_ENTITY: Final = f"{_MD}EntityDescriptor"
_ENTITIES: Final = f"{_MD}EntitiesDescriptor"
_IDP: Final = f"{_MD}IDPSSODescriptor"
_PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
_BINDINGS: Final[dict[str, Literal["redirect", "post"]]] = {
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect": "redirect",
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST": "post",
}
_FORMATS: Final = {
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress": "emailAddress",
    # No specification has this one; identity providers do.
    "urn:oasis:names:tc:SAML:2.0:nameid-format:emailAddress": "emailAddress",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent": "persistent",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified": "unspecified",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:unspecified": "unspecified",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:WindowsDomainQualifiedName": (
        "windowsDomainQualifiedName"
    ),
}
_text_of: Final = etree.XPath("string()")
_TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


def read_metadata(text: str, *, entity_id: str) -> Understood:
    """Return what metadata says of the identity provider `entity_id`, which "" leaves to the document.

    Raises ValidationError.
    """
    try:
        document = text.encode(errors="surrogatepass")
        root = safe_xml.parse(document, max_bytes=4 * MAX_PASTE, pasted=True)
    except safe_xml.UnsafeXml as error:
        raise refusal(
            _("This looks like XML, but can't be read: %(why)s"), why=str(error)
        ) from error
    if root.tag not in (_ENTITY, _ENTITIES):
        return _read_other(root, text)
    found: dict[str, etree._Element] = {}
    for entity in root.iter(_ENTITY):
        if entity.find(_IDP) is not None:
            found.setdefault(entity.get("entityID", "").strip(), entity)
    if not found:
        raise _no_identity_provider(root)
    if entity_id and entity_id not in found:
        raise refusal(
            _("There is no identity provider %(entity_id)s in this metadata."),
            entity_id=entity_id[:200],
        )
    if not entity_id and len(found) > 1:
        return Understood(
            choices=tuple(filter(None, found)),
            notes=(
                _("This metadata describes %(count)s identity providers: choose one.")
                % {"count": len(found)},
            ),
        )
    return _read_entity(found[entity_id] if entity_id else next(iter(found.values())))


def _read_other(root: etree._Element, text: str) -> Understood:
    """An XML element with a certificate, alone; or what isn't wanted."""
    name = etree.QName(root)
    if name.namespace == _PROTOCOL:
        raise refusal(
            _("This is a message from a sign-in (%(name)s), not metadata."),
            name=name.localname[:40],
        )
    if name.localname.lower() == "html":
        raise refusal(_("This is a web page."))
    return Understood(certificates=normalise_certificates(text))


def _no_identity_provider(root: etree._Element) -> ValidationError:
    if any(
        entity.get("entityID", "").strip() == addresses.identity() for entity in root.iter(_ENTITY)
    ):
        return refusal(_("This is our own metadata, to be entered at the identity provider."))
    if next(root.iter(f"{_MD}SPSSODescriptor"), None) is not None:
        return refusal(
            _("This is the metadata of a service provider, not of an identity provider.")
        )
    return refusal(_("This metadata describes no identity provider for SAML 2.0."))


def _read_entity(entity: etree._Element) -> Understood:
    issuer = entity.get("entityID", "").strip()
    if not issuer:
        raise refusal(_("This metadata lacks the entityID, which is the issuer URL."))
    roles = [role for role in entity.iterfind(_IDP) if _speaks_saml2(role)]
    if not roles:
        raise refusal(
            _("According to this metadata, the identity provider doesn't speak SAML 2.0.")
        )
    role = roles[0]
    binding, endpoint, about_endpoint = _read_endpoint(role)
    identifier_format, about_formats = _read_formats(role)
    return Understood(
        issuer_url=issuer,
        endpoint=endpoint,
        binding=binding,
        # Its own reading of a role, from the tree that was parsed here.
        certificates=normalise_certificates(
            etree.tostring(role, encoding="unicode", with_tail=False)
        ),
        identifier_format=identifier_format,
        notes=(*about_endpoint, *about_formats, *_further_notes(role), *_validity(entity)),
    )


def _speaks_saml2(role: etree._Element) -> bool:
    return _PROTOCOL in role.get("protocolSupportEnumeration", _PROTOCOL).split()


def _read_endpoint(
    role: etree._Element,
) -> tuple[Literal["", "redirect", "post"], str, list[str]]:
    """The single sign-on service for our request, HTTP-Redirect before HTTP-POST, with notes."""
    services = [
        (service.get("Binding", "").strip(), service.get("Location", "").strip())
        for service in role.iterfind(f"{_MD}SingleSignOnService")
    ]
    notes: list[str] = []
    for identifier, binding in _BINDINGS.items():
        for its_binding, location in services:
            if its_binding != identifier:
                continue
            try:
                addresses.validate_endpoint(location)
            except ValidationError as error:
                notes += error.messages
            else:
                return binding, location, []
    if not services:
        missing = _(
            "This metadata names no single sign-on service: ask the identity provider's administrator "
            "for its address, which is the endpoint."
        )
        return "", "", [missing]
    names = sorted({identifier.rpartition(":")[2][:40] for identifier, _location in services})
    others = _(
        "The identity provider takes requests by %(bindings)s only, and ours travel by HTTP-Redirect "
        "or HTTP-POST: its administrator has to allow one of these."
    ) % {"bindings": ", ".join(names)}
    return "", "", notes[:1] or [others]


def _read_formats(role: etree._Element) -> tuple[str, list[str]]:
    """The identifier format, where there is one to choose, with notes."""
    # All of its text: `.text` ends at a comment.
    listed = {str(_text_of(element)).strip() for element in role.iterfind(f"{_MD}NameIDFormat")}
    usable = {_FORMATS[each] for each in listed if each in _FORMATS}
    if len(usable) == 1:
        return usable.pop(), []
    if not usable and _TRANSIENT in listed:
        return "", [
            _(
                "The identity provider lists only the identifier format “transient”, which can't name "
                "a person: its administrator has to let it send the e-mail address."
            )
        ]
    return "", []


def _further_notes(role: etree._Element) -> Iterator[str]:
    if role.get("WantAuthnRequestsSigned", "").strip().lower() in ("true", "1"):
        yield _(
            "The identity provider wants signed requests, and ours aren't signed: its administrator "
            "has to switch that off."
        )
    if any(key.get("use") == "encryption" for key in role.iterfind(f"{_MD}KeyDescriptor")):
        yield _("Its encryption key was left out; only its signing keys are used.")


def _validity(entity: etree._Element) -> Iterator[str]:
    for element in (entity, *entity.iterancestors()):
        until = _time(element.get("validUntil", ""))
        if until and until < datetime.now(UTC):
            yield _(
                "This metadata was valid until %(date)s: ask for the current one, in case something "
                "has changed."
            ) % {"date": date_format(until)}
            return


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
