"""Signing certificates: read from what people paste, checked, and described.

Trust is in the key, as everywhere in SAML: validity dates are shown and warned about, not enforced.
"""

import hashlib
import re
import ssl
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from . import der
from .text import (
    MAX_PASTE,
    PRIVATE_KEY,
    about_private_key,
    decode_body,
    find_bodies,
    not_a_certificate,
    refusal,
    refuse_bundle,
)

__all__ = ["MAX_PASTE", "PRIVATE_KEY", "about_private_key", "find_bodies"]

MAX_CERTIFICATES: Final = 10
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 256
EXPIRING: Final = timedelta(days=30)
# A block ends at the next five dashes: searching on for its own END would take quadratic time.
_STORED: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----((?:(?!-----).)*)-----END CERTIFICATE-----", re.DOTALL
)
# Ten of them with their chains; a bundle of authorities has thousands, and each takes time.
_MOST_READ: Final = 60


PublicKey = CertificatePublicKeyTypes


@dataclass(frozen=True)
class SigningCertificate:
    """One certificate whose key a connector trusts. `fingerprint` is SHA-256, as `AA:BB:…`.

    `pem` and `fingerprint` are of the certificate as it came; `certificate` may be read from it with
    another version (`der.as_version_3`).
    """

    certificate: x509.Certificate
    pem: str
    fingerprint: str
    subject: str
    valid_from: datetime
    valid_until: datetime

    @cached_property
    def key(self) -> PublicKey:
        """Parsed once: OpenSSL takes as long for that as for verifying with it."""
        return self.certificate.public_key()

    @cached_property
    def key_fingerprint(self) -> str:
        """SHA-256 of the public key (RFC 5280, SubjectPublicKeyInfo), which a renewal may keep."""
        key = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(key).hexdigest()

    @property
    def is_expired(self) -> bool:
        return self.valid_until < datetime.now(UTC)

    @property
    def is_not_yet_valid(self) -> bool:
        return self.valid_from > datetime.now(UTC)

    @property
    def is_expiring(self) -> bool:
        """Whether it ends within 30 days, or has ended."""
        return self.valid_until < datetime.now(UTC) + EXPIRING


@dataclass(frozen=True)
class Certificates:
    """What was found: PEM blocks, each once, in their order, and sentences about what was left out."""

    pem: str = ""
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def load_certificates(pem_blocks: str) -> tuple[SigningCertificate, ...]:
    """Parse what `normalise_certificates` returned and a connector stores; cached, since parsing keys is slow."""
    return tuple(
        _load(b64decode("".join(body.split()), validate=True))
        for body in _STORED.findall(pem_blocks)
    )


def normalise_certificates(pasted: str) -> str:
    """Return the PEM blocks found in what somebody pasted, each once, in their order.

    Understood: PEM blocks with any line ends, spaces or `&#13;`, without their END or BEGIN line;
    bare base64; PKCS #7; a whole SAML metadata file or a piece of one; any of it wrapped by what it
    came through (`unwrapping`). Of a chain, the authorities are left out. Raises ValidationError that
    says what was seen and what is wanted; a private key is never repeated in it.
    """
    return read_certificates(find_bodies(pasted)).pem


def read_certificates(bodies: Iterable[str], *, each_for_itself: bool = False) -> Certificates:
    """Return what is found in base64 texts, as `find_bodies` returns them.

    `each_for_itself`: one that can't be used costs a note, and not the others, while one is left.
    Raises ValidationError; for a private key always.
    """
    bodies = list(bodies)
    refuse_bundle(len(bodies), _MOST_READ)
    found: dict[str, SigningCertificate] = {}
    authorities: dict[str, SigningCertificate] = {}
    refused: list[ValidationError] = []
    for body in bodies:
        try:
            several = decode_body(body)
            refuse_bundle(len(several), _MOST_READ)
            for data in several:
                item = _checked(_load_pasted(data))
                kind = authorities if _signs_certificates_only(item.certificate) else found
                kind[item.fingerprint] = item
        except ValidationError as error:
            if error.code == PRIVATE_KEY or not each_for_itself:
                raise
            refused.append(error)
    issuing = _issuers(found.values())
    usable = [item for item in found.values() if item.fingerprint not in issuing]
    refuse_bundle(len(usable), MAX_CERTIFICATES)
    left_out = [*authorities.values(), *issuing.values()]
    if not usable:
        raise refused[0] if refused else _nothing_usable(left_out)
    notes = [message for error in refused for message in error.messages]
    if left_out:
        total = len(found) + len(authorities)
        notes.append(_about_authorities(left_out, total))
    return Certificates("".join(item.pem for item in usable), tuple(notes))


