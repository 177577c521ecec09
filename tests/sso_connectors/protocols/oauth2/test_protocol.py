"""A provider that is slow, broken or away, or says what makes no sense: a clear page, and no harm done.

After each, somebody else signs in at once, and no secret stands anywhere.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db.models import Model
from django.test import RequestFactory

from maker.log import JsonFormatter
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.network import http_client
from sso_connectors.protocols.oauth2 import protocol
from sso_connectors.protocols.oauth2.protocol import OAuth2
from sso_connectors.results.errors import NotAdmitted
from sso_connectors.results.identity import Grant, Identity
from tests.agent import Agent
from tests.conftest import ConnectorMaker
from tests.idp import OMIT
from tests.openid import (
    CLIENT_SECRET,
    OpenIdProvider,
    Person,
    a_key,
    answering,
    breaking_off,
    dripping,
    endless,
    html,
    redirecting,
)
from tests.outside import refuse_any_other_way_out
from tests.sso_connectors.test_web_address import ODD
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.row(38)]

DEEP = b"[" * 100_000
WITHOUT_ADDRESS: dict[str, Any] = {"claims": {"email": OMIT, "email_verified": OMIT}}
JUNK: list[Any] = [OMIT, None, 5, True, "", "x", [], {}, ["x"], {"x": "y"}, "file:///etc/passwd"]
UNKEEPABLE: list[Any] = ["http://\0/", "\ud800"]  # JSON can write what no database keeps


@pytest.fixture
def connector(make_connector: ConnectorMaker, provider: OpenIdProvider) -> Connector:
    return make_connector(**provider.connector())


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that was logged, at any level, as it would be written."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(JsonFormatter().format(item) for item in caplog.records)


def insist(
    response: Any,
    provider: OpenIdProvider,
    cause: str,
    status: int,
    written: Callable[[], str] = lambda: "",
) -> Attempt:
    """Insist on one failure page with its attempt, nothing secret anywhere, and that others get in."""
    assert response.status_code == status, response.content
    attempt = Attempt.objects.get()
    assert (attempt.cause, attempt.outcome) == (cause, Outcome.FAILED), attempt.detail
    assert attempt.detail
    assert attempt.code in response.content.decode()
    assert not Session.objects.exists()

    def shown(row: Model) -> str:
        return json.dumps({name: str(value) for name, value in vars(row).items()})

    seen = [response.content.decode(), shown(attempt), written()]
    seen += [shown(row) for row in PendingLogin.objects.exclude(state="begun")]
    for secret in {provider.client_secret, *provider.issued}:
        for place in seen:
            assert secret not in place

    provider.faults.clear()
    for lies in (provider.discovery, provider.token, provider.user):
        lies.clear()
    provider.jwks = None
    before = time.monotonic()
    other = Agent()
    assert other.sign_in_oauth(provider).status_code == 302
    assert other.username == "alice@acme.example"
    assert time.monotonic() - before < 4, "nobody waits for a failure of somebody else's"
    return attempt


# --- faults -----------------------------------------------------------------------------------------

FAULTS = {
    "error 500": (answering(500, b"oops"), "identity_provider_away", 424),
    "error 503": (answering(503, b'{"a": 1}'), "identity_provider_away", 424),
    "too many": (answering(429, b"slow down"), "identity_provider_away", 424),
    "not found": (answering(404, b"nothing here"), "identity_provider_error", 403),
    "html": (html, "identity_provider_error", 403),
    "truncated": (answering(200, b'{"access_token": "a'), "identity_provider_error", 403),
    "empty": (answering(200, b""), "identity_provider_error", 403),
    "nested": (answering(200, DEEP), "identity_provider_error", 403),
    "nested error": (answering(400, DEEP), "identity_provider_error", 403),
    "long number": (answering(200, b'{"a": %s}' % (b"1" * 9000)), "identity_provider_error", 403),
    "list": (answering(200, b"[]"), "identity_provider_error", 403),
    "text": (answering(200, b'"keys"'), "identity_provider_error", 403),
    "null": (answering(200, b"null"), "identity_provider_error", 403),
    "not utf-8": (answering(200, b'{"a": "\xff'), "identity_provider_error", 403),
    "breaks off": (breaking_off, "identity_provider_away", 424),
    "redirect": (redirecting, "identity_provider_away", 424),
    "slow": (dripping, "identity_provider_away", 424),
    "100 MB": (endless, "identity_provider_away", 424),
}


@pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks", "userinfo"])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(
    agent: Agent,
    provider: OpenIdProvider,
    alice: User,
    written: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    fault: str,
) -> None:
    provider.faults[endpoint], cause, status = FAULTS[fault]
    with monkeypatch.context() as patch:
        if fault == "slow":
            patch.setattr(http_client, "TOTAL_SECONDS", 1.0)
        if endpoint == "discovery":
            response = agent.open()
        else:
            response = agent.sign_in_oauth(provider, **WITHOUT_ADDRESS)
    if endpoint == "userinfo" and fault in {"list", "text", "null"}:
        cause = "response_refused"  # it is JSON, and about nobody

    insist(response, provider, cause, status, written)
    page = response.content.decode()
    sentence = "The sign-in service is not responding. Please try again in a moment."
    assert (sentence in page) is (status == 424)


@pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks", "userinfo"])
def test_provider_that_is_gone_under_way(
    agent: Agent, provider: OpenIdProvider, alice: User, endpoint: str
) -> None:
    """Nothing listens where a document sends us."""
    gone = "http://127.0.0.3:9/"
    if endpoint == "discovery":
        Connector.objects.update(options={"issuer": gone}, issuer_url=gone)
        response = agent.open()
        Connector.objects.update(options={"issuer": provider.issuer}, issuer_url=provider.issuer)
    else:
        name = "jwks_uri" if endpoint == "jwks" else f"{endpoint}_endpoint"
        provider.discovery[name] = gone
        response = agent.sign_in_oauth(provider, **WITHOUT_ADDRESS)

        cache.clear()

    insist(response, provider, "identity_provider_away", 424)


def test_slow_everywhere_is_cut_short(
    agent: Agent, provider: OpenIdProvider, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request has its limit, and all together have one, below that of a worker."""
    answer = provider.authorize(agent.start_oauth(), **WITHOUT_ADDRESS)
    for endpoint in ("token", "jwks", "userinfo"):
        provider.hooks[endpoint] = lambda: time.sleep(1.5)
    before = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "MAX_SECONDS", 2.0)
        response = agent.bring(answer)

    assert time.monotonic() - before < 3.5
    provider.hooks.clear()
    insist(response, provider, "identity_provider_away", 424)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"client_secret": "another"}, "the client ID or the client secret is wrong"),
        ({"client_id": "another"}, "the client ID or the client secret is wrong"),
        ({"way": "private_key_jwt"}, "the client ID or the client secret is wrong"),
    ],
)
def test_client_that_the_provider_does_not_know(
    agent: Agent,
    provider: OpenIdProvider,
    alice: User,
    written: Callable[[], str],
    change: dict[str, str],
    hint: str,
) -> None:
    answer = provider.authorize(agent.start_oauth())
    true = {name: getattr(provider, name) for name in change}
    vars(provider).update(change)
    response = agent.bring(answer)
    vars(provider).update(true)

    attempt = insist(response, provider, "identity_provider_error", 403, written)
    assert f"invalid_client: {hint}" in attempt.detail
    assert "at the exchange of the code" in attempt.detail


