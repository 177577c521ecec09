"""Signatures: every honest kind is accepted, and none of the attacks gets in."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, SECP521R1
from lxml import etree

from sso_connectors.protocols.saml2.xmldsig import INCLUSIVE_NAMESPACES
from sso_connectors.results.errors import BadMessage, IdentityProviderError, ResponseRefused
from tests import idp as provider
from tests.attacks import ATTACKS, TAIL, Attack
from tests.idp import OMIT, IdP, SigningKey, ds, saml, samlp
from tests.referee import compare

from .reading import ALICE, IDP, answered, asked, begun, read

VICTIM: Final = "mallory@acme.example"
EVIL: Final = "admin@acme.example"
# The names that the identity provider honestly signs in the attacks.
HONEST: Final = {VICTIM, EVIL + TAIL, "evil." + EVIL}


@pytest.mark.parametrize(
    "attack",
    [pytest.param(each, marks=pytest.mark.row(each.row), id=each.name) for each in ATTACKS],
)
def test_attack(attack: Attack) -> None:
    pending = begun(provider.weak_key() if attack.name == "short_key" else IDP.key)
    reading = read(attack.form_value(IDP, asked(pending), VICTIM, EVIL), pending)
    if reading.identity is None:
        refusals = (BadMessage, ResponseRefused, IdentityProviderError)
        assert isinstance(reading.refusal, refusals)
        assert reading.refusal.detail
    else:
        assert not attack.must_refuse
        assert reading.identity.username in HONEST


# What an answer costs is bounded before it is worked on; here is the bound that each attack meets.
CAPS: Final = {
    "deep_nesting": "Excessive depth",
    "nesting_within_parser_limits": "nested too deep",
    "many_xml_attributes": "larger than",
    "many_xml_attributes_in_few_bytes": "too many attributes",
    "many_namespaces": "larger than",
    "many_namespaces_in_few_bytes": "too many namespaces",
    "long_namespace": "too long an address",
    "many_elements_in_few_bytes": "too many elements",
    "many_saml_attributes": "too many elements",
    "many_assertions": "Exactly one assertion",
    "many_signatures": "two signatures",
    "many_transforms": "The transforms must be",
    "many_references": "exactly one reference",
    "many_inclusive_namespaces": "lists too many namespaces",
    "elements_in_inclusive_namespaces": "lists too many namespaces",
    "many_prefixes": "lists too many namespaces",
    "padding": "larger than",
    "blanks_after_the_document": "larger than",
    "deflated": "not UTF-8",
    "deflate_bomb": "not UTF-8",
    "billion_laughs": "DOCTYPE",
    "quadratic_entity": "DOCTYPE",
}


@pytest.mark.row(29)
@pytest.mark.parametrize("name", CAPS)
def test_cap(name: str) -> None:
    (attack,) = [each for each in ATTACKS if each.name == name]
    pending = begun()
    reading = read(attack.form_value(IDP, asked(pending), VICTIM, EVIL), pending)
    assert reading.refusal is not None
    assert CAPS[name] in reading.refusal.detail


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("digest", [provider.SHA256, provider.SHA384, provider.SHA512])
@pytest.mark.parametrize(
    "method",
    [
        provider.RSA_SHA256,
        provider.RSA_SHA384,
        provider.RSA_SHA512,
        provider.RSA_PSS_SHA256,
        provider.RSA_PSS_SHA256.replace("sha256", "sha384"),
        provider.RSA_PSS_SHA256.replace("sha256", "sha512"),
    ],
)
def test_honest_rsa(sign: str, digest: str, method: str) -> None:
    reading = answered(begun(), sign=sign, signature_algorithm=method, digest_algorithm=digest)
    assert reading.failed == []
    assert reading.identity is not None
    assert reading.identity.username == ALICE
    assert reading.identity.issuer == IDP.entity_id
    assert reading.identity.key == IDP.key.fingerprint


P384: Final = SigningKey.ec(curve=SECP384R1())
P521: Final = SigningKey.ec(curve=SECP521R1())


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize(
    ("key", "method"),
    [
        (provider.ec_key(), provider.ECDSA_SHA256),
        (provider.ec_key(), provider.ECDSA_SHA384),
        (provider.ec_key(), provider.ECDSA_SHA512),
        (P384, provider.ECDSA_SHA384),
        (P521, provider.ECDSA_SHA512),
    ],
)
def test_honest_ecdsa(sign: str, key: SigningKey, method: str) -> None:
    reading = answered(begun(key), idp=IdP(key=key), sign=sign, signature_algorithm=method)
    assert reading.identity is not None
    assert reading.identity.key == key.fingerprint


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize(
    "manner",
    [
        {"inclusive_prefixes": ("xs",)},
        {"inclusive_prefixes": ("xs", "#default", "saml")},
        {"attribute_type": "xs:anyType"},
        {"attribute_type": OMIT},
        {"key_info": OMIT},
        {"authn_instant": "seven decimals", "not_before": "seven decimals"},
        {"name_id_format": provider.PERSISTENT, "name_id": "77f1"},
    ],
    ids=str,
)
def test_honest_manner(sign: str, manner: dict[str, Any]) -> None:
    """What identity providers do differently, each within the standard."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.1234567Z"
    lies: dict[str, Any] = {
        name: now if lie == "seven decimals" else lie for name, lie in manner.items()
    }
    reading = answered(begun(), sign=sign, attributes={"email": [ALICE]}, **lies)
    assert reading.identity is not None
    assert reading.identity.username == ALICE


