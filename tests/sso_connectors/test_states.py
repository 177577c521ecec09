"""Tested, failing: what a connector's attempts say of it, and what makes it untested again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors.attempts import Attempt
from sso_connectors.encryption import Secret
from sso_connectors.errors import ConnectorNotReady
from sso_connectors.login import begin_test
from sso_connectors.models import Connector, State
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, other_key
from users.models import User

pytestmark = pytest.mark.django_db


def state_of(connector: Connector) -> State:
    connector.refresh_from_db()
    return connector.state


def fail(idp: IdP, *, times: int, people: int = 2, **lies: Any) -> None:
    agents = [Agent() for _ in range(people)]
    for number in range(times):
        agents[number % people].sign_in(idp, **lies)


FORGED: dict[str, Any] = {"key": other_key()}


def test_sign_in_makes_it_tested(agent: Agent, idp: IdP, connector: Connector, alice: User) -> None:
    assert state_of(connector) == State.READY
    agent.sign_in(idp)
    assert state_of(connector) == State.TESTED


def test_state_costs_a_login_nothing_once_it_is_known(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    agent.sign_in(idp)
    with CaptureQueriesContext(connection) as queries:
        agent.sign_in(idp)
    assert not [query for query in queries if 'UPDATE "sso_connectors_connector"' in query["sql"]]


@pytest.mark.parametrize(
    "change",
    [
        {"issuer_url": "https://other.example"},
        {"endpoint": "https://other.example/sso"},
        {"identifier_format": "persistent"},
        {"binding": "post"},
        {"username_attribute": "mail"},
        {"force_authn": True},
        {"certificates": other_key().pem},
    ],
    ids=lambda change: next(iter(change)),
)
def test_change_of_what_is_trusted_makes_it_untested(
    connector: Connector, change: dict[str, Any]
) -> None:
    Connector.objects.update(tested_at=timezone.now(), failing_cause="response_refused")
    connector.refresh_from_db()
    for name, value in change.items():
        setattr(connector, name, value)
    connector.save()
    assert state_of(connector) == State.READY


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "other"},
        {"client_secret": "other"},
        {"options": {"issuer": "https://b.example"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_change_of_the_client_makes_it_untested(
    make_connector: ConnectorMaker, change: dict[str, Any]
) -> None:
    connector = make_connector(
        type="oauth2",
        authentication_method="oidc",
        client_id="client",
        client_secret=Secret.seal("secret"),
        options={"issuer": "https://a.example"},
    )
    Connector.objects.update(tested_at=timezone.now())
    connector.refresh_from_db()
    assert connector.state == State.TESTED
    for name, value in change.items():
        setattr(connector, name, Secret.seal(value) if name == "client_secret" else value)
    connector.save(update_fields=list(change))
    assert state_of(connector) == State.READY


def test_other_changes_leave_it_tested(connector: Connector) -> None:
    Connector.objects.update(tested_at=timezone.now())
    connector.refresh_from_db()
    connector.name, connector.contact = "Another", "it@acme.example"
    connector.save()
    assert state_of(connector) == State.TESTED
    connector.enabled = False
    connector.save()
    assert state_of(connector) == State.DISABLED


def test_change_made_during_a_login_stays_untested(
    agent: Agent, idp: IdP, connector: Connector, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What passed was judged by what the connector trusted before."""

    def change(link: Any) -> None:
        changed = Connector.objects.get()
        changed.endpoint = "https://other.example/sso"
        changed.save()

    monkeypatch.setattr("sso_connectors.login.note_sign_in", change)
    agent.sign_in(idp)
    assert agent.username == alice.username
    assert state_of(connector) == State.READY


def test_five_failures_of_two_people_for_one_cause(idp: IdP, connector: Connector) -> None:
    fail(idp, times=4, **FORGED)
    assert state_of(connector) == State.READY
    fail(idp, times=1, people=1, **FORGED)
    assert state_of(connector) == State.FAILING
    assert connector.failing_cause == "response_refused"


def test_failures_of_one_person_are_that_persons(idp: IdP, connector: Connector) -> None:
    fail(idp, times=7, people=1, **FORGED)
    assert state_of(connector) == State.READY


def test_failures_for_several_causes(idp: IdP, connector: Connector) -> None:
    fail(idp, times=4, **FORGED)
    fail(idp, times=2, name_id="nobody@acme.example")
    assert state_of(connector) == State.READY


def test_failing_ends_with_another_cause_and_with_a_success(
    agent: Agent, idp: IdP, connector: Connector, alice: User, make_user: UserMaker
) -> None:
    fail(idp, times=5, **FORGED)
    assert state_of(connector) == State.FAILING
    fail(idp, times=1, name_id="nobody@acme.example")
    assert state_of(connector) == State.READY
    fail(idp, times=5, **FORGED)
    assert state_of(connector) == State.FAILING
    agent.sign_in(idp)
    assert state_of(connector) == State.TESTED


def test_end_of_the_certificates_is_kept(connector: Connector) -> None:
    (certificate,) = connector.signing_certificates
    assert connector.certificates_end == certificate.valid_until
    connector.enabled, connector.certificates = False, ""
    connector.save()
    connector.refresh_from_db()
    assert connector.certificates_end is None
    assert timezone.now() - connector.updated_at < timedelta(minutes=1)


def test_draft_is_not_tested_by_any_caller(make_connector: ConnectorMaker) -> None:
    """The screens offer it no test; the login refuses one all the same, and says so on an attempt."""
    draft = make_connector(enabled=False, endpoint="")
    starter = User.objects.create_superuser("root@acme.example", "a passphrase for tests")
    with pytest.raises(ConnectorNotReady):
        begin_test(draft, starter=starter, browser="b" * 43)
    assert Attempt.objects.get().cause == "connector_not_ready"
