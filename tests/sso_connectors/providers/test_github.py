"""GitHub: no ID token, so its API says who it is; the account's number and its primary verified address."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthCredentialError, SocialAuthBaseException

from sso_connectors.identity import Grant
from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.providers import github
from sso_connectors.providers.github import GitHub
from tests.agent import CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.github import ALICE, GitHubAppVendor, GitHubVendor
from tests.vendors.server import Request, as_json
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User


def _point_at(double: GitHubVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "ISSUER", double.issuer)
    monkeypatch.setattr(github, "API", f"{double.url}/api")


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubVendor]:
    with GitHubVendor() as double:
        _point_at(double, monkeypatch)
        yield double


@pytest.fixture
def connector(make_connector: ConnectorMaker, vendor: GitHubVendor) -> Connector:
    return make_oauth2(make_connector, "github")


@pytest.fixture
def alice(make_user: UserMaker, connector: Connector) -> User:
    return make_user("alice@acme.example", connector)


def test_signs_in(agent: Agent, vendor: GitHubVendor, alice: User) -> None:
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == str(ALICE)


@pytest.mark.row(18)
def test_answer_may_name_github_and_nobody_else(
    agent: Agent, vendor: GitHubVendor, alice: User
) -> None:
    """It says no `iss` now; it did for some days in 2026."""
    answer = vendor.authorize(agent.open()["Location"]) | {"iss": "https://evil.example"}
    response = agent.client.get(CALLBACK, answer)
    assert refused(agent, response) == ("response_refused", {"response issuer"})

    vendor.sends_iss = True
    sign_in(agent, vendor)
    assert agent.username == "alice@acme.example"


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
def test_address_that_another_person_has_now(
    agent: Agent, vendor: GitHubVendor, alice: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    response = sign_in(agent, vendor, id=ALICE + 1)

    assert refused(agent, response) == ("not_admitted", {"subject"})


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


def test_wrong_secret(agent: Agent, vendor: GitHubVendor, alice: User) -> None:
    """GitHub says so with status 200."""
    vendor.secret = "a newer one"

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"
    assert "incorrect_client_credentials" in Attempt.objects.latest("pk").detail


@pytest.mark.row(19)
def test_code_of_another_browser(agent: Agent, vendor: GitHubVendor, alice: User) -> None:
    """PKCE: a code that was stolen from Alice's browser fits no other login."""
    stolen = vendor.authorize(agent.open()["Location"])["code"]
    thief = Agent()
    mine = vendor.authorize(thief.open()["Location"])

    response = thief.client.get(CALLBACK, mine | {"code": stolen})

    assert refused(thief, response)[0] == "identity_provider_error"
    assert vendor.server.refusals[-1].why == "the verifier doesn't fit"


def test_cant_be_made_to_ask_again(make_connector: ConnectorMaker) -> None:
    with pytest.raises(ValidationError):
        make_oauth2(make_connector, "github", force_authn=True)


def test_there_are_no_options() -> None:
    with pytest.raises(ValidationError):
        GitHub.clean_options({"host": "github.acme.example"})
    assert GitHub.issuer_of({}) == "https://github.com/login/oauth"


# --- the tokens afterwards ------------------------------------------------------------------------


def test_refresh_of_a_github_app(
    agent: Agent,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with GitHubAppVendor() as vendor:
        _point_at(vendor, monkeypatch)
        connector = make_oauth2(make_connector, "github")
        make_user("alice@acme.example", connector)
        sign_in(agent, vendor)
        (tokens,) = vendor.grants
        first = tokens.refresh

        with refuse_any_other_way_out():
            answer = provider(connector).refresh_token(first)

        assert (answer["access_token"], answer["refresh_token"]) == (tokens.access, tokens.refresh)
        with pytest.raises(AuthCredentialError):
            provider(connector).refresh_token(first)


def test_revoke(agent: Agent, vendor: GitHubVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants

    with refuse_any_other_way_out():
        assert provider(connector).revoke(tokens.kept())

    assert tokens.is_over
    assert provider(connector).revoke(tokens.kept()), "it is over already"


def test_revocation_that_failed_says_so(vendor: GitHubVendor, connector: Connector) -> None:
    vendor.secret = "a newer one"

    with pytest.raises(SocialAuthBaseException):
        provider(connector).revoke(Grant(access_token="a token"))