def _about_authorities(left_out: list[SigningCertificate], total: int) -> str:
    return _(
        "Ignored, because they belong to certificate authorities, which sign "
        "other certificates (%(count)s of %(total)s): %(names)s."
    ) % {
        "count": len(left_out),
        "total": total,
        "names": ", ".join(f"“{item.subject[:100]}”" for item in left_out[:3]),
    }


def _nothing_usable(left_out: list[SigningCertificate]) -> ValidationError:
    if not left_out:
        return refusal(_("No certificate was found."))
    return refusal(
        _(
            "“%(subject)s” is the certificate of a certificate authority, which signs "
            "other certificates."
        ),
        subject=left_out[0].subject,
    )


def _load_pasted(data: bytes) -> SigningCertificate:
    try:
        return _load(data)
    except ValueError as error:
        raise not_a_certificate(data) from error


def _load(data: bytes) -> SigningCertificate:
    """Raises ValueError, also for names and dates, which are otherwise parsed when asked for."""
    try:
        certificate = _parse(data)
        certificate.issuer.rfc4514_string()
        return _describe(certificate, data)
    except TypeError as error:  # a bit string for a name
        raise ValueError(str(error)) from error


def _parse(data: bytes) -> x509.Certificate:
    """Raises ValueError."""
    try:
        return x509.load_der_x509_certificate(data)
    except (x509.InvalidVersion, ValueError):
        # The key counts, and it is whole; only the version stands in the library's way.
        return x509.load_der_x509_certificate(der.as_version_3(data))


def _checked(item: SigningCertificate) -> SigningCertificate:
    try:
        key = item.key
    except (UnsupportedAlgorithm, ValueError) as error:
        raise refusal(_("The certificate's type of key is not supported.")) from error
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise refusal(
                _("The certificate's RSA key has %(bits)s bits; at least %(min)s are needed."),
                bits=key.key_size,
                min=MIN_RSA_BITS,
            )
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < MIN_EC_BITS:
            raise refusal(
                _("The certificate's curve %(curve)s is too weak; at least 256 bits are needed."),
                curve=key.curve.name,
            )
    else:
        raise refusal(_("The certificate's key is neither RSA nor ECDSA."))
    return item


def _signs_certificates_only(certificate: x509.Certificate) -> bool:
    # Many identity providers sign with a self-made certificate that says CA:TRUE and no key usage.
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return constraints.ca and not usage.digital_signature


def _issuers(items: Iterable[SigningCertificate]) -> dict[str, SigningCertificate]:
    """Those that issued another one here, by fingerprint.

    Trusting an authority's key would trust whatever that authority signs as if it were the IdP.
    """
    items = list(items)
    return {
        authority.fingerprint: authority
        for authority in items
        for other in items
        if other.certificate.issuer == authority.certificate.subject != other.certificate.subject
    }


def _describe(certificate: x509.Certificate, data: bytes) -> SigningCertificate:
    return SigningCertificate(
        certificate=certificate,
        pem=ssl.DER_cert_to_PEM_cert(data),
        fingerprint=hashlib.sha256(data).digest().hex(":").upper(),
        subject=certificate.subject.rfc4514_string() or _("no subject"),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )
