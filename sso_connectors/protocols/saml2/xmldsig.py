"""The mathematics of one XML signature (xmldsig-core 1.1), once its shape has been checked.

Nothing here looks for an element, chooses an algorithm that isn't in the list, or reads a key from the
message. What an element says is read from the bytes that `signed_bytes()` returns and from nowhere else.
"""

import base64
import binascii
import copy
import hashlib
from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from ...certificates.parsing import PublicKey
from ...network.safe_xml import again

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE_NAMESPACES: Final = f"{{{EXCLUSIVE}}}InclusiveNamespaces"

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007: Final = "http://www.w3.org/2007/05/xmldsig-more#"
_SIZES: Final[Mapping[int, hashes.HashAlgorithm]] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    512: hashes.SHA512(),
}
_RSA: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{_MORE}rsa-sha{bits}": kind for bits, kind in _SIZES.items()
}
_RSA_PSS: Final = {f"{_MORE_2007}sha{bits}-rsa-MGF1": kind for bits, kind in _SIZES.items()}
_ECDSA: Final = {f"{_MORE}ecdsa-sha{bits}": kind for bits, kind in _SIZES.items()}
SIGNATURE_METHODS: Final = frozenset({*_RSA, *_RSA_PSS, *_ECDSA})
DIGEST_METHODS: Final[dict[str, str]] = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}


def signed_bytes(owner: etree._Element, signature: etree._Element, key: PublicKey) -> bytes:
    """Return the canonical bytes of `owner` that its own `signature` covers under `key`.

    Raises cryptography's InvalidSignature.
    """
    information, value = signature[0], signature[1]
    canonical = _canonical(information, prefixes=_prefixes(information[0]))
    _verify(key, str(information[1].get("Algorithm")), _decoded(value), canonical)
    # What the key vouches for is this text; the tree it came from is not asked again.
    reference = again(canonical)[2]
    transforms, method, digest = reference
    covered = _canonical(owner, prefixes=_prefixes(transforms[1]), without=signature)
    computed = hashlib.new(DIGEST_METHODS[str(method.get("Algorithm"))], covered).digest()
    if not compare_digest(computed, _decoded(digest)):
        raise InvalidSignature
    return covered


def _canonical(
    element: etree._Element,
    *,
    prefixes: list[str],
    without: etree._Element | None = None,
) -> bytes:
    """Exclusive c14n 1.0 without comments, of a copy that lacks the child `without` (enveloped)."""
    if without is not None:
        place = element.index(without)
    if prefixes:
        # They may name what an ancestor declares: a serialised copy brings all of that along.
        element = etree.fromstring(etree.tostring(element, with_tail=False))
    elif without is not None:
        element = copy.deepcopy(element)
    if without is not None:
        _cut(element[place])
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=prefixes or None,
    )


def _cut(element: etree._Element) -> None:
    """Remove an element and leave the text behind it, which is signed, in its place."""
    parent, before, tail = element.getparent(), element.getprevious(), element.tail
    assert parent is not None  # noqa: S101 - it is a child, by the shape
    parent.remove(element)
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    elif tail:
        parent.text = (parent.text or "") + tail


def _prefixes(transform: etree._Element) -> list[str]:
    return transform[0].get("PrefixList", "").split() if len(transform) else []


def _decoded(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSignature from error


def _verify(key: PublicKey, method: str, value: bytes, signed: bytes) -> None:
    """Raise InvalidSignature unless `value` is the signature of `signed` by that key and method."""
    if method in _RSA and isinstance(key, RSAPublicKey):
        key.verify(value, signed, PKCS1v15(), _RSA[method])
    elif method in _RSA_PSS and isinstance(key, RSAPublicKey):
        # RFC 9231 section 2.3.10: the salt is as long as the hash.
        kind = _RSA_PSS[method]
        key.verify(value, signed, PSS(mgf=MGF1(kind), salt_length=kind.digest_size), kind)
    elif method in _ECDSA and isinstance(key, EllipticCurvePublicKey):
        # xmldsig-core section 6.4.3: r and s side by side, each as long as the curve's field.
        width = (key.curve.key_size + 7) // 8
        if len(value) != 2 * width:
            raise InvalidSignature
        r, s = int.from_bytes(value[:width]), int.from_bytes(value[width:])
        key.verify(encode_dss_signature(r, s), signed, ECDSA(_ECDSA[method]))
    else:
        raise InvalidSignature
