"""SAML metadata (saml-metadata-2.0), read by the project's one parser."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal

from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from lxml import etree

from .. import addresses
from ..certificates.parsing import read_certificates
from ..certificates.text import MAX_XML_BYTES, PRIVATE_KEY, find_in_xml, signing_bodies
from ..network import safe_xml
from . import federation
from .understood import Understood, private_key, refusal

MOST_CHOICES: Final = 50
# Tags with this name: with more entities the whole is not parsed, but one cut out.
_MOST_PARSED: Final = 40

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
_DISPLAY_NAMES: Final = ("{*}DisplayName", "{*}OrganizationDisplayName")
# One that begins no reference: `?a=1&b=2` in an address.
_AMPERSAND: Final = re.compile(r"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};|(?:amp|lt|gt|quot|apos);)")
_TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


def read_metadata(text: str, *, entity_id: str = "", search: str = "") -> Understood:
    """Return what metadata says of the identity provider `entity_id`, which "" leaves to the document.

    Where it describes several, they are the answer's `choices`: those whose ID or name has `search` in
    it, MOST_CHOICES at most. Raises ValidationError.
    """
    if text.count("EntityDescriptor") > _MOST_PARSED:
        cut = federation.cut(text)
        if not entity_id and len(cut) > 1:
            return choose({each: names for each, (names, _xml) in cut.items()}, search)
        if entity_id and entity_id not in cut:
            raise _no_such(entity_id)
        if cut:
            text = cut[entity_id or next(iter(cut))][1]
    root = _parse(text)
    if root.tag not in (_ENTITY, _ENTITIES) and next(root.iter(_ENTITY), None) is None:
        return _read_piece(root)
    found: dict[str, etree._Element] = {}
    for entity in root.iter(_ENTITY):
        if any(map(_speaks_saml2, entity.iterfind(_IDP))):
            found.setdefault(entity.get("entityID", "").strip(), entity)
    if not found:
        raise _no_identity_provider(root)
    if entity_id and entity_id not in found:
        raise _no_such(entity_id)
    if not entity_id and len(found) > 1:
        names = {each: _names(entity) for each, entity in found.items() if each}
        return choose(names, search)
    return _read_entity(found[entity_id] if entity_id else next(iter(found.values())))


def _parse(text: str) -> etree._Element:
    try:
        return safe_xml.parse_pasted(text, max_bytes=MAX_XML_BYTES)
    except safe_xml.UnsafeXml as error:
        ampersand = _AMPERSAND.search(text)
        if ampersand and "well-formed" in str(error):
            raise refusal(
                _(
                    "This looks like XML, but line %(line)s contains an “&” that is not "
                    "written as “&amp;”, at “%(seen)s”. Write “&amp;” there, or ask for "
                    "the file as it was exported."
                ),
                line=text.count("\n", 0, ampersand.start()) + 1,
                seen=text[ampersand.start() : ampersand.end() + 8],
            ) from error
        raise refusal(
            _("This looks like XML, but can't be read: %(why)s"), why=str(error)
        ) from error


def _no_such(entity_id: str) -> ValidationError:
    return refusal(
        _("This metadata doesn't contain the identity provider %(entity_id)s."),
        entity_id=entity_id[:200],
    )


def choose(names: dict[str, str], search: str) -> Understood:
    """The question which one, of IDs with their names. Raises ValidationError."""
    wanted = search.strip().lower()
    matching = [each for each, name in names.items() if wanted in f"{each} {name}".lower()]
    if not matching:
        raise refusal(
            _(
                "None of the %(count)s identity providers in this metadata has "
                "“%(search)s” in its name or address."
            ),
            count=len(names),
            search=search[:100],
        )
    return Understood(
        choices=tuple(matching[:MOST_CHOICES]),
        more_choices=max(0, len(matching) - MOST_CHOICES),
        notes=(
            _("This metadata describes %(count)s identity providers. Choose one.")
            % {"count": len(names)},
        ),
    )


def _names(entity: etree._Element) -> str:
    """How it calls itself for people, in each language."""
    return " ".join(str(_text_of(each)) for each in entity.iter(*_DISPLAY_NAMES))


def _read_piece(root: etree._Element) -> Understood:
    """An element alone: of metadata, or with a certificate; or what isn't wanted."""
    name = etree.QName(root)
    if name.namespace == _PROTOCOL:
        raise refusal(
            _("This is a message from a sign-in (%(name)s), not metadata."),
            name=name.localname[:40],
        )
    if name.localname.lower() == "html":
        raise refusal(_("This is a web page."))
    role = root if root.tag == _IDP else root.find(_IDP)
    if role is None and next(root.iter(f"{_MD}SingleSignOnService"), None) is not None:
        role = root
    if role is not None:
        return _read_role(role, "")
    found = read_certificates(find_in_xml(root))
    return Understood(certificates=found.pem, notes=found.notes)


