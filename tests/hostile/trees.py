"""One change to the tree of a response; one that finds nothing to change raises Inapplicable."""

import base64
import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from lxml import etree

from tests import idp as provider
from tests.attacks import TAIL
from tests.idp import ds, saml, samlp

from .octets import Inapplicable, Item, pick
from .scene import Honest, Scene


@dataclass
class Draft:
    """A mutant in the making, as a tree."""

    rng: Random
    scene: Scene
    base: Honest
    root: etree._Element

    def pick(self, choices: Sequence[Item]) -> Item:
        return pick(self.rng, choices)

    def element(self, *tags: str) -> etree._Element:
        """Any element but the root, or any of those tags."""
        if tags:
            return self.pick(list(self.root.iter(*tags)))
        return self.pick([each for each in self.root.iter("*") if each is not self.root])

    def place(self, element: etree._Element) -> None:
        """Put a detached element anywhere."""
        beside = self.element()
        how = self.rng.randrange(4)
        if how == 0:
            beside.addprevious(element)
        elif how == 1:
            beside.addnext(element)
        elif how == 2:
            beside.insert(0, element)
        else:
            beside.append(element)

    def donor(self) -> Honest:
        return self.pick([each for each in self.scene.honest if each is not self.base])

    def stranger(self) -> str:
        """A username that is not the one that the response is about."""
        return self.pick([each for each in self.scene.usernames if each != self.base.username])


Tree = Callable[[Draft], None]
TREE: Final[list[Tree]] = []
# These bring in what another honest response says, or what another trusted key has signed; the
# mutant may then say, rightly, what that one says.
FOREIGN: Final = {"splice", "exchange", "transplant_signature", "sign_as_rival"}


def tree(weight: int) -> Callable[[Tree], Tree]:
    def add(mutation: Tree) -> Tree:
        TREE.extend([mutation] * weight)
        return mutation

    return add


