"""The product under its own settings, with as many connectors as asked for."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

from sso_connectors.models import Connector, Link
from tests.idp import IdP, SigningKey, default_key
from users.models import User

from ..worker import Answering, Message
from .visit import Visit, answering

_STRIDE = 7919  # a prime, so that the visits are spread over all connectors


def start(setup: Message) -> Answering:
    count: int = setup["connectors"]
    call_command("migrate", verbosity=0)
    keys = [_certified(number) for number in range(count)]
    _fill(keys)

    def visit(number: int) -> Visit:
        customer = number * _STRIDE % count
        idp = IdP(entity_id=_entity_id(customer), key=keys[customer])
        return Visit(f"/api/sso/login/customer-{customer}", idp, _name(customer))

    return answering(visit)


def _fill(keys: list[SigningKey]) -> None:
    connectors = Connector.objects.bulk_create(
        Connector(
            name=f"Customer {number}",
            reference=f"customer-{number}",
            enabled=True,
            issuer_url=_entity_id(number),
            endpoint="https://idp.example/sso",
            certificates=key.pem,
        )
        for number, key in enumerate(keys)
    )
    users = User.objects.bulk_create(
        User(username=_name(number), password=make_password(None)) for number in range(len(keys))
    )
    Link.objects.bulk_create(
        Link(user=user, connector=connector)
        for user, connector in zip(users, connectors, strict=True)
    )


def _entity_id(number: int) -> str:
    return f"https://idp.example/saml/{number}"


def _name(number: int) -> str:
    return f"agent@customer-{number}.example"


_ISSUER = ec.generate_private_key(ec.SECP256R1())


def _certified(number: int) -> SigningKey:
    """One key in a certificate of its own for each connector: the product caches by certificate."""
    key = default_key().private_key
    now = datetime.now(UTC)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    certificate = (
        x509.CertificateBuilder()
        .subject_name(named(f"customer-{number}"))
        .issuer_name(named("benchmark"))
        .public_key(key.public_key())
        .serial_number(number + 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(_ISSUER, hashes.SHA256())
    )
    return SigningKey(key, certificate)
