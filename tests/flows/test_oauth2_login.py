"""An OAUTH 2 login over HTTP, by generic OpenID Connect, from the login address to the session."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import PendingLogin
from tests.agent import CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import OMIT, IdP
from tests.openid import ALICE, OpenIdProvider, Person, a_key, once
from users.models import User

from . import ways

pytestmark = pytest.mark.django_db

BOB = Person("bob-for-good", "bob@acme.example")


@pytest.fixture
def connector(make_connector: ConnectorMaker, provider: OpenIdProvider) -> Connector:
    return make_connector(**provider.connector())


def refused(response: Any, cause: str, status: int = 403) -> Attempt:
    """Insist on a refusal, to somebody without the login's cookie where the answer came by POST."""
    if response.status_code == 303:
        response = Agent().client.get(response["Location"])
    return ways.refused(response, cause, status)


def failed(attempt: Attempt) -> set[str]:
    return {check["name"] for check in attempt.checks if not check["passed"]}


# --- the pass ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_agent_signs_in(
    agent: Agent, provider: OpenIdProvider, alice: User, connector: Connector, way: str
) -> None:
    provider.way = way
    response = agent.sign_in_oauth(provider)

    assert response.status_code == 302
    assert response["Location"] == "/"
    assert agent.username == "alice@acme.example"
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.user, attempt.connector) == ("signed_in", alice, connector)
    assert not failed(attempt)
    verified = {check["name"] for check in attempt.checks if check["verified"]}
    assert {"issuer", "audience", "nonce", "subject", "expires", "e-mail address"} <= verified
    link = Link.objects.get()
    assert link.subject == ALICE.subject
    assert link.last_sign_in_at is not None
    assert provider.refusals == []


