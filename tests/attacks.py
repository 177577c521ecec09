"""Answers by which somebody who may sign in as one person tries to come in as another.

The attacker owns `victim`, an honest name that the identity provider signs for them, and wants to
be `evil`. `ATTACKS` holds all attacks, each with its row of the list of what the product must
survive, so that tests can parametrise over it. Whatever the attack, nobody may come in as `evil`.

`xsw1` to `xsw8` are the eight of Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be"
(USENIX Security 2012), numbered as the tools that reproduce them do.
"""

import base64
import copy
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from tests import idp as provider
from tests.idp import IdP, ReceivedRequest, ds, saml, samlp

# What follows the wanted name in a name that the attacker can register honestly.
TAIL: Final = ".evil.example"


@dataclass(frozen=True)
class Case:
    """Who attacks whom, and the messages to do it with."""

    idp: IdP
    request: ReceivedRequest
    victim: str
    evil: str

    def honest(self, *, name_id: str | None = None, **lies: Any) -> etree._Element:
        """A Response as the identity provider gives it: for `victim`, the assertion signed."""
        name = name_id or self.victim
        lies = {"attributes": {"email": [name]}} | lies
        return provider.parse(self.idp.answer(self.request, name_id=name, **lies))

    def signed_as_evil(self, **lies: Any) -> etree._Element:
        """A Response for `evil` in which nothing but `lies` is wrong."""
        return self.honest(name_id=self.evil, **lies)

    def forged(self, **lies: Any) -> etree._Element:
        """A Response for `evil`, signed with the attacker's own key."""
        return self.signed_as_evil(key=provider.other_key(), **lies)

    def evil_twin(self, element: etree._Element) -> etree._Element:
        """A copy of `element` about `evil`, with another ID and without any Signature."""
        twin = copy.deepcopy(element)
        for signature in list(twin.iter(ds("Signature"))):
            _detach(signature)
        for each in twin.iter():
            if each.text == self.victim:
                each.text = self.evil
        twin.set("ID", provider.new_id())
        return twin


Build = Callable[[Case], bytes | str]


@dataclass(frozen=True)
class Attack:
    """One way to try.

    row: the row of the threat list that it belongs to.
    must_refuse: False where reading the honest name in full is as good an answer as refusing.
    parses: whether a careful XML parser gets through it.
    keeps_signature: the identity provider's signature still verifies for somebody who looks the
        signed element up by its ID alone, and somebody careless reads `evil` next to it.
    build: returns XML, or the SAMLResponse field itself where its encoding is the attack.
    """

    name: str
    row: int
    build: Build
    must_refuse: bool = True
    parses: bool = True
    keeps_signature: bool = False

    def __str__(self) -> str:
        return self.name

    def make(self, idp: IdP, request: ReceivedRequest, victim: str, evil: str) -> bytes | str:
        return self.build(Case(idp, request, victim, evil))

    def form_value(self, idp: IdP, request: ReceivedRequest, victim: str, evil: str) -> str:
        """What to post as SAMLResponse."""
        made = self.make(idp, request, victim, evil)
        return made if isinstance(made, str) else provider.form_value(made)


ATTACKS: Final[list[Attack]] = []


def attack(
    row: int, *, must_refuse: bool = True, parses: bool = True, keeps_signature: bool = False
) -> Callable[[Build], Build]:
    """Add the function to `ATTACKS` under its own name."""

    def add(build: Build) -> Build:
        name = build.__name__
        ATTACKS.append(Attack(name, row, build, must_refuse, parses, keeps_signature))
        return build

    return add


def _detach(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
    return element


def _only(element: etree._Element | None) -> etree._Element:
    if element is None:
        raise LookupError("the honest message lacks what the attack builds on")
    return element


def _assertion(response: etree._Element) -> etree._Element:
    return _only(response.find(saml("Assertion")))


def _signature(element: etree._Element) -> etree._Element:
    return _only(element.find(ds("Signature")))


def _after_issuer(parent: etree._Element, child: etree._Element) -> etree._Element:
    _only(parent.find(saml("Issuer"))).addnext(child)
    return child


def _extensions(response: etree._Element) -> etree._Element:
    """New and empty, where the schema wants it: before Status."""
    extensions = etree.Element(samlp("Extensions"))
    _only(response.find(samlp("Status"))).addprevious(extensions)
    return extensions


def _write(element: etree._Element) -> bytes:
    """Without an XML declaration, so that text can be put before it."""
    return etree.tostring(element)


def _replace(xml: bytes, old: str, new: str | bytes) -> bytes:
    """Replace the first `old`: for what no tree can hold."""
    if old.encode() not in xml:
        raise LookupError(f"the honest message lacks {old}")
    return xml.replace(old.encode(), new if isinstance(new, bytes) else new.encode(), 1)


# 1: signature wrapping.


@attack(1, keeps_signature=True)
def xsw1(case: Case) -> bytes:
    """The signed Response moves into the Signature of an evil one."""
    original = case.honest(sign="response")
    signature = _detach(_signature(original))
    evil = case.evil_twin(original)
    _after_issuer(evil, signature).append(original)
    return _write(evil)


@attack(1, keeps_signature=True)
def xsw2(case: Case) -> bytes:
    """The signed Response stands before the Signature inside an evil one (detached)."""
    original = case.honest(sign="response")
    signature = _detach(_signature(original))
    evil = case.evil_twin(original)
    _after_issuer(evil, signature).addprevious(original)
    return _write(evil)


@attack(1, keeps_signature=True)
def xsw3(case: Case) -> bytes:
    """An evil assertion stands before the signed one."""
    response = case.honest()
    original = _assertion(response)
    original.addprevious(case.evil_twin(original))
    return _write(response)


@attack(1, keeps_signature=True)
def xsw4(case: Case) -> bytes:
    """The signed assertion moves into an evil one."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    original.addprevious(evil)
    evil.append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def xsw5(case: Case) -> bytes:
    """The evil assertion wears the Signature; the original is last in the Response."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    _after_issuer(evil, _detach(_signature(original)))
    original.addprevious(evil)
    return _write(response)


@attack(1, keeps_signature=True)
def xsw6(case: Case) -> bytes:
    """The evil assertion wears the Signature, which holds the original."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    signature = _after_issuer(evil, _detach(_signature(original)))
    original.addprevious(evil)
    signature.append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def xsw7(case: Case) -> bytes:
    """An evil assertion of the same ID in Extensions, whose content no schema checks."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    evil.set("ID", original.get("ID", ""))
    _extensions(response).append(evil)
    return _write(response)


@attack(1, keeps_signature=True)
def xsw8(case: Case) -> bytes:
    """The evil assertion wears the Signature, whose Object holds the original."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    signature = _after_issuer(evil, _detach(_signature(original)))
    original.addprevious(evil)
    etree.SubElement(signature, ds("Object")).append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def original_in_extensions(case: Case) -> bytes:
    response = case.honest()
    original = _assertion(response)
    original.addprevious(case.evil_twin(original))
    _extensions(response).append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def original_in_status_detail(case: Case) -> bytes:
    response = case.honest()
    original = _assertion(response)
    original.addprevious(case.evil_twin(original))
    status = _only(response.find(samlp("Status")))
    etree.SubElement(status, samlp("StatusDetail")).append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def evil_in_status_detail(case: Case) -> bytes:
    response = case.honest()
    status = _only(response.find(samlp("Status")))
    detail = etree.SubElement(status, samlp("StatusDetail"))
    detail.append(case.evil_twin(_assertion(response)))
    return _write(response)


@attack(1, keeps_signature=True)
def original_in_advice(case: Case) -> bytes:
    """Advice is where the schema lets one assertion hold another."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    original.addprevious(evil)
    advice = etree.Element(saml("Advice"))
    _only(evil.find(saml("Conditions"))).addnext(advice)
    advice.append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def original_in_object(case: Case) -> bytes:
    """The attacker signs an evil Response; the Object of that Signature holds the original."""
    original = _assertion(case.honest())
    response = case.forged(sign="response")
    etree.SubElement(_signature(response), ds("Object")).append(original)
    return _write(response)


@attack(1, keeps_signature=True)
def response_in_response(case: Case) -> bytes:
    """A signed Response whole, inside an evil one."""
    original = case.honest(sign="response")
    evil = case.evil_twin(original)
    evil.append(original)
    return _write(evil)


@attack(1, keeps_signature=True)
def response_with_signed_assertion_in_response(case: Case) -> bytes:
    original = case.honest()
    evil = case.evil_twin(original)
    evil.insert(0, original)
    return _write(evil)


@attack(1, keeps_signature=True)
def signature_of_the_metadata(case: Case) -> bytes:
    """The identity provider's signed metadata, which anybody can download, lends its Signature."""
    metadata = provider.parse(case.idp.metadata().encode())
    metadata.set("ID", provider.new_id())
    signature = provider.sign_element(metadata, case.idp.key)
    response = case.signed_as_evil(sign="none")
    _after_issuer(_assertion(response), _detach(signature))
    _extensions(response).append(metadata)
    return _write(response)


# 2: what is signed, and how many there are.


@attack(2)
def unsigned(case: Case) -> bytes:
    return _write(case.signed_as_evil(sign="none"))


@attack(2)
def signature_removed(case: Case) -> bytes:
    """Signed once: a verifier that checks only signatures that it finds, finds none."""
    response = case.honest()
    evil = case.evil_twin(_assertion(response))
    _detach(_assertion(response))
    response.append(evil)
    return _write(response)


@attack(2)
def name_changed(case: Case) -> bytes:
    """The Signature stays in its place, and its digest no longer fits."""
    return _replace(_write(case.honest()), case.victim, case.evil)


@attack(2, keeps_signature=True)
def signed_then_unsigned(case: Case) -> bytes:
    """The verifier takes the first assertion, the reader the last."""
    response = case.honest()
    response.append(case.evil_twin(_assertion(response)))
    return _write(response)


@attack(2)
def two_signed(case: Case) -> bytes:
    """Two assertions, both good: exactly one is allowed."""
    return _write(case.signed_as_evil(assertions=2))


@attack(2)
def no_assertion(case: Case) -> bytes:
    """Success, signed, and nobody named but in the status."""
    return _write(case.honest(assertions=0, status_message=case.evil, sign="response"))


@attack(2, keeps_signature=True)
def encrypted_beside_plain(case: Case) -> bytes:
    response = case.honest()
    original = _assertion(response)
    original.addprevious(case.evil_twin(original))
    _bogus_encryption(response).append(original)
    return _write(response)


@attack(2)
def only_encrypted(case: Case) -> bytes:
    response = case.signed_as_evil(sign="none")
    evil = _detach(_assertion(response))
    _bogus_encryption(response).append(evil)
    return _write(response)


def _bogus_encryption(response: etree._Element) -> etree._Element:
    """Add an EncryptedAssertion that says so, with no key that anybody holds."""
    encryption = "http://www.w3.org/2001/04/xmlenc#"
    encrypted = etree.SubElement(response, saml("EncryptedAssertion"))
    data = etree.SubElement(encrypted, f"{{{encryption}}}EncryptedData", nsmap={"xenc": encryption})
    cipher = etree.SubElement(data, f"{{{encryption}}}CipherData")
    etree.SubElement(cipher, f"{{{encryption}}}CipherValue").text = "AAAA"
    return encrypted


@attack(2)
def assertion_too_deep(case: Case) -> bytes:
    """Truly signed, but a grandchild of the Response."""
    response = case.signed_as_evil()
    original = _detach(_assertion(response))
    _extensions(response).append(original)
    return _write(response)


@attack(2)
def part_of_the_assertion_signed(case: Case) -> bytes:
    """The IdP's Signature over the Conditions alone, which say nothing of who."""
    response = case.signed_as_evil(sign="none")
    conditions = _only(_assertion(response).find(saml("Conditions")))
    conditions.set("ID", provider.new_id())
    signature = provider.sign_element(conditions, case.idp.key)
    _after_issuer(_assertion(response), _detach(signature))
    return _write(response)


# 3: duplicate IDs, and Signatures anywhere else.


@attack(3, keeps_signature=True)
def duplicate_id_before(case: Case) -> bytes:
    """Two elements of one ID: which one a look-up finds depends on the library."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    evil.set("ID", original.get("ID", ""))
    original.addprevious(evil)
    return _write(response)


@attack(3, keeps_signature=True)
def duplicate_id_after(case: Case) -> bytes:
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    evil.set("ID", original.get("ID", ""))
    response.append(evil)
    return _write(response)


@attack(3, keeps_signature=True)
def duplicate_id_of_the_response(case: Case) -> bytes:
    """The evil Response claims the ID of the assertion that was signed."""
    response = case.honest()
    original = _assertion(response)
    original.addprevious(case.evil_twin(original))
    response.set("ID", original.get("ID", ""))
    return _write(response)


@attack(3)
def second_signature_last(case: Case) -> bytes:
    """The attacker's Signature fits and comes first, the identity provider's second."""
    response = case.honest()
    evil = _assertion(case.forged())
    _signature(evil).addnext(_detach(_signature(_assertion(response))))
    _detach(_assertion(response))
    response.append(evil)
    return _write(response)


@attack(3)
def second_signature_first(case: Case) -> bytes:
    response = case.honest()
    evil = _assertion(case.forged())
    _signature(evil).addprevious(_detach(_signature(_assertion(response))))
    _detach(_assertion(response))
    response.append(evil)
    return _write(response)


@attack(3)
def signature_in_subject(case: Case) -> bytes:
    """A good Signature in a wrong place. So are the next two."""
    response = case.signed_as_evil()
    signature = _detach(_signature(_assertion(response)))
    _only(_assertion(response).find(saml("Subject"))).append(signature)
    return _write(response)


@attack(3)
def signature_of_the_assertion_on_the_response(case: Case) -> bytes:
    response = case.signed_as_evil()
    _after_issuer(response, _detach(_signature(_assertion(response))))
    return _write(response)


@attack(3)
def signature_in_extensions(case: Case) -> bytes:
    response = case.signed_as_evil()
    signature = _detach(_signature(_assertion(response)))
    _extensions(response).append(signature)
    return _write(response)


# 4: values in pieces.


@attack(4, must_refuse=False, keeps_signature=True)
def comment_in_name_id(case: Case) -> bytes:
    """Canonical form leaves comments out, so one may be added; `.text` stops at it."""
    whole = case.evil + TAIL
    response = case.honest(name_id=whole)
    return _write(response).replace(whole.encode(), f"{case.evil}<!---->{TAIL}".encode())


@attack(4, must_refuse=False)
def comment_before_name_id(case: Case) -> bytes:
    """For readers of the last piece."""
    whole = "evil." + case.evil
    response = case.honest(name_id=whole)
    return _write(response).replace(whole.encode(), f"evil.<!---->{case.evil}".encode())


@attack(4, must_refuse=False, keeps_signature=True)
def instruction_in_name_id(case: Case) -> bytes:
    """Signed as it stands, since canonical form keeps processing instructions."""

    def split(response: etree._Element) -> None:
        for each in response.iter(saml("NameID"), saml("AttributeValue")):
            each.text = case.evil
            instruction = etree.ProcessingInstruction("x")
            instruction.tail = TAIL
            each.append(instruction)

    return _write(case.honest(edit_before_signing=split))


@attack(4, must_refuse=False, keeps_signature=True)
def element_in_name_id(case: Case) -> bytes:
    """Signed as it stands; the schema allows no element here."""

    def split(response: etree._Element) -> None:
        for each in response.iter(saml("NameID"), saml("AttributeValue")):
            each.text = case.evil
            etree.SubElement(each, saml("x")).tail = TAIL

    return _write(case.honest(edit_before_signing=split))


@attack(4)
def comment_in_audience(case: Case) -> bytes:
    """An assertion about `evil` for another service, whose name begins with ours."""
    whole = case.request.issuer + TAIL
    response = case.signed_as_evil(audience=whole)
    return _replace(_write(response), whole, f"{case.request.issuer}<!---->{TAIL}")


@attack(4)
def comment_in_issuer(case: Case) -> bytes:
    """An identity provider of the same key whose name begins with the trusted one's."""
    whole = case.idp.entity_id + TAIL
    response = case.signed_as_evil(response_issuer=whole, assertion_issuer=whole)
    pieces = f"{case.idp.entity_id}<!---->{TAIL}"
    return _write(response).replace(whole.encode(), pieces.encode())


@attack(4, must_refuse=False)
def comment_between_elements(case: Case) -> bytes:
    return _replace(_write(case.honest()), "<saml:Subject>", f"<!-- {case.evil} --><saml:Subject>")


@attack(4, must_refuse=False)
def cdata_in_name_id(case: Case) -> bytes:
    whole = case.evil + TAIL
    pieces = f"<![CDATA[{case.evil}]]>{TAIL}"
    return _write(case.honest(name_id=whole)).replace(whole.encode(), pieces.encode())


# 5: documents that two parsers read differently.


@attack(5, must_refuse=False)
def utf_16(case: Case) -> bytes:
    """Text searches for forbidden markup see nothing."""
    return _declared(_write(case.honest()).decode(), "utf-16")


@attack(5, must_refuse=False)
def utf_32(case: Case) -> bytes:
    return _declared(_write(case.honest()).decode(), "utf-32")


@attack(5, must_refuse=False)
def utf_7(case: Case) -> bytes:
    """Markup may be written in letters and digits alone."""
    return _declared(_write(case.honest()).decode(), "utf-7")


def _declared(xml: str, encoding: str) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{encoding.upper()}"?>'
    if encoding == "utf-7":
        # What UTF-7 needs not escape, it may: so hide every markup character.
        hidden = xml.encode(encoding).replace(b"<", b"+ADw-").replace(b">", b"+AD4-")
        return declaration.encode() + hidden
    return (declaration + xml).encode(encoding)


@attack(5, must_refuse=False)
def xml_1_1(case: Case) -> bytes:
    """Has other line ends and name characters."""
    return b'<?xml version="1.1"?>' + _write(case.honest())


@attack(5, parses=False)
def second_document(case: Case) -> bytes:
    """A reader that goes on after the end takes the last one."""
    return _write(case.honest()) + _write(case.signed_as_evil(sign="none"))


@attack(5, parses=False)
def undeclared_prefix(case: Case) -> bytes:
    return _replace(_write(case.honest()), "<saml:Subject>", "<x:y/><saml:Subject>")


# 6: canonical forms that fail.

_RELATIVE: Final = ' xmlns:void="./void"'


@attack(6)
def relative_namespace(case: Case) -> bytes:
    """A namespace for which canonicalisation fails, on the element whose digest was taken."""
    evil = _replace(_write(case.honest()), case.victim, case.evil)
    return _replace(evil, "<saml:Assertion", "<saml:Assertion" + _RELATIVE)


@attack(6)
def digest_of_nothing(case: Case) -> bytes:
    """The same, where failing means nothing to hash and somebody signed the digest of nothing."""

    def void(signed_info: etree._Element) -> None:
        _only(signed_info.find(f".//{ds('DigestValue')}")).text = provider.digest(b"")

    xml = _write(case.signed_as_evil(edit_signed_info=void))
    return _replace(xml, "<saml:Assertion", "<saml:Assertion" + _RELATIVE)


@attack(6)
def signature_over_nothing(case: Case) -> bytes:
    """Both digest and signature are of nothing: one such signature would open every door."""
    response = case.forged()
    signature = _signature(_assertion(response))
    method = _only(signature.find(f".//{ds('SignatureMethod')}")).get("Algorithm", "")
    _only(signature.find(f".//{ds('DigestValue')}")).text = provider.digest(b"")
    value = provider.signature_value(b"", case.idp.key, method)
    _only(signature.find(ds("SignatureValue"))).text = value
    xml = _replace(_write(response), "<saml:Assertion", "<saml:Assertion" + _RELATIVE)
    return _replace(xml, "<ds:SignedInfo", "<ds:SignedInfo" + _RELATIVE)


# 7: IDs and names that only look right.


@attack(7, keeps_signature=True)
def id_in_a_namespace(case: Case) -> bytes:
    """`saml:ID` is not `ID`, but ends like it."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    _after_issuer(evil, _detach(_signature(original)))
    evil.set(saml("ID"), original.get("ID", ""))
    original.addprevious(evil)
    _extensions(response).append(original)
    return _write(response)


@attack(7, keeps_signature=True)
def xml_id(case: Case) -> bytes:
    """An ID by the rules of XML itself."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    evil.set("{http://www.w3.org/XML/1998/namespace}id", original.get("ID", ""))
    original.addprevious(evil)
    return _write(response)


@attack(7, keeps_signature=True)
def id_in_other_cases(case: Case) -> bytes:
    """Id, id and AssertionID are what other dialects call it."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    for name in ("Id", "id", "AssertionID"):
        evil.set(name, original.get("ID", ""))
    original.addprevious(evil)
    return _write(response)


@attack(7, parses=False)
def two_ids(case: Case) -> bytes:
    """Not XML, but some parsers take the first and some the last."""
    response = case.honest()
    identifier = _assertion(response).get("ID", "")
    evil = _replace(_write(response), case.victim, case.evil)
    return _replace(evil, f'ID="{identifier}"', f'ID="_evil" ID="{identifier}"')


@attack(7, keeps_signature=True)
def look_alike_namespace(case: Case) -> bytes:
    """Assertion by its local name or prefix, of nobody's namespace."""
    response = case.honest()
    original = _assertion(response)
    other = provider.SAML.upper()
    evil = _write(case.evil_twin(original)).replace(provider.SAML.encode(), other.encode())
    original.addprevious(provider.parse(evil))
    return _write(response)


@attack(7)
def look_alike_namespace_alone(case: Case) -> bytes:
    """Truly signed, in a namespace one character longer: not an Assertion."""
    response = case.signed_as_evil(sign="none")
    xml = _write(response).replace(provider.SAML.encode(), provider.SAML.encode() + b"/")
    response = provider.parse(xml)
    assertion = _only(response.find(f"{{{provider.SAML}/}}Assertion"))
    provider.sign_element(assertion, case.idp.key)
    return _write(response)


@attack(7, keeps_signature=True)
def default_namespace(case: Case) -> bytes:
    """An evil assertion without prefixes: the same names, found by other text."""
    response = case.honest()
    original = _assertion(response)
    evil = _write(case.evil_twin(original)).replace(b"saml:", b"").replace(b"xmlns:saml", b"xmlns")
    original.addprevious(provider.parse(evil))
    return _write(response)


@attack(7)
def signature_in_a_look_alike_namespace(case: Case) -> bytes:
    response = case.signed_as_evil()
    signature = _write(_signature(_assertion(response)))
    _detach(_signature(_assertion(response)))
    other = signature.replace(provider.DS.encode(), provider.DS.lower().encode() + b"core")
    _after_issuer(_assertion(response), provider.parse(other))
    return _write(response)


# 8: document types, entities, external references.


@attack(8)
def doctype(case: Case) -> bytes:
    return b"<!DOCTYPE samlp:Response>" + _write(case.signed_as_evil())


@attack(8, keeps_signature=True)
def entity_in_name_id(case: Case) -> bytes:
    """Expanded, the signed name; unexpanded, `.text` stops before it."""
    whole = case.evil + TAIL
    xml = _write(case.honest(name_id=whole)).replace(whole.encode(), f"{case.evil}&t;".encode())
    return f'<!DOCTYPE r [<!ENTITY t "{TAIL}">]>'.encode() + xml


@attack(8)
def entity_in_utf_16(case: Case) -> bytes:
    """A search for DOCTYPE in the bytes finds none."""
    return _declared(entity_in_name_id_text(case), "utf-16")


@attack(8)
def entity_in_utf_7(case: Case) -> bytes:
    return _declared(entity_in_name_id_text(case), "utf-7")


def entity_in_name_id_text(case: Case) -> str:
    made = entity_in_name_id(case)
    return made if isinstance(made, str) else made.decode()


@attack(8)
def doctype_after_padding(case: Case) -> bytes:
    """A search through the first kilobytes finds none."""
    padding = b"<!--" + b" " * 20_000 + b"-->"
    return padding + b"<!DOCTYPE samlp:Response>" + _write(case.signed_as_evil())


@attack(8)
def default_attribute(case: Case) -> bytes:
    """The document type gives an evil assertion the ID that was signed, to those who read it."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    del evil.attrib["ID"]
    original.addprevious(evil)
    rule = f'<!ATTLIST saml:Assertion ID ID "{original.get("ID")}">'
    return f"<!DOCTYPE samlp:Response [{rule}]>".encode() + _write(response)


@attack(8)
def external_document_type(case: Case) -> bytes:
    """Port 9 of loopback answers nobody: reading on must neither ask nor wait."""
    kind = b'<!DOCTYPE samlp:Response SYSTEM "http://127.0.0.1:9/evil.dtd">'
    return kind + _write(case.signed_as_evil())


@attack(8)
def external_entity(case: Case) -> bytes:
    xml = _replace(_write(case.honest()), case.victim, "&x;")
    return b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///nowhere/secret">]>' + xml


@attack(8)
def external_parameter_entity(case: Case) -> bytes:
    kind = b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/evil.dtd"> %x;]>'
    return kind + _write(case.signed_as_evil())


@attack(8, parses=False)
def billion_laughs(case: Case) -> bytes:
    levels = ['<!ENTITY l0 "ha">']
    levels += [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    xml = _replace(_write(case.honest()), case.victim, "&l9;")
    return f"<!DOCTYPE r [{''.join(levels)}]>".encode() + xml


@attack(8, parses=False)
def quadratic_entity(case: Case) -> bytes:
    """No entity in an entity, which is what limits on nesting look for."""
    xml = _replace(_write(case.honest()), case.victim, "&x;" * 20_000)
    return f'<!DOCTYPE r [<!ENTITY x "{"x" * 50_000}">]>'.encode() + xml


@attack(8, must_refuse=False)
def xinclude(case: Case) -> bytes:
    response = case.honest()
    space = "http://www.w3.org/2001/XInclude"
    etree.SubElement(_extensions(response), f"{{{space}}}include", href="file:///nowhere/secret")
    return _write(response)


@attack(8, must_refuse=False)
def stylesheet(case: Case) -> bytes:
    link = b'<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/evil.xsl"?>'
    return link + _write(case.honest())


# 9: keys that come with the message.


@attack(9)
def own_certificate(case: Case) -> bytes:
    """Signed by the attacker, whose certificate bears the identity provider's name."""
    return _write(case.forged())


@attack(9)
def own_certificate_on_the_response(case: Case) -> bytes:
    return _write(case.forged(sign="both"))


@attack(9)
def own_signature_trusted_certificate(case: Case) -> bytes:
    """The attacker signs and embeds the certificate that is trusted."""
    return _write(case.forged(key_info=case.idp.key.pem))


@attack(9)
def both_certificates(case: Case) -> bytes:
    """The trusted certificate for the eyes, the attacker's for the verifier."""
    response = case.forged()
    data = _only(response.find(f".//{ds('X509Data')}"))
    trusted = etree.Element(ds("X509Certificate"))
    trusted.text = provider.bare(case.idp.key.pem)
    data.insert(0, trusted)
    return _write(response)


@attack(9)
def own_key_value(case: Case) -> bytes:
    """A bare key, which no certificate check can refuse."""
    response = case.forged(key_info=provider.OMIT)
    _add_key_value(_signature(_assertion(response)))
    return _write(response)


@attack(9)
def own_key_value_trusted_certificate(case: Case) -> bytes:
    response = case.forged(key_info=case.idp.key.pem)
    _add_key_value(_signature(_assertion(response)))
    return _write(response)


def _add_key_value(signature: etree._Element) -> None:
    """Embed the attacker's key; 4.5.2.2 of XML Signature: numbers big-endian, in base64."""
    public = provider.other_key().private_key.public_key()
    if not isinstance(public, RSAPublicKey):
        raise TypeError("the attacker's key is not RSA")
    info = signature.find(ds("KeyInfo"))
    if info is None:
        info = etree.SubElement(signature, ds("KeyInfo"))
    key_value = etree.Element(ds("KeyValue"))
    info.insert(0, key_value)
    rsa = etree.SubElement(key_value, ds("RSAKeyValue"))
    numbers = public.public_numbers()
    for name, number in (("Modulus", numbers.n), ("Exponent", numbers.e)):
        octets = number.to_bytes((number.bit_length() + 7) // 8)
        etree.SubElement(rsa, ds(name)).text = base64.b64encode(octets).decode()


@attack(9)
def key_at_an_address(case: Case) -> bytes:
    """The verifier is told to fetch the key."""
    response = case.forged(key_info=provider.OMIT)
    info = etree.SubElement(_signature(_assertion(response)), ds("KeyInfo"))
    etree.SubElement(info, ds("RetrievalMethod"), URI="http://127.0.0.1:9/evil.pem")
    return _write(response)


@attack(9)
def certificate_of_an_unknown_version(case: Case) -> bytes:
    """A field that parsers of certificates answer with an exception of its own."""
    der = case.idp.key.certificate.public_bytes(serialization.Encoding.DER)
    other = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)
    return _write(case.forged(key_info=base64.b64encode(other).decode()))


# 10: signatures by methods that prove too little. The identity provider really signs these.


def _signed(row: int, name: str, lies: Mapping[str, Any], *, must_refuse: bool = True) -> None:
    def build(case: Case) -> bytes:
        return _write(case.signed_as_evil(**lies))

    ATTACKS.append(Attack(name, row, build, must_refuse))


_signed(10, "rsa_md5", {"signature_algorithm": provider.RSA_MD5})
_signed(10, "rsa_sha1", {"signature_algorithm": provider.RSA_SHA1})
_signed(10, "rsa_ripemd160", {"signature_algorithm": provider.RSA_RIPEMD160})
_signed(10, "ecdsa_by_name_only", {"signature_algorithm": provider.ECDSA_SHA256})
_signed(10, "unknown_method", {"signature_algorithm": "urn:example:trust-me"})
_signed(10, "digest_md5", {"digest_algorithm": provider.MD5})
_signed(10, "digest_sha1", {"digest_algorithm": provider.SHA1})
_signed(10, "digest_ripemd160", {"digest_algorithm": provider.RIPEMD160})
_signed(10, "xpath", {"transforms": [provider.ENVELOPED, provider.XPATH, provider.EXCLUSIVE]})
_signed(10, "xslt", {"transforms": [provider.ENVELOPED, provider.XSLT, provider.EXCLUSIVE]})
_signed(10, "base64", {"transforms": [provider.ENVELOPED, provider.BASE64, provider.EXCLUSIVE]})
_signed(10, "inclusive_transform", {"transforms": [provider.ENVELOPED, provider.INCLUSIVE]})
_signed(10, "inclusive_1_1", {"transforms": [provider.ENVELOPED, provider.INCLUSIVE_1_1]})
_signed(10, "inclusive_signed_info", {"c14n_algorithm": provider.INCLUSIVE})
_signed(10, "comments_signed_info", {"c14n_algorithm": provider.EXCLUSIVE_WITH_COMMENTS})
_signed(10, "no_transforms", {"transforms": []})
_signed(10, "not_enveloped", {"transforms": [provider.EXCLUSIVE]})
_signed(10, "no_canonical_form", {"transforms": [provider.ENVELOPED]})
_signed(10, "forms_in_the_wrong_order", {"transforms": [provider.EXCLUSIVE, provider.ENVELOPED]})
_signed(10, "empty_uri", {"reference_uri": ""})
_signed(10, "empty_uri_on_the_response", {"reference_uri": "", "sign": "response"})
_signed(10, "no_uri", {"reference_uri": provider.OMIT})
_signed(10, "xpointer", {"reference_uri": "#xpointer(/)", "sign": "response"})
_signed(10, "address_as_uri", {"reference_uri": "http://127.0.0.1:9/evil.xml"})


@attack(10, must_refuse=False, keeps_signature=True)
def comment_signed_in_name_id(case: Case) -> bytes:
    """With a canonical form that keeps comments, the split is part of what was signed."""

    def split(response: etree._Element) -> None:
        for each in response.iter(saml("NameID"), saml("AttributeValue")):
            each.text = case.evil
            comment = etree.Comment("")
            comment.tail = TAIL
            each.append(comment)

    forms = [provider.ENVELOPED, provider.EXCLUSIVE_WITH_COMMENTS]
    return _write(case.honest(transforms=forms, edit_before_signing=split))


@attack(10)
def hmac_with_the_certificate(case: Case) -> bytes:
    """What everybody knows, as the secret."""
    return _write(case.signed_as_evil(signature_algorithm=provider.HMAC_SHA256))


@attack(10)
def hmac_with_the_public_key(case: Case) -> bytes:
    secret = case.idp.key.public_pem.encode()
    response = case.signed_as_evil(signature_algorithm=provider.HMAC_SHA256, hmac_secret=secret)
    return _write(response)


@attack(10)
def hmac_with_the_certificate_in_der(case: Case) -> bytes:
    secret = case.idp.key.certificate.public_bytes(serialization.Encoding.DER)
    response = case.signed_as_evil(signature_algorithm=provider.HMAC_SHA256, hmac_secret=secret)
    return _write(response)


@attack(10)
def short_key(case: Case) -> bytes:
    """Only a refusal of its own where the connector was made to trust this key."""
    return _write(case.signed_as_evil(key=provider.weak_key()))


@attack(10)
def xpath_leaves_the_name_out(case: Case) -> bytes:
    """A signed filter hides the name from the digest, so anybody may change it."""
    response = case.honest(sign="none", attributes={})
    assertion = _assertion(response)
    nameless = copy.deepcopy(assertion)
    _detach(_only(nameless.find(f".//{saml('NameID')}")))

    def leave_out(signed_info: etree._Element) -> None:
        filter_text = f"not(ancestor-or-self::*[namespace-uri()='{provider.SAML}'][local-name()="
        _only(signed_info.find(f".//{ds('XPath')}")).text = filter_text + "'NameID'])"
        value = provider.digest(provider.canonical(nameless))
        _only(signed_info.find(f".//{ds('DigestValue')}")).text = value

    forms = [provider.ENVELOPED, provider.XPATH, provider.EXCLUSIVE]
    provider.sign_element(assertion, case.idp.key, transforms=forms, edit_signed_info=leave_out)
    _only(assertion.find(f".//{saml('NameID')}")).text = case.evil
    return _write(response)


@attack(10)
def two_references(case: Case) -> bytes:
    def repeat(signed_info: etree._Element) -> None:
        signed_info.append(copy.deepcopy(_only(signed_info.find(ds("Reference")))))

    return _write(case.signed_as_evil(edit_signed_info=repeat))


@attack(10)
def no_references(case: Case) -> bytes:
    """A true signature over nothing in particular."""

    def drop(signed_info: etree._Element) -> None:
        _detach(_only(signed_info.find(ds("Reference"))))

    return _write(case.signed_as_evil(edit_signed_info=drop))


@attack(10)
def empty_signed_info(case: Case) -> bytes:
    def empty(signed_info: etree._Element) -> None:
        for child in list(signed_info):
            _detach(child)

    return _write(case.signed_as_evil(edit_signed_info=empty))


@attack(10)
def two_signed_infos(case: Case) -> bytes:
    """The first fits the evil assertion, the second the signature value."""
    honest = case.honest()
    response = case.forged()
    signature = _signature(_assertion(honest))
    true_value = _only(signature.find(ds("SignatureValue"))).text
    target = _signature(_assertion(response))
    _only(target.find(ds("SignatureValue"))).text = true_value
    _only(target.find(ds("SignedInfo"))).addnext(_only(signature.find(ds("SignedInfo"))))
    return _write(response)


@attack(10)
def two_digest_values(case: Case) -> bytes:
    """The signed digest and one that fits: which is compared?"""
    response, value, fitting = _misfit(case)
    extra = etree.Element(ds("DigestValue"))
    extra.text = fitting
    value.addprevious(extra)
    return _write(response)


@attack(10)
def comment_in_digest_value(case: Case) -> bytes:
    """A comment says the digest that fits, and changes nothing of what was signed."""
    response, value, fitting = _misfit(case)
    comment = etree.Comment(fitting)
    comment.tail, value.text = value.text, None
    value.append(comment)
    return _write(response)


def _misfit(case: Case) -> tuple[etree._Element, etree._Element, str]:
    """An evil assertion under a true Signature, its DigestValue, and what that should say."""
    response = case.honest()
    original = _assertion(response)
    evil = case.evil_twin(original)
    evil.set("ID", original.get("ID", ""))
    fitting = provider.digest(provider.canonical(evil))
    signature = _after_issuer(evil, _detach(_signature(original)))
    _detach(original)
    response.append(evil)
    return response, _only(signature.find(f".//{ds('DigestValue')}")), fitting


def _with_text(name: str, element: str, text: str | None) -> None:
    def build(case: Case) -> bytes:
        response = case.signed_as_evil()
        _only(response.find(f".//{ds(element)}")).text = text
        return _write(response)

    ATTACKS.append(Attack(name, 10, build))


_with_text("empty_signature_value", "SignatureValue", None)
_with_text("blank_signature_value", "SignatureValue", " \n\t ")
_with_text("signature_value_of_zeros", "SignatureValue", base64.b64encode(bytes(256)).decode())
_with_text("empty_digest_value", "DigestValue", None)
_with_text("blank_digest_value", "DigestValue", " \n\t ")


# 29: too much, or not even XML.


def _in_extensions(case: Case, content: str) -> bytes:
    """In the part that a signed assertion leaves unsigned, so that nothing else is wrong."""
    response = case.signed_as_evil()
    _extensions(response).text = "HERE"
    return _replace(_write(response), "HERE", content)


@attack(29, parses=False)
def deep_nesting(case: Case) -> bytes:
    return _in_extensions(case, "<a>" * 10_000 + "</a>" * 10_000)


@attack(29)
def nesting_within_parser_limits(case: Case) -> bytes:
    """As deep as libxml2 goes without being asked to."""
    return _in_extensions(case, "<a>" * 250 + "</a>" * 250)


@attack(29)
def many_xml_attributes(case: Case) -> bytes:
    return _in_extensions(case, "<a " + " ".join(f"a{n}=''" for n in range(50_000)) + "/>")


@attack(29)
def many_xml_attributes_in_few_bytes(case: Case) -> bytes:
    """Below a limit on size, so that only counting them helps."""
    return _in_extensions(case, "<a " + " ".join(f"a{n:x}=''" for n in range(15_000)) + "/>")


@attack(29)
def many_namespaces(case: Case) -> bytes:
    """On the Response: they are in scope of every element that is canonicalised."""
    names = " ".join(f'xmlns:n{n:x}="urn:{n:x}"' for n in range(50_000))
    return _replace(_write(case.signed_as_evil()), "<samlp:Response", f"<samlp:Response {names}")


@attack(29)
def many_namespaces_in_few_bytes(case: Case) -> bytes:
    names = " ".join(f'xmlns:n{n:x}="u:"' for n in range(9_000))
    return _replace(_write(case.signed_as_evil()), "<samlp:Response", f"<samlp:Response {names}")


@attack(29)
def many_elements_in_few_bytes(case: Case) -> bytes:
    return _in_extensions(case, "<a/>" * 40_000)


@attack(29)
def many_saml_attributes(case: Case) -> bytes:
    """Signed, so that the digest has to be taken of them all; 235 KB in base64."""
    many = {f"a{n}": ["x"] for n in range(2_000)}
    return _write(case.signed_as_evil(attributes=many, attribute_type=provider.OMIT))


@attack(29)
def many_assertions(case: Case) -> bytes:
    """Hundreds of small ones; a verifier that tries each is kept busy."""
    response = case.honest()
    evil = _assertion(case.signed_as_evil(sign="none", attributes={}))
    for each in list(evil)[1:]:
        _detach(each)
    for _ in range(500):
        response.append(case.evil_twin(evil))
    return _write(response)


@attack(29)
def many_signatures(case: Case) -> bytes:
    """Each costs a verification."""
    response = case.forged(key_info=provider.OMIT)
    signature = _signature(_assertion(response))
    for _ in range(150):
        signature.addnext(copy.deepcopy(signature))
    return _write(response)


@attack(29)
def many_transforms(case: Case) -> bytes:
    """Each costs a canonical form of the assertion."""
    forms = [provider.ENVELOPED] + [provider.EXCLUSIVE] * 1_500
    return _write(case.signed_as_evil(transforms=forms))


@attack(29)
def many_references(case: Case) -> bytes:
    def repeat(signed_info: etree._Element) -> None:
        reference = _only(signed_info.find(ds("Reference")))
        for _ in range(300):
            signed_info.append(copy.deepcopy(reference))

    return _write(case.signed_as_evil(edit_signed_info=repeat))


def _with_prefixes(case: Case, *prefix_lists: str, children: int = 0) -> bytes:
    """InclusiveNamespaces in SignedInfo, which a verifier canonicalises before it tries a key."""
    response = case.forged()
    method = _only(response.find(f".//{ds('CanonicalizationMethod')}"))
    for each in prefix_lists:
        inclusive = etree.SubElement(
            method, f"{{{provider.EXCLUSIVE}}}InclusiveNamespaces", nsmap={"e": provider.EXCLUSIVE}
        )
        inclusive.set("PrefixList", each)
        for _ in range(children):
            etree.SubElement(inclusive, ds("x"))
    etree.cleanup_namespaces(response, top_nsmap={"e": provider.EXCLUSIVE, "ds": provider.DS})
    return _write(response)


@attack(29)
def many_prefixes(case: Case) -> bytes:
    """Each is looked up at each element."""
    return _with_prefixes(case, "saml " * 30_000)


@attack(29)
def many_inclusive_namespaces(case: Case) -> bytes:
    """The elements at which prefixes are looked up: with the above, minutes in 256 KB."""
    return _with_prefixes(case, "saml " * 50, *[""] * 1_000)


@attack(29)
def elements_in_inclusive_namespaces(case: Case) -> bytes:
    return _with_prefixes(case, "saml " * 50, children=1_000)


@attack(29)
def long_namespace(case: Case) -> bytes:
    """Canonical form repeats it at each element; thousands of them make gigabytes of 256 KB."""

    def add(response: etree._Element) -> None:
        name = f"urn:{'x' * 50_000}"
        advice = etree.SubElement(_assertion(response), saml("Advice"), nsmap={"x": name})
        for _ in range(20):
            etree.SubElement(advice, f"{{{name}}}x")

    return _write(case.signed_as_evil(edit_before_signing=add))


@attack(29)
def padding(case: Case) -> bytes:
    """Nothing wrong but 300 KB too long."""
    return _in_extensions(case, f"<!--{'x' * 300_000}-->")


@attack(29)
def blanks_after_the_document(case: Case) -> bytes:
    return _write(case.signed_as_evil()) + b"\n" * 300_000


@attack(29, parses=False)
def deflated(case: Case) -> str:
    """As for HTTP-Redirect; the form field is never deflated."""
    return base64.b64encode(_deflate(_write(case.signed_as_evil()))).decode()


@attack(29, parses=False)
def deflate_bomb(case: Case) -> str:
    """64 MB of blanks in 64 KB."""
    xml = _write(case.signed_as_evil()) + b" " * 64_000_000
    return base64.b64encode(_deflate(xml)).decode()


def _deflate(octets: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(octets) + compressor.flush()


@attack(29, parses=False)
def base64_with_junk(case: Case) -> str:
    """Lenient decoders leave other characters out, strict ones refuse: never read both ways."""
    value = provider.form_value(_write(case.signed_as_evil()))
    return "!*".join(value[at : at + 40] for at in range(0, len(value), 40))


@attack(29, parses=False)
def base64_of_url(case: Case) -> str:
    """With - and _; the comment makes sure that there are some."""
    response = case.signed_as_evil()
    response.append(etree.Comment("\u00ff\u00fe\u00fb~~~???>>>" * 5))
    xml = etree.tostring(response, encoding="utf-8")
    return base64.urlsafe_b64encode(xml).decode()


@attack(29, must_refuse=False)
def base64_in_lines(case: Case) -> str:
    """As MIME wants it, and as some identity providers post it."""
    return base64.encodebytes(_write(case.honest())).decode().replace("\n", "\r\n")


@attack(29, parses=False)
def base64_without_end(case: Case) -> str:
    """A length that no padding explains."""
    return provider.form_value(_write(case.signed_as_evil())).rstrip("=")[: -(4 - 1)] + "A" * 2


@attack(29, parses=False)
def base64_twice(case: Case) -> str:
    value = provider.form_value(_write(case.signed_as_evil()))
    return provider.form_value(value.encode())


@attack(29, parses=False)
def not_base64(case: Case) -> str:
    return _write(case.signed_as_evil()).decode()


@attack(29, parses=False)
def not_ascii(case: Case) -> str:
    """Letters that lower-level decoders refuse with another exception."""
    return "\u00e9\u4e2d\U0001f600" + provider.form_value(_write(case.signed_as_evil()))


@attack(29, parses=False)
def empty_field(case: Case) -> str:
    return ""


@attack(29, parses=False)
def null_byte(case: Case) -> bytes:
    """For readers in C, the name ends there."""
    whole = case.evil + TAIL
    pieces = f"{case.evil}\0{TAIL}"
    return _write(case.honest(name_id=whole)).replace(whole.encode(), pieces.encode())


@attack(29, parses=False)
def not_utf_8(case: Case) -> bytes:
    return _replace(_write(case.honest()), case.victim, case.evil.encode() + b"\xc3\x28")


@attack(29, parses=False)
def overlong_utf_8(case: Case) -> bytes:
    """A full stop in two bytes, as lenient decoders take it."""
    evil = case.evil.encode().replace(b".", b"\xc0\xae")
    return _replace(_write(case.honest()), case.victim, evil)


@attack(29, parses=False)
def surrogate(case: Case) -> bytes:
    """Half a character, encoded."""
    return _replace(_write(case.honest()), case.victim, case.evil.encode() + b"\xed\xa0\x80")


@attack(29, parses=False)
def unknown_encoding(case: Case) -> bytes:
    return b'<?xml version="1.0" encoding="x-evil"?>' + _write(case.signed_as_evil())


@attack(29, parses=False)
def cut_off(case: Case) -> bytes:
    xml = _write(case.signed_as_evil())
    return xml[: len(xml) - 40]


@attack(29)
def another_document(case: Case) -> bytes:
    """Well-formed, and no Response."""
    return b"<html><body>Sign in</body></html>"
