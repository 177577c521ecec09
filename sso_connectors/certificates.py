"""Signing certificates: read from what people paste, checked, and described.

Trust is in the key, as everywhere in SAML: validity dates are shown and warned about, not enforced.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from . import safe_xml

MAX_CERTIFICATES: Final = 10
MAX_PASTE: Final = 1024 * 1024
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 256
PRIVATE_KEY: Final = "private_key"
EXPIRING: Final = timedelta(days=30)

# A block ends at the next five dashes: searching on for its own END would take quadratic time.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----).)*)-----END \1-----", re.DOTALL)
_CARRIAGE_RETURN = re.compile(r"&#(?:13|xd);", re.IGNORECASE)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_X509_CERTIFICATE = "{http://www.w3.org/2000/09/xmldsig#}X509Certificate"
_MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"


PublicKey = CertificatePublicKeyTypes


@dataclass(frozen=True)
class SigningCertificate:
    """One certificate whose key a connector trusts. `fingerprint` is SHA-256, as `AA:BB:…`."""

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


@lru_cache(maxsize=4096)
def load_certificates(pem_blocks: str) -> tuple[SigningCertificate, ...]:
    """Parse what `normalise_certificates` returned and a connector stores; cached, since parsing keys is slow."""
    return tuple(
        _describe(x509.load_der_x509_certificate(_decode(body)))
        for _label, body in _BLOCK.findall(pem_blocks)
    )


def normalise_certificates(pasted: str) -> str:
    """Return the PEM blocks found in what somebody pasted, each once, in their order.

    Understood: PEM blocks with any line ends, spaces or `&#13;`; bare base64; a whole SAML metadata
    file. Raises ValidationError that says what was seen and what is wanted; a private key is never
    repeated in it.
    """
    found = {item.fingerprint: item for item in map(_checked, _read(pasted))}
    if len(found) > MAX_CERTIFICATES:
        raise _error(
            _("There are %(count)s certificates here, which looks like a bundle of authorities."),
            count=len(found),
        )
    _refuse_issuers(found.values())
    return "".join(item.pem for item in found.values())


def _error(sentence: str, **params: object) -> ValidationError:
    wanted = _(
        "What belongs here is the identity provider's own signing certificate, from "
        "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
    )
    return ValidationError(f"{sentence} {wanted}", code="certificate", params=params)


def about_private_key() -> str:
    return _(
        "There was a private key in this, and it was not kept. Whoever sent it to you should replace "
        "it if others could have seen it, in an e-mail for instance."
    )


def _private_key() -> ValidationError:
    error = _error(about_private_key())
    error.code = PRIVATE_KEY
    return error


def _read(pasted: str) -> list[x509.Certificate]:
    if len(pasted) > MAX_PASTE:
        raise _error(_("This is longer than %(limit)s characters."), limit=MAX_PASTE)
    if "PRIVATE KEY" in pasted:
        raise _private_key()
    text = _CARRIAGE_RETURN.sub("", pasted).strip().lstrip("\ufeff")
    if text[:20].lower().startswith(("<!doctype html", "<html")):
        raise _error(_("This is a web page."))
    if text.startswith("<"):
        bodies = _bodies_of_metadata(text)
    elif "-----" in text:
        bodies = _bodies_of_pem(text)
    else:
        bodies = [text]
    return [_parse(body) for body in bodies]


def _bodies_of_pem(text: str) -> list[str]:
    blocks = _BLOCK.findall(text)
    if text.count("-----BEGIN ") != len(blocks) or text.count("-----END ") != len(blocks):
        raise _error(_("A block here is cut: its BEGIN or its END line is missing."))
    for label, _body in blocks:
        if label not in _CERTIFICATE_LABELS:
            raise _error(_("This is a %(label)s, not a certificate."), label=label.title())
    if not blocks:
        raise _error(_("There is no certificate here."))
    return [body for _label, body in blocks]


def _bodies_of_metadata(text: str) -> list[str]:
    try:
        document = text.encode(errors="surrogatepass")
        root = safe_xml.parse(document, max_bytes=4 * MAX_PASTE, pasted=True)
    except safe_xml.UnsafeXml as error:
        raise _error(
            _("This looks like XML, but can't be read: %(why)s"), why=str(error)
        ) from error
    providers = list(root.iter(f"{_MD}IDPSSODescriptor"))
    if root.tag == _X509_CERTIFICATE:
        return [root.text or ""]
    if len(providers) > 1:
        raise _error(
            _("This metadata describes %(count)s identity providers."), count=len(providers)
        )
    bodies = [
        element.text or ""
        for provider in providers
        for key in provider.iterfind(f"{_MD}KeyDescriptor")
        if key.get("use", "signing") == "signing"
        for element in key.iter(_X509_CERTIFICATE)
    ]
    if not bodies:
        if next(root.iter(f"{_MD}SPSSODescriptor"), None) is not None:
            raise _error(
                _("This is the metadata of a service provider, not of an identity provider.")
            )
        raise _error(_("This XML holds no signing certificate of an identity provider."))
    return bodies


def _decode(body: str) -> bytes:
    return base64.b64decode("".join(body.split()), validate=True)


def _parse(body: str) -> x509.Certificate:
    try:
        der = _decode(body)
    except (binascii.Error, ValueError) as error:
        # No more of it is repeated: a piece of a private key looks like any other base64 text.
        stray = _NOT_BASE64.search("".join(body.split()))
        if stray:
            raise _error(_("“%(seen)s” is no character of base64 text."), seen=stray[0]) from error
        raise _error(_("The base64 text here is cut.")) from error
    if not der:
        raise _error(_("There is no certificate here."))
    try:
        return _load(der)
    except ValueError as error:
        if _is_private_key(der):
            raise _private_key() from error
        # The length that DER announces tells a cut certificate from something else.
        if der[0] == 0x30 and len(der) > 4 and der[1] == 0x82:
            announced = int.from_bytes(der[2:4], "big") + 4
            if announced > len(der):
                raise _error(
                    _("The certificate is cut: %(have)s of its %(want)s bytes are here."),
                    have=len(der),
                    want=announced,
                ) from error
        raise _error(_("This is base64 text, but no certificate.")) from error


def _load(der: bytes) -> x509.Certificate:
    """Raises ValueError, also for names and dates, which are otherwise parsed when asked for."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.issuer.rfc4514_string()
        _describe(certificate)
    except (x509.InvalidVersion, TypeError) as error:  # TypeError: a bit string for a name
        raise ValueError(str(error)) from error
    return certificate


