"""XML signatures on responses: first their shape, then their mathematics (xmldsig.py).

Whoever reads a response gets only elements that `verified()` returns: parsed again from the very
bytes that were signed (saml-core-2.0 section 5.4, xmldsig-core).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from ...certificates.parsing import MIN_RSA_BITS, SigningCertificate
from ...network import safe_xml
from ...results.checks import as_text
from .xmldsig import (
    DIGEST_METHODS,
    DS,
    EXCLUSIVE,
    INCLUSIVE_NAMESPACES,
    SIGNATURE_METHODS,
    signed_bytes,
)

SAML: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP: Final = "{urn:oasis:names:tc:SAML:2.0:protocol}"

_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_MAX_PREFIXES: Final = 64
# Wider than an NCName, since real providers send bare UUIDs and base64. "#" + it is one fragment still: an
# XPointer, with which one ID could be made to mean another element, needs a bracket.
_ACCEPTED: Final = "at most 201 letters, digits and _.+:-, the first a letter, a digit or _"
_is_identifier = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+:-]{0,200}").fullmatch
_like_identifiers = etree.XPath("//*[@*[translate(local-name(), 'ID', 'id') = 'id']]")


class SignatureError(ValueError):
    """The signature, or the shape of what it covers, is not acceptable; the message says why."""


@dataclass(frozen=True)
class Verified:
    """What valid signatures of one key cover. `response` is None where only the assertion is signed."""

    assertion: etree._Element
    response: etree._Element | None
    certificate: SigningCertificate


def verified(root: etree._Element, trusted: Sequence[SigningCertificate]) -> Verified:
    """Verify the response `root` with one of the `trusted` keys.

    Every signature that is there must be valid, and one must cover the assertion, on itself or on
    the response. Raises SignatureError.
    """
    check_shape(root)
    assertion = only_assertion(root)
    on_response, on_assertion = root.find(f"{DS}Signature"), assertion.find(f"{DS}Signature")
    if on_response is None and on_assertion is None:
        raise SignatureError("Neither the response nor the assertion is signed.")
    reason = "No certificate is known."
    for certificate in trusted:
        try:
            response_read = None if on_response is None else _verify(root, on_response, certificate)
            if on_assertion is not None:
                assertion_read = _verify(assertion, on_assertion, certificate)
            else:
                assert response_read is not None  # noqa: S101 - by the check above
                assertion_read = only_assertion(response_read)
        except SignatureError as error:
            reason = str(error)
        else:
            return Verified(assertion_read, response_read, certificate)
    raise SignatureError(reason)


def only_assertion(root: etree._Element) -> etree._Element:
    """The one assertion, a child of the response; raises SignatureError for any other number or place.

    Signature wrapping needs a second one somewhere, for the check to see one and the reader the other.
    """
    if next(root.iter(f"{SAML}EncryptedAssertion"), None) is not None:
        raise SignatureError(
            "The assertion is encrypted. Switch off assertion encryption at the identity provider."
        )
    everywhere = list(root.iter("{*}Assertion"))
    if len(everywhere) != 1 or everywhere[0].getparent() is not root:
        raise SignatureError(f"Exactly one assertion is expected, there are {len(everywhere)}.")
    if everywhere[0].tag != f"{SAML}Assertion":
        raise SignatureError("The assertion is in a namespace that is not SAML's.")
    if len(list(root.iter("{*}Response"))) != 1:
        raise SignatureError("There is a response inside the response.")
    return everywhere[0]


def check_shape(root: etree._Element) -> None:
    """Raise SignatureError unless identifiers and signatures stand exactly where they should."""
    assertion = only_assertion(root)
    owners = (root, assertion)
    for element in owners:
        identifier = element.get("ID")
        if identifier is None:
            whose = "The response" if element is root else "The assertion"
            raise SignatureError(f"{whose} has no ID.")
        if not _is_identifier(identifier):
            which = "The ID of the response" if element is root else "The ID of the assertion"
            shown = as_text(identifier, limit=40)
            raise SignatureError(f"{which} is “{shown}”; accepted are {_ACCEPTED}.")
    _check_other_identifiers(root, owners)
    signatures = list(root.iter("{*}Signature"))
    for signature in signatures:
        owner = signature.getparent()
        # Its place among the siblings proves nothing; some providers put it last, unlike the schema.
        if signature.tag != f"{DS}Signature" or owner is None or owner not in owners:
            raise SignatureError("There is a signature where none belongs.")
        _check_signature(signature, str(owner.get("ID")))
    for element in owners:
        if len(element.findall(f"{DS}Signature")) > 1:
            raise SignatureError("An element has two signatures.")


def _check_other_identifiers(
    root: etree._Element, owners: tuple[etree._Element, etree._Element]
) -> None:
    """Refuse each attribute that some parser takes for an ID, but for those of the owners and of signatures.

    By a second one a signature could mean another element. An Id on ds:Signature (xmldsig-core section 4.2) is
    there for a reference to it; since the only references there may be are to the owners' IDs, it is ignored as
    long as it is none of them.
    """
    response, assertion = owners
    taken = {str(response.get("ID")), str(assertion.get("ID"))}
    if len(taken) < len(owners):
        raise SignatureError("The response and the assertion have the same ID.")
    for element in cast(list[etree._Element], _like_identifiers(root)):
        own = "ID" if element in owners else "Id" if element.tag == f"{DS}Signature" else ""
        for attribute in map(str, element.attrib):
            name = etree.QName(attribute).localname
            if name.lower() == "id" and attribute != own:
                where = etree.QName(element).localname
                raise SignatureError(
                    f"There is an attribute {name} on {where}, where no ID is accepted."
                )
        if own == "Id":
            # Whether a parser trims white space depends on whether it knows the schema.
            identifier = str(element.get("Id")).strip()
            if identifier in taken:
                raise SignatureError("A signature has the same ID as another element.")
            taken.add(identifier)


def _check_signature(signature: etree._Element, owner_id: str) -> None:
    parts = [child.tag for child in signature]
    if parts not in (
        [f"{DS}SignedInfo", f"{DS}SignatureValue"],
        [f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo"],
    ):
        raise SignatureError("The signature has parts that don't belong in it.")
    information = signature[0]
    if [child.tag for child in information] != [
        f"{DS}CanonicalizationMethod",
        f"{DS}SignatureMethod",
        f"{DS}Reference",
    ]:
        raise SignatureError("The signature must have exactly one reference.")
    canonicalization, method, reference = information
    _check_exclusive(canonicalization)
    if method.get("Algorithm") not in SIGNATURE_METHODS or len(method):
        raise SignatureError(
            f"The signature algorithm {method.get('Algorithm')} is not accepted; "
            "RSA or ECDSA with SHA-256 or better is."
        )
    if reference.get("URI") != f"#{owner_id}":
        raise SignatureError(
            "The signature refers to something else than the element it stands in."
        )
    if [child.tag for child in reference] != [
        f"{DS}Transforms",
        f"{DS}DigestMethod",
        f"{DS}DigestValue",
    ]:
        raise SignatureError("The signature's reference has parts that don't belong in it.")
    transforms, digest, _ = reference
    if [(child.tag, child.get("Algorithm")) for child in transforms] != [
        (f"{DS}Transform", _ENVELOPED),
        (f"{DS}Transform", EXCLUSIVE),
    ] or len(transforms[0]):
        raise SignatureError("The transforms must be enveloped-signature and exclusive c14n.")
    _check_exclusive(transforms[1])
    if digest.get("Algorithm") not in DIGEST_METHODS or len(digest):
        raise SignatureError(
            f"The digest algorithm {digest.get('Algorithm')} is not accepted; SHA-256 or better is."
        )


def _check_exclusive(element: etree._Element) -> None:
    if element.get("Algorithm") != EXCLUSIVE or any(
        child.tag != INCLUSIVE_NAMESPACES or "PrefixList" not in child.attrib for child in element
    ):
        raise SignatureError("The canonicalization must be exclusive c14n without comments.")
    # Each prefix is looked up at each element below SignedInfo before any key is tried, so thousands
    # of both would keep the processor busy for minutes.
    if len(element) > 1 or any(
        len(child) or len(child.get("PrefixList", "").split()) > _MAX_PREFIXES for child in element
    ):
        raise SignatureError("The canonicalization lists too many namespaces.")


def _verify(
    owner: etree._Element, signature: etree._Element, certificate: SigningCertificate
) -> etree._Element:
    """Return `owner` as parsed from the bytes that its signature covers."""
    try:
        key = certificate.key
        if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
            # Forms refuse such a certificate, but a row can be written without them.
            raise SignatureError(
                f"The key of {certificate.fingerprint} is too short to be believed."
            )
        return safe_xml.again(signed_bytes(owner, signature, key))
    except (InvalidSignature, UnsupportedAlgorithm, etree.LxmlError) as error:
        raise SignatureError(
            f"The signature is not valid for {certificate.fingerprint}."
        ) from error


def claimed_fingerprint(root: etree._Element) -> str:
    """The SHA-256 fingerprint of the certificate that the message itself shows; for display only.

    The certificate is a stranger's, so it is hashed and never parsed.
    """
    element = next(root.iter(f"{DS}X509Certificate"), None)
    if element is None:
        return "no certificate"
    try:
        shown = base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return "an unreadable certificate"
    return hashlib.sha256(shown).digest().hex(":").upper()