@pytest.mark.parametrize("at", [0, -1])
def test_honest_signature_anywhere_among_the_children(at: int) -> None:
    def move(response: etree._Element) -> None:
        (assertion,) = response.findall(saml("Assertion"))
        (signature,) = assertion.findall(ds("Signature"))
        assertion.insert(at, signature)

    assert answered(begun(), edit_after_signing=move).identity is not None


def test_second_certificate_fits() -> None:
    """As during a roll-over; which one it was is kept."""
    pending = begun(provider.other_key(), provider.ec_key(), IDP.key)
    reading = answered(pending, sign="both")
    assert reading.identity is not None
    assert reading.identity.key == IDP.key.fingerprint
    assert reading.check("signature").received == IDP.key.fingerprint


@pytest.mark.parametrize(
    ("days", "note"), [((-20, -10), "that ended on"), ((10, 20), "that begins on")]
)
def test_validity_of_the_certificate_is_noted_not_enforced(
    days: tuple[int, int], note: str
) -> None:
    first, last = (datetime.now(UTC) + timedelta(days=each) for each in days)
    key = SigningKey.ec(not_before=first, not_after=last)
    reading = answered(begun(key), idp=IdP(key=key))
    assert reading.identity is not None
    assert note in reading.check("signature").received


@pytest.mark.parametrize("broken", ["Response", "Assertion"])
def test_both_signed_and_one_of_another_key(broken: str) -> None:
    """Every signature that is there must hold, the inner as the outer."""
    pending = begun()
    response = provider.parse(IDP.answer(asked(pending), sign="none"))
    (assertion,) = response.findall(saml("Assertion"))
    for element in (assertion, response):
        good = etree.QName(element).localname != broken
        provider.sign_element(element, IDP.key if good else provider.other_key())
    reading = read(provider.form_value(etree.tostring(response)), pending)
    assert reading.failed == ["signature"]


@pytest.mark.row(9)
def test_certificate_in_the_message_counts_for_nothing() -> None:
    """Neither another one, nor one that can't be read, makes a difference; it is only shown."""
    for key_info in (provider.other_key().pem, "AAAA", "not base64!", "\u00e9", "", OMIT):
        assert answered(begun(), key_info=key_info).identity is not None
    for key_info, shown in (
        (IDP.key.pem, IDP.key.fingerprint),
        ("not base64!", "an unreadable certificate"),
        (OMIT, "no certificate"),
    ):
        reading = answered(begun(), key=provider.other_key(), key_info=key_info)
        assert reading.failed == ["signature"]
        assert reading.check("signature").received.endswith(f"The message shows: {shown}.")


def test_no_certificate_is_never_enough() -> None:
    """A connector can't be enabled without one; if it were, it would still trust nobody."""
    reading = answered(begun(certificates=""))
    assert reading.failed == ["signature"]
    assert "No certificate is known." in reading.check("signature").received


@pytest.mark.row(3)
@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "_a b",
        "_a'b",
        "\u00e9",
        "#a",
        "a/b",
        "-a",
        ".a",
        "+a",
        ":a",
        "xpointer(id('a'))",
        "a" * 202,
    ],
)
@pytest.mark.parametrize("whose", ["response_id", "assertion_id"])
def test_identifier_that_is_none(whose: str, identifier: str) -> None:
    """It would stand in a reference, where other characters than a name's have a meaning."""
    lies: dict[str, Any] = {whose: identifier}
    reading = answered(begun(), **lies)
    assert reading.failed == ["signature"]
    received = reading.check("signature").received
    name = whose.removesuffix("_id")
    assert f"The ID of the {name} is “{identifier[:40]}" in received
    assert received.endswith(f"The message shows: {IDP.key.fingerprint}.")


