"""A row that another transaction holds keeps no login waiting, and what it would have written is written later."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from sso_connectors.login import connector_state
from sso_connectors.models import Certificate, Connector
from tests.agent import Agent
from tests.idp import IdP, other_key
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row(39)]


@contextmanager
def held(statement: str) -> Iterator[None]:
    """Run `statement` in another transaction, and keep that open until the end of the block."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                is_held.set()
                may_end.wait(60)
                transaction.set_rollback(True)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_held.wait(10)
        yield
    finally:
        may_end.set()
        holder.join()


@pytest.fixture(autouse=True)
def _no_wait() -> Iterator[None]:
    """Whoever would wait for a row fails instead, at once."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no locks on rows; make test-postgres runs this")
    connector_state._noted.clear()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '500ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


UPDATES = [
    "UPDATE sso_connectors_connector SET name = name",
    "UPDATE sso_connectors_certificate SET subject = subject",
]


@pytest.mark.parametrize("statement", UPDATES)
def test_sign_in_while_its_rows_are_held(
    agent: Agent, idp: IdP, connector: Connector, alice: User, statement: str
) -> None:
    with held(statement):
        assert agent.sign_in(idp).status_code == 302
        assert agent.username == "alice@acme.example"
        assert Agent().sign_in(idp).status_code == 302

    Agent().sign_in(idp)
    connector.refresh_from_db()
    assert connector.tested_at is not None
    assert Certificate.objects.get().last_used_at is not None


def test_failures_while_the_connector_is_held(idp: IdP, connector: Connector, alice: User) -> None:
    agents = [Agent(), Agent()]
    with held(UPDATES[0]):
        for number in range(6):
            assert agents[number % 2].sign_in(idp, key=other_key()).status_code == 403
    assert Connector.objects.get().failing_cause == ""
    agents[0].sign_in(idp, key=other_key())
    assert Connector.objects.get().failing_cause == "response_refused"


def test_a_login_that_begins_holds_nothing_up(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    """Its rows refer to the connector, which locks the connector's key."""
    with held("SELECT 1 FROM sso_connectors_connector FOR KEY SHARE"):
        agent.sign_in(idp)
        connector.refresh_from_db()
        assert connector.tested_at is not None


def test_what_changed_meanwhile_is_not_overwritten(connector: Connector) -> None:
    loaded = Connector.objects.get()
    Connector.objects.update(updated_at=timezone.now())
    connector_state.note_passed(loaded)
    connector.refresh_from_db()
    assert connector.tested_at is None
