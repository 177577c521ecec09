"""The one XML parser for what comes from outside."""

import re
from typing import Final

from lxml import etree

MAX_DEPTH: Final = 32
MAX_NODES: Final = 4_000
MAX_ATTRIBUTES: Final = 64
MAX_NAMESPACES: Final = 256
MAX_NAMESPACES_PASTED: Final = 2_000
MAX_NAMESPACE_LENGTH: Final = 256

_declared_encoding = re.compile(r"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([^\"'>]*)").match


class UnsafeXml(ValueError):
    """The document is not XML that we read; the message says why in words for an administrator."""


def parse(document: bytes, *, max_bytes: int, pasted: bool = False) -> etree._Element:
    """Parse a UTF-8 document and return its root.

    Refused before the parser sees it: another encoding, a DOCTYPE (entities, external references,
    expansion bombs), more than `max_bytes`. Refused after: deep, wide or attribute-heavy trees, and
    processing instructions and comments, which cut values short for careless readers.

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
    parser = etree.XMLParser(
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
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise UnsafeXml(f"It is not well-formed XML: {error.msg}.") from error
    _refuse_unusual(root, pasted=pasted)
    return root


def _refuse_unusual(root: etree._Element, *, pasted: bool) -> None:
    most_namespaces = MAX_NAMESPACES_PASTED if pasted else MAX_NAMESPACES
    if not pasted and (root.getprevious() is not None or root.getnext() is not None):
        raise UnsafeXml("It has a comment or processing instruction beside its root.")
    nodes = depth = namespaces = 0
    events = ("start", "end", "start-ns", "comment", "pi")
    for event, node in etree.iterwalk(root, events=events):
        if event == "start":
            nodes += 1
            depth += 1
            if nodes > MAX_NODES or depth > MAX_DEPTH:
                raise UnsafeXml("It has too many elements, or they are nested too deep.")
            if len(node.attrib) > MAX_ATTRIBUTES:
                raise UnsafeXml("An element has too many attributes.")
        elif event == "start-ns":
            # Canonicalization takes time with the square of these, and repeats each one's whole
            # address at every element that uses it.
            namespaces += 1
            if namespaces > most_namespaces or len(node[1]) > MAX_NAMESPACE_LENGTH:
                raise UnsafeXml("It declares too many namespaces, or too long ones.")
        elif event == "end":
            depth -= 1
        elif not pasted:
            raise UnsafeXml("It has a comment or processing instruction inside.")
