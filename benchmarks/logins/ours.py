"""The product under its own settings, with as many connectors as asked for."""

from typing import Final

from django.core.management import call_command

from tests.idp import IdP, SigningKey, default_key

from ..filled.certificates import certificate
from ..filled.product import fill
from ..filled.roster import Roster, entity_id, reference
from ..worker import Answering, Message
from .visit import Visit, answering

_STRIDE: Final = 7919  # a prime, so that the visits are spread over all connectors


def start(setup: Message) -> Answering:
    count: int = setup["connectors"]
    roster = Roster(agents=count, connectors=count)
    call_command("migrate", verbosity=0)
    keys = [_certified(number) for number in range(count)]
    fill(roster, [key.pem for key in keys])

    def visit(number: int) -> Visit:
        customer = number * _STRIDE % count
        idp = IdP(entity_id=entity_id(customer), key=keys[customer])
        address = f"/api/sso/login/{reference(customer)}"
        return Visit(address, idp, roster.username(customer))

    return answering(visit)


def _certified(number: int) -> SigningKey:
    """One key, in a certificate of its own for each connector."""
    key = default_key().private_key
    return SigningKey(key, certificate(number, key.public_key()))
