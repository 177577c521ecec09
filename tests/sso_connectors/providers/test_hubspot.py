"""HubSpot: whose token it is, by introspection; the hub and the user in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import SocialAuthBaseException

from sso_connectors.identity import Grant
from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.providers import Client, hubspot
from sso_connectors.providers.hubspot import ISSUER, HubSpot
from tests.agent import CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.code_grant import CLIENT_SECRET
from tests.vendors.hubspot import ALICE, ALICES_HUB, HubSpotVendor
from tests.vendors.server import Reply, Request, as_json
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User

REFUSED = "response_refused"
INTROSPECTION = "/oauth/2026-03/token/introspect"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubSpotVendor]:
    with HubSpotVendor() as double:
        monkeypatch.setattr(hubspot, "AUTHORIZATION", f"{double.url}{double.authorize_path}")
        monkeypatch.setattr(hubspot, "TOKENS", f"{double.url}{double.token_path}")
        yield double


@pytest.fixture
def connector(make_connector: ConnectorMaker, vendor: HubSpotVendor) -> Connector:
    return make_oauth2(make_connector, "hubspot", {"hub_id": str(ALICES_HUB)})


@pytest.fixture
def alice(make_user: UserMaker, connector: Connector) -> User:
    return make_user("alice@acme.example", connector)


def test_signs_in(agent: Agent, vendor: HubSpotVendor, alice: User) -> None:
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == f"{ALICES_HUB}:{ALICE}"
    assert not vendor.server.refusals


def test_token_and_secret_are_in_no_address(
    agent: Agent, vendor: HubSpotVendor, alice: User
) -> None:
    sign_in(agent, vendor)

    for request in vendor.server.requests:
        assert (request.method, request.query) == ("POST", {})
        assert vendor.grants[0].access not in request.path


@pytest.mark.row(18)
def test_answer_that_names_another(agent: Agent, vendor: HubSpotVendor, alice: User) -> None:
    for issuer, username in (("https://app.hubspot.com.evil.example", None), (ISSUER, str(alice))):
        answer = vendor.authorize(agent.open()["Location"]) | {"iss": issuer}
        agent.client.get(CALLBACK, answer)

        assert agent.username == username


# --- the hub --------------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize("hub", [ALICES_HUB + 1, None, 0, str(ALICES_HUB), True])
def test_another_hub(agent: Agent, vendor: HubSpotVendor, alice: User, hub: Any) -> None:
    """Whoever runs a hub says which addresses its users have."""
    cause, failed = refused(agent, sign_in(agent, vendor, hub_id=hub))

    assert cause == REFUSED
    assert "hub ID" in failed


def test_any_hub(
    agent: Agent, vendor: HubSpotVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    alice = make_user("alice@acme.example", make_oauth2(make_connector, "hubspot"))

    sign_in(agent, vendor, hub_id=7)

    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == f"7:{ALICE}"


@pytest.mark.row(23)
def test_same_user_number_in_another_hub_is_another_person(
    agent: Agent, vendor: HubSpotVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    make_user("alice@acme.example", make_oauth2(make_connector, "hubspot"))
    sign_in(agent, vendor)
    agent.client.logout()

    response = sign_in(agent, vendor, hub_id=666)

    assert refused(agent, response) == ("not_admitted", {"subject"})


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
def test_address_that_another_person_has_now(
    agent: Agent, vendor: HubSpotVendor, alice: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    response = sign_in(agent, vendor, user_id=ALICE + 1)

    assert refused(agent, response) == ("not_admitted", {"subject"})


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


# --- the app there --------------------------------------------------------------------------------


def test_wrong_secret(agent: Agent, vendor: HubSpotVendor, alice: User) -> None:
    vendor.secret = "a newer one"

    cause, _checks = refused(agent, sign_in(agent, vendor))

    assert cause == "identity_provider_error"
    assert "secret is wrong" in Attempt.objects.latest("pk").detail
    assert CLIENT_SECRET not in Attempt.objects.latest("pk").detail


def test_code_of_another_login(agent: Agent, vendor: HubSpotVendor, alice: User) -> None:
    """PKCE: the code is of no use to whoever didn't ask for it."""
    stolen = vendor.authorize(Agent().open()["Location"])["code"]
    answer = vendor.authorize(agent.open()["Location"]) | {"code": stolen}

    cause, _checks = refused(agent, agent.client.get(CALLBACK, answer))

    assert cause == "identity_provider_error"
    assert "the verifier doesn't fit" in str(vendor.server.refusals[-1])


@pytest.mark.parametrize(
    "hub_id",
    ["0", "-1", "62515x", "6.2", "0x10", "62 515", "٦٢٥١٥", "9" * 19, "acme", 62515, True, ["1"]],
)
def test_what_is_no_hub_id(hub_id: Any) -> None:
    with pytest.raises(ValidationError):
        HubSpot.clean_options({"hub_id": hub_id})


def test_options() -> None:
    assert HubSpot.clean_options({"hub_id": " 62515 "}) == {"hub_id": "62515"}
    assert HubSpot.missing_options({}) == []
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


def test_refresh(agent: Agent, vendor: HubSpotVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    first = tokens.access

    with refuse_any_other_way_out():
        answer = provider(connector).refresh_token(tokens.refresh)

    assert answer["access_token"] == tokens.access != first
    assert answer["refresh_token"] == tokens.refresh


def test_refresh_token_that_is_over(connector: Connector, vendor: HubSpotVendor) -> None:
    with pytest.raises(SocialAuthBaseException) as caught:
        provider(connector).refresh_token("of long ago")
    assert caught.value.provider_code == "invalid_grant"


def test_revoke(agent: Agent, vendor: HubSpotVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants

    with refuse_any_other_way_out():
        ended = provider(connector).revoke(
            Grant(access_token=tokens.access, refresh_token=tokens.refresh)
        )

    assert ended is True
    assert tokens.is_over
    assert vendor.server.requests[-1].query == {}
    with pytest.raises(SocialAuthBaseException):
        provider(connector).refresh_token(tokens.refresh)
