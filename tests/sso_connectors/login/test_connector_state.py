"""Tested, failing: what a connector's attempts say of it, and what makes it untested again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors import addresses
from sso_connectors.login.connector_state import note_failed
from sso_connectors.login.flow import begin_test
from sso_connectors.models import Connector, State
from sso_connectors.models.attempt import Attempt
from sso_connectors.results.errors import ConnectorNotReady
from sso_connectors.secrets.encryption import Secret
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, ReceivedRequest, form_value, other_key
from tests.openid import OpenIdProvider, html
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

    monkeypatch.setattr("sso_connectors.login.flow.note_sign_in", change)
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


# --- what strangers send moves nothing -------------------------------------------------------------


STRANGERS: list[dict[str, Any]] = [
    FORGED,
    {"sign": "none"},
    {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder", "assertions": 0},
]


def requests_of_others(times: int) -> list[ReceivedRequest]:
    """Logins that several agents have begun, and are in the middle of."""
    return [Agent().start() for _ in range(times)]


@pytest.mark.row(45)
@pytest.mark.parametrize("lies", STRANGERS, ids=["forged", "unsigned", "a failure"])
def test_refused_answers_of_strangers(
    agent: Agent, idp: IdP, connector: Connector, alice: User, lies: dict[str, Any]
) -> None:
    """Whoever saw the requests answers them first; those who began don't come back."""
    agent.sign_in(idp)
    for request in requests_of_others(12):
        response = Agent().post(idp.respond(request, **lies))
        Agent().client.get(response["Location"])  # with another cookie, or none
        other = Agent()
        other.start()
        other.client.get(response["Location"])
    assert Attempt.objects.filter(outcome="failed").count() == 12
    assert state_of(connector) == State.TESTED


@pytest.mark.row(45)
def test_unsolicited_answers_of_strangers(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    agent.sign_in(idp)
    for _ in range(12):
        said = {"acs_url": addresses.reply_url(), "audience": addresses.identity(), **FORGED}
        Agent().answer(form_value(idp.unsolicited(**said)))
    assert Attempt.objects.filter(outcome="failed").count() == 12
    assert state_of(connector) == State.TESTED


@pytest.mark.row(45)
def test_verified_answers_count_without_the_browser(idp: IdP, connector: Connector) -> None:
    """The identity provider signed them, so no stranger made them up."""
    for request in requests_of_others(5):
        Agent().post(idp.respond(request, audience="https://other.example"))
    assert state_of(connector) == State.FAILING


@pytest.mark.row(45)
def test_stranger_changes_nothing_of_what_counts(idp: IdP, connector: Connector) -> None:
    agent = Agent()
    request = agent.start()
    agent.answer(idp.respond(request, name_id="nobody", **FORGED))
    before = Attempt.objects.values().get()
    assert before["counts"]
    Agent().post(idp.respond(request, status="urn:oasis:names:tc:SAML:2.0:status:Responder"))
    assert Attempt.objects.values().get() == before


@pytest.mark.row(45)
def test_strangers_hide_no_failure(idp: IdP, connector: Connector) -> None:
    """Theirs stand between those that count."""
    fail(idp, times=4, **FORGED)
    for request in requests_of_others(30):
        Agent().post(idp.respond(request, sign="none", status="urn:no", assertions=0))
    assert state_of(connector) == State.READY
    fail(idp, times=1, people=1, **FORGED)
    assert state_of(connector) == State.FAILING


@pytest.mark.row(45)
def test_starts_at_a_disabled_connector(connector: Connector) -> None:
    Connector.objects.update(enabled=False)
    for _ in range(6):
        assert Agent().open().status_code == 403
    Connector.objects.update(enabled=True)
    assert state_of(connector) == State.READY


def test_provider_that_is_away_before_anybody_signs_in(
    make_connector: ConnectorMaker, provider: OpenIdProvider
) -> None:
    """Our own server has asked it, so no stranger can say so."""
    connector = make_connector(**provider.connector())
    provider.faults["discovery"] = html
    for _ in range(5):
        assert Agent().open().status_code >= 400
        cache.clear()
    assert state_of(connector) == State.FAILING


def test_answer_that_came_with_the_browsers_cookie(
    make_connector: ConnectorMaker, provider: OpenIdProvider
) -> None:
    """An error of an OAUTH 2 provider is vouched for by nobody; the browser that began brings it."""
    connector = make_connector(**provider.connector())
    for _ in range(5):
        agent = Agent()
        agent.bring(provider.decline(agent.start_oauth(), error="invalid_scope"))
    assert state_of(connector) == State.FAILING
    assert connector.failing_cause == "identity_provider_error"


def test_attempt_that_does_not_count_costs_nothing_more(
    connector: Connector, django_assert_num_queries: Callable[[int], Any]
) -> None:
    attempt = Attempt(connector=connector, outcome="failed", cause="response_refused")
    with django_assert_num_queries(0):
        note_failed(attempt)


def test_too_few_attempts_that_count_leave_the_state(idp: IdP, connector: Connector) -> None:
    """As after an upgrade from a version that didn't tell them apart."""
    Connector.objects.update(failing_cause="response_refused")
    fail(idp, times=1, name_id="nobody@acme.example")
    assert state_of(connector) == State.FAILING