@pytest.mark.row(32)
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("error", ["invalid_client", "access_denied", "made_up"])
def test_provider_that_repeats_what_it_was_sent(
    agent: Agent,
    provider: OpenIdProvider,
    alice: User,
    written: Callable[[], str],
    status: int,
    error: str,
) -> None:
    provider.way = "client_secret_post"
    answer = provider.authorize(agent.start_oauth())

    def repeat() -> None:
        (request,) = provider.asked("token")
        provider.issued.add(request.fields["code_verifier"])
        body = {"error": error, "error_description": f"You sent {dict(request.fields)}"}
        provider.faults["token"] = answering(status, json.dumps(body).encode())

    provider.hooks["token"] = repeat
    response = agent.bring(answer)
    provider.hooks.clear()

    cause = "declined" if error == "access_denied" else "identity_provider_error"
    if (error, status) == ("made_up", 500):
        cause = "identity_provider_away"
    attempt = insist(response, provider, cause, 424 if cause[-4:] == "away" else 403, written)
    assert "You sent {" in attempt.detail


@pytest.mark.row(47)
@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("status", [200, 400])
def test_provider_that_repeats_the_request_as_it_came(
    agent: Agent, provider: OpenIdProvider, alice: User, way: str, status: int
) -> None:
    """The header of HTTP Basic, and a body in which the secret is percent-encoded."""
    provider.way, secret = way, CLIENT_SECRET
    answer = provider.authorize(agent.start_oauth())
    spelled: list[str] = [secret, quote(secret, safe=""), quote_plus(secret)]

    def repeat() -> None:
        (request,) = provider.asked("token")
        header = request.headers.get("authorization", "")
        body = urlencode(request.fields)
        spelled.extend([*header.split()[1:], request.fields["code"]])
        said = {"error": "invalid_client", "error_description": f"{header} {body}"}
        provider.faults["token"] = answering(status, json.dumps(said).encode())

    provider.hooks["token"] = repeat
    response = agent.bring(answer)
    provider.hooks.clear()

    assert response.status_code == 403
    kept = json.dumps(list(Attempt.objects.values("detail", "checks")), default=str)
    assert "invalid_client" in kept
    assert [each for each in spelled if each in kept] == []


