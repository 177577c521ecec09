"""HubSpot: whose token it is, by introspection; the hub and the user in it."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.diagnosis import diagnose
from sso_connectors.models import Attempt, Connector
from sso_connectors.models.token import Token, TokenState
from sso_connectors.protocols.oauth2.tokens import (
    ReconnectNeeded,
    TokenUnavailable,
    access_token_for,
)
from sso_connectors.providers import Client
from sso_connectors.providers.hubspot import ISSUER, HubSpot
from tests.agent import Agent
from tests.vendors.every import EVERY, Known
from tests.vendors.hubspot import ALICES_HUB, HubSpotVendor
from tests.vendors.server import Reply, Request, as_json
from tests.vendors.sign_in import refused, sign_in
from users.models import User

REFUSED = "response_refused"
INTROSPECTION = "/oauth/2026-03/token/introspect"


@pytest.fixture
def known() -> Known:
    return EVERY["hubspot"]


def test_token_and_secret_are_in_no_address(
    agent: Agent, vendor: HubSpotVendor, alice: User
) -> None:
    sign_in(agent, vendor)

    for request in vendor.server.requests:
        assert (request.method, request.query) == ("POST", {})
        assert vendor.grants[0].access not in request.path


# --- the hub --------------------------------------------------------------------------------------


@pytest.mark.row(46)
@pytest.mark.parametrize("hub", [ALICES_HUB + 1, None, 0, str(ALICES_HUB), True])
def test_another_hub(agent: Agent, vendor: HubSpotVendor, alice: User, hub: Any) -> None:
    """Whoever runs a hub says which addresses its users have."""
    cause, failed = refused(agent, sign_in(agent, vendor, hub_id=hub))

    assert cause == REFUSED
    assert "hub ID" in failed


# --- who it is ------------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "user", [None, "", "alice", 7, " alice@acme.example", ["alice@acme.example"]]
)
def test_no_address(agent: Agent, vendor: HubSpotVendor, alice: User, user: Any) -> None:
    assert refused(agent, sign_in(agent, vendor, user=user)) == (REFUSED, {"e-mail address"})


def test_address_of_somebody_who_isnt_linked(
    agent: Agent, vendor: HubSpotVendor, alice: User
) -> None:
    response = sign_in(agent, vendor, user="mallory@acme.example")

    assert refused(agent, response) == ("not_admitted", {"linked user"})


@pytest.mark.row(23)
@pytest.mark.parametrize("number", [None, "", "100881", True])
def test_number_of_the_user_must_be_there(
    agent: Agent, vendor: HubSpotVendor, alice: User, number: Any
) -> None:
    assert refused(agent, sign_in(agent, vendor, user_id=number)) == (REFUSED, {"subject"})


@pytest.mark.parametrize("active", [False, None, "true", 1])
def test_token_that_is_not_active(
    agent: Agent, vendor: HubSpotVendor, alice: User, active: Any
) -> None:
    assert refused(agent, sign_in(agent, vendor, active=active)) == (REFUSED, {"access token"})


@pytest.mark.parametrize("answer", [[], None, "alice@acme.example", 7])
def test_introspection_that_is_no_object(
    agent: Agent, vendor: HubSpotVendor, alice: User, answer: Any
) -> None:
    def introspect(request: Request) -> Reply:
        return as_json(answer)

    vendor.server.routes["POST", INTROSPECTION] = introspect

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hub_id",
    ["0", "-1", "62515x", "6.2", "0x10", "62 515", "٦٢٥١٥", "9" * 19, "acme", 62515, True, ["1"]],
)
def test_what_is_no_hub_id(hub_id: Any) -> None:
    with pytest.raises(ValidationError):
        HubSpot.clean_options({"hub_id": hub_id})


def test_options() -> None:
    assert HubSpot.clean_options({"hub_id": " 62515 "}) == {"hub_id": "62515"}
    assert HubSpot.missing_options({}) == ["hub_id"]
    assert HubSpot.issuer_of({}) == ISSUER
    with pytest.raises(ValidationError):
        HubSpot.clean_options({"hub": "62515"})


# --- the tokens afterwards ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "kept"), [(["oauth", "tickets"], "oauth tickets"), (None, ""), ("oauth", "")]
)
def test_grant_holds_the_scopes(scopes: Any, kept: str) -> None:
    client = Client(client_id="client", client_secret="secret", issuer=ISSUER)

    grant = HubSpot(client).grant({"access_token": "a", "expires_in": 1800, "scopes": scopes})

    assert grant.scope == kept
    assert grant.expires_at is not None


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
        {"status": "bad_refresh_token"},
        {"error": "bad_refresh_token"},
        {"error": "BAD_REFRESH_TOKEN", "status": "error"},
        {"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN"},
    ],
)
def test_dead_refresh_token_in_any_of_its_words(
    agent: Agent, vendor: HubSpotVendor, connector: Connector, alice: User, answer: dict[str, str]
) -> None:
    """Only a sign-in heals it: asked again, HubSpot would say the same for ever."""
    sign_in(agent, vendor)
    first = access_token_for(alice, connector)
    vendor.server.routes["POST", vendor.token_path] = lambda request: as_json(answer, 400)

    for _call in range(2):
        with pytest.raises(ReconnectNeeded):
            access_token_for(alice, connector, rejected=first)
    assert Token.objects.get().state == TokenState.RECONNECT_NEEDED
    assert len(vendor.server.asked(vendor.token_path)) == 2, "the code, and one refresh"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": "error", "message": "internal error"}, 400),
        ({"status": 400, "message": "internal error"}, 400),
        ({"status": "BAD_CLIENT_SECRET", "message": "wrong"}, 400),
        ({"status": "BAD_REFRESH_TOKEN_STORE"}, 503),
        (["BAD_REFRESH_TOKEN"], 400),
    ],
)
def test_other_words_leave_the_token_alive(
    agent: Agent, vendor: HubSpotVendor, connector: Connector, alice: User, answer: Any, status: int
) -> None:
    sign_in(agent, vendor)
    first = access_token_for(alice, connector)
    vendor.server.routes["POST", vendor.token_path] = lambda request: as_json(answer, status)

    with pytest.raises(TokenUnavailable):
        access_token_for(alice, connector, rejected=first)
    assert Token.objects.get().state == TokenState.OK


def test_wrong_secret_in_its_own_words_has_a_cure(
    agent: Agent, vendor: HubSpotVendor, alice: User
) -> None:
    vendor.server.routes["POST", vendor.token_path] = lambda request: as_json(
        {"status": "BAD_CLIENT_SECRET", "message": "missing or invalid client secret"}, 400
    )
    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"
    said = diagnose(Attempt.objects.get()).summary
    assert "rejects the connector's client ID and client secret (bad_client_secret)" in said
