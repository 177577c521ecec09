"""The little DER (ITU-T X.690) that we read ourselves, where the library declines the whole document."""

from dataclasses import dataclass
from typing import Final

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_CONTEXT_0: Final = 0xA0
_VERSION_3: Final = bytes.fromhex("a003020102")
_PKCS7: Final = bytes.fromhex("06092a864886f70d0107")
_PKCS7_DATA: Final = _PKCS7 + b"\x01"
_PKCS7_SIGNED_DATA: Final = _PKCS7 + b"\x02"


# A certificate has ten side by side, a PKCS #7 file a chain; a megabyte of hostile ones takes seconds.
_MOST: Final = 1_000


@dataclass(frozen=True)
class Element:
    tag: int
    whole: bytes
    content: bytes


def read_elements(data: bytes) -> list[Element]:
    """Return the elements that stand one after the other. Raises ValueError."""
    found: list[Element] = []
    start = 0
    while start < len(data):
        header, size = _header(data, start)
        end = start + header + size
        if end > len(data) or len(found) == _MOST:
            raise ValueError("an element is cut, or there are too many")
        found.append(Element(data[start], data[start:end], data[start + header : end]))
        start = end
    return found


def announced_size(data: bytes) -> int:
    """Return how many bytes the first element of `data` says that it has. Raises ValueError."""
    header, size = _header(data, 0)
    return header + size


def is_sequence(data: bytes) -> bool:
    """Whether `data` is one SEQUENCE, as each certificate, key and PKCS #7 file is."""
    try:
        return data[:1] == bytes([_SEQUENCE]) and announced_size(data) == len(data)
    except ValueError:
        return False


def as_version_3(certificate: bytes) -> bytes:
    """The certificate with version 3 in place of its own, which no key depends on.

    FusionAuth and others write version 2, or write out the version 1 that is the default. The
    certificate's own signature no longer fits; nobody verifies it. Raises ValueError.
    """
    outer = read_elements(certificate)
    parts = read_elements(outer[0].content) if len(outer) == 1 else []
    if len(parts) != 3 or outer[0].tag != _SEQUENCE or parts[0].tag != _SEQUENCE:
        raise ValueError("no certificate")
    to_be_signed, *rest = parts
    fields = read_elements(to_be_signed.content)
    if not fields or fields[0].tag != _CONTEXT_0 or fields[0].whole == _VERSION_3:
        raise ValueError("its version is not what is wrong with it")
    del fields[0]
    inner = _VERSION_3 + b"".join(field.whole for field in fields)
    return _sequence(_sequence(inner) + b"".join(each.whole for each in rest))


def certificates_of_pkcs7(data: bytes) -> list[bytes]:
    """Return the certificates of a SignedData (RFC 2315, section 9.1). Raises ValueError."""
    outer = read_elements(data)
    parts = read_elements(outer[0].content) if outer else []
    if len(parts) < 2 or parts[0].whole != _PKCS7_SIGNED_DATA:
        raise ValueError("no PKCS #7 SignedData")
    signed = read_elements(parts[1].content)
    return [
        each.whole
        for part in (read_elements(signed[0].content) if signed else [])
        if part.tag == _CONTEXT_0
        for each in read_elements(part.content)
        if each.tag == _SEQUENCE
    ]


def is_pkcs12(data: bytes) -> bool:
    """Whether it is a .pfx or .p12 file (RFC 7292, section 4), which carries a private key."""
    try:
        parts = read_elements(read_elements(data)[0].content)
        if len(parts) < 2 or parts[0].tag != _INTEGER or parts[0].content != b"\x03":
            return False
        return parts[1].content.startswith((_PKCS7_DATA, _PKCS7_SIGNED_DATA))
    except (ValueError, IndexError):
        return False


def _header(data: bytes, start: int) -> tuple[int, int]:
    """How long the header at `start` is, and how long the content that it announces."""
    if start + 2 > len(data):
        raise ValueError("an element is cut")
    if data[start] & 0x1F == 0x1F:
        raise ValueError("a tag of several bytes")
    size = data[start + 1]
    if size < 0x80:
        return 2, size
    more = size - 0x80
    # 0x80 itself is the indefinite form, which is BER and not DER.
    if not 1 <= more <= 4 or start + 2 + more > len(data):
        raise ValueError("a length that is none")
    return 2 + more, int.from_bytes(data[start + 2 : start + 2 + more], "big")


def _sequence(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([_SEQUENCE, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([_SEQUENCE, 0x80 + len(octets)]) + octets + content
