"""A test sign-in over HTTP: the very way of a login, which ends before the session.

Both protocols go through the same tests.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.models.token import Token
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, read_post_form, read_redirect
from tests.openid import OpenIdProvider
from users.models import User

from .ways import Way

pytestmark = pytest.mark.django_db

PASSWORD_BACKEND = "sso_connectors.login.sessions.PasswordBackend"
MAY_TEST = ("view_connector", "test_sign_in", "view_attempt")


@dataclass
class Starter(Agent):
    """Somebody of the staff, signed in to the Maker by password, at their browser."""

    user: User = field(kw_only=True)

    def begin(self, connector: Connector) -> Any:
        """Press *Test sign-in* where it is offered, or send what it would."""
        page = self.client.get(f"/maker/sso_connectors/connector/{connector.pk}/change/")
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
        return self.client.post(address(connector), {"csrfmiddlewaretoken": token[0]})

    def leave(self, connector: Connector) -> str:
        """Press *Test sign-in* and return where the browser goes on to."""
        response = self.begin(connector)
        assert response.status_code == 200, (
            "a form's answer that redirects is blocked by form-action"
        )
        (url,) = re.findall(r'content="0;url=([^"]+)"', response.content.decode())
        return str(url).replace("&amp;", "&")


def address(connector: Connector) -> str:
    return f"/maker/sso_connectors/connector/{connector.pk}/test/"


def result(attempt: Attempt) -> str:
    return f"/maker/sso_connectors/attempt/{attempt.pk}/change/"


StarterMaker = Callable[..., Starter]


@pytest.fixture
def make_starter(make_user: UserMaker) -> StarterMaker:
    def make(username: str = "tester@maker.example", *permissions: str) -> Starter:
        user = make_user(username, is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label="sso_connectors", codename__in=permissions or MAY_TEST
            )
        )
        starter = Starter(user=user)
        starter.client.force_login(user, backend=PASSWORD_BACKEND)
        return starter

    return make


@pytest.fixture
def starter(make_starter: StarterMaker) -> Starter:
    return make_starter()


def refused(attempt: Attempt) -> set[str]:
    return {check["name"] for check in attempt.checks if not check["passed"]}


def passed() -> Attempt:
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.purpose) == (Outcome.TEST_PASSED, "test")
    return attempt


# --- the pass --------------------------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
def test_passes_and_signs_nobody_in(
    way: Way, starter: Starter, make_user: UserMaker, enabled: bool
) -> None:
    connector = way.make(enabled=enabled)
    alice = make_user("alice@acme.example", connector)
    sessions = set(Session.objects.values_list("pk", flat=True))
    url = starter.leave(connector)
    response = way.answer(starter, url, "alice@acme.example")

    attempt = passed()
    assert response.status_code == 302
    assert response["Location"] == result(attempt)
    assert attempt.username == "alice@acme.example"
    assert attempt.user == alice, "whom it would let in, enabled or not yet"
    assert refused(attempt) == set()
    assert {name: attempt.claims[name] for name in way.claims} == way.claims
    assert starter.username == "tester@maker.example", "still who they were"
    assert set(Session.objects.values_list("pk", flat=True)) == sessions
    link = Link.objects.get()
    assert (link.subject, link.last_sign_in_at) == (None, None)
    assert not Token.objects.exists()
    page = starter.client.get(result(attempt))
    assert page.status_code == 200
    assert ("once the connector is enabled" in page.content.decode()) == (not enabled)
    connector.refresh_from_db()
    assert connector.tested_at is not None
    assert connector.state == ("tested" if enabled else "disabled")


def test_somebody_unlinked_passes_without_a_user(way: Way, starter: Starter) -> None:
    connector = way.make()
    way.answer(starter, starter.leave(connector), "bob@acme.example")

    attempt = passed()
    assert (attempt.user, attempt.username) == (None, "bob@acme.example")
    assert refused(attempt) == {"linked user"}
    connector.refresh_from_db()
    assert connector.state == "tested", "the identity provider did its part"


def test_a_change_makes_it_untested(way: Way, starter: Starter) -> None:
    connector = way.make()
    way.answer(starter, starter.leave(connector), "alice@acme.example")
    connector.refresh_from_db()
    connector.name = "Renamed"
    connector.save()
    assert connector.state == "tested"
    for name, value in way.change.items():
        setattr(connector, name, value)
    connector.save()

    assert Connector.objects.get().state == "ready"


def test_request_by_post(
    starter: Starter, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    response = starter.begin(make_connector(binding="post"))
    policy = response["Content-Security-Policy"] + ";"
    assert "form-action https://idp.example;" in policy
    page = response.content.decode()
    assert "csrfmiddlewaretoken" not in page, "it would be sent to the identity provider"
    starter.answer(idp.respond(read_post_form(page)))

    assert passed().username == "alice@acme.example"


# --- the failure -----------------------------------------------------------------------------


@pytest.mark.parametrize("arrives", ["by get", "by post"])
def test_a_declined_test_leads_to_its_result(
    starter: Starter, provider: OpenIdProvider, make_connector: ConnectorMaker, arrives: str
) -> None:
    connector = make_connector(**provider.connector())
    answer = provider.decline(starter.leave(connector))
    if arrives == "by get":
        response = starter.bring(answer)
    else:
        response = starter.finish(starter.post_form(answer))

    attempt = Attempt.objects.get()
    assert attempt.outcome == Outcome.FAILED
    assert response["Location"] == result(attempt)
    assert starter.client.get(result(attempt)).status_code == 200
    connector.refresh_from_db()
    assert connector.tested_at is None


def test_an_answer_that_lies_fails_the_test(way: Way, starter: Starter) -> None:
    connector = way.make()
    response = way.answer(starter, starter.leave(connector), "alice@acme.example", **way.lie)

    attempt = Attempt.objects.get()
    assert response["Location"] == result(attempt)
    assert attempt.outcome == Outcome.FAILED
    assert "audience" in refused(attempt)
    assert attempt.user is None
    assert starter.client.get(result(attempt)).status_code == 200
    connector.refresh_from_db()
    assert connector.tested_at is None


def test_nobody_else_is_led_to_the_result(
    starter: Starter, make_starter: StarterMaker, idp: IdP, connector: Connector
) -> None:
    other = make_starter("other@maker.example")
    request = read_redirect(starter.leave(connector))
    posted = starter.post(idp.respond(request, audience="https://other.example"))
    for somebody in (other, Agent()):
        response = somebody.client.get(posted["Location"])
        assert response.status_code == 403
        assert Attempt.objects.get().code in response.content.decode()


# --- who may, and how ------------------------------------------------------------------------


def test_a_draft_can_not_be_tested(way: Way, starter: Starter) -> None:
    missing = {"saml2": {"certificates": ""}, "oauth2": {"client_id": ""}}
    connector = way.make(enabled=False)
    for name, value in missing[connector.type].items():
        setattr(connector, name, value)
    connector.save()
    assert connector.state == "draft"

    assert starter.client.get(address(connector)).status_code == 405
    assert starter.begin(connector).status_code == 403
    assert not PendingLogin.objects.exists()


def test_starts_by_a_post_with_its_token_only(starter: Starter, connector: Connector) -> None:
    assert starter.client.get(address(connector)).status_code == 405
    assert starter.client.post(address(connector)).status_code == 403
    assert not PendingLogin.objects.exists()
    assert not Attempt.objects.exists()


@pytest.mark.parametrize(
    "permissions", [("view_connector",), ("view_connector", "change_connector", "change_trust")]
)
def test_takes_its_permission(
    make_starter: StarterMaker, connector: Connector, permissions: tuple[str, ...]
) -> None:
    staff = make_starter("staff@maker.example", *permissions)
    assert staff.begin(connector).status_code == 403
    stranger = Client(HTTP_HOST=HOST)
    assert stranger.post(address(connector)).status_code == 302
    assert not PendingLogin.objects.exists()


def test_only_its_starter_sees_the_result(
    way: Way, starter: Starter, make_starter: StarterMaker
) -> None:
    way.answer(starter, starter.leave(way.make()), "alice@acme.example")
    attempt = passed()
    other = make_starter("other@maker.example")

    assert starter.client.get(result(attempt)).status_code == 200
    response = other.client.get(result(attempt))
    assert response.status_code != 200
    assert "alice@acme.example" not in response.content.decode()
    listed = other.client.get("/maker/sso_connectors/attempt/")
    assert attempt.code not in listed.content.decode()


# --- a test is no login, a login no test -----------------------------------------------------


def test_an_answer_to_a_test_signs_nobody_in_elsewhere(
    way: Way, starter: Starter, make_user: UserMaker
) -> None:
    """Whoever has a test's answer, the IdP's own page say, has no session by it."""
    connector = way.make()
    make_user("alice@acme.example", connector)
    url = starter.leave(connector)
    agent = Agent()
    agent.open()
    response = way.answer(agent, url, "alice@acme.example")

    assert response.status_code == 403
    assert agent.username is None
    assert not Attempt.objects.filter(outcome=Outcome.SIGNED_IN).exists()


def test_a_login_in_the_starters_browser_stays_a_login(
    way: Way, starter: Starter, make_user: UserMaker
) -> None:
    """Both under way in one browser: each answer belongs to its own request."""
    connector = way.make()
    make_user("alice@acme.example", connector)
    to_test = starter.leave(connector)
    to_sign_in = starter.open()["Location"]

    assert way.answer(starter, to_test, "alice@acme.example")["Location"].startswith("/maker/")
    assert starter.username == "tester@maker.example"
    assert way.answer(starter, to_sign_in, "alice@acme.example")["Location"] == "/"
    assert starter.username == "alice@acme.example"
    assert {attempt.purpose: attempt.outcome for attempt in Attempt.objects.all()} == {
        "test": Outcome.TEST_PASSED,
        "sign_in": Outcome.SIGNED_IN,
    }


def test_a_disabled_connector_signs_nobody_in_after_a_test(
    way: Way, starter: Starter, make_user: UserMaker
) -> None:
    connector = way.make(enabled=False)
    make_user("alice@acme.example", connector)
    way.answer(starter, starter.leave(connector), "alice@acme.example")

    passed()
    assert starter.open().status_code == 403