def _no_identity_provider(root: etree._Element) -> ValidationError:
    if any(
        entity.get("entityID", "").strip() == addresses.identity() for entity in root.iter(_ENTITY)
    ):
        return refusal(_("This is our own metadata, to enter at the identity provider."))
    if next(root.iter(f"{_MD}SPSSODescriptor"), None) is not None:
        return refusal(
            _("This is the metadata of a service provider, not of an identity provider.")
        )
    if next(root.iter(_IDP), None) is not None:
        return refusal(
            _("According to this metadata, the identity provider doesn't support SAML 2.0.")
        )
    return refusal(_("This metadata doesn't describe a SAML 2.0 identity provider."))


def _read_entity(entity: etree._Element) -> Understood:
    role = next(filter(_speaks_saml2, entity.iterfind(_IDP)))
    return _read_role(role, entity.get("entityID", "").strip())


def _read_role(role: etree._Element, issuer: str) -> Understood:
    """Each field for itself: what one lacks, or has wrong, costs a note and no other field."""
    binding, endpoint, about_endpoint = _read_endpoint(role)
    identifier_format, about_formats = _read_formats(role)
    certificates, about_certificates = _read_certificates(role)
    about_issuer = [] if issuer else [_("This metadata has no entityID, which is the issuer URL.")]
    return Understood(
        issuer_url=issuer,
        endpoint=endpoint,
        binding=binding,
        certificates=certificates,
        identifier_format=identifier_format,
        notes=(
            *about_issuer,
            *about_endpoint,
            *about_certificates,
            *about_formats,
            *_further_notes(role),
            *_validity(role),
        ),
    )


def _read_certificates(role: etree._Element) -> tuple[str, tuple[str, ...]]:
    """Raises ValidationError for a private key."""
    if "PRIVATE KEY" in str(_text_of(role)):
        raise private_key()
    bodies = dict.fromkeys("".join(body.split()) for body in signing_bodies(role))
    if not bodies:
        return "", (
            _(
                "This metadata doesn't contain a signing certificate. Ask the identity "
                "provider's administrator for it."
            ),
        )
    try:
        found = read_certificates(bodies, each_for_itself=True)
    except ValidationError as error:
        if error.code == PRIVATE_KEY:
            raise
        return "", tuple(error.messages)
    return found.pem, found.notes


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
            "This metadata has no single sign-on address. Ask the identity "
            "provider's administrator for it. It is the endpoint."
        )
        return "", "", [missing]
    names = sorted({identifier.rpartition(":")[2][:40] for identifier, _location in services})
    others = _(
        "The identity provider accepts requests only by %(bindings)s, and we "
        "send ours by HTTP-Redirect or HTTP-POST. Its administrator has to "
        "allow one of these."
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
                "The identity provider offers only the identifier format “transient”, "
                "which can't identify a person. Its administrator has to configure it to "
                "send the e-mail address."
            )
        ]
    return "", []


def _further_notes(role: etree._Element) -> Iterator[str]:
    if role.get("WantAuthnRequestsSigned", "").strip().lower() in ("true", "1"):
        yield _(
            "The identity provider requires signed requests, and ours aren't "
            "signed. Its administrator has to switch that off."
        )
    if any(key.get("use") == "encryption" for key in role.iterfind(f"{_MD}KeyDescriptor")):
        yield _("Its encryption key was ignored. Only its signing keys are used.")


def _validity(role: etree._Element) -> Iterator[str]:
    for element in (role, *role.iterancestors()):
        until = _time(element.get("validUntil", ""))
        if until and until < datetime.now(UTC):
            yield _(
                "This metadata was valid until %(date)s. Ask for the current "
                "metadata, in case something has changed."
            ) % {"date": date_format(until)}
            return


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
