"""When a certificate was used last: at the price of one write an hour, and what follows from it."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors.login import connector_state
from sso_connectors.login.connector_state import note_used
from sso_connectors.models import Certificate, Connector
from sso_connectors.operations.expiry import UNUSED_AFTER, unused_for
from sso_connectors.results.identity import Identity
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker
from tests.idp import IdP, default_key, other_key, read_redirect
from tests.rigs.process import free_port
from users.models import User

pytestmark = pytest.mark.django_db

UPDATE = 'UPDATE "sso_connectors_certificate"'


@pytest.fixture
def two(make_connector: ConnectorMaker) -> Connector:
    """A connector in the midst of a roll-over: the identity provider signs with the first."""
    return make_connector(certificates=default_key().pem + other_key().pem)


def last_use(connector: Connector, number: int = 0) -> datetime | None:
    item = connector.signing_certificates[number]
    return connector.certificate_rows.get(fingerprint=item.fingerprint).last_used_at


def statements(agent: Agent, idp: IdP) -> list[str]:
    """What a sign-in asks of the database about certificates' rows."""
    with CaptureQueriesContext(connection) as queries:
        assert agent.sign_in(idp).status_code == 302
    return [each["sql"] for each in queries if '"sso_connectors_certificate"' in each["sql"]]


def proved(connector: Connector, number: int = 0) -> Identity:
    fingerprint = connector.signing_certificates[number].fingerprint
    return Identity(username="", subject="", issuer="", key=fingerprint)


def used(ago: timedelta) -> None:
    Certificate.objects.filter(last_used_at__isnull=False).update(last_used_at=timezone.now() - ago)


# --- noting it --------------------------------------------------------------------------------


def test_sign_in_notes_the_certificate_that_verified_it(
    agent: Agent, idp: IdP, two: Connector, make_user: Any
) -> None:
    make_user("alice@acme.example", two)
    before = timezone.now()
    agent.sign_in(idp)

    noted = last_use(two)
    assert noted is not None
    assert before <= noted <= timezone.now()
    assert last_use(two, 1) is None


def test_one_statement_an_hour(agent: Agent, idp: IdP, connector: Connector, alice: User) -> None:
    first = statements(agent, idp)
    assert [sql.startswith(UPDATE) for sql in first] == [True]

    assert [statements(Agent(), idp) for _ in range(3)] == [[], [], []]


def test_noted_again_after_an_hour(
    agent: Agent, idp: IdP, connector: Connector, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.sign_in(idp)
    used(timedelta(hours=1))
    longer_ago = last_use(connector)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3601)

    assert len(statements(Agent(), idp)) == 1
    noted = last_use(connector)
    assert noted is not None
    assert longer_ago is not None
    assert noted > longer_ago


def test_another_process_writes_nothing_within_the_hour(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_used(connector, proved(connector))
    used(timedelta(minutes=59))
    before = last_use(connector)
    monkeypatch.setattr(connector_state, "_noted", {})  # as in a worker that has just been started
    note_used(connector, proved(connector))

    assert last_use(connector) == before


def test_memory_is_bounded(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector_state, "_noted", {})
    monkeypatch.setattr(connector_state, "_MOST_NOTED", 3)
    for number in range(10):
        note_used(connector, Identity(username="", subject="", issuer="", key=str(number)))

    assert len(connector_state._noted) <= 3


def test_noted_at_once_for_one_that_was_removed_and_is_back(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    agent.sign_in(idp)
    pem = connector.certificates
    for trusted in (other_key().pem, pem):
        connector = Connector.objects.get()
        connector.certificates = trusted
        connector.save()
    assert last_use(connector) is None
    agent.sign_in(idp)
    assert last_use(connector) is not None


@pytest.fixture
def no_cache(settings: Any) -> Iterator[None]:
    away = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {
        "default": {
            "BACKEND": "maker.cache.RedisCache",
            "LOCATION": away,
        }
    }
    yield
    # Before the other fixtures clear the cache, which would fail.
    del settings.CACHES


@pytest.mark.usefixtures("no_cache")
def test_noted_while_the_cache_is_away(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    """A certificate in use would otherwise come to look unused, and be removed."""
    agent.sign_in(idp)
    assert last_use(connector) is not None
    assert statements(Agent(), idp) == []


def test_refused_sign_in_notes_nothing(agent: Agent, idp: IdP, connector: Connector) -> None:
    assert agent.sign_in(idp).status_code == 403  # verified, but nobody is linked
    assert last_use(connector) is None


def test_test_sign_in_notes_nothing(idp: IdP, connector: Connector, make_user: Any) -> None:
    root = make_user("root@maker.example", is_staff=True, is_superuser=True)
    client = Client(HTTP_HOST=HOST)
    client.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    tester = Agent(client)
    response = client.post(f"/maker/sso_connectors/connector/{connector.pk}/test/")
    tester.answer(idp.respond(read_redirect(response.context["departure"].url)))

    connector.refresh_from_db()
    assert connector.tested_at is not None, "the test passed"
    assert last_use(connector) is None


def test_oauth2_connector_has_none_to_note(
    connector: Connector, django_assert_num_queries: Any
) -> None:
    identity = proved(connector)
    connector.type = "oauth2"
    with django_assert_num_queries(0):
        note_used(connector, identity)


# --- unused -----------------------------------------------------------------------------------


def certificate(*, used: float | None, added: float = 100, ends: float = 1000) -> Certificate:
    """Times in days: ago, but for the end, which is ahead."""
    now = timezone.now()
    return Certificate(
        fingerprint="",
        added_at=now - timedelta(days=added),
        valid_until=now + timedelta(days=ends),
        last_used_at=None if used is None else now - timedelta(days=used),
    )


@pytest.mark.parametrize(
    ("old", "new", "days"),
    [
        # Another took over.
        ({"used": 15}, {"used": 0}, 15),
        ({"used": 14}, {"used": 13}, 14),
        ({"used": 13}, {"used": 0}, None),
        # Nobody signed in at all since.
        ({"used": 90}, {"used": None}, None),
        ({"used": 90}, {"used": 91}, None),
        # Never used: an old one that nobody needs any more, or the next one, put there ahead.
        ({"used": None, "added": 20, "ends": 10}, {"used": 0, "ends": 1000}, 20),
        ({"used": None, "added": 10, "ends": 10}, {"used": 0, "ends": 1000}, None),
        ({"used": None, "added": 20, "ends": 2000}, {"used": 0, "ends": 1000}, None),
    ],
)
def test_unused_where_another_was_used_meanwhile(
    old: dict[str, Any], new: dict[str, Any], days: int | None
) -> None:
    row, other = certificate(**old), certificate(**new)
    unused = unused_for(row, [row, other])

    assert (unused and unused.days) == days


def test_only_certificate_is_never_to_go() -> None:
    row = certificate(used=400)
    assert unused_for(row, [row]) is None
    assert timedelta(days=14) == UNUSED_AFTER
