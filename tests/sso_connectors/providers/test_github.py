"""GitHub: no ID token, so its API says who it is; the account's number and its primary verified address."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import SocialAuthBaseException

from sso_connectors.models import Connector
from sso_connectors.providers.github import GitHub
from sso_connectors.results.identity import Grant
from tests.agent import Agent
from tests.vendors.every import EVERY, Known
from tests.vendors.github import GitHubVendor
from tests.vendors.server import Request, as_json
from tests.vendors.sign_in import provider, refused, sign_in
from users.models import User


@pytest.fixture
def known() -> Known:
    return EVERY["github"]


@pytest.mark.row(46)
@pytest.mark.parametrize("suspended", ["2026-11-01T00:00:00Z", False, ""])
def test_who_is_suspended(agent: Agent, vendor: GitHubVendor, alice: User, suspended: Any) -> None:
    response = sign_in(agent, vendor, suspended_at=suspended)

    assert refused(agent, response) == ("response_refused", {"GitHub user"})


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "alice@acme.example", "primary": True, "verified": False}],
        [{"email": "alice@acme.example", "primary": True, "verified": "true"}],
        [{"email": "alice@acme.example", "primary": True}],
        [{"email": "alice@acme.example", "primary": False, "verified": True}],
        [{"email": None, "primary": True, "verified": True}],
        [{"primary": True, "verified": True}],
        ["alice@acme.example"],
        [
            {"email": "alice@acme.example", "primary": True, "verified": True},
            {"email": "mallory@evil.example", "primary": True, "verified": True},
        ],
    ],
)
def test_address_that_github_doesnt_vouch_for(
    agent: Agent, vendor: GitHubVendor, alice: User, emails: list[Any]
) -> None:
    response = sign_in(agent, vendor, emails=emails)

    assert refused(agent, response) == ("response_refused", {"e-mail address"})


@pytest.mark.row(21)
def test_address_on_the_profile_counts_for_nothing(
    agent: Agent, vendor: GitHubVendor, alice: User
) -> None:
    emails = [{"email": "mallory@evil.example", "primary": True, "verified": True}]

    response = sign_in(agent, vendor, email="alice@acme.example", emails=emails)

    assert refused(agent, response) == ("not_admitted", {"linked user"})


@pytest.mark.row(23)
@pytest.mark.parametrize("number", [None, "", "alice", True, 1.5])
def test_account_must_have_a_number(
    agent: Agent, vendor: GitHubVendor, alice: User, number: Any
) -> None:
    response = sign_in(agent, vendor, id=number)

    assert refused(agent, response) == ("response_refused", {"subject"})


def test_person_renames_the_account(agent: Agent, vendor: GitHubVendor, alice: User) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    sign_in(agent, vendor, login="alice-of-acme")

    assert agent.username == "alice@acme.example"


@pytest.mark.parametrize("path", ["/api/user", "/api/user/emails"])
def test_api_that_answers_something_else(
    agent: Agent, vendor: GitHubVendor, alice: User, path: str
) -> None:
    vendor.server.routes["GET", path] = lambda request: as_json("text")

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"


def test_app_without_leave_to_read_addresses(
    agent: Agent, vendor: GitHubVendor, alice: User
) -> None:
    """A GitHub App needs the permission for them."""

    def forbidden(request: Request) -> Any:
        return as_json({"message": "Resource not accessible by integration"}, 403)

    vendor.server.routes["GET", "/api/user/emails"] = forbidden

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"


def test_there_are_no_options() -> None:
    with pytest.raises(ValidationError):
        GitHub.clean_options({"host": "github.acme.example"})
    assert GitHub.issuer_of({}) == "https://github.com/login/oauth"


# --- the tokens afterwards ------------------------------------------------------------------------


def test_revocation_that_failed_says_so(vendor: GitHubVendor, connector: Connector) -> None:
    vendor.secret = "a newer one"

    with pytest.raises(SocialAuthBaseException):
        provider(connector).revoke(Grant(access_token="a token"))
