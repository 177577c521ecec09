"""Where an OAUTH 2 provider sends people back to, and that nobody's answer is spent anywhere else.

The attack (RFC 9700 section 4.4): whoever runs the server behind one connector, “evil”, begins a login at
another, “acme”, lets a victim open evil's login address, and sends the victim's browser on to acme's provider
with the state of evil's login. What comes back would be sent to evil's token endpoint.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from django.test import Client

from sso_connectors import addresses
from sso_connectors.diagnosis import diagnose
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from sso_connectors.models.pending_login import LIFETIME, PendingLogin
from tests.agent import CALLBACK, OAUTH_CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import OMIT, IdP
from tests.openid import OpenIdProvider
from tests.vendors.every import EVERY
from tests.vendors.sign_in import make_oauth2
from users.models import User

from . import ways

pytestmark = pytest.mark.django_db

BASE = "http://localhost:8000"
SHARED = {"callback": CALLBACK, "oauth/callback": OAUTH_CALLBACK}


def failed(attempt: Attempt) -> set[str]:
    return {check["name"] for check in attempt.checks if not check["passed"]}


def with_state_of(address: str, other: str) -> str:
    """The request that the victim's browser is sent on with: acme's, with the state of evil's login."""
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query))
    asked["state"] = dict(parse_qsl(urlsplit(other).query))["state"]
    return urlunsplit(parts._replace(query=urlencode(asked)))


# --- the attack -----------------------------------------------------------------------------------------


@pytest.mark.row(41)
@pytest.mark.parametrize("choice", ["own", "callback", "oauth/callback"])
@pytest.mark.parametrize("evils", ["own", "callback", "oauth/callback"])
@pytest.mark.parametrize("name", EVERY)
def test_no_code_reaches_another_connectors_server(
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    choice: str,
    evils: str,
) -> None:
    known = EVERY[name]
    with known.double() as vendor, OpenIdProvider(host="127.0.0.3") as evil:
        known.point_at(vendor, monkeypatch)
        # Its documents are the attacker's own.
        evil.discovery["authorization_response_iss_parameter_supported"] = OMIT
        acme = make_oauth2(make_connector, known.method, known.options(vendor), redirect_uri=choice)
        vendor.redirect_uri = acme.redirect_address
        make_user("alice@acme.example", acme)
        make_connector("evil", **evil.connector("evil", redirect_uri=evils))
        attacker, victim = Agent(), Agent()
        at_acme = attacker.start_oauth("acme")
        answer = vendor.authorize(with_state_of(at_acme, victim.start_oauth("evil")))

        came_to = urlsplit(acme.redirect_address).path
        response = Agent(client=victim.client, back_to=came_to).bring(answer)

        assert response.status_code == 403
        assert evil.asked("token") == []
        assert victim.username is None
        attempt = Attempt.objects.get(connector__reference="evil")
        assert attempt.cause == "response_refused"
        assert failed(attempt) & {
            "redirect URI",
            "issuer at a shared redirect URI",
            "response issuer",
        }


# --- own and shared ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["acme", "Acme.2+x@y_z-1", "oauth", "0"])
def test_own_redirect_uri_of_any_reference(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    reference: str,
) -> None:
    connector = make_connector(reference, **provider.connector(reference))
    make_user("alice@acme.example", connector)
    provider.redirect_uri = connector.redirect_address

    assert agent.sign_in_oauth(provider, reference).status_code == 302
    assert agent.username == "alice@acme.example"
    (exchange,) = provider.asked("token")
    assert exchange.fields["redirect_uri"] == connector.redirect_address


@pytest.mark.parametrize(("choice", "path"), SHARED.items())
@pytest.mark.parametrize("by_post", [False, True])
def test_shared_redirect_uri_where_the_server_names_itself(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    choice: str,
    path: str,
    by_post: bool,
) -> None:
    connector = make_connector(**provider.connector(redirect_uri=choice))
    make_user("alice@acme.example", connector)
    provider.redirect_uri = f"{BASE}{path}"
    answer = provider.authorize(agent.start_oauth())
    response = agent.finish(agent.post_form(answer)) if by_post else agent.bring(answer)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"


