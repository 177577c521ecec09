"""Zoho CRM: several data centres, one of which answers; the secret goes to a listed one or nowhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.models import Attempt, Connector
from sso_connectors.protocols.oauth2.protocol import client_of
from sso_connectors.protocols.oauth2.tokens import access_token_for
from sso_connectors.providers import zoho_crm
from sso_connectors.providers.zoho_crm import DATA_CENTRES, DEFAULT_SERVER, ZohoCRM
from sso_connectors.results.errors import ResponseRefused
from sso_connectors.results.identity import Grant
from tests.agent import Agent
from tests.outside import refuse_any_other_way_out
from tests.vendors.every import EVERY, Known
from tests.vendors.server import Reply, Request, as_json
from tests.vendors.sign_in import provider, refused, sign_in
from tests.vendors.zoho import ALICE, ZohoVendor
from users.models import User

REFUSED = "response_refused"
USERS = "/crm/v8/users"


@pytest.fixture
def known() -> Known:
    """`vendor` is the data centre where the client is registered."""
    return EVERY["zoho_crm"]


@pytest.fixture
def europe() -> Iterator[ZohoVendor]:
    """Another one that is listed."""
    with ZohoVendor(host="127.0.0.2") as double:
        yield double


@pytest.fixture
def evil() -> Iterator[ZohoVendor]:
    """Not listed: nothing may ever come here, and the secret least of all."""
    with ZohoVendor(host="127.0.0.66") as double:
        yield double
        assert double.server.requests == []


@pytest.fixture(autouse=True)
def _listed(vendor: ZohoVendor, europe: ZohoVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoho_crm, "DATA_CENTRES", {each.url: each.url for each in (vendor, europe)})


# --- the data centres -----------------------------------------------------------------------------


def test_account_in_the_same_data_centre(
    agent: Agent, vendor: ZohoVendor, europe: ZohoVendor, alice: User
) -> None:
    sign_in(agent, vendor)

    assert agent.username == "alice@acme.example"
    assert europe.server.requests == []


def test_account_in_another_data_centre(
    agent: Agent, vendor: ZohoVendor, europe: ZohoVendor, alice: User
) -> None:
    with refuse_any_other_way_out():
        sign_in(agent, vendor, at=europe)

    assert agent.username == "alice@acme.example"
    assert vendor.server.requests == []
    assert [each.path for each in europe.server.requests] == [
        "/oauth/v2/token",
        "/oauth/user/info",
        USERS,
    ]


@pytest.mark.row(31)
def test_accounts_server_that_is_not_listed_gets_nothing(
    agent: Agent, vendor: ZohoVendor, evil: ZohoVendor, alice: User
) -> None:
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor, at=evil)

    assert refused(agent, response) == (REFUSED, {"accounts server"})
    assert evil.url in Attempt.objects.latest("pk").detail
    assert vendor.server.requests == []


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "named",
    [
        "{evil}/{vendor}",
        "{vendor}@{evil_host}",
        "{vendor}.evil.example",
        "{vendor}/",
        "{vendor}#",
        "{vendor}/../..",
        "https://accounts.zoho.com.evil.example",
        "https://accounts.zoho.com@127.0.0.66",
        "//127.0.0.66",
        "accounts.zoho.com",
        "file:///etc/passwd",
        " {vendor}",
    ],
)
def test_accounts_server_to_the_letter(
    agent: Agent, vendor: ZohoVendor, evil: ZohoVendor, alice: User, named: str
) -> None:
    name = named.format(
        vendor=vendor.url, evil=evil.url, evil_host=evil.url.removeprefix("http://")
    )
    answer = vendor.authorize(agent.open()["Location"]) | {"accounts-server": name}

    with refuse_any_other_way_out():
        response = agent.bring(answer)

    assert refused(agent, response) == (REFUSED, {"accounts server"})
    assert vendor.server.requests == []


def test_answer_that_names_no_server(agent: Agent, vendor: ZohoVendor, alice: User) -> None:
    answer = vendor.authorize(agent.open()["Location"])
    del answer["accounts-server"], answer["location"]

    agent.bring(answer)

    assert agent.username == "alice@acme.example"


def test_location_says_nothing_of_its_own(
    agent: Agent, vendor: ZohoVendor, evil: ZohoVendor, alice: User
) -> None:
    answer = vendor.authorize(agent.open()["Location"]) | {"location": evil.url}

    agent.bring(answer)

    assert agent.username == "alice@acme.example"


@pytest.mark.row(31)
@pytest.mark.parametrize("domain", ["{evil}", "{evil}/{vendor}", "{vendor}@{host}", 7, None, ["x"]])
def test_api_domain_that_is_not_listed_is_never_asked(
    agent: Agent, vendor: ZohoVendor, evil: ZohoVendor, alice: User, domain: Any
) -> None:
    """The access token goes there; the data centre's own stands in for it."""
    if isinstance(domain, str):
        domain = domain.format(
            vendor=vendor.url, evil=evil.url, host=evil.url.removeprefix("http://")
        )
    vendor.around_the_token = {"api_domain": domain}

    with refuse_any_other_way_out():
        sign_in(agent, vendor)

    assert agent.username == "alice@acme.example"
    assert len(vendor.server.asked(USERS)) == 1


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "server",
    [
        "https://evil.example",
        "http://accounts.zoho.com",
        "https://accounts.zoho.com.evil.example",
        "https://accounts.zoho.com@evil.example",
        "https://accounts.zoho.com:8443",
        "https://accounts.zoho.com/oauth",
        "https://accounts.zoho.com?",
        "https://accounts.zoho.com\\",
        "https://accounts.zoho.con",
        "https://zoho.com",
        "https://accounts.zoho.ca",
        "accounts.zoho.eu",
        "https://аccounts.zoho.com",  # a Cyrillic а
        "http://127.0.0.1",
        7,
        True,
        ["https://accounts.zoho.com"],
    ],
)
def test_what_is_no_accounts_server(monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    monkeypatch.setattr(zoho_crm, "DATA_CENTRES", DATA_CENTRES)

    with pytest.raises(ValidationError):
        ZohoCRM.clean_options({"accounts_server": server})


@pytest.mark.parametrize("server", DATA_CENTRES)
def test_accounts_servers(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setattr(zoho_crm, "DATA_CENTRES", DATA_CENTRES)

    options = ZohoCRM.clean_options({"accounts_server": f" {server.upper()}/ "})

    assert options == {"accounts_server": server}
    assert ZohoCRM.issuer_of(options) == server


def test_default_server() -> None:
    assert ZohoCRM.missing_options({}) == []
    assert ZohoCRM.issuer_of({}) == DEFAULT_SERVER


# --- who it is ------------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "lie",
    [
        {"confirm": False},
        {"confirm": None},
        {"confirm": "true"},
        {"status": "disabled"},
        {"status": None},
        {"email": "mallory@acme.example"},
        {"email": None},
    ],
)
def test_address_that_zoho_crm_has_not_confirmed(
    agent: Agent, vendor: ZohoVendor, alice: User, lie: dict[str, Any]
) -> None:
    """An account at Zoho can be opened with anybody's address."""
    vendor.crm_users[0] |= lie

    assert refused(agent, sign_in(agent, vendor)) == (REFUSED, {"e-mail address"})


@pytest.mark.row(21)
@pytest.mark.parametrize("users", [[], "two", [None], ["alice"]])
def test_person_without_zoho_crm(agent: Agent, vendor: ZohoVendor, alice: User, users: Any) -> None:
    vendor.crm_users = vendor.crm_users * 2 if users == "two" else users

    cause, failed = refused(agent, sign_in(agent, vendor))

    assert cause == REFUSED
    assert "Zoho CRM user" in failed


@pytest.mark.row(23)
@pytest.mark.parametrize("number", [str(ALICE + 1), None, "", ALICE + 1])
def test_user_of_another_account(
    agent: Agent, vendor: ZohoVendor, alice: User, number: Any
) -> None:
    vendor.crm_users[0]["zuid"] = number

    cause, failed = refused(agent, sign_in(agent, vendor))

    assert cause == REFUSED
    assert failed == {"Zoho CRM user", "e-mail address", "subject"}


@pytest.mark.row(23)
@pytest.mark.parametrize("number", [None, "", "alice", [ALICE], "1 OR 1"])
def test_number_of_the_account_must_be_there(
    agent: Agent, vendor: ZohoVendor, alice: User, number: Any
) -> None:
    vendor.crm_users[0]["zuid"] = number

    cause, failed = refused(agent, sign_in(agent, vendor, ZUID=number))

    assert cause == REFUSED
    assert "subject" in failed


@pytest.mark.row(21)
@pytest.mark.parametrize("email", [None, "", " alice@acme.example", ["alice@acme.example"], 7])
def test_no_address(agent: Agent, vendor: ZohoVendor, alice: User, email: Any) -> None:
    vendor.crm_users[0]["email"] = email

    cause, _failed = refused(agent, sign_in(agent, vendor, Email=email))

    assert cause in {REFUSED, "not_admitted"}


@pytest.mark.parametrize("path", ["/oauth/user/info", USERS])
@pytest.mark.parametrize("answer", [[], None, "alice", {"users": {}}, {"users": None}])
def test_answers_that_are_not_what_they_should_be(
    agent: Agent, vendor: ZohoVendor, alice: User, path: str, answer: Any
) -> None:
    def reply(request: Request) -> Reply:
        return as_json(answer)

    vendor.server.routes["GET", path] = reply

    cause, _failed = refused(agent, sign_in(agent, vendor))

    assert cause in {"identity_provider_error", REFUSED}


# --- the tokens afterwards ------------------------------------------------------------------------


def test_refresh_goes_where_the_account_is(
    agent: Agent, vendor: ZohoVendor, europe: ZohoVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor, at=europe)
    (tokens,) = europe.grants
    before = _grant_of(europe, tokens.access, tokens.refresh)
    first = tokens.refresh

    with refuse_any_other_way_out():
        ours = ZohoCRM(client_of(connector), memory={"grant_extra": dict(before.extra)})
        after = ours.grant(ours.refresh_token(first), previous=before)

    assert vendor.server.requests == []
    assert (after.access_token, after.refresh_token) == (tokens.access, first)
    assert after.extra == before.extra


def test_token_for_a_call_comes_from_where_the_account_is(
    agent: Agent, vendor: ZohoVendor, europe: ZohoVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor, at=europe)
    first = access_token_for(alice, connector)

    with refuse_any_other_way_out():
        second = access_token_for(alice, connector, rejected=first)

    assert first.value != second.value == europe.grants[0].access
    assert second.extra == {"accounts_server": europe.url, "api_domain": europe.url}
    assert vendor.server.requests == []


@pytest.mark.row(31)
def test_refresh_that_names_an_evil_api_domain(
    vendor: ZohoVendor, europe: ZohoVendor, evil: ZohoVendor, connector: Connector
) -> None:
    extra = {"accounts_server": vendor.url, "api_domain": europe.url}
    ours = ZohoCRM(client_of(connector), memory={"grant_extra": extra})

    grant = ours.grant({"access_token": "a", "api_domain": evil.url})

    assert grant.extra == extra


@pytest.mark.row(31)
def test_remembered_server_that_is_listed_no_more(evil: ZohoVendor, connector: Connector) -> None:
    memory = {"grant_extra": {"accounts_server": evil.url}}

    with pytest.raises(ResponseRefused):
        ZohoCRM(client_of(connector), memory=memory).refresh_token("refresh")


def test_revoke(
    agent: Agent, vendor: ZohoVendor, europe: ZohoVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor, at=europe)
    (tokens,) = europe.grants

    with refuse_any_other_way_out():
        ended = provider(connector).revoke(_grant_of(europe, tokens.access, tokens.refresh))

    assert ended is True
    assert tokens.is_over
    assert vendor.server.requests == []


def _grant_of(centre: ZohoVendor, access: str, refresh: str) -> Grant:
    return Grant(
        access_token=access,
        refresh_token=refresh,
        extra={"accounts_server": centre.url, "api_domain": centre.url},
    )
