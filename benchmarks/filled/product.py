"""The product, filled."""

from collections.abc import Iterable, Sequence

from django.contrib.auth.hashers import make_password
from django.db import transaction

from sso_connectors.models import Connector, Link
from users.models import User

from .roster import Roster, entity_id, reference


def fill(roster: Roster, certificates: Sequence[str]) -> None:
    """A connector for each certificate, and the roster's agents, each linked to theirs."""
    connectors = [
        Connector(
            name=f"Customer {number}",
            reference=reference(number),
            enabled=True,
            issuer_url=entity_id(number),
            endpoint="https://idp.example/sso",
            certificates=certificate,
        )
        for number, certificate in enumerate(certificates)
    ]
    save(connectors)
    users = User.objects.bulk_create(
        User(username=roster.username(agent), password=make_password(None))
        for agent in range(roster.agents)
    )
    Link.objects.bulk_create(
        Link(user=user, connector=connectors[roster.connector(agent)])
        for agent, user in enumerate(users)
    )


@transaction.atomic
def save(connectors: Iterable[Connector]) -> None:
    """One by one: saving works out when certificates end, describes them, and keeps the history."""
    for connector in connectors:
        connector.save()
