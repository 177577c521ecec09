"""The one XML parser for what comes from outside."""

from typing import Any

import pytest
from django.conf import settings

from sso_connectors.network import safe_xml
from sso_connectors.network.safe_xml import UnsafeXml

pytestmark = [pytest.mark.row(8), pytest.mark.row(29)]


def parse(document: str | bytes, *, max_bytes: int = 100_000, pasted: bool = False) -> str:
    """The tag of the root."""
    octets = document.encode() if isinstance(document, str) else document
    return safe_xml.parse(octets, max_bytes=max_bytes, pasted=pasted).tag


@pytest.mark.parametrize(
    "document",
    [
        "<a/>",
        "\ufeff<a/>",
        '<?xml version="1.0"?><a/>',
        "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<a/>\n",
        '<?xml version="1.0" encoding="utf-8"?><a/>',
        '<?xml version="1.0" encoding="us-ascii"?><a/>',
        "<a>é&amp;&#233;<![CDATA[<b>]]></a>",
        "<a>encoding='x'</a>",
    ],
)
def test_what_is_read(document: str) -> None:
    assert parse(document) == "a"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "not well-formed"),
        ("a", "not well-formed"),
        ("<a>", "not well-formed"),
        ("<a/><a/>", "not well-formed"),
        ("<a>&b;</a>", "not well-formed"),
        ("<a>\x01</a>", "not well-formed"),
        ("<a b='1' b='2'/>", "not well-formed"),
        ("<x:a/>", "not well-formed"),
        ("<a>\0</a>", "null character"),
        ("<!DOCTYPE a><a/>", "DOCTYPE"),
        ("<!--" + " " * 9_000 + "--><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "DOCTYPE"),
        ("<a><!ENTITY b 'c'></a>", "entity"),
        (b"<a>\xff</a>", "not UTF-8"),
        (b"<a>\xc0\xae</a>", "not UTF-8"),
        (b"<a>\xed\xa0\x80</a>", "not UTF-8"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "not UTF-8"),
        ("<a/>".encode("utf-16-le"), "null character"),
        ('<?xml version="1.0" encoding="utf-16"?><a/>', "It says that it is utf-16"),
        ("<?xml version='1.0' encoding='utf-7'?>+ADw-a/+AD4-", "It says that it is utf-7"),
        ("<?xml version='1.0'\tencoding = 'iso-8859-1' ?><a/>", "It says that it is iso-8859-1"),
        ("\ufeff<?xml version='1.0' encoding='x'?><a/>", "It says that it is x"),
        ("<?xml version='1.0' encoding=''?><a/>", "It says that it is ;"),
        ("<!-- --><a/>", "comment or processing"),
        ("<a/><!-- -->", "comment or processing"),
        ("<?b?><a/>", "comment or processing"),
        ("<a/><?b?>", "comment or processing"),
        ("<a>b<!-- -->c</a>", "comment or processing"),
        ("<a><b><?c?></b></a>", "comment or processing"),
    ],
)
def test_what_is_refused(document: str | bytes, why: str) -> None:
    with pytest.raises(UnsafeXml, match=why):
        parse(document)


def test_comments_where_they_do_no_harm() -> None:
    """In metadata, of which only certificates are read."""
    assert parse("<!-- --><a>b<!-- -->c<?d?></a><?e?>", pasted=True) == "a"


def _nested(depth: int) -> str:
    return "<a>" * depth + "</a>" * depth


def _wide(elements: int) -> str:
    return f"<a>{'<b/>' * (elements - 1)}</a>"


def _attributes(count: int) -> str:
    return "<a " + " ".join(f"b{n}='x'" for n in range(count)) + "/>"


def _namespaces(count: int) -> str:
    """One on each child: they count in the whole document, not in one element."""
    return "<a>" + "".join(f"<b xmlns:n{n}='u:'/>" for n in range(count)) + "</a>"


def _namespace(length: int) -> str:
    return f'<b:a xmlns:b="{"x" * length}"/>'


