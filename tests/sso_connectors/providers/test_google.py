"""Google: the domain of a Workspace is held to, whatever the request asked for."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from sso_connectors.models import Link
from sso_connectors.models.attempt import Attempt
from sso_connectors.models.token import Token, TokenState
from sso_connectors.providers import PROVIDERS, google
from sso_connectors.providers.google import Google
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import OMIT
from tests.openid import OpenIdProvider, once


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIdProvider]:
    """Google, as far as a login meets it: both ways to prove oneself, and no `iss` in the answer."""
    with OpenIdProvider() as provider:
        provider.discovery["authorization_response_iss_parameter_supported"] = OMIT
        monkeypatch.setattr(google, "ISSUER", provider.issuer)
        yield provider


def fields(provider: OpenIdProvider, **options: str) -> dict[str, Any]:
    return provider.connector(authentication_method="google", options=options)


@pytest.mark.django_db
def test_agent_signs_in(
    agent: Agent, provider: OpenIdProvider, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    connector = make_connector(**fields(provider))
    make_user("alice@acme.example", connector)
    url = agent.start_oauth()
    asked = once(url.partition("?")[2])
    agent.bring(provider.authorize(url, answer={"iss": OMIT}, claims={"hd": "acme.example"}))

    assert agent.username == "alice@acme.example"
    assert connector.issuer_url == provider.issuer
    assert asked["access_type"] == "offline"
    assert "prompt" not in asked, "nobody is asked for consent at each sign-in"
    assert "hd" not in asked


@pytest.mark.django_db
@pytest.mark.parametrize(
    "dead", [{"refresh_token": None}, {"state": TokenState.RECONNECT_NEEDED}], ids=str
)
def test_consent_is_asked_for_while_somebody_needs_a_token(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    dead: dict[str, Any],
) -> None:
    make_user("alice@acme.example", make_connector(**fields(provider)))
    said: dict[str, Any] = {"answer": {"iss": OMIT}, "claims": {"hd": "acme.example"}}
    agent.sign_in_oauth(provider, **said)
    assert "prompt" not in once(agent.start_oauth().partition("?")[2])

    Token.objects.update(**dead)
    url = agent.start_oauth()
    assert once(url.partition("?")[2])["prompt"] == "consent"
    agent.bring(provider.authorize(url, **said))
    assert "prompt" not in once(agent.start_oauth().partition("?")[2]), "that healed it"

    Token.objects.update(**dead)
    Link.objects.update(last_sign_in_at=timezone.now() - timedelta(days=31))
    assert "prompt" not in once(agent.start_oauth().partition("?")[2]), "of one who comes no more"


@pytest.mark.row(21)
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "domain", "passes"),
    [
        ("alice@acme.example", "acme.example", True),
        ("alice@gmail.com", OMIT, True),
        ("alice@acme.example", OMIT, False),
        ("alice@evilgmail.com", OMIT, False),
    ],
)
def test_address_that_is_not_googles_own(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    name: str,
    domain: Any,
    passes: bool,
) -> None:
    """Google once saw a mail arrive there; the company may have given the address to another since."""
    make_user(name, make_connector(**fields(provider)))
    answer = {"iss": OMIT}
    response = agent.sign_in_oauth(provider, answer=answer, claims={"hd": domain, "email": name})
    assert (response.status_code == 302) is passes
    (judged,) = [each for each in Attempt.objects.get().checks if each["name"] == "whose address"]
    assert judged["passed"] is passes


@pytest.mark.row(21)
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("domain", "passes"),
    [("acme.example", True), ("evil.example", False), (OMIT, False), (["acme.example"], False)],
)
def test_hosted_domain(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    domain: Any,
    passes: bool,
) -> None:
    """The parameter of the request is a hint only, which anybody can take out of the address."""
    make_user(
        "alice@acme.example", make_connector(**fields(provider, hosted_domain="Acme.Example"))
    )
    url = agent.start_oauth()
    assert once(url.partition("?")[2])["hd"] == "acme.example"
    answer = provider.authorize(
        url.replace("hd=acme.example", "hd=evil.example"), claims={"hd": domain}
    )

    assert (agent.bring(answer).status_code == 302) is passes
    if not passes:
        attempt = Attempt.objects.get()
        assert attempt.cause == "response_refused"
        assert [c["name"] for c in attempt.checks if not c["passed"]] == ["hosted domain"]


@pytest.mark.row(21)
@pytest.mark.django_db
@pytest.mark.parametrize("verified", [False, OMIT, None, "true"])
def test_unverified_address(
    agent: Agent,
    provider: OpenIdProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    verified: Any,
) -> None:
    make_user("alice@acme.example", make_connector(**fields(provider)))
    answer = {"iss": OMIT}
    agent.sign_in_oauth(provider, answer=answer, claims={"email_verified": verified})
    assert Attempt.objects.get().cause == "response_refused"

    assert agent.username is None


def test_options() -> None:
    assert PROVIDERS["google"] is Google
    assert Google.issuer_of({}) == google.ISSUER == "https://accounts.google.com"
    assert Google.missing_options({}) == []
    assert Google.clean_options({"hosted_domain": " ACME.example "}) == {
        "hosted_domain": "acme.example"
    }
    assert Google.clean_options({"hosted_domain": ""}) == {}


@pytest.mark.parametrize(
    "text", ["acme", "acme.", ".example", "a b.example", "alice@acme.example", "https://a.example"]
)
def test_hosted_domain_that_is_none(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a domain name"):
        Google.clean_options({"hosted_domain": text})