@pytest.mark.row(47)
@pytest.mark.parametrize("error", ["server_error", "access_denied", "invalid_client"])
def test_error_by_way_of_the_browser_that_repeats_our_secret(
    agent: Agent, provider: OpenIdProvider, alice: User, error: str
) -> None:
    answer = provider.authorize(agent.start_oauth())
    secret = quote(CLIENT_SECRET, safe="")
    del answer["code"]
    said = {**answer, "error": error, "error_description": f"Not {secret}, sorry"}

    assert agent.bring(said).status_code >= 400
    assert Attempt.objects.get().detail.endswith("Not …, sorry")


@pytest.mark.row(47)
@pytest.mark.parametrize("claim", ["email", "sub", "nonce", "aud", "iss"])
def test_person_who_is_called_by_our_secret(
    agent: Agent, provider: OpenIdProvider, alice: User, claim: str
) -> None:
    """A check keeps what it received, and a link what the person is called for good."""
    secret = quote(CLIENT_SECRET, safe="")
    response = agent.sign_in_oauth(provider, claims={claim: f"{secret}@acme.example"})

    assert response.status_code == 403
    kept = json.dumps(list(Attempt.objects.values()), default=str)
    assert secret not in kept
    assert not Link.objects.filter(subject__contains=secret).exists()


