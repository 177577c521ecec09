"""Slack: one workspace, errors that come with status 200, and no PKCE."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthProviderError

from sso_connectors.models import Connector
from sso_connectors.providers.slack import Slack
from sso_connectors.results.identity import Grant
from tests.agent import Agent
from tests.vendors.every import EVERY, Known
from tests.vendors.server import as_json
from tests.vendors.sign_in import provider, refused, sign_in
from tests.vendors.slack import TEAM, SlackVendor
from users.models import User

TEAM_CLAIM = "https://slack.com/team_id"


@pytest.fixture
def known() -> Known:
    return EVERY["slack"]


def test_workspace_is_asked_for(agent: Agent, vendor: SlackVendor, alice: User) -> None:
    sign_in(agent, vendor)

    assert vendor.asked["team"] == TEAM


@pytest.mark.row(46)
@pytest.mark.parametrize("team", ["T0OTHERXX", None, "", [TEAM]])
def test_another_workspace(agent: Agent, vendor: SlackVendor, alice: User, team: Any) -> None:
    """Whoever runs a workspace says which addresses its members have."""
    response = sign_in(agent, vendor, **{TEAM_CLAIM: team})

    assert refused(agent, response) == ("response_refused", {"workspace"})


@pytest.mark.row(46)
def test_workspace_is_required() -> None:
    assert Slack.missing_options({}) == ["team"]
    assert Slack.missing_options({"team": TEAM}) == []


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