@pytest.mark.parametrize(
    ("make", "limit", "why"),
    [
        (_nested, safe_xml.MAX_DEPTH, "nested too deep"),
        (_wide, safe_xml.MAX_ELEMENTS, "too many elements"),
        (_attributes, safe_xml.MAX_ATTRIBUTES, "too many attributes"),
        (_namespace, safe_xml.MAX_NAMESPACE_LENGTH, "too long an address"),
    ],
)
@pytest.mark.parametrize("pasted", [True, False])
def test_limits(make: Any, limit: int, why: str, pasted: bool) -> None:
    parse(make(limit), pasted=pasted)
    with pytest.raises(UnsafeXml, match=why):
        parse(make(limit + 1), pasted=pasted)


def test_namespaces_in_a_message_and_in_metadata() -> None:
    """AD FS declares some two hundred in its metadata, and more with each claim."""
    for pasted, limit in (
        (False, safe_xml.MAX_NAMESPACES),
        (True, safe_xml.MAX_NAMESPACES_PASTED),
    ):
        parse(_namespaces(limit), pasted=pasted, max_bytes=1_000_000)
        with pytest.raises(UnsafeXml, match="too many namespaces"):
            parse(_namespaces(limit + 1), pasted=pasted, max_bytes=1_000_000)


def test_page_on_ad_fs_says_how_many_namespaces_are_read() -> None:
    page = " ".join((settings.BASE_DIR / "docs/idp/ad-fs.md").read_text().split())
    pasted, sent = safe_xml.MAX_NAMESPACES_PASTED, safe_xml.MAX_NAMESPACES
    assert f"up to {pasted:,} are read in what is pasted ({sent} in the answer" in page


def test_parser_itself_resolves_no_entity() -> None:
    """Behind the look at the text, which lets no document with one come as far."""
    root = safe_xml.again(b'<!DOCTYPE r [<!ENTITY e "replaced">]><r>&e;</r>')
    assert root.text is None


def test_size_is_looked_at_first() -> None:
    assert parse("<a/>", max_bytes=4) == "a"
    with pytest.raises(UnsafeXml, match="It has 5 bytes; at most 4 are read"):
        parse(b"\xff" * 5, max_bytes=4)


def pasted(text: str) -> str:
    return safe_xml.parse_pasted(text, max_bytes=100_000).tag


@pytest.mark.parametrize("declared", ["utf-16", "ISO-8859-1", "windows-1252", "x"])
def test_pasted_text_is_not_judged_by_its_declaration(declared: str) -> None:
    assert pasted(f'<?xml version="1.0" encoding="{declared}"?>\n<a>é</a>') == "a"


@pytest.mark.parametrize(
    "text",
    ["<ds:X509Certificate>x</ds:X509Certificate>", "<a/><b/>", '<a x:y="1"/>', "<m:a/><m:b/>"],
)
def test_a_piece_of_pasted_xml_gets_an_element_around_it(text: str) -> None:
    assert pasted(text) == "fragment"


def test_the_prefixes_of_a_piece_are_those_of_metadata() -> None:
    piece = "<d:X509Data/><m:KeyDescriptor/>"
    root = safe_xml.parse_pasted(piece, max_bytes=1000)
    assert [child.tag for child in root] == [
        f"{{{safe_xml.DS}}}X509Data",
        f"{{{safe_xml.MD}}}KeyDescriptor",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<m:a>&b;</m:a>", "not well-formed"),
        ("<m:a><m:b></m:a>", "not well-formed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><m:a>&b;</m:a>", "DOCTYPE"),
        ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><a/>", "DOCTYPE"),
        ("<m:a>" * (safe_xml.MAX_DEPTH + 1) + "</m:a>" * (safe_xml.MAX_DEPTH + 1), "too deep"),
        ("<m:a/>" * (safe_xml.MAX_ELEMENTS + 1), "too many elements"),
        ("".join(f"<p{n}:a/>" for n in range(50)), "not well-formed"),
        ("<a>" + "x" * 100_000 + "</a>", "at most 100000 are read"),
    ],
)
def test_a_piece_has_the_same_limits(text: str, why: str) -> None:
    with pytest.raises(UnsafeXml, match=why):
        pasted(text)


def test_lines_are_counted_from_the_declaration() -> None:
    with pytest.raises(UnsafeXml, match="line 3"):
        pasted('<?xml version="1.0"\n encoding="utf-16"?>\n<a>&</a>')