@pytest.mark.row(41)
@pytest.mark.parametrize(("choice", "path"), SHARED.items())
def test_shared_redirect_uri_where_the_server_does_not_name_itself(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    choice: str,
    path: str,
) -> None:
    connector = make_connector(**provider.connector(redirect_uri=choice))
    make_user("alice@acme.example", connector)
    provider.redirect_uri = f"{BASE}{path}"
    provider.discovery["authorization_response_iss_parameter_supported"] = OMIT
    answer = provider.authorize(agent.start_oauth(), answer={"iss": OMIT})

    attempt = ways.refused(agent.bring(answer), "response_refused", 403)
    assert failed(attempt) == {"issuer at a shared redirect URI"}
    assert provider.asked("token") == []
    advice = diagnose(attempt).summary
    assert f"Register {connector_own(connector)} as a redirect URI" in advice


def connector_own(connector: Connector) -> str:
    return addresses.own_redirect_uri(connector.reference)


WHERE = {"own": f"{OAUTH_CALLBACK}/acme", **SHARED}
ELSEWHERE = ("other", "ACME", "acme%252e")


@pytest.mark.row(41)
@pytest.mark.parametrize(
    ("choice", "path"),
    [
        (choice, path)
        for choice, right in WHERE.items()
        for path in (*WHERE.values(), *(f"{OAUTH_CALLBACK}/{name}" for name in ELSEWHERE))
        if path != right
    ],
)
@pytest.mark.parametrize("by_post", [False, True])
def test_answer_on_another_path(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    choice: str,
    path: str,
    by_post: bool,
) -> None:
    connector = make_connector(**provider.connector(redirect_uri=choice))
    make_user("alice@acme.example", connector)
    provider.redirect_uri = connector.redirect_address
    answer = provider.authorize(agent.start_oauth())
    there = Agent(client=agent.client, back_to=path)
    response = there.finish(there.post_form(answer)) if by_post else there.bring(answer)

    attempt = ways.refused(response, "response_refused", 403)
    assert failed(attempt) == {"redirect URI"}
    assert provider.asked("token") == []
    sentence = diagnose(attempt).summary
    assert connector.redirect_address in sentence
    if by_post:  # a post without the browser's cookie uses nobody's login up
        assert agent.bring(answer).status_code == 302


@pytest.mark.row(41)
@pytest.mark.parametrize("path", [OAUTH_CALLBACK, f"{OAUTH_CALLBACK}/acme"])
@pytest.mark.parametrize("asked", [True, False])
def test_saml_response_at_a_redirect_uri(
    agent: Agent, idp: IdP, alice: User, path: str, asked: bool
) -> None:
    response: Any = (
        idp.respond(agent.start())
        if asked
        else idp.unsolicited(acs_url=f"{BASE}{CALLBACK}", audience=addresses.identity())
    )
    answered = agent.finish(agent.post_form({"SAMLResponse": response}, to=path))

    assert ways.refused(answered, "bad_message", 400).detail == (
        "A SAML response came to a redirect URI of OAuth 2."
    )
    assert agent.username is None
    if asked:
        assert agent.answer(response).status_code == 302, "nothing was used up"


