"""LinkedIn: OpenID Connect without nonce and PKCE, and a truth in quotes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.identity import Grant
from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.providers import linkedin
from sso_connectors.providers.linkedin import LinkedIn
from tests.agent import CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.linkedin import LinkedInVendor
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkedInVendor]:
    with LinkedInVendor() as double:
        monkeypatch.setattr(linkedin, "ISSUER", double.issuer)
        yield double


@pytest.fixture
def connector(make_connector: ConnectorMaker, vendor: LinkedInVendor) -> Connector:
    return make_oauth2(make_connector, "linkedin")


@pytest.fixture
def alice(make_user: UserMaker, connector: Connector) -> User:
    return make_user("alice@acme.example", connector)


@pytest.mark.parametrize("verified", ["true", True])
def test_signs_in(agent: Agent, vendor: LinkedInVendor, alice: User, verified: str | bool) -> None:
    """In its ID tokens `email_verified` is text."""
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor, email_verified=verified)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == "782bbtaQ"


@pytest.mark.row(20)
def test_nonce_that_is_there_must_fit(agent: Agent, vendor: LinkedInVendor, alice: User) -> None:
    """LinkedIn leaves it out; should it once stop to do so, it counts."""
    response = sign_in(agent, vendor, nonce="of another login")
    assert refused(agent, response) == ("response_refused", {"nonce"})

    vendor.repeats_nonce = True  # type: ignore[misc]
    sign_in(agent, vendor)
    assert agent.username == "alice@acme.example"


@pytest.mark.row(19)
def test_answer_of_another_browser(agent: Agent, vendor: LinkedInVendor, alice: User) -> None:
    """Without nonce and PKCE it is the state that ties an answer to its browser."""
    answer = vendor.authorize(agent.open()["Location"])

    response = Agent().client.get(CALLBACK, answer)

    assert response.status_code >= 400
    assert not vendor.server.asked("/oauth/v2/accessToken"), "the code stays here"


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": "false"},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "True"},
        {"email_verified": 1},
        {"email": None},
    ],
)
def test_address_that_linkedin_doesnt_vouch_for(
    agent: Agent, vendor: LinkedInVendor, alice: User, claims: dict[str, Any]
) -> None:
    response = sign_in(agent, vendor, **claims)

    assert refused(agent, response) == ("response_refused", {"e-mail address"})


def test_token_of_the_issuer_of_before(agent: Agent, vendor: LinkedInVendor, alice: User) -> None:
    """Until 2024 it was without /oauth."""
    response = sign_in(agent, vendor, iss=vendor.url)

    assert refused(agent, response) == ("response_refused", {"issuer"})


@pytest.mark.row(23)
def test_address_that_another_person_has_now(
    agent: Agent, vendor: LinkedInVendor, alice: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    assert refused(agent, sign_in(agent, vendor, sub="other")) == ("not_admitted", {"subject"})


@pytest.mark.parametrize("error", ["user_cancelled_login", "user_cancelled_authorize"])
def test_person_declines(agent: Agent, vendor: LinkedInVendor, alice: User, error: str) -> None:
    state = vendor.authorize(agent.open()["Location"])["state"]

    response = agent.client.get(CALLBACK, {"error": error, "state": state})

    assert refused(agent, response)[0] == "declined"


def test_wrong_secret(agent: Agent, vendor: LinkedInVendor, alice: User) -> None:
    vendor.secret = "a newer one"

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"
    assert "secret is wrong" in Attempt.objects.latest("pk").detail


def test_cant_be_made_to_ask_again(make_connector: ConnectorMaker) -> None:
    with pytest.raises(ValidationError):
        make_oauth2(make_connector, "linkedin", force_authn=True)


def test_there_are_no_options() -> None:
    with pytest.raises(ValidationError):
        LinkedIn.clean_options({"host": "www.linkedin.com"})
    assert LinkedIn.issuer_of({}) == "https://www.linkedin.com/oauth"


def test_there_is_no_way_to_revoke(connector: Connector, vendor: LinkedInVendor) -> None:
    assert provider(connector).revoke(Grant(access_token="a token")) is None
