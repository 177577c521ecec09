"""A second opinion on signatures: signxml's, which shares no code with the product.

Where the product's look at the shape passes a response, both must come to the same verdict on its
signatures. signxml alone is no guard: it would take much that the shape refuses.
"""

import base64
import binascii
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidSignature, SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from sso_connectors.certificates.parsing import SigningCertificate
from sso_connectors.protocols.saml2.signature import SAML, SignatureError, check_shape, verified
from sso_connectors.protocols.saml2.xmldsig import DS

_METHODS: Final = frozenset(
    method for method in SignatureMethod if "SHA1" not in method.name and "HMAC" not in method.name
)
_DIGESTS: Final = frozenset(
    {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
)


class DisagreementError(AssertionError):
    """The product and signxml differ on a signature whose shape is right."""


def compare(root: etree._Element, certificate: SigningCertificate) -> bool:
    """What both say of the signatures on a response; raises DisagreementError.

    A response whose shape is wrong is not signxml's to judge, and is refused.
    """
    try:
        check_shape(root)
    except SignatureError:
        return False
    try:
        ours = bool(verified(root, [certificate]))
    except SignatureError:
        ours = False
    theirs = _signxml_says(root, certificate) if _is_base64(root) else False
    if theirs not in (None, ours):
        raise DisagreementError(f"the product: {ours}, signxml: {theirs}")
    return ours


def _is_base64(root: etree._Element) -> bool:
    """signxml passes over what is no base64 in a value; the product refuses it."""
    for value in root.iter(f"{DS}SignatureValue", f"{DS}DigestValue"):
        try:
            base64.b64decode("".join((value.text or "").split()), validate=True)
        except (binascii.Error, ValueError):
            return False
    return True


def _signxml_says(root: etree._Element, certificate: SigningCertificate) -> bool | None:
    """Its verdict on all signatures there; None where it stumbles over what none of them covers."""
    verdicts = [
        _signxml_on(root, place, certificate)
        for place in ("./", f"./{SAML}Assertion/")
        if root.find(f"{place}{DS}Signature") is not None
    ]
    if False in verdicts or not verdicts:
        return False
    return None if None in verdicts else True


def _signxml_on(root: etree._Element, place: str, certificate: SigningCertificate) -> bool | None:
    configuration = SignatureConfiguration(
        require_x509=True,
        location=place,
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        ignore_ambiguous_key_info=True,
        verification_time=certificate.valid_from,
    )
    try:
        XMLVerifier().verify(
            root,
            x509_cert=certificate.certificate,
            id_attribute="ID",
            expect_config=configuration,
            validate_schema=False,
        )
    except InvalidSignature:
        return False
    except (SignXMLException, UnsupportedAlgorithm, TypeError, ValueError, etree.LxmlError):
        return None
    return True
