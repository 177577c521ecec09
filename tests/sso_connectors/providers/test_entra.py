"""Microsoft Entra ID: one tenant, its members, and never an e-mail address."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.models import Connector, Link
from sso_connectors.providers import entra
from sso_connectors.providers.entra import Entra
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.entra import ALICE, DOMAIN, OTHER_TENANT, TENANT, EntraVendor
from tests.vendors.every import EVERY, Known
from tests.vendors.sign_in import make_oauth2, refused, sign_in
from users.models import User

GUEST_OF = f"https://sts.windows.net/{OTHER_TENANT}/"
REFUSED = "response_refused"


@pytest.fixture
def known() -> Known:
    return EVERY["entra"]


def test_userinfo_is_not_asked(agent: Agent, vendor: EntraVendor, alice: User) -> None:
    sign_in(agent, vendor)

    assert agent.username == "alice@acme.example"
    assert not vendor.server.asked("/oidc/userinfo")


def test_tenant_by_its_domain(
    agent: Agent, vendor: EntraVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """Discovery then says the GUID, and everything else goes by that."""
    connector = make_oauth2(make_connector, "entra", {"tenant": DOMAIN.upper()})
    user = make_user("alice@acme.example", connector)

    sign_in(agent, vendor)

    assert connector.issuer_url == f"{vendor.url}/{DOMAIN}/v2.0"
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=user).subject == f"{TENANT}:{ALICE}"


def test_upn_where_there_is_no_preferred_username(
    agent: Agent, vendor: EntraVendor, alice: User
) -> None:
    sign_in(agent, vendor, preferred_username=None, upn="ALICE@acme.example")

    assert agent.username == "alice@acme.example"


# --- nOAuth ---------------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize("verified", [True, None])
def test_email_counts_for_nothing(
    agent: Agent, vendor: EntraVendor, alice: User, verified: bool | None
) -> None:
    """Whoever may edit a user object may write anybody's address into it."""
    response = sign_in(
        agent,
        vendor,
        preferred_username="mallory@acme.example",
        email="alice@acme.example",
        email_verified=verified,
        xms_edov=verified,
    )

    assert refused(agent, response) == ("not_admitted", {"linked user"})


@pytest.mark.row(21)
def test_email_doesnt_stand_in_for_a_missing_name(
    agent: Agent, vendor: EntraVendor, alice: User
) -> None:
    response = sign_in(agent, vendor, preferred_username=None, email="alice@acme.example")

    assert refused(agent, response) == ("not_admitted", {"username"})


@pytest.mark.row(21)
def test_token_of_another_tenant(agent: Agent, vendor: EntraVendor, alice: User) -> None:
    """All tenants' tokens are signed with the same keys."""
    other = f"{vendor.url}/{OTHER_TENANT}/v2.0"

    response = sign_in(agent, vendor, iss=other, tid=OTHER_TENANT)

    assert refused(agent, response) == (REFUSED, {"issuer"})


@pytest.mark.row(21)
def test_token_of_another_tenant_at_a_connector_by_domain(
    agent: Agent, vendor: EntraVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    make_user("alice@acme.example", make_oauth2(make_connector, "entra", {"tenant": DOMAIN}))
    other = f"{vendor.url}/{OTHER_TENANT}/v2.0"

    response = sign_in(agent, vendor, iss=other, tid=OTHER_TENANT)

    assert refused(agent, response) == (REFUSED, {"issuer"})


@pytest.mark.row(21)
@pytest.mark.parametrize("tid", [OTHER_TENANT, None, [TENANT]])
def test_tenant_claim_must_be_the_issuers(
    agent: Agent, vendor: EntraVendor, alice: User, tid: Any
) -> None:
    assert refused(agent, sign_in(agent, vendor, tid=tid)) == (REFUSED, {"tenant"})


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "claims",
    [
        {"idp": GUEST_OF},
        {"idp": "live.com"},
        {"idp": "mail"},
        {"idp": [GUEST_OF]},
        {"acct": 1},
        {"acct": "1"},
        {"acct": True},
        {"preferred_username": None, "upn": "alice_acme.example#EXT#@acme.example"},
        {"upn": "alice_acme.example#ext#@acme.example"},
    ],
)
def test_guests_are_refused(
    agent: Agent, vendor: EntraVendor, alice: User, claims: dict[str, Any]
) -> None:
    """A guest's name is what another tenant, or anybody's mail server, says."""
    response = sign_in(agent, vendor, **claims)

    assert refused(agent, response) == (REFUSED, {"member of the tenant"})