def test_form_post(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    posted = agent.post_form(provider.authorize(agent.start_oauth()))
    assert provider.asked("token") == [], "nothing is exchanged until the browser's cookie is there"

    assert agent.finish(posted)["Location"] == "/"
    assert agent.username == "alice@acme.example"
    pending = PendingLogin.objects.get()
    assert (pending.answer, pending.asked) == ({}, {})


@pytest.mark.parametrize("algorithm", ["RS384", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_signing_algorithms(
    agent: Agent, provider: OpenIdProvider, alice: User, algorithm: str
) -> None:
    provider.roll_over(a_key(algorithm), keep_old=False)
    agent.sign_in_oauth(provider)

    assert agent.username == "alice@acme.example"


def test_key_roll_over(agent: Agent, provider: OpenIdProvider, alice: User, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    agent.sign_in_oauth(provider)
    provider.roll_over(a_key("ES256", kid="second"))

    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        agent.sign_in_oauth(provider)
        assert Attempt.objects.filter(outcome=Outcome.SIGNED_IN).count() == 2
        agent.sign_in_oauth(provider)
    assert len(provider.asked("jwks")) == 2
    assert len(provider.asked("discovery")) == 1
    del settings.CACHES


def test_head_of_the_answer_uses_nothing_up(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    answer = provider.authorize(agent.start_oauth())

    assert agent.client.head(f"{CALLBACK}?{urlencode(answer)}").status_code == 200
    assert agent.bring(answer).status_code == 302


def test_address_from_userinfo(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    agent.sign_in_oauth(provider, claims={"email": OMIT, "email_verified": OMIT})

    assert agent.username == "alice@acme.example"


# --- what is asked ----------------------------------------------------------------------------------


@pytest.mark.row(19)
def test_request(agent: Agent, provider: OpenIdProvider, connector: Connector) -> None:
    url = agent.start_oauth()

    asked = once(url.partition("?")[2])
    pending = PendingLogin.objects.get()
    assert asked.keys() == {
        *("client_id", "redirect_uri", "response_type", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method"),
    }
    assert asked["redirect_uri"] == "http://localhost:8000/api/sso/login/oauth/callback/acme"
    assert asked["state"] == pending.request_id
    assert asked["scope"].split() == ["openid", "profile", "email"]
    again = once(agent.start_oauth().partition("?")[2])
    for name in ("state", "nonce", "code_challenge"):
        assert again[name] != asked[name]
        assert len(asked[name]) >= 41


@pytest.mark.row(19)
@pytest.mark.parametrize("methods", [["plain"], [], OMIT])
def test_pkce_is_never_downgraded(
    agent: Agent, provider: OpenIdProvider, alice: User, methods: object
) -> None:
    provider.discovery["code_challenge_methods_supported"] = methods
    assert "code_challenge_method=S256" in agent.start_oauth()


def test_client_id_adds_no_parameters(
    agent: Agent, provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    provider.client_id = "a&scope=admin#b+c d%26e=f"
    make_user("alice@acme.example", make_connector(**provider.connector()))
    agent.sign_in_oauth(provider)

    assert agent.username == "alice@acme.example"


def test_authorization_endpoint_with_a_query(
    agent: Agent, provider: OpenIdProvider, connector: Connector
) -> None:
    provider.discovery["authorization_endpoint"] = "https://idp.example/authorize?policy=a%26b"
    url = agent.start_oauth()

    assert url.startswith("https://idp.example/authorize?")
    assert once(url.partition("?")[2])["policy"] == "a&b"


@pytest.mark.parametrize(
    "endpoint",
    [
        "javascript:alert(1)",
        "http://idp.example/",
        "//idp.example",
        "https://a@b",
        "/x",
        "a\nb",
        "",
    ],
)
def test_authorization_endpoint_that_browsers_must_not_open(
    agent: Agent, provider: OpenIdProvider, connector: Connector, endpoint: str
) -> None:
    provider.discovery["authorization_endpoint"] = endpoint

    refused(agent.open(), "identity_provider_error")


def test_what_is_kept_is_in_one_language(
    agent: Agent, provider: OpenIdProvider, connector: Connector
) -> None:
    provider.discovery["authorization_endpoint"] = "http://idp.example/"
    agent.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"

    assert refused(agent.open(), "identity_provider_error").detail.startswith("The address starts")


# --- who gets in ------------------------------------------------------------------------------------


@pytest.mark.row(15)
def test_one_subject_at_two_connectors(
    agent: Agent, provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """Two providers of one method call two people the same: each is whom *their* connector says."""
    with OpenIdProvider(host="127.0.0.3") as another:
        make_user("alice@acme.example", make_connector("one", **provider.connector("one")))
        make_user("bob@acme.example", make_connector("two", **another.connector("two")))
        agent.sign_in_oauth(provider, "one")
        other = Agent()
        other.sign_in_oauth(another, "two", person=Person(ALICE.subject, BOB.email))

        assert (agent.username, other.username) == (ALICE.email, BOB.email)
        assert set(Link.objects.values_list("subject", flat=True)) == {ALICE.subject}
        third = Agent()
        third.sign_in_oauth(another, "two", person=ALICE)
        assert third.username is None


# --- once, by this browser, in time -----------------------------------------------------------------


@pytest.mark.row(19)
@pytest.mark.row(24)
def test_answer_in_another_browser(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    """Login CSRF: the attacker's own answer, brought to the victim's browser."""
    answer = provider.authorize(agent.start_oauth())
    victim = Agent()
    refused(victim.bring(answer), "no_such_login")
    victim.start_oauth()
    assert victim.bring(answer).status_code == 403
    assert victim.finish(victim.post_form(answer | {"code": "x"})).status_code == 403
    assert provider.asked("token") == [], "nobody else's code is exchanged"


@pytest.mark.row(24)
def test_a_stranger_burns_nobodys_login(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    answer = provider.authorize(agent.start_oauth())
    Agent().bring(answer)

    assert agent.bring(answer).status_code == 302


@pytest.mark.row(12)
@pytest.mark.row(19)
def test_replay(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    answer = provider.authorize(agent.start_oauth())
    assert agent.bring(answer).status_code == 302
    del agent.client.cookies["sessionid"]

    assert agent.bring(answer).status_code == 403
    assert agent.finish(agent.post_form(answer)).status_code == 403
    assert Agent().bring(answer).status_code == 403
    assert agent.username is None
    assert len(provider.asked("token")) == 1
    causes = Attempt.objects.filter(outcome=Outcome.FAILED).values_list("cause", flat=True)
    assert sorted(causes) == ["no_such_login", "no_such_login"]
    assert Attempt.objects.filter(outcome=Outcome.SIGNED_IN).exists(), "it spoils no record"


@pytest.mark.row(12)
@pytest.mark.row(19)
@pytest.mark.django_db(transaction=True)
def test_one_answer_many_times_at_once(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    answer = provider.authorize(agent.start_oauth())
    cookie = agent.client.cookies["sso-browser"].value
    together = Barrier(8)

    def bring(_: int) -> int:
        tab = Agent(back_to=agent.back_to)
        tab.client.cookies["sso-browser"] = cookie
        together.wait(10)
        try:
            return int(tab.bring(answer).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(bring, range(8))) == [302, *[403] * 7]
    assert len(provider.asked("token")) == 1


@pytest.mark.row(19)
def test_states_are_swapped_between_browsers(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    other = Agent()
    mine, theirs = provider.authorize(agent.start_oauth()), provider.authorize(other.start_oauth())

    assert agent.bring(mine | {"state": theirs["state"]}).status_code == 403
    assert other.bring(theirs | {"state": mine["state"]}).status_code == 403
    assert provider.asked("token") == []


@pytest.mark.row(19)
@pytest.mark.parametrize(
    ("knows_pkce", "cause", "words"),
    [
        (True, "identity_provider_error", "invalid_grant: the code was used, is too old"),
        (False, "response_refused", "nonce: received"),
    ],
)
def test_code_injection(
    agent: Agent,
    provider: OpenIdProvider,
    connector: Connector,
    alice: User,
    make_user: UserMaker,
    knows_pkce: bool,
    cause: str,
    words: str,
) -> None:
    """A stolen code of Alice's, with the state of the thief's own login: PKCE stops it, or the nonce."""
    provider.knows_pkce = knows_pkce
    stolen = provider.authorize(agent.start_oauth())
    thief = Agent()
    own = provider.authorize(thief.start_oauth(), BOB)

    attempt = refused(thief.bring(own | {"code": stolen["code"]}), cause)
    assert words in attempt.detail
    assert stolen["code"] not in str(attempt.__dict__)


@pytest.mark.row(19)
def test_login_expires(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    answer = provider.authorize(agent.start_oauth())

    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        refused(agent.bring(answer), "no_such_login")


@pytest.mark.row(38)
def test_clocks_of_two_servers_differ(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=60)):
        url = agent.start_oauth()

    assert agent.bring(provider.authorize(url)).status_code == 302


@pytest.mark.row(24)
def test_answer_to_nothing_we_asked(
    agent: Agent, provider: OpenIdProvider, connector: Connector
) -> None:
    answer = {"code": "made-up", "state": "made-up", "iss": provider.issuer}
    agent.start_oauth()
    refused(agent.bring(answer), "no_such_login")
    Attempt.objects.all().delete()
    refused(agent.post_form(answer), "no_such_login")


@pytest.mark.row(16)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda: Connector.objects.update(enabled=False), "connector_not_ready"),
        (lambda: Connector.objects.all().delete(), "connector_not_ready"),
        (lambda: Connector.objects.update(client_id="another"), "response_refused"),
        (lambda: Connector.objects.update(issuer_url="https://new.example"), "response_refused"),
        (lambda: Connector.objects.update(authentication_method="google"), "response_refused"),
        (lambda: Connector.objects.update(options={"issuer": "x"}), "response_refused"),
        (lambda: Connector.objects.update(force_authn=True), "response_refused"),
        (lambda: User.objects.update(is_active=False), "not_admitted"),
        (lambda: Link.objects.all().delete(), "not_admitted"),
    ],
)
def test_what_changes_while_the_provider_is_asked_counts(
    agent: Agent,
    provider: OpenIdProvider,
    alice: User,
    change: Callable[[], object],
    cause: str,
) -> None:
    def change_from_its_thread() -> None:
        try:
            change()
        finally:
            connection.close()

    provider.hooks["token"] = change_from_its_thread

    refused(agent.sign_in_oauth(provider), cause)
    assert len(provider.asked("token")) == 1


@pytest.mark.row(16)
def test_connector_disabled_before_the_answer(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    answer = provider.authorize(agent.start_oauth())
    Connector.objects.update(enabled=False)

    refused(agent.bring(answer), "connector_not_ready")
    assert provider.asked("token") == []


@pytest.mark.row(17)
def test_method_that_is_gone_before_the_answer(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    """As after an update that knows it no longer; the database can't tell."""
    answer = provider.authorize(agent.start_oauth())
    Connector.objects.update(authentication_method="gone")

    refused(agent.bring(answer), "connector_not_ready")


# --- one reply URL for all providers ----------------------------------------------------------------


@pytest.mark.row(18)
@pytest.mark.parametrize("advertised", [True, False, OMIT])
@pytest.mark.parametrize("by_post", [False, True])
def test_answer_that_names_another_issuer(
    agent: Agent, provider: OpenIdProvider, alice: User, advertised: object, by_post: bool
) -> None:
    """Mix-up: an evil provider's answer must not carry this one's code there, nor the other way."""
    provider.discovery["authorization_response_iss_parameter_supported"] = advertised
    answer = provider.authorize(agent.start_oauth(), answer={"iss": "https://evil.example"})
    response = agent.finish(agent.post_form(answer)) if by_post else agent.bring(answer)

    attempt = refused(response, "response_refused")
    assert failed(attempt) == {"response issuer"}
    assert provider.asked("token") == []


@pytest.mark.row(18)
@pytest.mark.parametrize(
    ("advertised", "iss", "passes"),
    [(True, OMIT, False), (False, OMIT, True), (OMIT, OMIT, True), (False, None, True)],
)
def test_issuer_in_the_answer(
    agent: Agent,
    provider: OpenIdProvider,
    alice: User,
    advertised: object,
    iss: Any,
    passes: bool,
) -> None:
    provider.discovery["authorization_response_iss_parameter_supported"] = advertised
    lies = {} if iss is None else {"iss": iss}
    response = agent.sign_in_oauth(provider, answer=lies)

    assert (response.status_code == 302) is passes
    if not passes:
        refused(response, "response_refused")
        assert provider.asked("token") == []


@pytest.mark.row(18)
def test_state_names_the_connector(
    agent: Agent, provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """An answer of one provider to the login at another, which takes it for its own."""
    with OpenIdProvider(host="127.0.0.3") as evil:
        make_user("alice@acme.example", make_connector("acme", **provider.connector("acme")))
        make_connector("evil", **evil.connector("evil"))
        answer = provider.authorize(agent.start_oauth("acme"))
        wanted = evil.authorize(agent.start_oauth("evil"))
        agent.bring(answer | {"state": wanted["state"]})

        assert agent.username is None
        assert evil.asked("token") == [], "the code isn't handed to whom it isn't for"


@pytest.mark.row(18)
def test_saml_request_as_state_and_state_as_saml_request(
    agent: Agent,
    idp: IdP,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    make_user(
        "alice@acme.example",
        make_connector("saml"),
        make_connector("oauth", **provider.connector("oauth")),
    )
    request = agent.start("saml")
    answer = provider.authorize(agent.start_oauth("oauth"))

    assert agent.bring(answer | {"state": request.id}).status_code == 403
    assert agent.finish(agent.post_form(answer | {"state": request.id})).status_code == 403
    response = agent.answer(idp.respond(request, in_response_to=answer["state"]))
    assert agent.username is None
    assert response.status_code in {302, 403}, "a new request of ours, or the failure page"
    assert agent.bring(answer).status_code == 302, "nothing was used up"
    assert agent.answer(idp.respond(request)).status_code == 302


# --- ask for the password again ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lies", "passes"),
    [
        ({}, True),
        ({"signed_in_at": 0.0}, False),
        ({"claims": {"auth_time": OMIT}}, False),
        ({"claims": {"auth_time": "now"}}, False),
        ({"claims": {"auth_time": True}}, False),
        ({"claims": {"auth_time": 4_000_000_000}}, False),
    ],
)
def test_ask_again(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    lies: dict[str, Any],
    passes: bool,
) -> None:
    make_user("alice@acme.example", make_connector(**provider.connector(force_authn=True)))
    url = agent.start_oauth()
    asked = once(url.partition("?")[2])
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    response = agent.bring(provider.authorize(url, **lies))

    assert (response.status_code == 302) is passes
    if not passes:
        assert failed(refused(response, "response_refused")) == {"authentication time"}


def test_without_ask_again_a_session_there_will_do(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    agent.sign_in_oauth(provider, claims={"auth_time": 0})

    assert agent.username == "alice@acme.example"


# --- what the person sees ---------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["access_denied", "user_cancelled_login"])
@pytest.mark.parametrize("by_post", [False, True])
def test_declined(
    agent: Agent, provider: OpenIdProvider, alice: User, error: str, by_post: bool
) -> None:
    answer = provider.decline(agent.start_oauth(), error, error_description="Alice said no")
    response = agent.finish(agent.post_form(answer)) if by_post else agent.bring(answer)

    attempt = refused(response, "declined")
    page = response.content.decode()
    assert "Sign-in was cancelled." in page
    assert "/api/sso/login/acme" in page
    assert "Alice said no" in attempt.detail
    assert "Alice said no" not in page
    assert provider.asked("token") == []
    assert agent.sign_in_oauth(provider).status_code == 302


@pytest.mark.parametrize(
    ("error", "cause", "status", "words"),
    [
        ("temporarily_unavailable", "identity_provider_away", 424, "Please try again in a moment."),
        ("server_error", "identity_provider_away", 424, "Please try again in a moment."),
        (
            "invalid_scope",
            "identity_provider_error",
            403,
            "We couldn't sign you in. Please try again.",
        ),
        (
            "made_up",
            "identity_provider_error",
            403,
            "We couldn't sign you in. Please try again.",
        ),
    ],
)
def test_other_errors(
    agent: Agent,
    provider: OpenIdProvider,
    alice: User,
    error: str,
    cause: str,
    status: int,
    words: str,
) -> None:
    answer = provider.decline(agent.start_oauth(), error, error_description="<b>why\0</b>")
    response = agent.bring(answer)

    attempt = refused(response, cause, status)
    assert error in attempt.detail
    assert "<b>why\ufffd</b>" in attempt.detail
    page = response.content.decode()
    assert words in page
    assert error not in page


# --- what arrives -----------------------------------------------------------------------------------


@pytest.mark.row(29)
@pytest.mark.parametrize("name", ["state", "code", "iss", "error", "accounts-server"])
@pytest.mark.parametrize("by_post", [False, True])
def test_parameter_that_is_there_twice(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, by_post: bool
) -> None:
    answer = provider.authorize(agent.start_oauth())
    query = f"{urlencode(answer | {name: 'x'})}&{name}=y"
    if by_post:
        response = agent.client.post(
            CALLBACK, query, content_type="application/x-www-form-urlencoded"
        )
    else:
        response = agent.client.get(f"{CALLBACK}?{query}")

    refused(response, "bad_message", 400)
    assert agent.bring(answer).status_code == 302, "nothing was used up"


@pytest.mark.row(29)
@pytest.mark.parametrize("name", ["state", "code", "iss", "error_description"])
def test_parameter_that_is_too_long(
    agent: Agent, provider: OpenIdProvider, connector: Connector, name: str
) -> None:
    answer = provider.authorize(agent.start_oauth())

    refused(agent.bring(answer | {name: "x" * 16_385}), "bad_message", 400)
    Attempt.objects.all().delete()
    refused(agent.post_form(answer | {name: "x" * 16_385}), "bad_message", 400)


@pytest.mark.row(29)
@pytest.mark.parametrize("value", ["\0", "", "x" * 16_384, "é", "\ud7ff", "' OR 1=1", "%00"])
@pytest.mark.parametrize("name", ["state", "code", "iss"])
def test_strange_parameters(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, value: str
) -> None:
    for by_post in (False, True):
        answer = provider.authorize(agent.start_oauth()) | {name: value}
        response = agent.finish(agent.post_form(answer)) if by_post else agent.bring(answer)
        assert response.status_code in {400, 403}
        assert agent.username is None
        attempt = Attempt.objects.filter(outcome=Outcome.FAILED).latest("ended_at")
        assert attempt.code in response.content.decode()


@pytest.mark.parametrize("lies", [{"code": OMIT}, {"code": ""}])
def test_neither_code_nor_error(
    agent: Agent, provider: OpenIdProvider, alice: User, lies: dict[str, Any]
) -> None:
    refused(agent.sign_in_oauth(provider, answer=lies), "bad_message", 400)


def test_answer_without_a_state(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    answer = provider.authorize(agent.start_oauth(), answer={"state": OMIT})
    refused(agent.bring(answer), "no_such_login")
    refused(agent.post_form(answer), "bad_message", 400)


# --- what we need ourselves -------------------------------------------------------------------------


@pytest.mark.row(33)
def test_client_secret_of_a_lost_key(
    agent: Agent, provider: OpenIdProvider, alice: User, settings: Any
) -> None:
    answer = provider.authorize(agent.start_oauth())
    for keys in (["bm90IHRoZSBrZXkgdGhhdCB3ZSBoYWQgYmVmb3JlLi4="], []):
        settings.FIELD_ENCRYPTION_KEYS = keys
        attempt = refused(agent.open(), "secret_unreadable")
        assert "client secret of acme" in attempt.detail
        Attempt.objects.filter(pk=attempt.pk).delete()
    refused(agent.bring(answer), "secret_unreadable")


def test_drafts_start_nothing(
    agent: Agent, provider: OpenIdProvider, make_connector: ConnectorMaker
) -> None:
    make_connector(**provider.connector(enabled=False, client_secret=None))

    refused(agent.open(), "connector_not_ready")
    assert provider.requests == []


def test_expired_session_of_the_provider_is_no_matter(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    """The session is ours: it neither ends with the tokens nor lasts longer for them."""
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC)) as clock:
        agent.sign_in_oauth(provider)
        clock.shift(timedelta(hours=11))
        assert agent.username == "alice@acme.example"
        clock.shift(timedelta(hours=2))
        assert agent.username is None
