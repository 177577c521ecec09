"""The mathematics: its own corners, and signxml's opinion on the same messages."""

import base64
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from sso_connectors.certificates.parsing import load_certificates
from sso_connectors.network import safe_xml
from sso_connectors.protocols.saml2 import xmldsig
from tests import idp as provider
from tests import referee
from tests.attacks import ATTACKS, Attack
from tests.idp import ds, saml, samlp

from .reading import IDP, answered, asked, begun

VICTIM: Final = "mallory@acme.example"
EVIL: Final = "admin@acme.example"


@pytest.mark.row(1)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_signxml_agrees_on_attacks(attack: Attack) -> None:
    pending = begun()
    form_value = attack.form_value(IDP, asked(pending), VICTIM, EVIL)
    try:
        root = safe_xml.parse(base64.b64decode(form_value), max_bytes=10**6)
    except ValueError:
        return  # nothing to have an opinion on
    referee.compare(root, *pending.connector.signing_certificates)


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("method", [provider.RSA_SHA256, provider.RSA_PSS_SHA256])
@pytest.mark.parametrize("prefixes", [(), ("xs",)])
def test_signxml_agrees_on_honest_answers(
    sign: str, method: str, prefixes: tuple[str, ...]
) -> None:
    pending = begun()
    answer = IDP.answer(
        asked(pending),
        sign=sign,
        signature_algorithm=method,
        inclusive_prefixes=prefixes,
        attributes={"email": ["alice@acme.example"]},
    )
    root = safe_xml.parse(answer, max_bytes=10**6)
    assert referee.compare(root, *pending.connector.signing_certificates)


def test_referee_notices_a_product_that_believes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    pending = begun()
    answer = IDP.answer(asked(pending)).replace(b"alice@", b"admin@")
    monkeypatch.setattr(xmldsig, "compare_digest", lambda *_: True)
    with pytest.raises(referee.DisagreementError):
        referee.compare(
            safe_xml.parse(answer, max_bytes=10**6), *pending.connector.signing_certificates
        )


@pytest.mark.row(6)
def test_text_around_the_signature_is_signed() -> None:
    """What stands behind it is neither lost nor free to be changed."""

    def indent(response: etree._Element) -> None:
        etree.indent(response)

    def change(response: etree._Element) -> None:
        (signature,) = response.findall(f"{saml('Assertion')}/{ds('Signature')}")
        signature.tail = "  "

    assert answered(begun(), edit_before_signing=indent).identity is not None
    spoilt = answered(begun(), edit_before_signing=indent, edit_after_signing=change)
    assert spoilt.failed == ["signature"]


def test_prefix_that_an_ancestor_declares() -> None:
    """The canonical form of a part lists it (xml-exc-c14n section 3), written out by hand."""
    root = etree.fromstring('<r xmlns:a="urn:a" xmlns:b="urn:b"><p z="1" y="2"> x <q/></p></r>')
    assert (
        xmldsig._canonical(root[0], prefixes=["b"])
        == b'<p xmlns:b="urn:b" y="2" z="1"> x <q></q></p>'
    )
    assert xmldsig._canonical(root[0], prefixes=[]) == b'<p y="2" z="1"> x <q></q></p>'


@pytest.mark.parametrize(
    ("document", "at", "left"),
    [
        ("<r>a<s/>b</r>", 0, b"<r>ab</r>"),
        ("<r><s/>b<t/></r>", 0, b"<r>b<t></t></r>"),
        ("<r><t/>a<s>c</s>b</r>", 1, b"<r><t></t>ab</r>"),
        ("<r><t/><s/></r>", 1, b"<r><t></t></r>"),
    ],
)
@pytest.mark.parametrize("prefixes", [[], ["b"]])
def test_enveloped_signature_is_cut_out(
    document: str, at: int, left: bytes, prefixes: list[str]
) -> None:
    root = etree.fromstring(document)
    assert xmldsig._canonical(root, prefixes=prefixes, without=root[at]) == left
    assert etree.tostring(root, encoding="unicode") == document


@pytest.mark.row(10)
@pytest.mark.parametrize(
    ("key", "method"),
    [
        (provider.default_key(), provider.ECDSA_SHA256),
        (provider.ec_key(), provider.RSA_SHA256),
        (provider.ec_key(), provider.RSA_PSS_SHA256),
        (provider.default_key(), "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        (provider.default_key(), "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
    ],
)
def test_method_must_fit_the_key(key: provider.SigningKey, method: str) -> None:
    (certificate,) = load_certificates(key.pem)
    with pytest.raises(InvalidSignature):
        xmldsig._verify(certificate.key, method, b"x" * 64, b"text")


@pytest.mark.row(10)
@pytest.mark.parametrize("salt_length", [0, 20, padding.PSS.MAX_LENGTH])
def test_salt_is_as_long_as_the_hash(salt_length: Any) -> None:
    key = provider.default_key()
    scheme = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=salt_length)
    value = key.private_key.sign(b"text", scheme, SHA256())  # type: ignore[call-arg, arg-type]
    (certificate,) = load_certificates(key.pem)
    with pytest.raises(InvalidSignature):
        xmldsig._verify(certificate.key, provider.RSA_PSS_SHA256, value, b"text")


@pytest.mark.row(10)
@pytest.mark.parametrize("size", [0, 63, 65, 72])
def test_ecdsa_value_has_the_length_of_the_curve(size: int) -> None:
    (certificate,) = load_certificates(provider.ec_key().pem)
    with pytest.raises(InvalidSignature):
        xmldsig._verify(certificate.key, provider.ECDSA_SHA256, b"\1" * size, b"text")


@pytest.mark.row(10)
def test_ecdsa_value_is_written_in_one_way() -> None:
    key = provider.ec_key()
    (certificate,) = load_certificates(key.pem)
    value = base64.b64decode(provider.signature_value(b"text", key, provider.ECDSA_SHA256))
    xmldsig._verify(certificate.key, provider.ECDSA_SHA256, value, b"text")
    longer = value[:32] + b"\0" + value[32:]
    with pytest.raises(InvalidSignature):
        xmldsig._verify(certificate.key, provider.ECDSA_SHA256, longer, b"text")


@pytest.mark.row(6)
def test_void_canonical_form_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest that the signature doesn't cover is not read, though it stands in the message."""
    canonical = xmldsig._canonical

    def void(element: etree._Element, **manner: Any) -> bytes:
        return b"" if element.tag == ds("SignedInfo") else canonical(element, **manner)

    def sign_nothing(response: etree._Element) -> None:
        for value in response.iter(ds("SignatureValue")):
            value.text = provider.signature_value(b"", IDP.key, provider.RSA_SHA256)

    monkeypatch.setattr(xmldsig, "_canonical", void)
    assert answered(begun(), edit_after_signing=sign_nothing).failed == ["signature"]


def test_namespaces_of_the_response_are_known_in_the_assertion() -> None:
    """Both signed, with a prefix listed that only the response declares (as Okta writes it)."""
    pending = begun()
    root = provider.parse(IDP.answer(asked(pending), sign="none"))
    nsmap = {str(prefix): str(name) for prefix, name in root.nsmap.items()}
    wide = etree.Element(
        root.tag,
        {str(name): str(value) for name, value in root.attrib.items()},
        nsmap={**nsmap, "xs": "urn:xs"},
    )
    wide.extend(list(root))
    (assertion,) = wide.findall(saml("Assertion"))
    covered = xmldsig._canonical(assertion, prefixes=["xs"])
    assert covered.startswith(b"<saml:Assertion xmlns:saml=")
    assert b'xmlns:xs="urn:xs"' in covered
    assert samlp("Response").encode() not in covered
