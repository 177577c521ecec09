"""One change to the bytes of a response, or to the form field that carries it.

All chance comes from the mutant's own random numbers, so that a mutant can be made again.
"""

import base64
import codecs
import re
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeVar

from tests import idp as provider

Item = TypeVar("Item")


class Inapplicable(LookupError):
    """A mutation finds nothing to change."""


def pick(rng: Random, choices: Sequence[Item]) -> Item:
    """One of them; raises Inapplicable where there is none."""
    if not choices:
        raise Inapplicable
    return rng.choice(choices)


OCTETS: Final[list[Callable[[Random, bytes], bytes]]] = []
FIELD: Final[list[Callable[[Random, str], str]]] = []


# --- bytes -------------------------------------------------------------------------------------


def octets(mutation: Callable[[Random, bytes], bytes]) -> Callable[[Random, bytes], bytes]:
    OCTETS.append(mutation)
    return mutation


def _in_text(rng: Random, xml: bytes) -> tuple[int, int]:
    """Where a text begins and ends."""
    found = pick(rng, list(re.finditer(rb">([^<>&]+)<", xml)))
    return found.start(1), found.end(1)


@octets
def cdata(rng: Random, xml: bytes) -> bytes:
    first, last = _in_text(rng, xml)
    at = rng.randrange(first, last)
    return xml[:first] + b"<![CDATA[" + xml[first:at] + b"]]>" + xml[at:]


@octets
def character_reference(rng: Random, xml: bytes) -> bytes:
    first, last = _in_text(rng, xml)
    at = rng.randrange(first, last)
    return xml[:at] + f"&#{rng.choice(['x%x', '%d', 'x0%X']) % xml[at]};".encode() + xml[at + 1 :]


@octets
def odd_reference(rng: Random, xml: bytes) -> bytes:
    first, last = _in_text(rng, xml)
    at = rng.randrange(first, last)
    odd = rng.choice(["&#0;", "&#x1;", "&#xD800;", "&#xFFFE;", "&#13;", "&evil;", "&lt;", "&amp;"])
    return xml[:at] + odd.encode() + xml[at:]


@octets
def entity(rng: Random, xml: bytes) -> bytes:
    first, last = _in_text(rng, xml)
    kind = rng.choice(['"admin@acme.example"', 'SYSTEM "file:///etc/passwd"', "PUBLIC 'a' 'b'"])
    declared = f"<!DOCTYPE x [<!ENTITY evil {kind}>]>".encode()
    if rng.random() < 0.2:
        declared = declared.lower()
    return declared + xml[:first] + b"&evil;" + xml[last:]


@octets
def encoding(rng: Random, xml: bytes) -> bytes:
    """Really another one, or said to be."""
    text = xml.decode("utf-8", "replace")
    name = rng.choice(["utf-16", "utf-7", "utf-32", "latin-1", "cp037", "utf-8", "us-ascii", "x"])
    said = f"<?xml version='1.{rng.randrange(2)}' encoding='{name}'?>"
    try:
        written = text.encode(name, "replace") if rng.random() < 0.5 else xml
        return said.encode(name) + written if rng.random() < 0.3 else said.encode() + written
    except LookupError:
        return said.encode() + xml


@octets
def byte_order_mark(rng: Random, xml: bytes) -> bytes:
    return rng.choice([codecs.BOM_UTF8, codecs.BOM_UTF16, codecs.BOM_UTF8 * 2]) + xml


@octets
def declare_namespace(rng: Random, xml: bytes) -> bytes:
    names = ["urn:x", "relative", provider.SAML, provider.DS, ""]
    prefix = rng.choice(["xmlns:zz", "xmlns:saml", "xmlns:ds", "xmlns", "xmlns:xml"])
    at = pick(rng, list(re.finditer(rb"<[A-Za-z][\w:.-]*", xml))).end()
    return xml[:at] + f' {prefix}="{rng.choice(names)}"'.encode() + xml[at:]


