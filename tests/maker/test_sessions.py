"""Sessions are stored once, and their keys still change at a sign-in."""

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maker.sessions import SessionStore
from sso_connectors.models import Connector
from tests.agent import Agent
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db


def test_sign_in_through_a_connector_writes_one_session_row(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    response = agent.post(idp.respond(agent.start()))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        agent.finish(response)
    statements = [query["sql"] for query in queries]
    assert len([sql for sql in statements if "django_session" in sql]) == 1
    # django-axes looks after passwords; none was asked for.
    assert not [sql for sql in statements if "axes_" in sql]
    assert agent.username == alice.username


@pytest.mark.row(25)
def test_key_changes_with_what_was_there(agent: Agent) -> None:
    session = SessionStore()
    session["basket"] = 1
    session.save()
    before = session.session_key
    session.cycle_key()
    assert session.session_key not in (None, before)
    assert session["basket"] == 1
    assert not Session.objects.filter(session_key=before).exists()


@pytest.mark.row(25)
def test_session_of_a_stranger_is_not_taken_over(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    """Somebody planted the key of an anonymous session in this browser."""
    planted = SessionStore()
    planted["mark"] = "planted"
    planted.save()
    agent.client.cookies["sessionid"] = str(planted.session_key)
    agent.sign_in(idp)
    assert agent.client.cookies["sessionid"].value != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()


def test_key_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = SessionStore()
    taken.save()
    keys = iter([str(taken.session_key), "another" * 4])
    monkeypatch.setattr("maker.sessions.get_random_string", lambda *_: next(keys))
    session = SessionStore()
    session.cycle_key()
    session.save()
    assert session.session_key == "another" * 4