@pytest.mark.row(32)
def test_userinfo_that_repeats_the_token(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    answer = provider.authorize(agent.start_oauth(), **WITHOUT_ADDRESS)

    def repeat() -> None:
        (request,) = provider.asked("userinfo")
        body = {"error": "invalid_token", "error_description": request.headers["authorization"]}
        provider.faults["userinfo"] = answering(401, json.dumps(body).encode())

    provider.hooks["userinfo"] = repeat
    response = agent.bring(answer)
    provider.hooks.clear()

    attempt = insist(response, provider, "identity_provider_error", 403)
    assert "at the look-up of the person" in attempt.detail
    assert "Bearer …" in attempt.detail


# --- documents that make no sense -------------------------------------------------------------------


@pytest.mark.row(31)
@pytest.mark.parametrize("value", [*JUNK, *UNKEEPABLE, *ODD], ids=ascii)
@pytest.mark.parametrize(
    "name", ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
def test_discovery(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, value: Any
) -> None:
    provider.discovery[name] = value
    response = agent.open()
    if response.status_code == 302:
        answer = provider.authorize(str(response["Location"]), **WITHOUT_ADDRESS)
        response = agent.bring(answer)

    assert response.status_code in {403, 424}
    attempt = Attempt.objects.get()
    causes = {"identity_provider_error", "identity_provider_away", "response_refused"}
    assert attempt.cause in causes
    assert agent.username is None


@pytest.mark.parametrize("value", [OMIT, None, 5, True, "", [], {}, [5], [{}], "x"], ids=repr)
def test_ways_of_client_authentication(
    agent: Agent, provider: OpenIdProvider, alice: User, value: Any
) -> None:
    """Basic, unless the list tells otherwise."""
    provider.way = "client_secret_post" if value in ([5], [{}]) else "client_secret_basic"
    provider.discovery["token_endpoint_auth_methods_supported"] = value
    agent.sign_in_oauth(provider)

    assert agent.username == "alice@acme.example"


@pytest.mark.parametrize("value", JUNK + UNKEEPABLE, ids=ascii)
@pytest.mark.parametrize("name", ["access_token", "id_token"])
def test_token_response_without_tokens(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, value: Any
) -> None:
    provider.token[name] = value
    response = agent.sign_in_oauth(provider)
    cause = "identity_provider_error"
    if isinstance(value, str) and value:
        cause = "response_refused"

    insist(response, provider, cause, 403)


@pytest.mark.parametrize("value", JUNK, ids=repr)
@pytest.mark.parametrize("name", ["token_type", "expires_in", "scope", "refresh_token"])
def test_token_response_with_oddities(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, value: Any
) -> None:
    provider.token[name] = value
    agent.sign_in_oauth(provider)

    assert agent.username == "alice@acme.example"


@pytest.mark.parametrize("value", UNKEEPABLE, ids=ascii)
@pytest.mark.parametrize("name", ["scope", "refresh_token"])
def test_token_response_that_can_not_be_kept(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, value: str
) -> None:
    provider.token[name] = value

    insist(agent.sign_in_oauth(provider), provider, "identity_provider_error", 403)


@pytest.mark.parametrize("value", UNKEEPABLE, ids=ascii)
def test_access_token_that_can_not_be_kept(
    agent: Agent, provider: OpenIdProvider, alice: User, value: str
) -> None:
    provider.token["access_token"] = value
    response = agent.sign_in_oauth(provider, claims={"at_hash": OMIT})

    insist(response, provider, "identity_provider_error", 403)


@pytest.mark.parametrize("value", UNKEEPABLE, ids=ascii)
@pytest.mark.parametrize("name", ["iss", "aud", "azp", "nonce", "at_hash", "sub", "email", "exp"])
def test_claim_that_can_not_be_kept(
    agent: Agent, provider: OpenIdProvider, alice: User, name: str, value: str
) -> None:
    response = agent.sign_in_oauth(provider, claims={name: f"alice@acme.example{value}"})

    assert response.status_code == 403
    assert Attempt.objects.get().cause in {"response_refused", "not_admitted"}


@pytest.mark.parametrize("value", JUNK + UNKEEPABLE, ids=ascii)
def test_error_that_is_none(
    agent: Agent, provider: OpenIdProvider, alice: User, value: Any
) -> None:
    provider.token["error"] = value
    response = agent.sign_in_oauth(provider)

    assert response.status_code in {302, 403}
    if response.status_code == 403:
        assert Attempt.objects.get().cause == "identity_provider_error"


@pytest.mark.parametrize(
    ("jwks", "cause"),
    [
        ({}, "identity_provider_error"),
        ({"keys": None}, "identity_provider_error"),
        ({"keys": "x"}, "identity_provider_error"),
        ({"keys": [5]}, "identity_provider_error"),
        ({"keys": [None]}, "identity_provider_error"),
        ({"keys": []}, "response_refused"),
        ({"keys": [{}]}, "response_refused"),
        ({"keys": [{"kid": "first"}]}, "response_refused"),
        ({"keys": [{"kid": "first", "kty": "RSA"}]}, "response_refused"),
        ({"keys": [{"kid": "first", "kty": ["RSA"], "n": 5, "e": {}}]}, "response_refused"),
        ({"keys": [{"kid": "first", "kty": "RSA", "n": "AQAB", "e": "AQAB"}]}, "response_refused"),
        ({"keys": [{"kid": "first", "kty": "RSA", "n": "é", "e": "AQAB"}]}, "response_refused"),
        ({"keys": [{"kid": "first", "kty": "oct", "k": "AQAB"}]}, "response_refused"),
        ({"keys": [{"kid": "first", "kty": "EC", "crv": "P-256", "x": "A"}]}, "response_refused"),
        ({"keys": [{"kid": ["first"], "use": {}, "alg": []}]}, "response_refused"),
    ],
)
def test_key_sets(
    agent: Agent, provider: OpenIdProvider, alice: User, jwks: Any, cause: str
) -> None:
    provider.jwks = jwks
    response = agent.sign_in_oauth(provider)

    assert response.status_code == 403
    assert Attempt.objects.get().cause == cause
    assert agent.username is None


def test_good_key_among_odd_ones(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    odd = [{"kid": "first", "kty": "RSA"}, {"kid": "first", "kty": "made-up"}, {}]
    provider.jwks = {"keys": [*odd, a_key().jwk(), *odd]}
    agent.sign_in_oauth(provider)

    assert agent.username == "alice@acme.example"


# --- whom it names ----------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "claims",
    [
        {"email": "", "email_verified": True},
        {"email": None},
        {"email": ["alice@acme.example"]},
        {"email_verified": False},
        {"email_verified": OMIT},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"email": " alice@acme.example"},
        {"email": "alice@acme.example\u00a0"},
        {"email": "alice@acme.example\n"},
    ],
    ids=repr,
)
def test_address_that_the_provider_does_not_vouch_for(
    agent: Agent, provider: OpenIdProvider, alice: User, claims: dict[str, Any]
) -> None:
    provider.discovery["userinfo_endpoint"] = OMIT
    attempt = insist(
        agent.sign_in_oauth(provider, claims=claims), provider, "response_refused", 403
    )
    assert {check["name"] for check in attempt.checks if not check["passed"]} == {"e-mail address"}


@pytest.mark.row(21)
def test_address_is_verified_by_whoever_gives_it(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    """`email_verified` of one document says nothing of the address in another."""
    provider.user["email_verified"] = False
    response = agent.sign_in_oauth(provider, claims={"email": OMIT, "email_verified": True})

    insist(response, provider, "response_refused", 403)


@pytest.mark.row(21)
def test_name_that_only_looks_like_the_address(
    agent: Agent, provider: OpenIdProvider, alice: User
) -> None:
    response = agent.sign_in_oauth(
        provider,
        claims={"email": "mallory@evil.example", "preferred_username": "alice@acme.example"},
    )

    insist(response, provider, "not_admitted", 403)


@pytest.mark.row(23)
def test_subject_that_changed(agent: Agent, provider: OpenIdProvider, alice: User) -> None:
    Link.objects.update(subject="alice-for-good")
    response = agent.sign_in_oauth(provider, person=Person("somebody-else"))

    attempt = insist(response, provider, "not_admitted", 403)
    assert {check["name"] for check in attempt.checks if not check["passed"]} == {"subject"}


@pytest.mark.django_db(transaction=True)
def test_tokens_are_for_whom_they_were_given(alice: User) -> None:
    link = Link.objects.select_related("connector").get()
    grant = Grant(access_token="a")
    identity = Identity(username="x", subject="y", issuer="z", key="k", grant=grant)
    OAuth2().admitted(link, replace(identity, grant=None))
    Link.objects.all().delete()

    with pytest.raises(NotAdmitted):
        OAuth2().admitted(link, identity)


@pytest.mark.parametrize(("method", "can"), [("oidc", True), ("google", False), ("", False)])
def test_who_can_ask_for_the_password_again(method: str, can: bool) -> None:
    assert OAuth2().can_ask_again(Connector(authentication_method=method)) is can


def test_only_posts_bring_forms(rf: RequestFactory) -> None:
    assert OAuth2().receive(rf.get("/?state=x")) is None
    assert OAuth2().receive(rf.post("/", {"code": "x"})) is None
    assert OAuth2().arrival(rf.get("/?code=x")) is None


# --- the way out ------------------------------------------------------------------------------------


@pytest.mark.row(31)
def test_a_whole_login_goes_out_through_the_guarded_client_alone(
    agent: Agent, provider: OpenIdProvider, alice: User, settings: Any
) -> None:

    port = urlsplit(str(settings.CACHES["default"]["LOCATION"])).port
    with refuse_any_other_way_out(but_ports=[port] if port else []):
        agent.sign_in_oauth(provider, **WITHOUT_ADDRESS)

    assert agent.username == "alice@acme.example"
    for endpoint in ("discovery", "token", "jwks", "userinfo"):
        assert len(provider.asked(endpoint)) == 1


@pytest.mark.row(23)
def test_refused_first_sign_in_fixes_nothing_on_the_link(
    provider: OpenIdProvider, alice: User
) -> None:
    """Whoever has the address for a moment would otherwise keep the right person out for good."""
    provider.token["scope"] = "\ud800"  # can't be kept
    refused = Agent()
    refused.sign_in_oauth(provider, person=Person("another-person", "alice@acme.example"))
    assert refused.username is None
    assert Link.objects.get().subject is None

    del provider.token["scope"]
    right = Agent()
    right.sign_in_oauth(provider)
    assert right.username == "alice@acme.example"
    assert Link.objects.get().subject == "alice-for-good"
