"""An identity provider that is slow: its own agents wait on a page, and lose nothing; nobody else notices."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import escape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Page, expect

from sso_connectors.login.turns import MOST_WAITS
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import PendingLogin, PendingState
from sso_connectors.network import exchanges
from sso_connectors.protocols.oauth2 import protocol
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from tests.openid import OpenIdProvider
from users.models import User

from . import ways
from .pictures import look

pytestmark = [pytest.mark.django_db, pytest.mark.row(44)]

GOES_ON: Any = re.compile(r"[23];url=(\?[!-~]*)").fullmatch


@pytest.fixture
def connector(make_connector: ConnectorMaker, provider: OpenIdProvider) -> Connector:
    return make_connector(**provider.connector())


@pytest.fixture
def fill(connector: Connector) -> Iterator[Callable[[], ExitStack]]:
    """Take all places of the connector's host, as agents who wait for it do."""
    with ExitStack() as all_held:

        def take() -> ExitStack:
            held = all_held.enter_context(ExitStack())
            for _ in range(exchanges.PER_HOST_WITHOUT_THREADS):
                held.enter_context(
                    exchanges.under_way(urlsplit(connector.issuer_url).hostname or "")
                )
            return held

        yield take


def again(response: Any) -> str:
    """Where the page goes on to by itself."""
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    found = GOES_ON(response["Refresh"])
    assert found, response["Refresh"]
    assert f'href="{escape(found[1])}"' in response.content.decode(), "for who presses the button"
    return str(found[1])


def test_agent_who_comes_back_waits_and_gets_in(
    agent: Agent, provider: OpenIdProvider, alice: User, fill: Callable[[], ExitStack]
) -> None:
    answer = provider.authorize(agent.start_oauth())
    held = fill()
    next_step = again(agent.bring(answer))
    assert PendingLogin.objects.get().state == PendingState.BEGUN, "nothing is used up"
    assert provider.asked("token") == []
    assert Attempt.objects.get().outcome == Outcome.IN_PROGRESS
    next_step = again(agent.client.get(agent.back_to + next_step))
    held.close()

    response = agent.client.get(agent.back_to + next_step)
    assert response["Location"] == "/"
    assert agent.username == "alice@acme.example"
    assert len(provider.asked("token")) == 1


def test_form_post_waits_with_its_handle(
    agent: Agent, provider: OpenIdProvider, alice: User, fill: Callable[[], ExitStack]
) -> None:
    posted = agent.post_form(provider.authorize(agent.start_oauth()))
    held = fill()
    next_step = again(agent.finish(posted))
    held.close()

    assert agent.client.get(agent.back_to + next_step)["Location"] == "/"


def test_waiting_ends_in_a_failure_that_says_why(
    agent: Agent, provider: OpenIdProvider, alice: User, fill: Callable[[], ExitStack]
) -> None:
    answer = provider.authorize(agent.start_oauth())
    fill()
    response = agent.bring(answer)
    for _ in range(MOST_WAITS):
        response = agent.client.get(agent.back_to + again(response))

    attempt = ways.refused(response, "identity_provider_away", 424)
    assert "too slowly" in attempt.detail
    assert provider.asked("token") == []
    assert PendingLogin.objects.get().state == PendingState.CLAIMED


def test_nobody_ends_the_login_of_another_browser(
    agent: Agent, provider: OpenIdProvider, alice: User, fill: Callable[[], ExitStack]
) -> None:
    """`waited` is whatever a browser says; only the login's own comes as far as to count it."""
    answer = provider.authorize(agent.start_oauth())
    held = fill()
    stranger = Agent(Client(HTTP_HOST="localhost:8000"))
    stranger.start_oauth()
    response = stranger.bring(answer | {"waited": str(MOST_WAITS)})
    assert response.status_code == 403
    held.close()

    assert agent.bring(answer | {"waited": "no number"})["Location"] == "/"


def test_start_waits_only_where_somebody_must_be_asked(
    agent: Agent, provider: OpenIdProvider, alice: User, fill: Callable[[], ExitStack]
) -> None:
    held = fill()
    next_step = again(agent.open(next="/maker/?a=1&b=2"))
    assert not PendingLogin.objects.exists()
    assert not Attempt.objects.exists(), "who waits leaves no attempt"
    held.close()
    response = agent.client.get("/api/sso/login/acme" + next_step)
    assert response.status_code == 302
    assert PendingLogin.objects.get().next == "/maker/?a=1&b=2"

    fill()
    assert agent.open().status_code == 302, "the discovery document is kept"
    cache.clear()
    last = {"waited": str(MOST_WAITS)}
    ways.refused(agent.client.get("/api/sso/login/acme", last), "identity_provider_away", 424)


def test_test_sign_in_fails_at_once(
    maker: Client, connector: Connector, fill: Callable[[], ExitStack]
) -> None:
    """It begins by a POST, which no page can repeat by itself."""
    fill()
    response = maker.post(f"/maker/sso_connectors/connector/{connector.pk}/test/")
    attempt = Attempt.objects.get()
    assert response["Location"] == f"/maker/sso_connectors/attempt/{attempt.pk}/change/"
    assert attempt.cause == "identity_provider_away"


def test_saml_needs_no_place(
    agent: Agent, make_connector: ConnectorMaker, make_user: UserMaker, idp: IdP, fill: Any
) -> None:
    make_user("bob@acme.example", make_connector("saml"))
    fill()
    assert agent.sign_in(idp, "saml", name_id="bob@acme.example").status_code == 302


def test_a_login_has_one_time_for_all_that_is_asked(
    agent: Agent, provider: OpenIdProvider, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went before the browser left is missing when it is back."""
    answer = provider.authorize(agent.start_oauth())
    pending = PendingLogin.objects.get()
    assert pending.asked[protocol.SPENT] < protocol.MAX_SECONDS
    pending.asked[protocol.SPENT] = protocol.MAX_SECONDS
    pending.save()

    response = agent.bring(answer)
    attempt = ways.refused(response, "identity_provider_away", 424)
    assert "didn't answer in time" in attempt.detail
    assert protocol.MAX_SECONDS == 10


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_page_goes_on_by_itself(
    page: Page, site: str, provider: OpenIdProvider, connector: Connector, monkeypatch: Any
) -> None:
    host = urlsplit(connector.issuer_url).hostname or ""
    with ExitStack() as held:
        for number in range(exchanges.PER_HOST):
            monkeypatch.setattr(exchanges, "PER_HOST_WITHOUT_THREADS", number + 1)
            monkeypatch.setattr(exchanges, "IN_ALL_WITHOUT_THREADS", number + 1)
            held.enter_context(exchanges.under_way(host))
        with monkeypatch.context() as patch:
            patch.setattr("sso_connectors.views.secrets.randbelow", lambda _: 600)
            page.goto(f"{site}/api/sso/login/acme")
            look(page, "wait")
        page.get_by_role("link", name="Continue").click()
        expect(page.get_by_role("heading", name="One moment")).to_be_visible()
    page.wait_for_url(f"{provider.issuer}/**")