@pytest.mark.row(3)
@pytest.mark.parametrize("whose", ["response_id", "assertion_id"])
def test_no_identifier(whose: str) -> None:
    lies: dict[str, Any] = {whose: OMIT}
    reading = answered(begun(), **lies)
    assert reading.failed == ["signature"]
    assert f"The {whose.removesuffix('_id')} has no ID." in reading.check("signature").received


# As real identity providers write them, which are no NCNames or look odd.
UNUSUAL_IDS: Final = (
    "00ed9a13-a7b5-4a91-9da3-e22455df2c73",
    "4312518550351640530",
    "a1ORZ+LQ7YktMlk7RMJR+N+by1.acme",
    "urn:uuid:00ed9a13-a7b5-4a91-9da3-e22455df2c73",
    "_" + "a" * 200,
    "9",
)


@pytest.mark.row(3)
@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("identifier", UNUSUAL_IDS)
def test_identifier_as_real_providers_write_it(identifier: str, sign: str) -> None:
    """The referee, which looks elements up by them, agrees."""
    for ids in ({"response_id": identifier}, {"assertion_id": identifier}):
        pending = begun()
        field = IDP.respond(asked(pending), sign=sign, **ids)
        assert read(field, pending).identity is not None
        (certificate,) = pending.connector.signing_certificates
        assert compare(provider.parse(base64.b64decode(field)), certificate)


@pytest.mark.parametrize(
    "attack",
    [pytest.param(each, marks=pytest.mark.row(each.row), id=each.name) for each in ATTACKS],
)
def test_attack_with_unusual_identifiers(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "new_id", provider.unusual_id)
    test_attack(attack)


def _name_signatures(*names: str) -> Any:
    def edit(response: etree._Element) -> None:
        for signature, name in zip(response.iter(ds("Signature")), names, strict=True):
            signature.set("Id", name)

    return edit


@pytest.mark.row(3)
@pytest.mark.parametrize("sign", ["assertion", "response"])
def test_id_of_a_signature_is_ignored(sign: str) -> None:
    """The signature doesn't cover itself, so it may even be put there afterwards."""
    pending = begun()
    named = _name_signatures("Signature 1")
    field = IDP.respond(asked(pending), sign=sign, edit_after_signing=named)
    assert read(field, pending).identity is not None
    (certificate,) = pending.connector.signing_certificates
    assert compare(provider.parse(base64.b64decode(field)), certificate)


@pytest.mark.row(3)
def test_ids_of_two_signatures_are_ignored() -> None:
    def name_before_the_response_is_signed(information: etree._Element) -> None:
        signature = information.getparent()
        assert signature is not None
        signature.set("Id", "S1" if "assertion" in str(information[2].get("URI")) else "S2")

    lies: dict[str, Any] = {"assertion_id": "_assertion", "response_id": "_response"}
    reading = answered(
        begun(), sign="both", edit_signed_info=name_before_the_response_is_signed, **lies
    )
    assert reading.identity is not None


@pytest.mark.row(3)
@pytest.mark.parametrize("name", ["_response", "_assertion", " _assertion\n"])
def test_id_of_a_signature_that_is_anothers(name: str) -> None:
    """Whoever looks the reference up could then find the signature itself."""
    lies: dict[str, Any] = {"response_id": "_response", "assertion_id": "_assertion"}
    reading = answered(begun(), edit_after_signing=_name_signatures(name), **lies)
    assert "same ID as another element" in reading.check("signature").received


@pytest.mark.row(7)
@pytest.mark.parametrize(
    "attribute", ["ID", "id", "{urn:other}Id", "{http://www.w3.org/XML/1998/namespace}id"]
)
def test_other_ids_on_a_signature(attribute: str) -> None:
    def edit(response: etree._Element) -> None:
        next(response.iter(ds("Signature"))).set(attribute, "_another")

    reading = answered(begun(), edit_after_signing=edit)
    assert "on Signature, where no ID is accepted" in reading.check("signature").received


@pytest.mark.row(7)
@pytest.mark.parametrize("part", ["SignedInfo", "SignatureValue", "KeyInfo", "X509Data"])
def test_ids_inside_a_signature(part: str) -> None:
    def edit(response: etree._Element) -> None:
        next(response.iter(ds(part))).set("Id", "_another")

    reading = answered(begun(), edit_after_signing=edit)
    assert f"Id on {part}, where no ID is accepted" in reading.check("signature").received


@pytest.mark.row(3)
def test_one_identifier_for_both() -> None:
    reading = answered(begun(), response_id="_same", assertion_id="_same")
    assert "have the same ID" in reading.check("signature").received


