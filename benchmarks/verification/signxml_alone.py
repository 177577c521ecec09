"""signxml as the product calls it, and nothing around it."""

from cryptography.x509 import load_pem_x509_certificate
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

from ..worker import Answering, Message
from .scene import Mode, Scene, answering, xml_of

_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_ON_RESPONSE = SignatureConfiguration(require_x509=True, location="./")
_ON_ASSERTION = SignatureConfiguration(require_x509=True, location=f"./{_SAML}Assertion/")


def start(setup: Message) -> Answering:
    scene = Scene(**setup["scene"])
    certificate = load_pem_x509_certificate(scene.certificate.encode())

    def signed(document: bytes, configuration: SignatureConfiguration) -> etree._Element:
        result = XMLVerifier().verify(
            document,
            x509_cert=certificate,
            id_attribute="ID",
            expect_config=configuration,
            validate_schema=False,
        )
        if isinstance(result, list) or result.signed_xml is None:
            raise ValueError("not one signed element")
        return result.signed_xml

    def verify(form_value: str, mode: Mode) -> str:
        document = xml_of(form_value)
        read = signed(document, _ON_RESPONSE) if mode != "assertion" else None
        if mode != "response":
            read = signed(document, _ON_ASSERTION)
        if read is None:
            raise ValueError("nothing is signed")
        return read.findtext(f".//{_SAML}Subject/{_SAML}NameID", "")

    return answering(verify, wanted=setup["wanted"])
