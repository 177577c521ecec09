"""The one XML parser for what comes from outside."""

import re
from typing import Final

from lxml import etree

MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 4_000
MAX_ATTRIBUTES: Final = 64
MAX_NAMESPACES: Final = 256
MAX_NAMESPACES_PASTED: Final = 2_000
MAX_NAMESPACE_LENGTH: Final = 256

_depth_exceeded = etree.XPath(f"boolean({'/*' * (MAX_DEPTH + 1)})")
_elements_exceeded = etree.XPath(f"count(//*) > {MAX_ELEMENTS}")
_attributes_exceeded = etree.XPath(f"boolean(//*[count(@*) > {MAX_ATTRIBUTES}])")
_long_namespaces = etree.XPath(
    f"boolean(//*[string-length(namespace-uri()) > {MAX_NAMESPACE_LENGTH}]"
    f" | //@*[string-length(namespace-uri()) > {MAX_NAMESPACE_LENGTH}])"
)
# One for all threads; it lets one of them parse at a time.
_PARSER: Final = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    huge_tree=False,
    remove_blank_text=False,
    strip_cdata=True,
)
_declaration = re.compile(r"(<\?xml\s)?").match
_whole_declaration = re.compile(r"\s*<\?xml\s[^<>]{0,200}\?>").match
# Of a piece of metadata, the elements that are XML Signature's; the rest is SAML's.
_SIGNATURES_OWN: Final = re.compile(
    r"</?([A-Za-z_][\w.-]{0,40}):(?:X509|KeyInfo|KeyName|Signature)"
)
_PREFIX_USED: Final = re.compile(
    r"(?:</?|\s)([A-Za-z_][\w.-]{0,40}):[A-Za-z_][\w.-]{0,40}(?=[\s/>=])"
)
_PREFIX_DECLARED: Final = re.compile(r"xmlns:([A-Za-z_][\w.-]{0,40})\s*=")
_MOST_PREFIXES: Final = 20
MD: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_declared_encoding = re.compile(r"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([^\"'>]*)").match


class UnsafeXml(ValueError):
    """The document is not XML that we read; the message says why in words for an administrator."""


def parse(document: bytes, *, max_bytes: int, pasted: bool = False) -> etree._Element:
    """Parse a UTF-8 document and return its root.

    Refused before the parser sees it: another encoding, a DOCTYPE (entities, external references,
    expansion bombs), more than `max_bytes`, processing instructions, comments, namespaces without
    number. Refused after: deep, wide or attribute-heavy trees.

    `pasted` is for metadata from an administrator: comments pass, and as many namespaces as AD FS
    declares; nothing of it is ever canonicalized.

    Raises UnsafeXml.
    """
    if len(document) > max_bytes:
        raise UnsafeXml(f"It has {len(document)} bytes; at most {max_bytes} are read.")
    try:
        # Filters that look for b"<!DOCTYPE" are blind to it in UTF-16 or UTF-7.
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnsafeXml("It is not UTF-8 text.") from error
    if "\0" in text or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnsafeXml("It has a DOCTYPE, an entity or a null character.")
    declared = _declared_encoding(text)
    if declared and declared[1].upper() not in {"UTF-8", "US-ASCII"}:
        # A reader that believes this sees other characters than we do.
        raise UnsafeXml(f"It says that it is {declared[1]}; it must be UTF-8.")
    _refuse_unusual_text(text, pasted=pasted)
    try:
        root = etree.fromstring(text.encode(), _PARSER)
    except etree.XMLSyntaxError as error:
        raise UnsafeXml(f"It is not well-formed XML: {error.msg}.") from error
    _refuse_unusual(root)
    return root


def parse_pasted(text: str, *, max_bytes: int) -> etree._Element:
    """Parse what an administrator pasted or uploaded, and return its root.

    It is text already, so what it declares of its encoding is passed over. A piece of metadata, whose
    prefixes are declared further up where it was cut out, or several pieces side by side, get an
    element `fragment` around them. Nothing of it is ever canonicalized, nor is a signature in it
    verified: nobody else's reading of it can differ to our harm.

    Raises UnsafeXml.
    """
    if match := _whole_declaration(text):
        # Its line ends stay, so that an error's line is the pasted text's.
        text = "\n" * match[0].count("\n") + text[match.end() :]
    try:
        return _parse_text(text, max_bytes)
    except UnsafeXml as error:
        undeclared = set(_PREFIX_USED.findall(text)) - set(_PREFIX_DECLARED.findall(text)) - {"xml"}
        several_roots = "Extra content at the end" in str(error)
        if len(undeclared) > _MOST_PREFIXES or not (undeclared or several_roots):
            raise
        signatures_own = set(_SIGNATURES_OWN.findall(text))
        declared = "".join(
            f' xmlns:{prefix}="{DS if prefix in signatures_own else MD}"' for prefix in undeclared
        )
        try:
            return _parse_text(f"<fragment{declared}>{text}</fragment>", max_bytes + 10_000)
        except UnsafeXml as inner:
            # Of the two, what is wrong besides the prefixes.
            raise (inner if "Namespace prefix" in str(error) else error) from None


def _parse_text(text: str, max_bytes: int) -> etree._Element:
    return parse(text.encode(errors="surrogatepass"), max_bytes=max_bytes, pasted=True)


def again(canonical: bytes) -> etree._Element:
    """Parse what c14n made of a document that was parsed here before."""
    return etree.fromstring(canonical, _PARSER)


def _refuse_unusual_text(text: str, *, pasted: bool) -> None:
    """What a tree doesn't tell cheaply. A mark inside CDATA counts too; nobody honest sends that."""
    body = text[_declaration(text).end() :]  # type: ignore[union-attr]  # it matches nothing too
    if not pasted and ("<!--" in body or "<?" in body):
        # They cut values short for careless readers.
        raise UnsafeXml("It has a comment or processing instruction.")
    # Canonicalization takes time with the square of these.
    if text.count("xmlns") > (MAX_NAMESPACES_PASTED if pasted else MAX_NAMESPACES):
        raise UnsafeXml("It declares too many namespaces.")


def _refuse_unusual(root: etree._Element) -> None:
    if _depth_exceeded(root) or _elements_exceeded(root):
        raise UnsafeXml("It has too many elements, or they are nested too deep.")
    if _attributes_exceeded(root):
        raise UnsafeXml("An element has too many attributes.")
    if _long_namespaces(root):
        # Canonicalization repeats the whole address at every element that uses it.
        raise UnsafeXml("It has a namespace with too long an address.")
