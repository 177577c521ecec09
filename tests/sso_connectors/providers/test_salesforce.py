"""Salesforce: OpenID Connect at one of its own hosts, whatever the token response says of others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.models import Attempt, Connector
from sso_connectors.protocols.oauth2.tokens import access_token_for
from sso_connectors.providers import Client
from sso_connectors.providers.salesforce import SHORTEST_SESSION, Salesforce
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.every import EVERY, Known
from tests.vendors.salesforce import INSTANCE, SalesforceVendor
from tests.vendors.server import VendorServer
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User

REFUSED = "response_refused"
ORGANISATION = "00D000000000001"
HOST = "acme.my.salesforce.com"


@pytest.fixture
def known() -> Known:
    return EVERY["salesforce"]


@pytest.fixture
def evil() -> Iterator[VendorServer]:
    """On another address: nothing may ever come here."""
    with VendorServer({}, host="127.0.0.66") as server:
        yield server
        assert server.requests == []


def test_no_document_says_where_the_secret_goes(
    agent: Agent, vendor: SalesforceVendor, alice: User
) -> None:
    sign_in(agent, vendor)

    assert {request.path for request in vendor.server.requests} == {
        vendor.token_path,
        vendor.jwks_path,
        vendor.userinfo_path,
    }


def test_address_in_the_id_token(
    agent: Agent, vendor: SalesforceVendor, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the app includes the standard claims."""
    monkeypatch.setattr(SalesforceVendor, "in_userinfo_only", frozenset())

    sign_in(agent, vendor)

    assert agent.username == "alice@acme.example"
    assert vendor.server.asked(vendor.userinfo_path), "for the person's state"


# --- the hosts ------------------------------------------------------------------------------------


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "host",
    [
        "login.salesforce.com",
        "test.salesforce.com",
        HOST,
        "acme-corp.my.salesforce.com",
        "acme--uat.sandbox.my.salesforce.com",
        "acme-corp--uat2.sandbox.my.salesforce.com",
    ],
)
def test_salesforces_hosts(host: str) -> None:
    assert Salesforce.clean_options({"host": f" {host.upper()}\n"}) == {"host": host}
    assert Salesforce.issuer_of({"host": host}) == f"https://{host}"


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "salesforce.com",
        "my.salesforce.com",
        ".my.salesforce.com",
        "evil.salesforce.com",
        "www.login.salesforce.com",
        "login.salesforce.com.evil.example",
        "login.salesforce.com@evil.example",
        "login.salesforce.com:8443",
        "login.salesforce.com/",
        "login.salesforce.com#.evil.example",
        "login.salesforce.com\\.evil.example",
        "login.salesforce.com\n.evil.example",
        "evil.example/.my.salesforce.com",
        "evil.example?.my.salesforce.com",
        "evil.example#.my.salesforce.com",
        "evil.example\\.my.salesforce.com",
        "a.b.my.salesforce.com",
        "-acme.my.salesforce.com",
        "acme-.my.salesforce.com",
        "acme--uat.my.salesforce.com",
        "acme.sandbox.my.salesforce.com",
        "acme--uat--x.sandbox.my.salesforce.com",
        "--uat.sandbox.my.salesforce.com",
        "acme_corp.my.salesforce.com",
        "аcme.my.salesforce.com",  # a Cyrillic а
        "acme.my.salesforce.com.",
        "acme.my.salesforce․com",
        "https://login.salesforce.com",
        "127.0.0.1",
        "localhost",
        f"{'a' * 300}.my.salesforce.com",
        7,
        ["login.salesforce.com"],
    ],
)
def test_other_hosts(host: Any) -> None:
    with pytest.raises(ValidationError):
        Salesforce.clean_options({"host": host})


# --- the organisation -------------------------------------------------------------------------------


@pytest.mark.row(46)
@pytest.mark.parametrize("host", ["", "login.salesforce.com", "test.salesforce.com"])
def test_organisation_is_needed_where_all_of_them_sign_in(host: str) -> None:
    assert Salesforce.missing_options({"host": host}) == ["organization_id"]
    assert Salesforce.missing_options({"host": host, "organization_id": ORGANISATION}) == []
    assert Salesforce.missing_options({"host": HOST}) == []


@pytest.mark.row(46)
@pytest.mark.parametrize(
    ("subject", "gets_in"),
    [
        ("00D000000000001EAA/005000000000001AAA", True),
        ("00D000000000001/005000000000001", True),
        ("00D000000000666EAA/005000000000001AAA", False),
        ("00D00000000000A/005000000000001", False),
        ("00d000000000001/005000000000001", False),
        ("00D000000000001", False),
        ("00D000000000666/x/id/00D000000000001/005000000000001", False),
    ],
)
def test_another_organisation(
    agent: Agent,
    vendor: SalesforceVendor,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    subject: str,
    gets_in: bool,
) -> None:
    """Its administrator types any address for its users, and Salesforce has them confirmed by mail only."""
    options = {"host": HOST, "organization_id": ORGANISATION}
    make_user("alice@acme.example", make_oauth2(make_connector, "salesforce", options))

    response = sign_in(agent, vendor, sub=f"https://login.salesforce.com/id/{subject}")

    if gets_in:
        assert agent.username == "alice@acme.example"
    else:
        assert refused(agent, response) == (REFUSED, {"organisation"})