@pytest.mark.parametrize(
    "claims",
    [{"acct": 0}, {"idp": f"https://sts.windows.net/{TENANT}/"}],
)
def test_members_say_so(
    agent: Agent, vendor: EntraVendor, alice: User, claims: dict[str, Any]
) -> None:
    sign_in(agent, vendor, **claims)

    assert agent.username == "alice@acme.example"


@pytest.mark.row(21)
@pytest.mark.parametrize("tenant", [TENANT, DOMAIN])
@pytest.mark.parametrize(
    "issuer",
    [
        "{url}/{{tenantid}}/v2.0",
        "{url}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        "{url}/common/v2.0",
        "{url}/" + TENANT,
        "{url}/" + TENANT + "/v2.0/",
        "https://evil.example/" + TENANT + "/v2.0",
    ],
)
def test_discovery_must_be_of_one_tenant(
    agent: Agent,
    vendor: EntraVendor,
    make_connector: ConnectorMaker,
    tenant: str,
    issuer: str,
) -> None:
    make_oauth2(make_connector, "entra", {"tenant": tenant})
    vendor.discovered_issuer = issuer.format(url=vendor.url)

    assert refused(agent, agent.open())[0] == REFUSED


@pytest.mark.row(21)
def test_discovery_of_another_tenant_than_the_one_by_guid(
    agent: Agent, vendor: EntraVendor, connector: Connector
) -> None:
    vendor.discovered_issuer = f"{vendor.url}/{OTHER_TENANT}/v2.0"

    assert refused(agent, agent.open())[0] == REFUSED


# --- who it is, again -----------------------------------------------------------------------------


def test_another_registration_knows_the_person_again(
    agent: Agent, vendor: EntraVendor, alice: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    sign_in(agent, vendor, sub="of-another-app", oid=ALICE.upper())

    assert agent.username == "alice@acme.example"


@pytest.mark.row(23)
@pytest.mark.parametrize("oid", [None, "", "alice", 7])
def test_object_identifier_must_be_there(
    agent: Agent, vendor: EntraVendor, alice: User, oid: Any
) -> None:
    response = sign_in(agent, vendor, oid=oid)

    assert refused(agent, response) == (REFUSED, {"object identifier", "subject"})


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tenant",
    [
        "{11111111-aaaa-4bbb-8ccc-000000000001}",
        "11111111-aaaa-4bbb-8ccc",
        "acme",
        "acme.example/../common",
        "acme.example/v2.0?x=",
        "acme..example",
        "127.0.0.1",
        "https://acme.example",
        "аcme.example",  # a Cyrillic а
        "x" * 300,
    ],
)
@pytest.mark.row(21)
def test_what_is_no_tenant(tenant: str) -> None:
    with pytest.raises(ValidationError):
        Entra.clean_options({"tenant": tenant})


@pytest.mark.parametrize("tenant", ["common", "Organizations", "consumers", entra.PERSONAL])
def test_what_lets_anybody_in_is_called_that(tenant: str) -> None:
    with pytest.raises(ValidationError, match="lets anyone in"):
        Entra.clean_options({"tenant": tenant})


def test_tenant_in_one_spelling() -> None:
    assert Entra.clean_options({"tenant": f" {TENANT.upper()} "}) == {"tenant": TENANT}
    assert Entra.missing_options({}) == ["tenant"]
    assert Entra.issuer_of({}) == ""
