"""Slack: one workspace or any, errors that come with status 200, and no PKCE."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthProviderError

from sso_connectors.identity import Grant
from sso_connectors.models import Connector
from sso_connectors.providers.slack import Slack
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.every import EVERY, Known
from tests.vendors.server import as_json
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from tests.vendors.slack import TEAM, SlackVendor
from users.models import User

TEAM_CLAIM = "https://slack.com/team_id"


@pytest.fixture
def known() -> Known:
    return EVERY["slack"]


def test_workspace_is_asked_for(agent: Agent, vendor: SlackVendor, alice: User) -> None:
    sign_in(agent, vendor)

    assert vendor.asked["team"] == TEAM


@pytest.mark.row(21)
@pytest.mark.parametrize("team", ["T0OTHERXX", None, "", [TEAM]])
def test_another_workspace(agent: Agent, vendor: SlackVendor, alice: User, team: Any) -> None:
    """Whoever runs a workspace says which addresses its members have."""
    response = sign_in(agent, vendor, **{TEAM_CLAIM: team})

    assert refused(agent, response) == ("response_refused", {"workspace"})


@pytest.fixture
def of_any_workspace(
    make_connector: ConnectorMaker, make_user: UserMaker, vendor: SlackVendor
) -> User:
    return make_user("alice@acme.example", make_oauth2(make_connector, "slack"))


def test_any_workspace(agent: Agent, vendor: SlackVendor, of_any_workspace: User) -> None:
    sign_in(agent, vendor, **{TEAM_CLAIM: "T0OTHERXX"})

    assert "team" not in vendor.asked
    assert agent.username == "alice@acme.example"


@pytest.mark.row(23)
def test_one_user_id_in_two_workspaces(
    agent: Agent, vendor: SlackVendor, of_any_workspace: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    response = sign_in(agent, vendor, **{TEAM_CLAIM: "T0OTHERXX"})

    assert refused(agent, response) == ("not_admitted", {"subject"})


def test_workspace_must_be_named(agent: Agent, vendor: SlackVendor, of_any_workspace: User) -> None:
    lie: dict[str, Any] = {TEAM_CLAIM: None}
    response = sign_in(agent, vendor, **lie)

    assert refused(agent, response) == ("response_refused", {"workspace"})


@pytest.mark.row(19)
@pytest.mark.parametrize("nonce", [None, "another"])
def test_nonce_stands_in_for_pkce(
    agent: Agent, vendor: SlackVendor, alice: User, nonce: str | None
) -> None:
    assert refused(agent, sign_in(agent, vendor, nonce=nonce)) == ("response_refused", {"nonce"})


@pytest.mark.parametrize(
    "team", ["acme", "acme.slack.com", "T1", "U0123ABCD", "T0123ABCD&x=1", "T" * 30]
)
def test_what_is_no_workspace(team: str) -> None:
    with pytest.raises(ValidationError):
        Slack.clean_options({"team": team})


def test_workspace_in_one_spelling() -> None:
    assert Slack.clean_options({"team": " t0123abcd "}) == {"team": "T0123ABCD"}
    assert Slack.clean_options({"team": "E0123ABCD"}) == {"team": "E0123ABCD"}
    assert Slack.issuer_of({}) == "https://slack.com"


# --- the tokens afterwards ------------------------------------------------------------------------


def test_revocation_that_failed_says_so(vendor: SlackVendor, connector: Connector) -> None:
    """Slack says so with status 200."""
    vendor.of_a_dead_token = "internal_error"
    with pytest.raises(AuthProviderError):
        provider(connector).revoke(Grant(access_token="a token"))

    vendor.server.routes["POST", "/api/auth.revoke"] = lambda request: as_json(["ok"])
    with pytest.raises(AuthProviderError):
        provider(connector).revoke(Grant(access_token="a token"))