@pytest.mark.parametrize("text", ["00D5e000000abc", "00X5e000000abcd", "00D5e000000abcd/", "acme"])
def test_what_is_no_organisation(text: str) -> None:
    with pytest.raises(ValidationError):
        Salesforce.clean_options({"organization_id": text})


def test_organisation_in_one_spelling() -> None:
    for text in ("00D5e000000abcd", " 00D5e000000abcdEAX "):
        assert Salesforce.clean_options({"organization_id": text}) == {
            "organization_id": "00D5e000000abcd"
        }


@pytest.mark.row(46)
@pytest.mark.parametrize(
    "lie",
    [
        *({"active": value} for value in (False, None, "true", 1)),
        *(
            {"user_type": kind}
            for kind in (None, "CSPLITEPORTAL", "POWER_PARTNER", "GUEST", ["STANDARD"])
        ),
    ],
    ids=str,
)
def test_who_is_no_active_user(
    agent: Agent, vendor: SalesforceVendor, alice: User, lie: dict[str, Any]
) -> None:
    assert refused(agent, sign_in(agent, vendor, **lie)) == (REFUSED, {"Salesforce user"})


def test_default_host() -> None:
    assert Salesforce.issuer_of({}) == "https://login.salesforce.com"


@pytest.mark.row(20)
@pytest.mark.parametrize("issuer", ["https://login.salesforce.com", "https://evil.example"])
def test_token_of_another_host(
    agent: Agent, vendor: SalesforceVendor, alice: User, issuer: str
) -> None:
    """The administrator reads which one it was: it may be the organisation's My Domain."""
    assert refused(agent, sign_in(agent, vendor, iss=issuer)) == (REFUSED, {"issuer"})
    (check,) = [each for each in Attempt.objects.latest("pk").checks if each["name"] == "issuer"]
    assert (check["expected"], check["received"]) == (vendor.url, issuer)


@pytest.mark.row(31)
def test_what_the_token_response_names_is_never_asked(
    agent: Agent, vendor: SalesforceVendor, alice: User, evil: VendorServer
) -> None:
    vendor.around_the_token = {
        "id": f"{evil.url}/id/00D/005",
        "instance_url": evil.url,
        "sfdc_community_url": evil.url,
        "userinfo_endpoint": evil.url,
        "api_instance_url": evil.url,
    }

    with refuse_any_other_way_out():
        sign_in(agent, vendor, sub=f"{evil.url}/id/00D/005", profile=evil.url)

    assert agent.username == "alice@acme.example"


@pytest.mark.row(31)
@pytest.mark.parametrize(
    ("address", "is_kept"),
    [
        (INSTANCE, True),
        ("https://eu12.salesforce.com", True),
        ("https://acme--uat.sandbox.my.salesforce.com", True),
        ("https://acme.my.site.force.com", True),
        ("http://acme.my.salesforce.com", False),
        ("https://acme.my.salesforce.com/", False),
        ("https://acme.my.salesforce.com:8443", False),
        ("https://evil.example", False),
        ("https://evilsalesforce.com", False),
        ("https://salesforce.com", False),
        ("https://acme.my.salesforce.com.evil.example", False),
        ("https://acme.my.salesforce.com@evil.example", False),
        ("https://evil.example/.salesforce.com", False),
        ("https://evil.example#.salesforce.com", False),
        ("https://evil.example\\.salesforce.com", False),
        ("https://acme.my.salesforce.com\n", False),
        (None, False),
        (["https://acme.my.salesforce.com"], False),
    ],
)
def test_instance(address: Any, is_kept: bool) -> None:
    """Tokens are sent there."""
    grant = _salesforce().grant({"access_token": "a", "instance_url": address})

    assert grant.extra == ({"instance_url": address} if is_kept else {})


# --- who it is ------------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize("email", [None, "", ["alice@acme.example"]])
def test_no_address(agent: Agent, vendor: SalesforceVendor, alice: User, email: Any) -> None:
    """The name at Salesforce has the form of an address, and is none."""
    response = sign_in(agent, vendor, email=email, preferred_username="alice@acme.example")

    assert refused(agent, response) == (REFUSED, {"e-mail address"})


# --- the tokens afterwards ------------------------------------------------------------------------


def test_grant_ends_with_the_shortest_session() -> None:
    grant = _salesforce().grant({"access_token": "a"})

    assert grant.expires_at is not None
    left = grant.expires_at - datetime.now(UTC)
    assert timedelta(seconds=SHORTEST_SESSION - 10) < left <= timedelta(seconds=SHORTEST_SESSION)


def test_refresh_keeps_the_instance(
    agent: Agent,
    vendor: SalesforceVendor,
    alice: User,
    connector: Connector,
    evil: VendorServer,
) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    vendor.around_the_token = {"instance_url": evil.url, "id": f"{evil.url}/id"}
    before = replace(tokens.kept(), extra={"instance_url": INSTANCE})

    with refuse_any_other_way_out():
        ours = provider(connector)
        after = ours.grant(ours.refresh_token(before.refresh_token), previous=before)

    assert after.extra == {"instance_url": INSTANCE}


def test_token_for_a_call_has_the_instance(
    agent: Agent, vendor: SalesforceVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor)

    token = access_token_for(alice, connector)

    assert token.value == vendor.grants[0].access
    assert token.extra == {"instance_url": INSTANCE}


def _salesforce() -> Salesforce:
    return Salesforce(Client(client_id="client", client_secret="secret", issuer=f"https://{HOST}"))
