"""Where certificates stand in a text: blocks of PEM, bare base64, XML, and pieces of them."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from lxml import etree

from ..network import safe_xml
from . import der, unwrapping

MAX_PASTE: Final = 1024 * 1024
MAX_XML_BYTES: Final = 4 * MAX_PASTE
PRIVATE_KEY: Final = "private_key"

# The same one may be there several times.
_MOST_BLOCKS: Final = 500
_MARK: Final = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]{1,60})-----")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]+").fullmatch
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/=]")
_LABELS: Final = {
    "CERTIFICATE",
    "X509 CERTIFICATE",
    "TRUSTED CERTIFICATE",
    "PKCS7",
    "PKCS #7 SIGNED DATA",
    "CMS",
}
_MD: Final = f"{{{safe_xml.MD}}}"
_PROVIDER: Final = f"{_MD}IDPSSODescriptor"
_SERVICE: Final = f"{_MD}SPSSODescriptor"
# In any namespace: pieces are pasted without the line that declared it.
_X509_CERTIFICATE: Final = "{*}X509Certificate"
_KEY_DESCRIPTOR: Final = "{*}KeyDescriptor"
_text_of: Final = etree.XPath("string()")


def refusal(sentence: str, **params: object) -> ValidationError:
    """The error that `sentence`, what was seen, begins. Of what was pasted it repeats `params` only."""
    wanted = _(
        "Paste the identity provider's own signing certificate here, from "
        "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
    )
    return ValidationError(f"{sentence} {wanted}", code="certificate", params=params)


def refuse_bundle(count: int, most: int) -> None:
    """Each one takes time to read, and a bundle of authorities has thousands."""
    if count > most:
        raise refusal(
            _(
                "This text contains %(count)s certificates, which looks like a bundle of "
                "certificate authorities."
            ),
            count=count,
        )


def about_private_key() -> str:
    return _(
        "This text contained a private key, which was not stored. The person who "
        "sent it to you should replace it if others could have seen it, for "
        "example in an e-mail."
    )


def private_key() -> ValidationError:
    error = refusal(about_private_key())
    error.code = PRIVATE_KEY
    return error


def find_bodies(pasted: str) -> list[str]:
    """Return the base64 of each certificate in `pasted`, not decoded yet, each once, in their order.

    Raises ValidationError.
    """
    if "PRIVATE KEY" in pasted:
        raise private_key()
    if len(pasted) > MAX_PASTE:
        raise refusal(_("This text is longer than %(limit)s characters."), limit=MAX_PASTE)
    text = unwrapping.unwrap(pasted)
    if "PRIVATE KEY" in text:
        raise private_key()
    if text[:20].lower().startswith(("<!doctype html", "<html")):
        raise refusal(_("This is a web page."))
    if text.startswith("<"):
        bodies = find_in_xml(parse_xml(text))
    elif "-----" in text:
        bodies = list(_find_in_pem(text))
    else:
        bodies = [text]
    return list(dict.fromkeys("".join(body.split()) for body in bodies))


def parse_xml(text: str) -> etree._Element:
    """Raises ValidationError."""
    try:
        return safe_xml.parse_pasted(text, max_bytes=MAX_XML_BYTES)
    except safe_xml.UnsafeXml as error:
        raise refusal(
            _("This looks like XML, but can't be read: %(why)s"), why=str(error)
        ) from error


def signing_bodies(element: etree._Element) -> list[str]:
    """The base64 of the certificates in an element that aren't for encryption only."""
    # All of its text: `.text` ends at a comment.
    return [
        str(_text_of(each))
        for each in element.iter(_X509_CERTIFICATE)
        if all(
            key.get("use", "signing") == "signing" for key in each.iterancestors(_KEY_DESCRIPTOR)
        )
    ]


def find_in_xml(root: etree._Element) -> list[str]:
    """Raises ValidationError."""
    providers = list(root.iter(_PROVIDER))
    if len(providers) > 1:
        raise refusal(
            _("This metadata describes %(count)s identity providers."), count=len(providers)
        )
    has_service = next(root.iter(_SERVICE), None) is not None
    # AD FS describes itself as a service provider too, with keys that sign no sign-in.
    bodies = signing_bodies(providers[0] if providers else root)
    if bodies and (providers or not has_service):
        return bodies
    if has_service and not providers:
        raise refusal(_("This is the metadata of a service provider, not of an identity provider."))
    raise refusal(_("This XML doesn't contain an identity provider's signing certificate."))


def _find_in_pem(text: str) -> Iterator[str]:
    refuse_bundle(text.count("-----BEGIN "), _MOST_BLOCKS)
    marks = list(_MARK.finditer(text))
    if not marks:
        raise refusal(_("No certificate was found."))
    for place, mark in enumerate(marks):
        kind, label = mark.groups()
        before = marks[place - 1] if place else None
        behind = marks[place + 1] if place + 1 < len(marks) else None
        if kind == "END" and before is not None and before[1] == "BEGIN":
            if before[2] != label:
                raise refusal(
                    _("A block is incomplete: its BEGIN line or its END line is missing.")
                )
            continue
        if label not in _LABELS:
            raise refusal(_("This is a %(label)s, not a certificate."), label=label.title())
        if kind == "END":
            yield _end_of(text[before.end() if before else 0 : mark.start()])
            continue
        body = text[mark.end() : behind.start() if behind else len(text)]
        yield body if behind is not None and behind[1] == "END" else _start_of(body)


def _start_of(text: str) -> str:
    """A block without its END line: as much base64 as its first bytes announce."""
    body = "".join(text.split())
    try:
        size = der.announced_size(b64decode(body[:8], validate=True))
    except (binascii.Error, ValueError):
        return body
    return body[: (size + 2) // 3 * 4]


def _end_of(text: str) -> str:
    """A block without its BEGIN line: the last lines that are base64."""
    lines: list[str] = []
    for line in reversed(text.split()):
        if not _BASE64(line):
            break
        lines.append(line)
    body = "".join(reversed(lines))
    # Words are letters too; each certificate and each PKCS #7 file begins with these.
    return body[max(body.find("MI"), 0) :]


def decode_body(body: str) -> list[bytes]:
    """Return the DER of the certificate whose base64 `body` is, or of all those in a PKCS #7 file.

    Raises ValidationError.
    """
    try:
        whole = b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        # No more of it is repeated: a piece of a private key looks like any other base64 text.
        stray = _NOT_BASE64.search(body)
        if stray:
            raise refusal(_("“%(seen)s” is not a base64 character."), seen=stray[0]) from error
        raise refusal(_("The base64 text is incomplete.")) from error
    if not whole:
        raise refusal(_("No certificate was found."))
    try:
        return der.certificates_of_pkcs7(whole)
    except ValueError:
        return [whole]


def is_private_key(data: bytes) -> bool:
    """Whether it is one in DER, encrypted or not, or a file that carries one."""
    if der.is_pkcs12(data):
        return True
    try:
        load_der_private_key(data, password=None)
    except TypeError:  # it is one, and encrypted
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def not_a_certificate(data: bytes) -> ValidationError:
    """What is wrong with bytes that can't be read as a certificate."""
    if is_private_key(data):
        return private_key()
    # The length that DER announces tells a cut certificate from something else.
    if data[0] == 0x30 and len(data) > 4 and data[1] == 0x82:
        announced = int.from_bytes(data[2:4], "big") + 4
        if announced > len(data):
            return refusal(
                _(
                    "The certificate is incomplete: only %(have)s of its %(want)s bytes "
                    "are present."
                ),
                have=len(data),
                want=announced,
            )
    return refusal(_("This is base64 text, but not a certificate."))
