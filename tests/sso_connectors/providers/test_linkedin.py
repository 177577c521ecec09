"""LinkedIn: OpenID Connect without nonce and PKCE, and a truth in quotes."""

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.models import Link
from sso_connectors.providers.linkedin import LinkedIn
from tests.agent import Agent
from tests.outside import refuse_any_other_way_out
from tests.vendors.every import EVERY, Known
from tests.vendors.linkedin import LinkedInVendor
from tests.vendors.sign_in import refused, sign_in
from users.models import User


@pytest.fixture
def known() -> Known:
    return EVERY["linkedin"]


def test_truth_without_quotes(agent: Agent, vendor: LinkedInVendor, alice: User) -> None:
    """In its ID tokens `email_verified` is text; elsewhere it isn't."""
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor, email_verified=True)

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


def test_token_of_the_issuer_of_before(agent: Agent, vendor: LinkedInVendor, alice: User) -> None:
    """Until 2024 it was without /oauth."""
    response = sign_in(agent, vendor, iss=vendor.url)

    assert refused(agent, response) == ("response_refused", {"issuer"})


@pytest.mark.parametrize("error", ["user_cancelled_login", "user_cancelled_authorize"])
def test_person_declines(agent: Agent, vendor: LinkedInVendor, alice: User, error: str) -> None:
    state = vendor.authorize(agent.open()["Location"])["state"]

    response = agent.bring({"error": error, "state": state})

    assert refused(agent, response)[0] == "declined"


def test_there_are_no_options() -> None:
    with pytest.raises(ValidationError):
        LinkedIn.clean_options({"host": "www.linkedin.com"})
    assert LinkedIn.issuer_of({}) == "https://www.linkedin.com/oauth"