@pytest.mark.row(2)
@pytest.mark.parametrize("place", [samlp("Extensions"), saml("Advice")])
def test_response_without_assertion_inside_the_response(place: str) -> None:
    def nest(response: etree._Element) -> None:
        extensions = etree.SubElement(response, place)
        etree.SubElement(extensions, response.tag)

    reading = answered(begun(), edit_after_signing=nest)
    assert "a response inside the response" in reading.check("signature").received


@pytest.mark.row(10)
@pytest.mark.parametrize(
    ("element", "attributes"),
    [
        ("CanonicalizationMethod", {"Algorithm": provider.EXCLUSIVE_WITH_COMMENTS}),
        ("Transform", {"Algorithm": provider.INCLUSIVE}),
        ("SignatureMethod", {}),
        ("DigestMethod", {}),
        ("Transform", {}),
    ],
)
def test_signed_oddities_are_refused(element: str, attributes: dict[str, str]) -> None:
    """Parameters and other algorithms in SignedInfo, signed or not."""

    def edit(signed_info: etree._Element) -> None:
        for each in signed_info.iter(ds(element)):
            for name, value in attributes.items():
                each.set(name, value)
            if not attributes:
                etree.SubElement(each, ds("Parameter"))

    reading = answered(begun(), edit_signed_info=edit)
    assert reading.failed == ["signature"]


def put_encrypted_assertion(response: etree._Element) -> None:
    etree.SubElement(response, saml("EncryptedAssertion"))


def put_identifier(response: etree._Element) -> None:
    next(response.iter(saml("Subject"))).set("id", "_another")


def put_signature_into_subject(response: etree._Element) -> None:
    etree.SubElement(next(response.iter(saml("Subject"))), ds("Signature"))


def put_signature_of_another_namespace(response: etree._Element) -> None:
    etree.SubElement(next(response.iter(saml("Assertion"))), "{urn:look-alike}Signature")


@pytest.mark.parametrize(
    ("put", "why"),
    [
        pytest.param(put_encrypted_assertion, "is encrypted", marks=pytest.mark.row(2)),
        pytest.param(
            put_identifier, "id on Subject, where no ID is accepted", marks=pytest.mark.row(3)
        ),
        pytest.param(put_signature_into_subject, "signature where none", marks=pytest.mark.row(3)),
        pytest.param(
            put_signature_of_another_namespace, "signature where none", marks=pytest.mark.row(3)
        ),
    ],
)
def test_shape_of_what_is_signed_in_full(put: Any, why: str) -> None:
    """Signed or not: some other reader might see another answer in it."""
    reading = answered(begun(), sign="response", edit_before_signing=put)
    assert why in reading.check("signature").received


@pytest.mark.row(10)
def test_signature_with_room_for_more() -> None:
    """A signature doesn't cover what stands in itself."""

    def put(response: etree._Element) -> None:
        etree.SubElement(next(response.iter(ds("Signature"))), ds("Object"))

    reading = answered(begun(), edit_after_signing=put)
    assert "parts that don't belong" in reading.check("signature").received


@pytest.mark.row(10)
@pytest.mark.parametrize(
    ("at", "child", "attributes", "why"),
    [
        (0, INCLUSIVE_NAMESPACES, {"PrefixList": "xs"}, "The transforms must be"),
        (1, ds("XPath"), {"PrefixList": "xs"}, "must be exclusive"),
        (1, INCLUSIVE_NAMESPACES, {}, "must be exclusive"),
        (1, INCLUSIVE_NAMESPACES, {"PrefixList": "p " * 65}, "too many namespaces"),
    ],
)
def test_what_a_transform_holds(at: int, child: str, attributes: Any, why: str) -> None:
    def put(signed_info: etree._Element) -> None:
        etree.SubElement(list(signed_info.iter(ds("Transform")))[at], child, attributes)

    reading = answered(begun(), edit_signed_info=put)
    assert why in reading.check("signature").received


@pytest.mark.row(10)
def test_base64_with_more_than_base64_in_it() -> None:
    def edit(response: etree._Element) -> None:
        for each in response.iter(ds("SignatureValue")):
            each.text = f"!{each.text}"

    assert answered(begun(), edit_after_signing=edit).failed == ["signature"]


@pytest.mark.row(10)
@pytest.mark.parametrize("text", ["AAA", "é", "!AAA", "AA\u00a0AA"])
@pytest.mark.parametrize("element", ["SignatureValue", "DigestValue"])
def test_base64_of_the_signature(element: str, text: str) -> None:
    def edit(response: etree._Element) -> None:
        for each in response.iter(ds(element)):
            each.text = text

    assert answered(begun(), edit_after_signing=edit).failed == ["signature"]
