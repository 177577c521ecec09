"""What an assertion says about the person: identifier, attributes, and which of them is the username."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from django.core.exceptions import ValidationError
from lxml import etree

from users.usernames import normalise_username

from ...models import IdentifierFormat
from ...reader.idp_words import of_issuer
from ...results.checks import Checks
from .authn_request import NAME_ID_FORMATS
from .signature import SAML

MAX_SUBJECT: Final = 512
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
OBJECT_IDENTIFIER: Final = "http://schemas.microsoft.com/identity/claims/objectidentifier"
USERNAME_ATTRIBUTES: Final = (
    "email",
    "mail",
    "urn:oid:0.9.2342.19200300.100.1.3",
    f"{_CLAIMS}/emailaddress",
    f"{_CLAIMS}/name",
    f"{_CLAIMS}/upn",
    "User.email",
)
# xs:dateTime as saml-core-2.0 section 1.3.3 wants it; Microsoft writes seven decimals.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)

Attributes = Mapping[str, Sequence[str]]


def text_of(element: etree._Element | None) -> str:
    """The whole text of an element, "" without one; never cut at a child.

    Only XML's own white space is trimmed: whoever registers a name that ends in a no-break space is
    not the one without it.
    """
    if element is None:
        return ""
    text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
    return text.strip(" \t\r\n")


def instant(written: str | None) -> datetime | None:
    """Parse xs:dateTime; without a zone it is UTC. None for anything else."""
    if written is None or not _DATE_TIME.fullmatch(written):
        return None
    try:
        when = datetime.fromisoformat(written)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def name_id_of(assertion: etree._Element, checks: Checks) -> tuple[str, str]:
    """The subject's NameID and its format ("" where there is none); more than one is a failed check."""
    subjects = assertion.findall(f"{SAML}Subject")
    found = assertion.findall(f"{SAML}Subject/{SAML}NameID")
    encrypted = assertion.find(f"{SAML}Subject/{SAML}EncryptedID") is not None
    checks.record(
        "identifier",
        len(subjects) == 1 and len(found) <= 1 and not encrypted and not any(map(len, found)),
        expected="one subject with a plain NameID",
        received="an encrypted one; switch off NameID encryption at the identity provider"
        if encrypted
        else f"{len(subjects)} subjects, {len(found)} NameIDs",
    )
    if not found:
        return "", ""
    return text_of(found[0]), found[0].get("Format", _UNSPECIFIED)


def attributes_of(assertion: etree._Element) -> Attributes:
    """Attribute values by Name; values with elements in them, and empty ones, are left out."""
    attributes: dict[str, list[str]] = {}
    for attribute in assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute"):
        values = attributes.setdefault(attribute.get("Name", ""), [])
        for value in attribute.iterfind(f"{SAML}AttributeValue"):
            text = "" if len(value) else text_of(value)
            if text and text not in values:
                values.append(text)
    return attributes


def username_of(
    name_id: str, name_id_format: str, attributes: Attributes, wanted: str, checks: Checks
) -> str:
    """The e-mail address that names the person; "" with a failed check where there is none.

    `wanted` is the attribute that the connector names. Without it the NameID counts where it is an
    e-mail address, and else the usual attributes. A persistent NameID is opaque, so there the attributes come
    first; a transient one is another at each sign-in, so it names nobody.
    """
    if wanted:
        values = attributes.get(wanted, [])
        shown = (
            ", ".join(values) or f"no such attribute; sent are: {', '.join(attributes) or 'none'}"
        )
        found = checks.record(
            "username",
            len(values) == 1 and _is_address(values[0]),
            expected=f"one e-mail address in the attribute {wanted}",
            received=shown,
        )
        return values[0] if found else ""
    candidates = [[name_id], *(attributes.get(name, []) for name in USERNAME_ATTRIBUTES)]
    if name_id_format == PERSISTENT:
        candidates.append(candidates.pop(0))
    if name_id_format == _TRANSIENT:
        del candidates[0]
    for values in candidates:
        if len(values) == 1 and _is_address(values[0]):
            checks.record("username", True, expected="an e-mail address", received=values[0])
            return values[0]
    checks.record(
        "username",
        False,
        expected="an e-mail address in the identifier or in one of the usual attributes",
        received=f"identifier {name_id or 'none'}; attributes {', '.join(attributes) or 'none'}",
    )
    return ""


def _is_address(text: str) -> bool:
    try:
        normalise_username(text)
    except ValidationError:
        return False
    return True


def subject_of(name_id: str, name_id_format: str, attributes: Attributes, checks: Checks) -> str:
    """What the identity provider calls the person for good: Entra's object id, or a persistent NameID.

    "" where it says nothing of the kind, or something that we could not keep whole.
    """
    object_ids = attributes.get(OBJECT_IDENTIFIER, [])
    subject = name_id if name_id_format == PERSISTENT else ""
    if len(object_ids) == 1:
        subject = object_ids[0]
    if len(subject) > MAX_SUBJECT:
        checks.record(
            "subject", False, expected=f"at most {MAX_SUBJECT} characters", received=len(subject)
        )
        return ""
    return subject


def check_permanent_id(
    asked: IdentifierFormat, issuer: str, name_id_format: str, subject: str, checks: Checks
) -> None:
    """Whether the answer has the permanent ID (`subject`) that belongs to what was `asked` of `issuer`.

    Our request is unsigned: whoever got somebody else's old e-mail address could ask their identity provider for
    emailAddress in the place of persistent, and be taken for that person. Other formats are not insisted on. Many
    identity providers answer unspecified whatever they are asked for, and `links.linked_user` refuses an
    answer without a permanent ID that is remembered.
    """
    wanted = NAME_ID_FORMATS.get(asked)
    must_be_persistent = asked == IdentifierFormat.PERSISTENT
    anything = f"any; {wanted} was asked for" if wanted else "any"
    checks.record(
        "identifier format",
        bool(subject) or not must_be_persistent,
        expected=wanted if must_be_persistent else anything,
        received=name_id_format or "none",
    )
    if _is_entra(issuer) and not must_be_persistent and not subject:
        # Entra always sends it, in whatever format the NameID is.
        checks.record(
            "object identifier", False, expected=f"the claim {OBJECT_IDENTIFIER}", received="none"
        )


def _is_entra(issuer: str) -> bool:
    idp = of_issuer(issuer)
    return idp is not None and idp.key == "entra"
