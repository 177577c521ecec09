"""Make the product's tables and fill them; runs under benchmarks.worker, and has no more to say."""

from django.contrib.auth.hashers import make_password
from django.core.management import call_command

from sso_connectors.models import Connector, Link
from users.models import User

from ..worker import Answering, Message
from .roster import Roster, entity_id, reference


def start(setup: Message) -> Answering:
    roster = Roster(**setup["roster"])
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", verbosity=0)
    connectors = Connector.objects.bulk_create(
        Connector(
            name=f"Customer {number}",
            reference=reference(number),
            enabled=True,
            issuer_url=entity_id(number),
            endpoint="https://idp.example/sso",
            certificates=certificate,
        )
        for number, certificate in enumerate(setup["certificates"])
    )
    users = User.objects.bulk_create(
        User(username=roster.username(agent), password=make_password(None))
        for agent in range(roster.agents)
    )
    Link.objects.bulk_create(
        Link(user=user, connector=connectors[roster.connector(agent)])
        for agent, user in enumerate(users)
    )
    return lambda message: message
