"""django-allauth's SAML: an organisation for each customer, and an agent who is linked to it."""

from django.core.management import call_command

from tests.idp import IdP

from ..filled.allauth import fill
from ..filled.roster import Roster, entity_id, reference
from ..worker import Answering, Message
from .visit import Visit, answering


def start(setup: Message) -> Answering:
    count: int = setup["connectors"]
    roster = Roster(agents=count, connectors=count)
    call_command("migrate", verbosity=0)
    idps = [IdP(entity_id=entity_id(number)) for number in range(count)]
    fill(roster, [idp.key.pem for idp in idps])

    def visit(number: int) -> Visit:
        customer = number % count
        address = f"/saml/{reference(customer)}/login/"
        return Visit(address, idps[customer], roster.username(customer))

    return answering(visit)
