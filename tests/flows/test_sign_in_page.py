"""Signing in again at the device where one has signed in before: the pages around it, and shared PCs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from sso_connectors.login import last_connector
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.secrets.encryption import Secret
from tests.accessibility import expect_accessible, expect_no_sideways_scroll
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from tests.openid import OpenIdProvider, once
from tests.rigs.process import IdentityProvider
from users.models import User

from .conftest import ProviderStarter
from .pictures import picture
from .test_real_providers import connect, expect_signed_in, give_password

COOKIE = "sso-connector"
ADDRESS = "http://localhost:8000/api/sso/login/acme"


def shown(agent: Agent, path: str = "/sign-in") -> str:
    return str(agent.client.get(path).content.decode())


def sign_out(agent: Agent) -> Any:
    agent.client.get("/sign-in")
    token = agent.client.cookies["csrftoken"].value
    return agent.client.post("/sign-out", {"csrfmiddlewaretoken": token})


def remembered(connector: Connector) -> str:
    """The value of the cookie that names the connector."""
    response = HttpResponse()
    last_connector.remember(response, connector)
    return response.cookies[COOKIE].value


@pytest.fixture
def google(make_connector: ConnectorMaker) -> Connector:
    """Where nobody can be asked for the password again."""
    return make_connector(
        "google",
        name="Acme",
        type="oauth2",
        authentication_method="google",
        client_id="x",
        client_secret=Secret.seal("y"),
        options={},
    )


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


# --- the last connector -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_offers_what_one_signed_in_through(agent: Agent, idp: IdP, alice: User) -> None:
    assert "Sign in with" not in shown(agent)
    completed = agent.sign_in(idp)

    cookie = completed.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 180 * 24 * 60 * 60
    assert cookie["path"] == "/"
    assert not cookie["secure"]
    assert "alice" not in cookie.value
    page = shown(agent, "/sign-in?next=/maker/")
    assert "Sign in with Acme" in page
    assert f'href="{ADDRESS}?next=%2Fmaker%2F"' in page
    assert f'href="{ADDRESS}?next=%2Fmaker%2F&amp;again=1"' in page
    assert "alice" not in page
    assert "/maker/login/?next=%2Fmaker%2F" in page


@pytest.mark.django_db
def test_next_leads_nowhere_else(agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp)
    page = shown(agent, "/sign-in?next=//evil.example/")

    assert "evil" not in page
    assert f'href="{ADDRESS}"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["deleted", "disabled", "draft", "renamed"])
def test_a_connector_that_lets_nobody_in_is_not_offered(
    agent: Agent, idp: IdP, alice: User, connector: Connector, how: str
) -> None:
    agent.sign_in(idp)
    if how == "deleted":
        connector.delete()
    else:
        changes: dict[str, dict[str, Any]] = {
            "disabled": {"enabled": False},
            "draft": {"enabled": False, "certificates": ""},
            "renamed": {"reference": "other"},
        }
        Connector.objects.update(**changes[how])

    page = shown(agent)
    assert "Acme" not in page
    assert "login address" in page


@pytest.mark.django_db
def test_made_up_cookies_read_no_names(agent: Agent, connector: Connector) -> None:
    """Unsigned, anybody could ask which customers there are."""
    value = remembered(connector)
    for forged in ("acme", '"acme"', value[:-1] + ("A" if value[-1] != "A" else "B"), ""):
        agent.client.cookies[COOKIE] = forged
        assert "Acme" not in shown(agent), forged

    agent.client.cookies[COOKIE] = value
    assert "Acme" in shown(agent)


@pytest.mark.django_db
def test_forgetting(agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp)
    assert agent.client.post("/sign-in/forget").status_code == 403, "another site can't"
    assert agent.client.get("/sign-in/forget").status_code == 405
    shown(agent)
    token = agent.client.cookies["csrftoken"].value
    response = agent.client.post(
        "/sign-in/forget", {"csrfmiddlewaretoken": token, "next": "/maker/"}
    )

    assert response["Location"] == "/sign-in?next=%2Fmaker%2F"
    assert response.cookies[COOKIE].value == ""
    assert "Acme" not in shown(agent)
    response = agent.client.post(
        "/sign-in/forget", {"csrfmiddlewaretoken": token, "next": "//evil.example"}
    )
    assert response["Location"] == "/sign-in"


@pytest.mark.django_db
def test_signing_out_ends_the_session_and_keeps_the_offer(
    agent: Agent, idp: IdP, alice: User
) -> None:
    agent.sign_in(idp)
    assert "alice@acme.example" in shown(agent, "/")
    assert agent.client.get("/sign-out").status_code == 405, "no link of a stranger's signs out"
    response = sign_out(agent)

    assert response["Location"] == "/signed-out"
    assert not Session.objects.exists()
    page = shown(agent, "/signed-out")
    assert "Sign in again with Acme" in page
    assert "Sign in as somebody else" in page
    assert "alice" not in page
    assert agent.username is None, "and no page signs in by itself"


@pytest.mark.django_db
def test_a_refused_login_and_a_test_are_not_remembered(
    agent: Agent, idp: IdP, connector: Connector
) -> None:
    agent.sign_in(idp)

    assert Attempt.objects.get().outcome == Outcome.FAILED
    assert COOKIE not in agent.client.cookies


@pytest.mark.django_db
def test_connector_is_offered_for_half_a_year(agent: Agent, connector: Connector) -> None:
    """A device that was passed on names nobody's company for ever, whatever its browser keeps."""
    agent.client.cookies[COOKIE] = remembered(connector)
    start = timezone.now()
    with time_machine.travel(start + timedelta(days=179)):
        assert connector.login_address in shown(agent)
    with time_machine.travel(start + timedelta(days=181)):
        assert connector.login_address not in shown(agent)


