"""What a login promises whatever the protocol, over HTTP: each test goes both ways."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session

from sso_connectors.login import flow
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from sso_connectors.models.pending_login import PendingLogin
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.openid import OpenIdProvider
from users.models import User

from .ways import Way, refused

pytestmark = pytest.mark.django_db

ALICE = "alice@acme.example"
BOB = "bob@acme.example"


@pytest.fixture
def connector(way: Way) -> Connector:
    return way.make()


# --- the pass --------------------------------------------------------------------------------


def test_next(way: Way, agent: Agent, alice: User) -> None:
    url = agent.start_oauth(next="/maker/?a=b")

    assert way.answer(agent, url, ALICE)["Location"] == "/maker/?a=b"


@pytest.mark.row(26)
@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\nx"],
)
def test_next_never_leads_away(way: Way, agent: Agent, alice: User, target: str) -> None:
    url = agent.start_oauth(next=target)

    assert PendingLogin.objects.get().next == "", "checked when stored"
    assert way.answer(agent, url, ALICE)["Location"] == "/"


@pytest.mark.row(26)
def test_next_is_checked_when_used_too(way: Way, agent: Agent, alice: User) -> None:
    url = agent.start_oauth()
    PendingLogin.objects.update(next="//evil.example")

    assert way.answer(agent, url, ALICE)["Location"] == "/"


def test_two_tabs(way: Way, agent: Agent, alice: User) -> None:
    first, second = agent.start_oauth(), agent.start_oauth()

    assert way.answer(agent, first, ALICE).status_code == 302
    assert way.answer(agent, second, ALICE).status_code == 302


def test_head_and_prefetch_start_nothing(
    agent: Agent, connector: Connector, provider: OpenIdProvider
) -> None:
    assert agent.client.head("/api/sso/login/acme").status_code == 200
    prefetch = agent.client.get("/api/sso/login/acme", headers={"Sec-Purpose": "prefetch"})
    assert prefetch.status_code == 403
    assert agent.client.post("/api/sso/login/acme").status_code in {403, 405}

    assert not PendingLogin.objects.exists()
    assert not Attempt.objects.exists()
    assert provider.requests == []


@pytest.mark.row(25)
def test_session_key_and_csrf_token_change(way: Way, agent: Agent, alice: User) -> None:
    fixed = agent.client.session
    fixed["planted"] = "yes"
    fixed.save()
    agent.client.cookies[settings.SESSION_COOKIE_NAME] = fixed.session_key or ""
    agent.client.get("/maker/login/")
    token = agent.client.cookies["csrftoken"].value

    way.sign_in(agent, ALICE)

    assert agent.client.cookies[settings.SESSION_COOKIE_NAME].value != fixed.session_key
    assert agent.client.cookies["csrftoken"].value != token
    assert not Session.objects.filter(session_key=fixed.session_key).exists()


@pytest.mark.row(16)
def test_session_ends_with_the_link(way: Way, agent: Agent, alice: User) -> None:
    way.sign_in(agent, ALICE)
    assert agent.username == ALICE

    Link.objects.all().delete()
    assert agent.username is None


# --- who gets in -----------------------------------------------------------------------------


@pytest.mark.row(28)
def test_unknown_unlinked_and_inactive_look_the_same(
    way: Way, agent: Agent, connector: Connector, make_user: UserMaker
) -> None:
    make_user("unlinked@acme.example")
    make_user("inactive@acme.example", connector, is_active=False)
    pages = []
    for name in ("nobody", "unlinked", "inactive"):
        response = way.sign_in(agent, f"{name}@acme.example")
        attempt = Attempt.objects.latest("pk")
        assert attempt.cause == "not_admitted"
        headers = {k: v for k, v in response.headers.items() if k != "Content-Length"}
        pages.append(
            (response.status_code, response.content.decode().replace(attempt.code, ""), headers)
        )

    assert pages[0] == pages[1] == pages[2]
    assert agent.username is None


@pytest.mark.row(13)
def test_user_of_another_connector(
    way: Way,
    agent: Agent,
    connector: Connector,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    make_user("bob@other.example", make_connector("other"))

    refused(way.sign_in(agent, "bob@other.example"), "not_admitted")


@pytest.mark.row(27)
@pytest.mark.parametrize("kind", ["is_staff", "is_superuser"])
def test_staff_need_a_connector_that_may_sign_them_in(
    way: Way, agent: Agent, connector: Connector, make_user: UserMaker, kind: str
) -> None:
    make_user("boss@acme.example", connector, **{kind: True})

    refused(way.sign_in(agent, "boss@acme.example"), "not_admitted")

    Connector.objects.update(staff_may_sign_in=True)
    way.sign_in(agent, "boss@acme.example")
    assert agent.username == "boss@acme.example"


@pytest.mark.row(23)
def test_subject_is_remembered_and_held_to(way: Way, agent: Agent, alice: User) -> None:
    way.sign_in(agent, ALICE, subject="first-person")
    assert Link.objects.get().subject == "first-person"

    stranger = Agent()
    response: Any = way.sign_in(stranger, ALICE, subject="second-person")
    assert response.status_code == 403
    assert stranger.username is None
    assert Attempt.objects.latest("pk").cause == "not_admitted"
    assert Link.objects.get().subject == "first-person"


@pytest.mark.row(23)
def test_subject_of_another_user_is_refused(
    way: Way, agent: Agent, connector: Connector, alice: User, make_user: UserMaker
) -> None:
    bob = make_user(BOB, connector)
    Link.objects.filter(user=bob).update(subject="bob-for-good")

    refused(way.sign_in(agent, ALICE, subject="bob-for-good"), "not_admitted")


@pytest.mark.row(16)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["due", "PROTOCOLS"])
def test_connector_is_deleted_while_a_login_begins(
    agent: Agent, connector: Connector, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the attempt is stored, or before the login is: a provider may be asked in between."""
    real: Any = getattr(flow, step)

    class Late(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            Connector.objects.all().delete()
            return real[key]

    def late(*arguments: Any, **named: Any) -> Any:
        Connector.objects.all().delete()
        return real(*arguments, **named)

    monkeypatch.setattr(flow, step, Late() if isinstance(real, dict) else late)
    response = agent.client.get(connector.login_address)

    assert refused(response, "unknown_connector", status=404).connector is None