@octets
def reprefix(rng: Random, xml: bytes) -> bytes:
    """Consistently, or in one place."""
    old = rng.choice([b"saml", b"samlp", b"ds"])
    new = rng.choice([b"saml", b"samlp", b"ds", b"zz"])
    return re.sub(rb"(?<=[</: ])" + old + rb"(?=[:=])", new, xml, count=rng.choice([0, 0, 1]))


@octets
def space_in_tag(rng: Random, xml: bytes) -> bytes:
    at = pick(rng, list(re.finditer(rb"(?<=[\w\"])/?>| (?=\w+=\")", xml))).start()
    return xml[:at] + rng.choice([b" ", b"\n", b"\t\r\n"]) + xml[at:]


@octets
def quotes(rng: Random, xml: bytes) -> bytes:
    return re.sub(rb'="([^"\']*)"', rb"='\1'", xml, count=rng.choice([0, 1, 5]))


@octets
def line_ends(rng: Random, xml: bytes) -> bytes:
    return xml.replace(b"><", rng.choice([b">\n<", b">\r\n<", b">\r<"]), rng.choice([-1, 1]))


@octets
def around(rng: Random, xml: bytes) -> bytes:
    """Something before or after the document."""
    what = rng.choice([b"\n", b" ", b"<!--x-->", b"<?x?>", b"<x/>", b"\0", b"x", xml])
    return what + xml if rng.random() < 0.4 else xml + what


@octets
def truncate(rng: Random, xml: bytes) -> bytes:
    return xml[: int(len(xml) * rng.random())]


@octets
def bit_flip(rng: Random, xml: bytes) -> bytes:
    changed = bytearray(xml)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@octets
def letter(rng: Random, xml: bytes) -> bytes:
    """One character for another; the document mostly stays well-formed."""
    first, last = _in_text(rng, xml)
    at = rng.randrange(first, last)
    return xml[:at] + rng.choice("aA0+/=@. ").encode() + xml[at + 1 :]


@octets
def repeat_bytes(rng: Random, xml: bytes) -> bytes:
    first = rng.randrange(len(xml) + 1)
    last = min(len(xml), first + rng.randrange(400))
    at = rng.choice([first, last, rng.randrange(len(xml) + 1)])
    return xml[:at] + xml[first:last] + xml[at:]


@octets
def cut_bytes(rng: Random, xml: bytes) -> bytes:
    first = rng.randrange(len(xml) + 1)
    return xml[:first] + xml[first + rng.randrange(200) :]


# --- the form field ------------------------------------------------------------------------------


def form_field(mutation: Callable[[Random, str], str]) -> Callable[[Random, str], str]:
    FIELD.append(mutation)
    return mutation


@form_field
def base64_lines(rng: Random, value: str) -> str:
    width = rng.choice([1, 60, 64, 76])
    blank = rng.choice(["\n", "\r\n", " ", "\t", "\u2003", "\u0085"])
    return blank.join(value[at : at + width] for at in range(0, len(value), width))


@form_field
def base64_junk(rng: Random, value: str) -> str:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice(["!", "-", "_", "=", "%2B", "\0", "\u00e9", "&"]) + value[at:]


@form_field
def base64_cut(rng: Random, value: str) -> str:
    return value[: rng.randrange(len(value) + 1)]


@form_field
def base64_padding(rng: Random, value: str) -> str:
    return value.rstrip("=") + "=" * rng.randrange(5)


@form_field
def base64_letter(rng: Random, value: str) -> str:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice("AZaz09+/") + value[at + 1 :]


@form_field
def base64_of_urls(rng: Random, value: str) -> str:
    return value.replace("+", "-").replace("/", "_") + rng.choice(["", "-", "_"])


@form_field
def base64_twice(rng: Random, value: str) -> str:
    return base64.b64encode(value.encode()).decode()


@form_field
def deflate(rng: Random, value: str) -> str:
    compressor = zlib.compressobj(6, zlib.DEFLATED, rng.choice([-15, 15, 31]))
    return base64.b64encode(compressor.compress(value.encode()) + compressor.flush()).decode()
