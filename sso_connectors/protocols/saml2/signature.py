"""XML signatures on responses: first their shape, then their mathematics (by signxml).

Whoever reads a response gets only elements that `verified()` returns: parsed again from the very
bytes that were signed (saml-core-2.0 section 5.4, xmldsig-core).
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from ...certificates import MIN_RSA_BITS, SigningCertificate

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
SAML: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP: Final = "{urn:oasis:names:tc:SAML:2.0:protocol}"

_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_EXCLUSIVE: Final = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0.value
_INCLUSIVE_NAMESPACES: Final = f"{{{_EXCLUSIVE}}}InclusiveNamespaces"
_SIGNATURE_METHODS: Final = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGEST_ALGORITHMS: Final = frozenset(
    {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
)
_SIGNATURE_METHOD_NAMES: Final = frozenset(item.value for item in _SIGNATURE_METHODS)
_DIGEST_ALGORITHM_NAMES: Final = frozenset(item.value for item in _DIGEST_ALGORITHMS)
_MAX_PREFIXES: Final = 64


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
    on_response = root.find(f"{DS}Signature") is not None
    on_assertion = assertion.find(f"{DS}Signature") is not None
    if not on_response and not on_assertion:
        raise SignatureError("Neither the response nor the assertion is signed.")
    reason = "No certificate is known."
    for certificate in trusted:
        try:
            response_read = _verify(root, root, "./", certificate) if on_response else None
            if on_assertion:
                assertion_read = _verify(root, assertion, f"./{SAML}Assertion/", certificate)
            else:
                assert response_read is not None  # noqa: S101 - on_response, by the check above
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
        if not _is_identifier(element.get("ID")):
            raise SignatureError("The response or the assertion has no proper ID.")
    if root.get("ID") == assertion.get("ID"):
        raise SignatureError("The response and the assertion have the same ID.")
    for element in root.iter("*"):
        for name in element.attrib:
            # A second attribute that some parser takes for an ID lets a signature mean another element.
            if str(name).rpartition("}")[2].lower() == "id" and not (
                name == "ID" and element in owners
            ):
                raise SignatureError("There is an ID attribute where none belongs.")
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


def _is_identifier(value: str | None) -> bool:
    # An NCName, so that "#" + it is one fragment and nothing like an XPointer.
    return bool(
        value
        and value.isascii()
        and (value[0].isalpha() or value[0] == "_")
        and all(character.isalnum() or character in "_-." for character in value)
    )


def _check_signature(signature: etree._Element, owner_id: str) -> None:
    parts = [child.tag for child in signature]
    if parts not in (
        [f"{DS}SignedInfo", f"{DS}SignatureValue"],
        [f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo"],
    ):
        raise SignatureError("The signature has parts that don't belong in it.")
    information, value = signature[0], signature[1]
    if [child.tag for child in information] != [
        f"{DS}CanonicalizationMethod",
        f"{DS}SignatureMethod",
        f"{DS}Reference",
    ]:
        raise SignatureError("The signature must have exactly one reference.")
    canonicalization, method, reference = information
    _check_exclusive(canonicalization)
    if method.get("Algorithm") not in _SIGNATURE_METHOD_NAMES or len(method):
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
    transforms, digest, digest_value = reference
    if [(child.tag, child.get("Algorithm")) for child in transforms] != [
        (f"{DS}Transform", _ENVELOPED),
        (f"{DS}Transform", _EXCLUSIVE),
    ] or len(transforms[0]):
        raise SignatureError("The transforms must be enveloped-signature and exclusive c14n.")
    _check_exclusive(transforms[1])
    if digest.get("Algorithm") not in _DIGEST_ALGORITHM_NAMES or len(digest):
        raise SignatureError(
            f"The digest algorithm {digest.get('Algorithm')} is not accepted; SHA-256 or better is."
        )
    for element in (value, digest_value):
        _check_base64(element)


def _check_exclusive(element: etree._Element) -> None:
    if element.get("Algorithm") != _EXCLUSIVE or any(
        child.tag != _INCLUSIVE_NAMESPACES or "PrefixList" not in child.attrib for child in element
    ):
        raise SignatureError("The canonicalization must be exclusive c14n without comments.")
    # Each prefix is looked up at each element below SignedInfo before any key is tried, so thousands
    # of both would keep the processor busy for minutes.
    if len(element) > 1 or any(
        len(child) or len(child.get("PrefixList", "").split()) > _MAX_PREFIXES for child in element
    ):
        raise SignatureError("The canonicalization lists too many namespaces.")


def _check_base64(element: etree._Element) -> None:
    try:
        empty = not base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError("The signature's base64 text is broken.") from error
    if empty or len(element):
        raise SignatureError("The signature is empty.")


def _verify(
    root: etree._Element, owner: etree._Element, location: str, certificate: SigningCertificate
) -> etree._Element:
    """Return `owner` as parsed from the bytes that its signature covers."""
    key = certificate.certificate.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        # Forms refuse such a certificate, but a row can be written without them.
        raise SignatureError(f"The key of {certificate.fingerprint} is too short to be believed.")
    configuration = SignatureConfiguration(
        require_x509=True,
        location=location,
        expect_references=1,
        signature_methods=_SIGNATURE_METHODS,
        digest_algorithms=_DIGEST_ALGORITHMS,
        # KeyInfo is whatever the sender likes; the key is always the connector's.
        ignore_ambiguous_key_info=True,
        # Our trust is in the key: an expired certificate is warned about elsewhere.
        verification_time=certificate.valid_from,
    )
    try:
        result = XMLVerifier().verify(
            root,
            x509_cert=certificate.certificate,
            id_attribute="ID",
            expect_config=configuration,
            # Its schema knows no InclusiveNamespaces, which many identity providers send; the
            # shape has been checked above, more strictly.
            validate_schema=False,
        )
    except (SignXMLException, UnsupportedAlgorithm, ValueError, etree.LxmlError) as error:
        raise SignatureError(
            f"The signature is not valid for {certificate.fingerprint}."
        ) from error
    signed = None if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != owner.tag or signed.get("ID") != owner.get("ID"):
        raise SignatureError("The signature covers another element.")
    return signed


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
