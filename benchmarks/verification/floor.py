"""The least that a verification can cost in Python: parse once, and do the mathematics.

It checks no shape, no algorithm name and nothing that the assertion says, and it loses white space
behind a signature: never use it.
"""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree

from ..worker import Answering, Message
from .scene import Mode, Scene, answering, xml_of

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"


def start(setup: Message) -> Answering:
    scene = Scene(**setup["scene"])
    key = load_pem_x509_certificate(scene.certificate.encode()).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("the floor knows RSA only")

    def verify(form_value: str, mode: Mode) -> str:
        response = etree.fromstring(xml_of(form_value))
        assertion = response.find(f"{_SAML}Assertion")
        if assertion is None:
            raise ValueError("no assertion")
        if mode != "assertion":
            _verify(response, key)
        if mode != "response":
            _verify(assertion, key)
        return assertion.findtext(f"{_SAML}Subject/{_SAML}NameID", "")

    return answering(verify, wanted=setup["wanted"])


def _verify(owner: etree._Element, key: rsa.RSAPublicKey) -> None:
    signature = owner.find(f"{_DS}Signature")
    if signature is None:
        raise ValueError("no signature")
    information = signature[0]
    signed = _canonical(information)
    value = base64.b64decode(signature.findtext(f"{_DS}SignatureValue", ""))
    claimed = base64.b64decode(information.findtext(f".//{_DS}DigestValue", ""))
    owner.remove(signature)
    if hashlib.sha256(_canonical(owner)).digest() != claimed:
        raise ValueError("digest")
    key.verify(value, signed, padding.PKCS1v15(), SHA256())


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
