"""A certificate for each customer, since the product parses and caches each once."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_ISSUER: Final = ec.generate_private_key(ec.SECP256R1())


def certificate(
    number: int, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, *, days: int = 3650
) -> x509.Certificate:
    """Of customer `number`, for so many days more."""
    now = datetime.now(UTC)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(f"customer-{number}"))
        .issuer_name(named("benchmark"))
        .public_key(key)
        .serial_number(number + 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(_ISSUER, hashes.SHA256())
    )