def _detach(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    if parent is None:
        raise Inapplicable
    parent.remove(element)
    element.tail = None
    return element


def _is_inside(element: etree._Element, other: etree._Element) -> bool:
    return element is other or other in element.iterancestors()


# --- shape -----------------------------------------------------------------------------------


@tree(2)
def delete(draft: Draft) -> None:
    _detach(draft.element())


@tree(2)
def duplicate(draft: Draft) -> None:
    element = draft.element()
    draft.pick([element.addnext, element.addprevious])(copy.deepcopy(element))


@tree(2)
def duplicate_elsewhere(draft: Draft) -> None:
    draft.place(copy.deepcopy(draft.element()))


@tree(2)
def move(draft: Draft) -> None:
    draft.place(_detach(draft.element()))


@tree(2)
def swap(draft: Draft) -> None:
    one, other = draft.element(), draft.element()
    if _is_inside(one, other) or _is_inside(other, one):
        raise Inapplicable
    marks = [etree.Element("mark"), etree.Element("mark")]
    for mark, element in zip(marks, (one, other), strict=True):
        element.addprevious(mark)
    for mark, element in zip(marks, (other, one), strict=True):
        parent = mark.getparent()
        assert parent is not None
        parent.replace(mark, element)


@tree(1)
def shuffle(draft: Draft) -> None:
    parent = draft.pick([each for each in draft.root.iter("*") if len(each) > 1])
    parent.insert(draft.rng.randrange(len(parent)), draft.pick(list(parent)))


@tree(1)
def unwrap(draft: Draft) -> None:
    element = draft.element()
    for child in list(element):
        element.addprevious(child)
    _detach(element)


_WRAPPERS: Final = [
    samlp("Extensions"),
    samlp("Response"),
    samlp("StatusDetail"),
    saml("Advice"),
    saml("Assertion"),
    saml("EncryptedAssertion"),
    saml("Evidence"),
    ds("Object"),
    ds("Signature"),
    ds("KeyInfo"),
    "x",
]


@tree(2)
def wrap(draft: Draft) -> None:
    element = draft.element()
    wrapper = etree.Element(draft.pick(_WRAPPERS))
    element.addprevious(wrapper)
    wrapper.append(element)


@tree(1)
def wrap_all(draft: Draft) -> None:
    """The whole response inside another."""
    outer = etree.Element(
        samlp("Response"), {str(name): str(value) for name, value in draft.root.attrib.items()}
    )
    for child in list(draft.root):
        if child.tag in {saml("Issuer"), samlp("Status")}:
            outer.append(copy.deepcopy(child))
    outer.append(draft.root)
    draft.root = outer


@tree(1)
def empty(draft: Draft) -> None:
    element = draft.element()
    for child in list(element):
        element.remove(child)
    if draft.rng.random() < 0.5:
        element.text = None


@tree(8)
def twin(draft: Draft) -> None:
    """Signature wrapping: a copy about somebody else, somewhere around the original."""
    signed = [each for each in draft.root.iter("*") if each.find(ds("Signature")) is not None]
    original = draft.pick([*signed * 3, draft.root, *draft.root.iter(saml("Subject"))])
    other = copy.deepcopy(original)
    if draft.rng.random() < 0.8:
        for signature in list(other.iter(ds("Signature"))):
            if signature is not other:
                _detach(signature)
    name = draft.stranger()
    for each in other.iter("*"):
        if each.text == draft.base.username:
            each.text = name
    if "ID" in other.attrib and draft.rng.random() < 0.8:
        other.set("ID", f"_twin{draft.rng.randrange(10**6)}")
    if original is draft.root:
        inside = draft.pick([other, *other.iter("*")])
        draft.root = other
        inside.insert(draft.rng.randrange(len(inside) + 1), original)
        return
    how = draft.rng.randrange(5)
    if how == 0:
        original.addprevious(other)
    elif how == 1:
        original.addnext(other)
    elif how == 2:
        # The original inside the copy, where a signature that goes by ID still finds it.
        original.addprevious(other)
        draft.pick(list(other.iter("*"))).append(original)
    elif how == 3:
        draft.place(other)
    else:
        # The copy wears the signature, which holds the original.
        original.addprevious(other)
        signatures = original.findall(ds("Signature"))
        if signatures:
            signature = _detach(signatures[0])
            other.insert(1, signature)
            etree.SubElement(signature, ds("Object")).append(original)
        else:
            draft.place(_detach(original))


# --- names -----------------------------------------------------------------------------------

_NAMESPACES: Final = [
    provider.SAML,
    provider.SAMLP,
    provider.DS,
    provider.SAML.replace("2.0", "1.0"),
    provider.SAML.upper(),
    provider.SAML + "/",
    "http://www.w3.org/2000/09/xmldsig",
    "relative",
    "",
]


@tree(2)
def rename(draft: Draft) -> None:
    element = draft.pick(list(draft.root.iter("*")))
    name = etree.QName(element)
    other = draft.pick(
        [
            etree.QName(each).localname
            for each in draft.base.root.iter("*")
            if each.tag != element.tag
        ]
        + [name.localname.lower(), name.localname + "x"]
    )
    element.tag = f"{{{name.namespace}}}{other}" if name.namespace else other


@tree(2)
def renamespace(draft: Draft) -> None:
    elements = [draft.pick(list(draft.root.iter("*")))]
    if draft.rng.random() < 0.3:
        elements = list(elements[0].iter("*"))
    namespace = draft.pick(_NAMESPACES)
    for element in elements:
        name = etree.QName(element).localname
        element.tag = f"{{{namespace}}}{name}" if namespace else name


# --- attributes --------------------------------------------------------------------------------


def _odd(rng: Random, value: str) -> str:
    """Something like `value` that is not it."""
    at = rng.randrange(len(value) + 1)
    return rng.choice(
        [
            "",
            " ",
            value + " ",
            " " + value,
            value[:at],
            value[:at] + " " + value[at:],
            value[:at] + "\u00a0" + value[at:],
            value[:at] + "\u200b" + value[at:],
            value.upper(),
            value.title(),
            value.replace("a", "\u0430"),
            value.replace("e", "e\u0301"),
            value.replace("i", "\u0131"),
            value.replace("k", "\u212a"),
            value + TAIL,
            value.removesuffix(TAIL),
            value + "," + value,
            value + "\n" + value,
            value * 40,
            "0",
            "true",
            "2025-01-01T12:00:00.000Z",
            "2090-01-01T00:00:00Z",
            "2090-13-41T25:61:61Z",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00+14:00",
            "\u0662\u0660\u0669\u0660-01-01T00:00:00Z",
            "#" + value,
        ]
    )


@tree(3)
def change_attribute(draft: Draft) -> None:
    element = draft.pick([each for each in draft.root.iter("*") if each.attrib])
    name = str(draft.pick(list(element.attrib)))
    known = draft.scene.texts.get(name, [])
    value = str(element.get(name))
    if known and draft.rng.random() < 0.6:
        element.set(name, draft.pick(known))
    else:
        element.set(name, _odd(draft.rng, value))


@tree(2)
def delete_attribute(draft: Draft) -> None:
    element = draft.pick([each for each in draft.root.iter("*") if each.attrib])
    del element.attrib[draft.pick(list(element.attrib))]


@tree(2)
def rename_attribute(draft: Draft) -> None:
    """Also into another namespace, where it is another attribute."""
    element = draft.pick([each for each in draft.root.iter("*") if each.attrib])
    name = str(draft.pick(list(element.attrib)))
    value = str(element.attrib.pop(name))
    local = etree.QName(name).localname
    element.set(
        draft.pick([local.lower(), local.upper(), f"{{urn:x}}{local}", saml(local), f"{local}x"]),
        value,
    )


@tree(2)
def add_attribute(draft: Draft) -> None:
    names = [name for name in draft.scene.texts if "{" not in name]
    name = draft.pick(names)
    value = draft.pick(draft.scene.texts[name])
    odd = [f"{{urn:x}}{name}", "{http://www.w3.org/XML/1998/namespace}id", "Encoding", "Type"]
    draft.pick(list(draft.root.iter("*"))).set(draft.pick([name, name, *odd]), value)


@tree(2)
def identifier(draft: Draft) -> None:
    """IDs that are the same, or stand where none belongs."""
    element = draft.pick(
        [*draft.root.iter(samlp("Response"), saml("Assertion"), ds("Object")), draft.element()]
    )
    known = [str(each.get("ID")) for each in draft.root.iter("*") if each.get("ID")]
    names = ["ID", "ID", "ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id"]
    element.set(draft.pick(names), draft.pick([*known, *draft.scene.texts["ID"], "", "a b", "1"]))


@tree(3)
def redirect(draft: Draft) -> None:
    """Name another login: in the unsigned part, or in all."""
    request_id = draft.pick(sorted(draft.scene.logins))
    named = [each for each in draft.root.iter("*") if "InResponseTo" in each.attrib]
    for element in draft.pick([[draft.root], named]):
        element.set("InResponseTo", request_id)


# --- texts -------------------------------------------------------------------------------------


@tree(3)
def change_text(draft: Draft) -> None:
    element = draft.pick([each for each in draft.root.iter("*") if each.text])
    known = draft.scene.texts.get(str(element.tag), [])
    if known and draft.rng.random() < 0.5:
        element.text = draft.pick(known)
    else:
        element.text = _odd(draft.rng, str(element.text))


@tree(3)
def change_name(draft: Draft) -> None:
    """Everywhere, or in one place."""
    named = [each for each in draft.root.iter("*") if each.text == draft.base.username]
    name = draft.stranger()
    for element in named if draft.rng.random() < 0.5 else [draft.pick(named)]:
        element.text = name


@tree(2)
def whitespace(draft: Draft) -> None:
    element = draft.pick(list(draft.root.iter("*")))
    blank = draft.pick([" ", "\n", "\r\n", "\t", "\u00a0", "\u2028", " \n  "])
    how = draft.rng.randrange(4)
    if how == 0:
        element.text = blank + str(element.text or "")
    elif how == 1:
        element.text = str(element.text or "") + blank
    elif how == 2 and element is not draft.root:
        element.tail = blank
    else:
        for each in draft.root.iter("*"):
            if each is not draft.root:
                each.tail = blank


@tree(2)
def comment(draft: Draft) -> None:
    """Or a processing instruction, inside a value or anywhere."""
    node = etree.ProcessingInstruction("x", "y") if draft.rng.random() < 0.5 else etree.Comment("x")
    element = draft.pick(list(draft.root.iter("*")))
    text = str(element.text or "")
    at = draft.rng.randrange(len(text) + 1)
    element.text, node.tail = text[:at], text[at:]
    element.insert(0, node)


@tree(1)
def element_in_text(draft: Draft) -> None:
    element = draft.pick([each for each in draft.root.iter("*") if each.text and not len(each)])
    text = str(element.text)
    at = draft.rng.randrange(len(text) + 1)
    child = etree.SubElement(element, draft.pick([str(element.tag), "x", saml("BaseID")]))
    element.text, child.tail = text[:at], text[at:]
    if draft.rng.random() < 0.5:
        child.text, child.tail = child.tail, None


# --- between responses -------------------------------------------------------------------------


@tree(3)
def splice(draft: Draft) -> None:
    """A part of a response to another user, request or connector."""
    other = draft.donor()
    draft.place(copy.deepcopy(draft.pick([e for e in other.root.iter("*") if e is not other.root])))


@tree(4)
def exchange(draft: Draft) -> None:
    """The same, in place of its counterpart."""
    mine = draft.element()
    theirs = draft.pick(list(draft.donor().root.iter(str(mine.tag))))
    parent = mine.getparent()
    if parent is None:
        raise Inapplicable
    parent.replace(mine, copy.deepcopy(theirs))


@tree(2)
def transplant_signature(draft: Draft) -> None:
    signature = copy.deepcopy(draft.pick(list(draft.donor().root.iter(ds("Signature")))))
    owner = draft.pick([draft.root, *draft.root.iter(saml("Assertion"))])
    for reference in signature.iter(ds("Reference")):
        if draft.rng.random() < 0.5:
            reference.set("URI", f"#{owner.get('ID', '')}")
    for old in owner.findall(ds("Signature")):
        if draft.rng.random() < 0.8:
            _detach(old)
    owner.insert(draft.rng.randrange(len(owner) + 1), signature)


@tree(2)
def sign_as_rival(draft: Draft) -> None:
    """With a key that another connector of the same issuer trusts, and any certificate shown."""
    draft.root = provider.parse(etree.tostring(draft.root))
    owner = draft.pick([draft.root, *draft.root.iter(saml("Assertion"))])
    for old in owner.findall(ds("Signature")):
        if draft.rng.random() < 0.8:
            _detach(old)
    shown = draft.pick([each.certificates for each in draft.scene.connectors])
    if draft.rng.random() < 0.7:
        for each in owner.iter("*"):
            if each.text == draft.base.username:
                each.text = draft.stranger()
    hmac = draft.rng.random() < 0.2
    provider.sign_element(
        owner,
        draft.scene.rival_key,
        key_info=draft.pick([None, shown, provider.OMIT]),
        signature_algorithm=provider.HMAC_SHA256 if hmac else None,
        hmac_secret=shown.encode() if hmac else None,
    )


# --- signatures --------------------------------------------------------------------------------


@tree(2)
def reference(draft: Draft) -> None:
    known = [str(each.get("ID")) for each in draft.root.iter("*") if each.get("ID")]
    one = draft.pick(known)
    odd = ["", "#", one, f"#xpointer(id('{one}'))", "#xpointer(/)", "http://localhost/", "#x y"]
    uri = draft.pick([*odd, *(f"#{each}" for each in known)])
    draft.element(ds("Reference")).set("URI", uri)


@tree(2)
def transforms(draft: Draft) -> None:
    wrapper = draft.element(ds("Transforms"))
    how = draft.rng.randrange(4)
    if how == 0 and len(wrapper):
        wrapper.remove(draft.pick(list(wrapper)))
    elif how == 1 and len(wrapper):
        wrapper.append(wrapper[0])
    else:
        names = [provider.ENVELOPED, provider.EXCLUSIVE, provider.INCLUSIVE, provider.BASE64]
        names += [provider.XPATH, provider.XSLT, provider.EXCLUSIVE_WITH_COMMENTS, ""]
        added = etree.Element(ds("Transform"), Algorithm=draft.pick(names))
        if how == 2:
            etree.SubElement(added, ds("XPath")).text = "not(ancestor-or-self::*)"
        wrapper.insert(draft.rng.randrange(len(wrapper) + 1), added)


_ALGORITHMS: Final = [
    *sorted(
        value
        for name, value in vars(provider).items()
        if re.fullmatch("[A-Z][A-Z0-9_]+", name) and isinstance(value, str) and "w3.org" in value
    ),
    "",
    "urn:x",
    "none",
]


@tree(2)
def algorithm(draft: Draft) -> None:
    element = draft.pick([each for each in draft.root.iter("*") if "Algorithm" in each.attrib])
    element.set("Algorithm", draft.pick(_ALGORITHMS))


@tree(1)
def prefixes(draft: Draft) -> None:
    tags = ds("CanonicalizationMethod"), ds("Transform")
    inclusive = etree.SubElement(
        draft.element(*tags), f"{{{provider.EXCLUSIVE}}}InclusiveNamespaces"
    )
    inclusive.set("PrefixList", draft.pick(["", "#default", "saml samlp", "xs", "a " * 70, "x:y"]))


@tree(2)
def key_info(draft: Draft) -> None:
    """Another certificate, another kind of key, or none."""
    signature = draft.element(ds("Signature"))
    for old in signature.findall(ds("KeyInfo")):
        if draft.rng.random() < 0.9:
            signature.remove(old)
    added = etree.SubElement(signature, ds("KeyInfo"))
    how = draft.rng.randrange(5)
    if how == 0:
        etree.SubElement(added, ds("KeyName")).text = draft.pick(["acme", "../../etc/passwd"])
    elif how == 1:
        etree.SubElement(added, ds("RetrievalMethod"), URI="http://127.0.0.1:1/")
    elif how == 2:
        value = etree.SubElement(etree.SubElement(added, ds("KeyValue")), ds("RSAKeyValue"))
        etree.SubElement(value, ds("Modulus")).text = "AQAB" * 80
        etree.SubElement(value, ds("Exponent")).text = "AQ=="
    else:
        data = etree.SubElement(added, ds("X509Data"))
        rival = provider.bare(draft.scene.rival_key.pem)
        shown = [provider.bare(each.certificates) for each in draft.scene.connectors]
        for _ in range(draft.rng.randrange(1, 3)):
            text = draft.pick([rival, *shown, "AAAA", "not base64!", "\u00e9", ""])
            etree.SubElement(data, ds("X509Certificate")).text = text


@tree(2)
def signature_text(draft: Draft) -> None:
    """Another length, another alphabet, other bits."""
    element = draft.element(ds("SignatureValue"), ds("DigestValue"))
    text = str(element.text or "")
    at = draft.rng.randrange(len(text) + 1)
    element.text = draft.pick(
        [
            "",
            " ",
            "=",
            "AA==",
            "AAAA",
            text[:at],
            text + "AAAA",
            text + text,
            text[:at] + "\n" + text[at:],
            text[:at] + "!" + text[at:],
            text[:at] + "A" + text[at + 1 :],
            text.swapcase(),
            base64.b64encode(b"\0" * draft.pick([1, 32, 63, 64, 65, 256, 257])).decode(),
            base64.b64encode(b"\xff" * draft.pick([1, 32, 64, 96, 132, 256])).decode(),
        ]
    )
