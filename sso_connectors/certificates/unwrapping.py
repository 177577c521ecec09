"""Undo what mail programs, consoles and exports do to a text, before anything is read from it.

Every step takes time in proportion to the text, and the text only ever becomes shorter or stays as
long: there is nothing here to blow up.
"""

import base64
import binascii
import codecs
import html
import json
import quopri
import re
from typing import Final

from .der import is_sequence

# One in the other: a JSON string of base64 of quoted XML. Nobody honest needs as many.
_ROUNDS: Final = 5

_CARRIAGE_RETURN: Final = re.compile(r"&#(?:13|xd);", re.IGNORECASE)
# Zero-width characters, marks of direction, the byte order mark, the soft hyphen.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
# Word processors make one long dash of several.
_FIVE_DASHES: Final = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]{1,40}-----")
_OTHER_DASH: Final = re.compile("[\u2010-\u2015]")
_DASHES: Final = re.compile(
    r"(?<![-\u2010-\u2015])[-\u2010-\u2015]{1,8} ?(BEGIN|END) ([A-Z0-9 ]{1,40}?) ?[-\u2010-\u2015]{1,8}"
)
_QUOTED: Final = re.compile(r"^[ \t]*>(?:[> \t]*)", re.MULTILINE)
_WRITTEN_LINE_END: Final = re.compile(r"\\r\\n|\\n|\\r")
_HAS_WRITTEN_LINE_END: Final = re.compile(
    r"(?:-----|[>=]|[A-Za-z0-9+/]{40})(?:\\r)?\\n|\\n(?:-----|<)|=\\\"|-----\\r"
)
_TAG: Final = re.compile(r"<[A-Za-z?!]")
_ESCAPED_TAG: Final = re.compile(r"&(?:amp;)?lt;[A-Za-z?!/]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_DATA_ADDRESS: Final = re.compile(r"data:[\w.+/;=-]{0,100};base64,", re.IGNORECASE)
_QUOTED_PRINTABLE: Final = re.compile(r"=3D[\"'\r\n]|=\r?\n")
_MARKDOWN_LINK: Final = re.compile(
    r"\[([^\[\]\n]{0,300})\]\(\s*<?(https?://[^\s()<>]{1,4000})>?\s*\)"
)
_ADDRESS_IN_BRACKETS: Final = re.compile(
    r"<((?:https?://|mailto:)[^\s<>\"]{1,4000})>", re.IGNORECASE
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"-\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\0-", "utf-16-be"),
)


def decode(octets: bytes) -> str:
    """Return the text of a file or an answer; for a certificate in DER its base64.

    UTF-8 and UTF-16 are told by their marks; what is neither is Windows-1252, of which ISO-8859-1
    is a part. What a document declares of itself is not believed: it is often wrong, and ours to
    decide. Raises ValueError where it is no text.
    """
    if is_sequence(octets):
        return base64.b64encode(octets).decode("ascii")
    encodings = [name for mark, name in _MARKS if octets.startswith(mark)][:1] or [
        "utf-8",
        "cp1252",
    ]
    for encoding in encodings:
        try:
            text = octets.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ValueError("no text")


def unwrap(text: str) -> str:
    """Return what was meant: without invisible characters, quotes, escapes and wrappings."""
    text = _tidy(text)
    for _round in range(_ROUNDS):
        before = text
        for undo in (_unquote, _unstring, _undo_quoted_printable, _unescape, _undo_base64):
            undone = undo(text)
            text = text if undone == text else _tidy(undone)
        if text == before:
            break
    return _undo_links(text)


def _tidy(text: str) -> str:
    text = _INVISIBLE.sub("", _CARRIAGE_RETURN.sub("", text))
    if not _FIVE_DASHES.search(text) or _OTHER_DASH.search(text):
        text = _DASHES.sub(r"-----\1 \2-----", text)
    return text.strip()


def _unquote(text: str) -> str:
    """Take away the `> ` in front of each line of a mail that was answered."""
    if text.startswith("<"):
        return text
    if ">" not in text:
        return text
    lines = [line for line in text.splitlines() if line.strip()]
    quoted = sum(line.lstrip().startswith(">") for line in lines)
    if quoted < min(2, len(lines)) or 2 * quoted < len(lines):
        return text
    return _QUOTED.sub("", text)


def _unstring(text: str) -> str:
    """Undo a string of JSON or of a program."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            inner = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            inner = text[1:-1]
        if isinstance(inner, str):
            return inner
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'`":
        return text[1:-1]
    # A JSON document is read as one, with its strings.
    if "\\" in text and not text.startswith(("{", "[")) and _HAS_WRITTEN_LINE_END.search(text):
        text = _WRITTEN_LINE_END.sub("\n", text).replace("\\t", "\t")
        return text.replace('\\"', '"').replace("\\/", "/")
    return text


def _undo_quoted_printable(text: str) -> str:
    """RFC 2045, section 6.7: a mail's source."""
    if "=3D" not in text or not _QUOTED_PRINTABLE.search(text):
        return text
    decoded = quopri.decodestring(text.encode(errors="replace"))
    return decoded.decode(errors="replace")


def _unescape(text: str) -> str:
    """XML as a web page shows it, `&lt;` for each tag; once it has tags there is nothing to undo."""
    if _ESCAPED_TAG.search(text) and not _TAG.search(text):
        return html.unescape(text)
    return text


def _undo_base64(text: str) -> str:
    """Base64 of a PEM file, of XML or of base64; a certificate's own base64 stays."""
    body = "".join(_DATA_ADDRESS.sub("", text, count=1).split())
    if body.startswith("MI") or not _BASE64.fullmatch(body):
        return text
    try:
        inner = decode(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except (binascii.Error, ValueError):
        return text
    start = inner.lstrip("\ufeff \t\r\n")
    is_text = start.startswith(("<", "-----", "MI", "{", '"', "Bag "))
    return inner if is_text or _BASE64.fullmatch("".join(inner.split())) else text


def _undo_links(text: str) -> str:
    """`<https://…>` and `[words](https://…)` become the plain address, behind its words."""
    text = _MARKDOWN_LINK.sub(_plain, text)
    return _ADDRESS_IN_BRACKETS.sub(r" \1 ", text).strip() if "<" in text else text


def _plain(link: re.Match[str]) -> str:
    words, address = link.groups()
    return str(address if "://" in words else f"{words} {address}")