@pytest.mark.django_db
def test_under_https_the_cookie_is_the_hosts_own(settings: Any, connector: Connector) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.example"
    response = HttpResponse()
    last_connector.remember(response, connector)
    kept = response.cookies["__Host-sso-connector"]
    assert kept["secure"]
    assert not kept["domain"]

    last_connector.forget(response)
    assert response.cookies["__Host-sso-connector"]["secure"], "or browsers would keep it"


# --- somebody else at the same PC ---------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("asks", ["the connector", "the person"])
def test_saml_never_takes_the_last_ones_session_for_the_next_one(
    agent: Agent, idp: IdP, alice: User, connector: Connector, asks: str
) -> None:
    """An identity provider that overlooks ForceAuthn signs in whoever sat there before."""
    agent.sign_in(idp)
    sign_out(agent)
    before = timezone.now() - timedelta(hours=1)
    query: dict[str, str] = {}
    if asks == "the connector":
        Connector.objects.update(force_authn=True)
        assert "again=1" not in shown(agent), "the plain button asks already"
        assert "You will be asked for your password" in shown(agent)
    else:
        query = {"again": "1"}

    request = agent.start(**query)
    assert request.force_authn
    response = agent.answer(idp.respond(request, authn_instant=before))
    assert response.status_code == 403
    assert agent.username is None
    assert agent.answer(idp.respond(agent.start(**query)))["Location"] == "/"
    assert agent.username == "alice@acme.example"


@pytest.mark.django_db
def test_asking_again_is_for_one_login(agent: Agent, idp: IdP, alice: User) -> None:
    assert agent.start(again="1").force_authn
    for query in ({}, {"again": "0"}, {"again": ""}):
        assert not agent.start(**query).force_authn
    before = timezone.now() - timedelta(hours=1)
    agent.answer(idp.respond(agent.start(), authn_instant=before))
    assert agent.username == "alice@acme.example"


@pytest.mark.django_db
@pytest.mark.parametrize("by_post", [False, True])
def test_oauth_never_takes_the_last_ones_session_for_the_next_one(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    by_post: bool,
) -> None:
    make_user("alice@acme.example", make_connector(**provider.connector()))
    url = agent.start_oauth(again="1")
    asked = once(url.partition("?")[2])
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    answer = provider.authorize(url, signed_in_at=0.0)
    response = agent.finish(agent.post_form(answer)) if by_post else agent.bring(answer)
    assert response.status_code == 403
    assert agent.username is None

    agent.bring(provider.authorize(agent.start_oauth(again="1")))
    assert agent.username == "alice@acme.example"
    assert "again=1" in shown(agent)


@pytest.mark.django_db
def test_where_the_provider_cant_ask_again_nothing_is_promised(
    agent: Agent, google: Connector
) -> None:
    agent.client.cookies[COOKIE] = remembered(google)

    page = shown(agent)
    assert "Sign in with Acme" in page
    assert "again=1" not in page
    assert "Sign out there first" in page


ANSWERS: dict[str, dict[str, Any]] = {
    "not_admitted": {"name_id": "nobody@acme.example"},
    "response_refused": {"audience": "https://old.example"},
    "identity_provider_error": {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
}


@pytest.mark.django_db
def test_who_was_taken_for_the_last_one_can_go_on(agent: Agent, idp: IdP, alice: User) -> None:
    """The three causes look the same: the page tells nobody whether it is the person we don't know."""
    pages = set()
    for cause, lies in ANSWERS.items():
        response = agent.sign_in(idp, **lies)
        attempt = Attempt.objects.latest("pk")
        assert attempt.cause == cause
        pages.add(response.content.decode().replace(attempt.code, "CODE"))
    (page,) = pages
    assert f'href="{ADDRESS}?again=1"' in page
    assert "Sign in as somebody else" in page
    assert agent.start(again="1").force_authn


@pytest.mark.django_db
def test_where_trying_again_asks_anyway_there_is_one_button(
    agent: Agent, idp: IdP, alice: User
) -> None:
    Connector.objects.update(force_authn=True)
    page = agent.sign_in(idp, name_id="nobody@acme.example").content.decode()
    assert "Try again" in page
    assert "somebody" not in page


@pytest.mark.django_db
def test_where_the_provider_cant_ask_one_signs_out_there(agent: Agent, google: Connector) -> None:
    attempt = Attempt.objects.create(connector=google, outcome=Outcome.FAILED, cause="not_admitted")
    page = shown(agent, f"/api/sso/login/callback?failed={attempt.code}")
    assert "Sign out of your company's sign-in page, then try again" in page
    assert "again=1" not in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cause", ["declined", "identity_provider_away", "connector_not_ready", "no_such_login"]
)
def test_where_nobody_was_named_there_is_no_somebody_else(
    agent: Agent, connector: Connector, cause: str
) -> None:
    attempt = Attempt.objects.create(connector=connector, outcome=Outcome.FAILED, cause=cause)
    page = shown(agent, f"/api/sso/login/callback?failed={attempt.code}")
    assert "Try again" in page
    assert "somebody" not in page


# --- in a real browser ------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.identity_provider
@pytest.mark.django_db(transaction=True)
def test_two_agents_at_one_pc(
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    """The plain button takes the session at the identity provider; *somebody else* asks for the password."""
    provider: IdentityProvider = start_simplesamlphp()
    connect(make_connector, make_user, provider)
    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    expect_signed_in(page, site)
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/signed-out")

    page.get_by_role("link", name="Sign in again with Acme").click()
    expect_signed_in(page, site)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in as somebody else").click()
    assert provider.base_url in page.url
    give_password(page)
    expect_signed_in(page, site)

    page.goto(f"{site}/sign-in")
    page.get_by_role("button", name="Not your company?").click()
    expect(page.get_by_text("Open your company's login address")).to_be_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_pages_outside_are_fit_to_be_seen(
    page: Page,
    context: BrowserContext,
    site: str,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    google: Connector,
    settings: Any,
    look: str,
) -> None:
    settings.SUPPORT_CONTACT = "help@ino.example"
    long_name = make_connector("acme", name="Acme & Söhne Versicherungsgesellschaft (Aachen)")
    usual = make_connector("usual", name="Acme")
    asking = make_connector("asking", name="Acme", force_authn=True)
    make_user("boss@maker.example", password="correct horse", is_staff=True)

    def keep(name: str, path: str) -> None:
        page.goto(f"{site}{path}")
        expect_accessible(page)
        expect_no_sideways_scroll(page)
        picture(page, f"{name}-{look}")

    keep("sign-in", "/sign-in")
    keep("signed-out", "/signed-out")
    keep("failure-404", "/api/sso/login/nobody")
    for name, connector in (
        ("usual", usual),
        ("long", long_name),
        ("asking", asking),
        ("google", google),
    ):
        context.add_cookies([{"name": COOKIE, "value": remembered(connector), "url": site}])
        keep(f"sign-in-{name}", "/sign-in")
        keep(f"signed-out-{name}", "/signed-out")
    Connector.objects.filter(pk=usual.pk).update(enabled=False, contact="it@acme.example")
    keep("failure", "/api/sso/login/usual")

    keep("staff-sign-in", "/maker/login/?next=/")
    page.get_by_label("Username").fill("boss@maker.example")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("boss@maker.example")).to_be_visible()
    keep("landing", "/")