def test_login_that_began_before_the_upgrade(
    agent: Agent, provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """The code of before kept no address, and had one."""
    make_user("alice@acme.example", make_connector(**provider.connector(redirect_uri="callback")))
    provider.redirect_uri = f"{BASE}{CALLBACK}"
    answer = provider.authorize(agent.start_oauth())
    PendingLogin.objects.update(returns_to="")

    assert agent.bring(answer).status_code == 302
    assert agent.username == "alice@acme.example"


def test_choice_that_changes_during_a_login(
    agent: Agent, provider: OpenIdProvider, alice_at: Connector
) -> None:
    answer = provider.authorize(agent.start_oauth())
    alice_at.redirect_uri = "callback"
    alice_at.save()

    assert agent.bring(answer).status_code == 302, "it comes back as it began"


@pytest.fixture
def alice_at(
    provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker
) -> Connector:
    connector = make_connector(**provider.connector())
    make_user("alice@acme.example", connector)
    return connector


# --- what says so -----------------------------------------------------------------------------------------


def test_provider_that_knows_another_address_only(
    provider: OpenIdProvider, agent: Agent, alice_at: Connector
) -> None:
    """D2: the help pages have customers register the second shared address."""
    provider.redirect_uri = f"{BASE}{OAUTH_CALLBACK}"
    agent.start_oauth()
    attempt = Attempt.objects.get()
    Attempt.objects.update(started_at=attempt.started_at - 2 * LIFETIME)
    sentence = diagnose(Attempt.objects.get()).summary

    assert "Most often our redirect URI isn't registered there" in sentence
    for address in (alice_at.redirect_address, f"{BASE}{CALLBACK}", f"{BASE}{OAUTH_CALLBACK}"):
        assert address in sentence
    alice_at.redirect_uri = "oauth/callback"
    alice_at.save()
    assert agent.sign_in_oauth(provider).status_code == 302


def test_everything_names_a_connector_that_must_change(
    maker: Client, provider: OpenIdProvider, make_connector: ConnectorMaker
) -> None:
    connector = make_connector(**provider.connector(redirect_uri="callback"))
    own = connector_own(connector)
    lists = "/maker/sso_connectors/connector/"
    overview = maker.get("/maker/").content.decode()
    assert "connector needs its own redirect URI" in overview
    assert f'href="{lists}?redirect=shared"' in overview
    assert maker.get(f"{lists}?redirect=shared").context["cl"].result_count == 1
    assert own in maker.get(f"{lists}{connector.pk}/change/").content.decode()

    Connector.objects.update(tested_at=connector.created_at)
    assert maker.get(f"{lists}?redirect=shared").context["cl"].result_count == 0
    assert maker.get(f"{lists}{connector.pk}/change/").context["status"]["warning"] == ""


@pytest.mark.parametrize(
    ("method", "options", "is_theirs"),
    [
        ("oidc", {"issuer": "https://idp.example"}, True),
        ("okta", {"domain": "acme.okta.com"}, True),
        ("gitlab", {"host": "gitlab.acme.example"}, True),
        ("gitlab", {"host": "gitlab.com"}, False),
        ("gitlab", {}, False),
        ("google", {}, False),
        ("github", {}, False),
        ("linkedin", {}, False),
    ],
)
def test_whose_servers_customers_run(
    maker: Client, make_connector: ConnectorMaker, method: str, options: Any, is_theirs: bool
) -> None:
    """The property, the query of the list, and the migration's own say the same."""
    connector = make_oauth2(make_connector, method, options, redirect_uri="callback")
    found = maker.get("/maker/sso_connectors/connector/?redirect=shared").context["cl"]

    assert connector.must_be_named_in_answers is is_theirs
    assert found.result_count == int(is_theirs)
    connector.redirect_uri = "own"
    assert not connector.must_be_named_in_answers


def test_list_shows_no_issuer_of_oauth2(
    maker: Client, provider: OpenIdProvider, make_connector: ConnectorMaker
) -> None:
    make_connector(**provider.connector())
    page = maker.get(f"/maker/sso_connectors/connector/?q={provider.issuer}")

    assert page.context["cl"].result_count == 1
    assert page.context["cl"].result_list[0].issuer_url == provider.issuer
    assert provider.issuer not in page.content.decode().partition('<table id="result_list"')[2]


def test_two_links_stay_apart(
    provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker, agent: Agent
) -> None:
    """Two connectors of one provider: each answer belongs to the one whose address it came on."""
    one = make_connector("one", **provider.connector("one"))
    two = make_connector("two", **provider.connector("two"))
    make_user("alice@acme.example", one)
    provider.redirect_uri = two.redirect_address
    answer = provider.authorize(agent.start_oauth("two"))
    agent.back_to = urlsplit(one.redirect_address).path

    ways.refused(agent.bring(answer), "response_refused", 403)
    assert Link.objects.get().last_sign_in_at is None
