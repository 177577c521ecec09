"""Fills an empty database, mostly in bulk. Everything follows from a number, so that both databases are alike."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from sso_connectors.models import Connector, ConnectorType, Link, PendingLogin
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import LIFETIME
from users.models import User

from ..filled import product
from ..filled.certificates import certificate
from .size import Size

_BATCH: Final = 2_000
_STRIDE: Final = 7919  # a prime, so that neighbours in one table are none in another
_KEY: Final = ec.generate_private_key(ec.SECP256R1()).public_key()


def fill(size: Size) -> User:
    """Return the superuser who is said to have added it all."""
    root = User.objects.create_superuser("root@maker.example")
    product.save(_connector(number) for number in range(size.connectors))
    password = make_password(None)
    _save(_user(number, size, password) for number in range(size.users))
    connectors = list(Connector.objects.order_by("pk").values_list("pk", flat=True))
    users = list(User.objects.exclude(pk=root.pk).order_by("pk").values_list("pk", flat=True))
    _save(
        Link(user_id=users[user], connector_id=connectors[connector])
        for user, connector in islice(_links(size), size.links)
    )
    now = timezone.now()
    _save(_attempt(number, connectors, users, now) for number in range(size.attempts))
    latest = Attempt.objects.order_by("-pk").values_list("pk", flat=True)[: size.attempts // 100]
    _save(_pending(attempt, connectors[attempt % len(connectors)]) for attempt in latest)
    _save(_added(Connector, connectors, root))
    _save(_added(User, users, root))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # as autovacuum does within a minute
            cursor.execute("VACUUM ANALYZE")
    return root


def _save(rows: Iterator[Any]) -> None:
    while batch := list(islice(rows, _BATCH)):
        model = type(batch[0])
        model.objects.bulk_create(batch)
        if model in (User, Link):
            model.history.bulk_history_create(batch)


def _connector(number: int) -> Connector:
    """Of twenty, one is an OAUTH 2 draft, one a SAML v2 draft, one is disabled."""
    fields: dict[str, Any] = {
        "name": f"Customer {number * _STRIDE % 10_000:05}",
        "reference": f"customer-{number}",
        "contact": f"it@customer-{number}.example",
    }
    if number % 20 == 3:
        return Connector(type=ConnectorType.OAUTH2, authentication_method="hubspot", **fields)
    return Connector(
        enabled=number % 20 not in (1, 2),
        issuer_url=f"https://idp.customer-{number}.example/saml/metadata",
        endpoint=f"https://idp.customer-{number}.example/saml/sso",
        certificates="" if number % 20 == 1 else _certificate(number),
        **fields,
    )


def _certificate(number: int) -> str:
    """Every tenth is about to end."""
    days = 20 if number % 10 == 5 else 3650
    return certificate(number, _KEY, days=days).public_bytes(Encoding.PEM).decode()


def _user(number: int, size: Size, password: str) -> User:
    return User(
        username=f"agent-{number}@customer-{number % size.connectors}.example",
        full_name=f"Agent {number * _STRIDE % size.users}",
        password=password,
        is_active=number % 50 != 7,
        is_staff=number % 100 == 9,
    )


def _links(size: Size) -> Iterator[tuple[int, int]]:
    """Two for each user; user 0 has `most_links`, connector 0 has `busy_links` users and more."""
    for connector in range(size.most_links):
        yield 0, connector
    for user in range(1, size.users):
        first = 0 if user < size.busy_links else user % size.connectors
        yield user, first
        yield user, (first + 1 + user * _STRIDE % (size.connectors - 1)) % size.connectors


def _attempt(number: int, connectors: list[int], users: list[int], now: datetime) -> Attempt:
    """Of ten, one failed and one was given up; the rest signed in. One comes every 12 seconds."""
    connector = number * _STRIDE % len(connectors)
    outcome = {0: Outcome.FAILED, 9: Outcome.IN_PROGRESS}.get(number % 10, Outcome.SIGNED_IN)
    begun = now - timedelta(seconds=12 * number)
    return Attempt(
        connector_id=connectors[connector],
        connector_reference=f"customer-{connector}",
        started_at=begun,
        ended_at=None if outcome == Outcome.IN_PROGRESS else begun + timedelta(seconds=5),
        outcome=outcome,
        cause="audience" if outcome == Outcome.FAILED else "",
        detail="The audience is another one." if outcome == Outcome.FAILED else "",
        checks=[] if outcome == Outcome.IN_PROGRESS else _CHECKS,
        user_id=users[number % len(users)] if outcome == Outcome.SIGNED_IN else None,
    )


# As many and as long as those of an ordinary login.
_CHECKS: Final = [
    {
        "name": f"check number {number}",
        "passed": True,
        "expected": f"https://idp.example/saml/{number:08}/metadata",
        "received": f"https://idp.example/saml/{number:08}/metadata",
        "verified": True,
    }
    for number in range(23)
]


def _pending(attempt: int, connector: int) -> PendingLogin:
    return PendingLogin(
        request_id=f"_{secrets.token_hex(20)}",
        connector_id=connector,
        attempt_id=attempt,
        browser_hash=secrets.token_hex(32),
        expires_at=timezone.now() + LIFETIME,
    )


def _added(model: type[Connector] | type[User], keys: list[int], root: User) -> Iterator[LogEntry]:
    content_type = ContentType.objects.get_for_model(model)
    for key in keys:
        yield LogEntry(
            user=root,
            content_type=content_type,
            object_id=str(key),
            object_repr=f"{model.__name__} {key}",
            action_flag=ADDITION,
            change_message='[{"added": {}}]',
        )