def _is_private_key(der: bytes) -> bool:
    try:
        load_der_private_key(der, password=None)
    except TypeError:  # it is one, and encrypted
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _checked(certificate: x509.Certificate) -> SigningCertificate:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise _error(_("The certificate's key is of a kind that we can't use.")) from error
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise _error(
                _("The certificate's RSA key has %(bits)s bits; at least %(min)s are needed."),
                bits=key.key_size,
                min=MIN_RSA_BITS,
            )
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < MIN_EC_BITS:
            raise _error(
                _("The certificate's curve %(curve)s is too weak; at least 256 bits are needed."),
                curve=key.curve.name,
            )
    else:
        raise _error(_("The certificate's key is neither RSA nor ECDSA."))
    if _signs_certificates_only(certificate):
        raise _error(
            _("“%(subject)s” is the certificate of an authority, which signs other certificates."),
            subject=certificate.subject.rfc4514_string(),
        )
    return _describe(certificate)


def _signs_certificates_only(certificate: x509.Certificate) -> bool:
    # Many identity providers sign with a self-made certificate that says CA:TRUE and no key usage.
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return constraints.ca and not usage.digital_signature


def _refuse_issuers(items: Iterable[SigningCertificate]) -> None:
    """Trusting an authority's key would trust whatever that authority signs as if it were the IdP."""
    certificates = [item.certificate for item in items]
    for authority in certificates:
        for other in certificates:
            if other is not authority and other.issuer == authority.subject != other.subject:
                raise _error(
                    _("“%(subject)s” is the authority that issued another certificate here."),
                    subject=authority.subject.rfc4514_string(),
                )


def _describe(certificate: x509.Certificate) -> SigningCertificate:
    return SigningCertificate(
        certificate=certificate,
        pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        subject=certificate.subject.rfc4514_string() or _("no subject"),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )
