"""Negative controls: take guards away, and the attacks that they stop do get in.

Where several guards stop one attack (defence in depth) all are taken away together, and each of them
alone still stops it: so every guard named here is seen to work by itself.
"""

import base64
import binascii
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from sso_connectors.certificates.parsing import SigningCertificate
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.network import safe_xml
from sso_connectors.protocols.saml2 import response, signature, statements, xmldsig
from sso_connectors.protocols.saml2.signature import SAML, SignatureError, Verified
from sso_connectors.protocols.saml2.xmldsig import DS
from sso_connectors.results.checks import Checks
from tests import idp as provider
from tests.attacks import ATTACKS, TAIL, Attack
from tests.idp import OMIT

from .reading import IDP, answered, asked, begun, read
from .test_response import WRONG

VICTIM: Final = "mallory@acme.example"
EVIL: Final = "admin@acme.example"

Remove = Callable[[pytest.MonkeyPatch], None]
Trusted = Sequence[SigningCertificate]


def _nothing(*_: Any, **__: Any) -> None:
    """In place of a guard that raises."""


# --- what a careless reader leaves out -----------------------------------------------------------


def shape(patch: pytest.MonkeyPatch) -> None:
    """Identifiers and signatures may stand anywhere, and signatures look anyhow."""
    patch.setattr(signature, "check_shape", _nothing)


def signature_shape(patch: pytest.MonkeyPatch) -> None:
    """Signatures stand where they should, and look anyhow."""
    patch.setattr(signature, "_check_signature", _nothing)


def exclusive(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signature, "_check_exclusive", _nothing)


def _take(choose: Callable[[etree._Element], list[etree._Element]]) -> Remove:
    def only_assertion(root: etree._Element) -> etree._Element:
        found = choose(root)
        if not found:
            raise SignatureError("There is no assertion.")
        return found[0]

    return lambda patch: patch.setattr(signature, "only_assertion", only_assertion)


# One assertion is enough, whatever else there is; and where it is looked for.
first = _take(lambda root: root.findall(f"{SAML}Assertion"))
last = _take(lambda root: root.findall(f"{SAML}Assertion")[::-1])
anywhere = _take(lambda root: list(root.iter("{*}Assertion")))


def must_be_signed(patch: pytest.MonkeyPatch) -> None:
    """A signature is verified where there is one."""
    verified = signature.verified

    def lenient(root: etree._Element, trusted: Trusted) -> Verified:
        assertion = signature.only_assertion(root)
        if {root.find(f"{DS}Signature"), assertion.find(f"{DS}Signature")} == {None}:
            signature.check_shape(root)
            return Verified(assertion, None, trusted[0])
        return verified(root, trusted)

    patch.setattr(response, "verified", lenient)


def signed_bytes(patch: pytest.MonkeyPatch) -> None:
    """A good signature is found, and what stands around it is read, not what it covers."""

    def verify(
        owner: etree._Element, _: etree._Element, certificate: SigningCertificate
    ) -> etree._Element:
        root = owner.getroottree().getroot()
        configuration = SignatureConfiguration(
            location="./" if owner is root else f"./{SAML}Assertion/", expect_references=True
        )
        try:
            XMLVerifier().verify(
                root,
                x509_cert=certificate.certificate,
                id_attribute="ID",
                expect_config=configuration,
                validate_schema=False,
            )
        except (SignXMLException, ValueError, etree.LxmlError) as error:
            raise SignatureError from error
        return owner

    patch.setattr(signature, "_verify", verify)


def mathematics(patch: pytest.MonkeyPatch) -> None:
    """Whatever looks like a signature is one."""
    patch.setattr(signature, "_verify", lambda owner, _signature, _certificate: owner)


def key_of_the_connector(patch: pytest.MonkeyPatch) -> None:
    """The certificate comes with the message."""
    verify = signature._verify

    def trusting(
        owner: etree._Element, found: etree._Element, certificate: SigningCertificate
    ) -> etree._Element:
        text = next(found.iter(f"{DS}X509Certificate")).text or ""
        try:
            shown = x509.load_der_x509_certificate(base64.b64decode(text))
        except (binascii.Error, ValueError) as error:
            raise SignatureError from error
        begins = shown.not_valid_before_utc
        believed = dataclasses.replace(certificate, certificate=shown, valid_from=begins)
        return verify(owner, found, believed)

    patch.setattr(signature, "_verify", trusting)


def long_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signature, "MIN_RSA_BITS", 512)


class _Anything(frozenset[Any]):
    def __contains__(self, item: object) -> bool:
        return True


def signature_methods(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signature, "SIGNATURE_METHODS", _Anything())
    patch.setitem(xmldsig._RSA, provider.RSA_SHA1, hashes.SHA1())  # noqa: S303 - as above


def digest_methods(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signature, "DIGEST_METHODS", _Anything())
    patch.setitem(xmldsig.DIGEST_METHODS, provider.SHA1, "sha1")


def no_comments(patch: pytest.MonkeyPatch) -> None:
    parse = safe_xml.parse
    patch.setattr(
        safe_xml, "parse", lambda xml, *, max_bytes: parse(xml, max_bytes=max_bytes, pasted=True)
    )


def whole_text(patch: pytest.MonkeyPatch) -> None:
    """`.text` stops at the first child, and at a comment."""

    def beginning(element: etree._Element | None) -> str:
        return "" if element is None else element.text or ""

    patch.setattr(statements, "text_of", beginning)
    patch.setattr(response, "text_of", beginning)


def plain_name_id(patch: pytest.MonkeyPatch) -> None:
    """Children of NameID are nobody's business."""
    name_id_of = statements.name_id_of
    patch.setattr(response, "name_id_of", lambda element, _checks: name_id_of(element, Checks()))


def document_type(patch: pytest.MonkeyPatch) -> None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    patch.setattr(safe_xml, "parse", lambda xml, **_: etree.fromstring(xml, parser))


def declared_encoding(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(safe_xml, "_declared_encoding", _nothing)


def _unlimited(module: Any, name: str) -> Remove:
    return lambda patch: patch.setattr(module, name, 10**9)


size = _unlimited(response, "MAX_BYTES")
namespaces = _unlimited(safe_xml, "MAX_NAMESPACES")


def _unseen(name: str) -> Remove:
    return lambda patch: patch.setattr(safe_xml, name, lambda root: False)


elements = _unseen("_elements_exceeded")
depth = _unseen("_depth_exceeded")
attributes = _unseen("_attributes_exceeded")
namespace_length = _unseen("_long_namespaces")


# --- attacks, and all that must be gone for them to get in ---------------------------------------

# Left out are those that nobody has the time for once they are in: many_namespaces takes half a
# minute without its guards.
NEEDS: Final[dict[tuple[Remove, ...], str]] = {
    (shape, first, signed_bytes): "xsw1 xsw2 xsw5 xsw6 xsw8",
    (shape, first, must_be_signed): (
        "xsw3 xsw4 original_in_extensions original_in_status_detail original_in_advice "
        "response_in_response response_with_signed_assertion_in_response encrypted_beside_plain "
        "duplicate_id_before duplicate_id_of_the_response xml_id id_in_other_cases default_namespace"
    ),
    (shape, last, must_be_signed): "signed_then_unsigned duplicate_id_after",
    (shape, anywhere, must_be_signed): "xsw7 evil_in_status_detail",
    (anywhere, must_be_signed): "only_encrypted",
    (anywhere,): "assertion_too_deep",
    (shape, first, mathematics): "original_in_object id_in_a_namespace",
    (shape, first): "two_signed",
    (shape, must_be_signed): (
        "signature_in_subject signature_in_extensions signature_in_a_look_alike_namespace"
    ),
    (shape, signed_bytes): "signature_of_the_metadata part_of_the_assertion_signed",
    (shape, mathematics): "second_signature_first second_signature_last many_signatures",
    (must_be_signed,): "unsigned signature_removed",
    (mathematics,): (
        "name_changed relative_namespace digest_of_nothing signature_over_nothing "
        "own_signature_trusted_certificate both_certificates own_key_value "
        "own_key_value_trusted_certificate key_at_an_address ecdsa_by_name_only "
        "certificate_of_an_unknown_version signature_value_of_zeros "
        "empty_signature_value blank_signature_value empty_digest_value blank_digest_value"
    ),
    (key_of_the_connector,): "own_certificate own_certificate_on_the_response",
    (signature_methods,): "rsa_sha1",
    (digest_methods,): "digest_sha1",
    (signature_methods, mathematics): (
        "rsa_md5 rsa_ripemd160 unknown_method hmac_with_the_certificate hmac_with_the_public_key "
        "hmac_with_the_certificate_in_der"
    ),
    (digest_methods, mathematics): "digest_md5 digest_ripemd160",
    (long_keys,): "short_key",
    (exclusive,): "comments_signed_info",
    (exclusive, signed_bytes): "inclusive_signed_info",
    (exclusive, mathematics): (
        "many_prefixes many_inclusive_namespaces elements_in_inclusive_namespaces"
    ),
    (signature_shape,): (
        "xpath xslt forms_in_the_wrong_order empty_uri_on_the_response base64 no_uri xpointer "
        "address_as_uri two_references many_transforms"
    ),
    (signature_shape, signed_bytes): (
        "empty_uri no_references signature_of_the_assertion_on_the_response inclusive_transform "
        "inclusive_1_1 no_canonical_form"
    ),
    (signature_shape, mathematics): (
        "no_transforms not_enveloped xpath_leaves_the_name_out empty_signed_info two_signed_infos "
        "two_digest_values"
    ),
    (no_comments, mathematics): "comment_in_digest_value",
    (no_comments, whole_text, signed_bytes): "comment_in_audience comment_in_issuer",
    (no_comments, whole_text, signed_bytes, plain_name_id): "comment_in_name_id",
    (no_comments, whole_text, plain_name_id): "instruction_in_name_id",
    (whole_text, plain_name_id): "element_in_name_id",
    (document_type,): "doctype doctype_after_padding external_document_type",
    (document_type, whole_text, plain_name_id, mathematics): "entity_in_name_id",
    (declared_encoding,): "unknown_encoding",
    (depth,): "nesting_within_parser_limits",
    (attributes,): "many_xml_attributes_in_few_bytes",
    (namespaces,): "many_namespaces_in_few_bytes",
    (elements,): "many_elements_in_few_bytes many_saml_attributes",
    (namespace_length,): "long_namespace",
    (size,): "blanks_after_the_document",
    (size, no_comments): "padding",
    (size, attributes): "many_xml_attributes",
}
GUARDED: Final = [
    pytest.param(attack, guards, marks=pytest.mark.row(attack.row), id=attack.name)
    for guards, names in NEEDS.items()
    for attack in ATTACKS
    if attack.name in names.split()
]


def _reads_evil(form_value: str, pending: PendingLogin, removed: Sequence[Remove]) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        for remove in removed:
            remove(patch)
        try:
            identity = read(form_value, pending).identity
        except (AssertionError, IndexError, KeyError, TypeError, ValueError):
            # Of the mathematics, at a shape that our own look at it would have kept from them.
            return False
    return identity is not None and identity.username == EVIL


@pytest.mark.parametrize(("attack", "guards"), GUARDED)
def test_attack_needs_all_these_guards_gone(attack: Attack, guards: Sequence[Remove]) -> None:
    pending = begun(provider.weak_key() if attack.name == "short_key" else IDP.key)
    form_value = attack.form_value(IDP, asked(pending), VICTIM, EVIL)
    assert _reads_evil(form_value, pending, guards)
    for kept in guards:
        others = [each for each in guards if each is not kept]
        assert not _reads_evil(form_value, pending, others)


def test_every_attack_above_exists() -> None:
    named = [name for names in NEEDS.values() for name in names.split()]
    assert len(GUARDED) == len(named) == len(set(named))


# --- the statements of an answer -------------------------------------------------------------------


@pytest.mark.row(11)
@pytest.mark.parametrize("what", WRONG)
def test_lie_gets_in_without_its_check(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so nothing but its check keeps it out."""
    lies, failed = WRONG[what]
    record = Checks.record

    def forgiving(self: Checks, name: str, passed: bool, **shown: object) -> bool:
        return record(self, name, passed or name in failed, **shown)

    assert answered(begun(), **lies).identity is None
    monkeypatch.setattr(Checks, "record", forgiving)
    assert answered(begun(), **lies).identity is not None


@pytest.mark.row(11)
@pytest.mark.parametrize("status", ["urn:oasis:names:tc:SAML:2.0:status:Responder", OMIT])
def test_failure_gets_in_without_the_look_at_the_status(
    status: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answered(begun(), status=status, assertions=1).identity is None
    monkeypatch.setattr(response.SamlAnswer, "_refuse_failure", _nothing)
    assert answered(begun(), status=status, assertions=1).identity is not None


# --- guards behind guards ----------------------------------------------------------------------------


@pytest.mark.row(2)
@pytest.mark.parametrize(
    "name", ["signature_of_the_metadata", "part_of_the_assertion_signed", "empty_uri"]
)
def test_signature_over_another_element_is_invalid_without_the_shape(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it refers to, what it stands in is what must have been signed."""
    (attack,) = [each for each in ATTACKS if each.name == name]
    shape(monkeypatch)
    pending = begun()
    reading = read(attack.form_value(IDP, asked(pending), VICTIM, EVIL), pending)
    assert reading.check("signature").received.startswith("The signature is not valid for")


@pytest.mark.row(4)
def test_children_cut_names_short_without_the_look_at_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole text is read even where nobody minds the children."""
    plain_name_id(monkeypatch)
    (attack,) = [each for each in ATTACKS if each.name == "element_in_name_id"]
    pending = begun()
    reading = read(attack.form_value(IDP, asked(pending), VICTIM, EVIL), pending)
    assert reading.identity is not None
    assert reading.identity.username == EVIL + TAIL


@pytest.mark.row(22)
def test_blanks_of_unicode_get_in_without_the_look_at_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """`normalise_username`, which forgives blanks that people type, would drop them."""
    name = "admin@acme.example\u00a0"
    assert answered(begun(), name_id=name).identity is None
    monkeypatch.setattr(statements, "_is_address", lambda text: True)
    reading = answered(begun(), name_id=name)
    assert reading.identity is not None
    assert reading.identity.username.strip() == "admin@acme.example"
