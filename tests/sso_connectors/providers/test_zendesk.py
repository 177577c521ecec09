"""Zendesk Support: one account, and an address that is itself verified there."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import SocialAuthBaseException

from sso_connectors.models import Attempt, Connector
from sso_connectors.providers.zendesk import Zendesk
from tests.agent import Agent
from tests.vendors.every import EVERY, Known
from tests.vendors.server import Reply, Request, as_json
from tests.vendors.sign_in import provider, refused, sign_in
from tests.vendors.zendesk import ALICE, ZendeskVendor
from users.models import User

REFUSED = "response_refused"
ME = "/api/v2/users/me.json"
IDENTITIES = f"/api/v2/users/{ALICE}/identities"


@pytest.fixture
def known() -> Known:
    return EVERY["zendesk"]


@pytest.mark.row(46)
@pytest.mark.parametrize(
    "lie",
    [
        *({"role": role} for role in ("end-user", None, "", "Agent", ["agent"])),
        *({"suspended": value} for value in (True, None, "false", 0)),
        *({"active": value} for value in (False, None, "true", 1)),
    ],
    ids=str,
)
def test_who_is_no_agent_any_more_or_never_was(
    agent: Agent, vendor: ZendeskVendor, alice: User, lie: dict[str, Any]
) -> None:
    """Anybody makes themselves an end user; an agent who is downgraded becomes one, with the same number."""
    cause, failed = refused(agent, sign_in(agent, vendor, **lie))

    assert cause == REFUSED
    assert "Zendesk user" in failed


def test_administrator_signs_in(agent: Agent, vendor: ZendeskVendor, alice: User) -> None:
    sign_in(agent, vendor, role="admin")

    assert agent.username == "alice@acme.example"


# --- the account ----------------------------------------------------------------------------------


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "subdomain",
    [
        "acme.evil",
        "acme.zendesk.com",
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "evil.example\\",
        "acme@evil",
        "acme:8443",
        "acme\n.evil",
        "acme/",
        "-acme",
        "acme_corp",
        "аcme",  # a Cyrillic а
        "acme ｅ",
        "a" * 63,
        "https://acme",
        "%61cme",
        7,
        True,
        ["acme"],
    ],
)
def test_what_is_no_subdomain(subdomain: Any) -> None:
    with pytest.raises(ValidationError):
        Zendesk.clean_options({"subdomain": subdomain})


@pytest.mark.parametrize("subdomain", ["acme", "Acme-Corp", "3m", "a" * 62, "acme-", " acme\n"])
def test_subdomains(subdomain: str) -> None:
    name = subdomain.strip().lower()
    options = Zendesk.clean_options({"subdomain": subdomain})

    assert options == {"subdomain": name}
    assert Zendesk.issuer_of(options) == f"https://{name}.zendesk.com"


@pytest.mark.row(17)
def test_subdomain_is_required() -> None:
    assert Zendesk.missing_options({}) == ["subdomain"]
    assert Zendesk.issuer_of({}) == ""


# --- who it is ------------------------------------------------------------------------------------


@pytest.mark.row(21)
@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_user_that_is_not_verified(
    agent: Agent, vendor: ZendeskVendor, alice: User, verified: Any
) -> None:
    cause, failed = refused(agent, sign_in(agent, vendor, verified=verified))

    assert cause in {REFUSED, "identity_provider_error"}
    assert failed <= {"e-mail address"}


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "lie",
    [
        {"verified": False},
        {"verified": None},
        {"verified": "true"},
        {"value": "mallory@acme.example"},
        {"value": None},
        {"type": "phone_number"},
        {"type": "google"},
    ],
)
def test_verified_is_the_user_and_not_the_address(
    agent: Agent, vendor: ZendeskVendor, alice: User, lie: dict[str, Any]
) -> None:
    """The user counts as verified by the telephone number."""
    vendor.identities[1] |= lie

    assert refused(agent, sign_in(agent, vendor)) == (REFUSED, {"e-mail address"})


@pytest.mark.row(21)
def test_verified_without_the_flag_on_the_user(
    agent: Agent, vendor: ZendeskVendor, alice: User
) -> None:
    def identities(request: Request) -> Reply:
        return as_json({"identities": vendor.identities})

    vendor.server.routes["GET", IDENTITIES] = identities

    response = sign_in(agent, vendor, verified=False)

    assert refused(agent, response) == (REFUSED, {"e-mail address"})


@pytest.mark.row(21)
@pytest.mark.parametrize("email", [None, "", "alice@home.example", " alice@acme.example", ["x"]])
def test_no_verified_address(agent: Agent, vendor: ZendeskVendor, alice: User, email: Any) -> None:
    response = sign_in(agent, vendor, email=email)

    assert refused(agent, response) == (REFUSED, {"e-mail address"})


def test_address_with_blanks_is_another(agent: Agent, vendor: ZendeskVendor, alice: User) -> None:
    vendor.identities[1]["value"] = " alice@acme.example"

    response = sign_in(agent, vendor, email=" alice@acme.example")

    assert refused(agent, response) == (REFUSED, {"e-mail address"})


@pytest.mark.row(23)
@pytest.mark.parametrize("number", [None, "", "35436", "../../x", True, 1.5])
def test_nobody(agent: Agent, vendor: ZendeskVendor, alice: User, number: Any) -> None:
    """Zendesk has an anonymous user for whoever isn't signed in."""
    response = sign_in(agent, vendor, id=number)

    assert refused(agent, response) == (REFUSED, {"e-mail address", "subject"})
    assert [each.path for each in vendor.server.requests] == ["/oauth/tokens", ME]


@pytest.mark.parametrize("path", [ME, IDENTITIES])
@pytest.mark.parametrize(
    "answer", [[], None, "x", {}, {"user": [], "identities": {}}, {"user": None}]
)
def test_answers_that_are_not_what_they_should_be(
    agent: Agent, vendor: ZendeskVendor, alice: User, path: str, answer: Any
) -> None:
    def reply(request: Request) -> Reply:
        return as_json(answer)

    vendor.server.routes["GET", path] = reply

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"


def test_identities_that_are_no_objects(agent: Agent, vendor: ZendeskVendor, alice: User) -> None:
    vendor.identities = [None, "alice@acme.example", ["email"]]  # type: ignore[list-item]

    assert refused(agent, sign_in(agent, vendor)) == (REFUSED, {"e-mail address"})


# --- the app there --------------------------------------------------------------------------------


def test_what_was_sent_as_json_is_told_to_nobody(
    agent: Agent, vendor: ZendeskVendor, alice: User
) -> None:
    """An error's description may repeat it."""
    heard: dict[str, Any] = {}

    def echo(request: Request) -> Reply:
        heard.update(request.json())
        return as_json({"error": "invalid_grant", "error_description": str(heard)}, 400)

    vendor.server.routes["POST", "/oauth/tokens"] = echo

    refused(agent, sign_in(agent, vendor))

    detail = Attempt.objects.latest("pk").detail
    assert "grant_type" in detail
    assert not [
        name for name in ("client_secret", "code", "code_verifier") if heard[name] in detail
    ]


# --- the tokens afterwards ------------------------------------------------------------------------


def test_refresh_ends_the_access_token(
    agent: Agent, vendor: ZendeskVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    access = tokens.access
    provider(connector).refresh_token(tokens.refresh)

    with pytest.raises(SocialAuthBaseException):
        provider(connector).user_data(access)


def test_refresh_without_a_token(vendor: ZendeskVendor, connector: Connector) -> None:
    def reply(request: Request) -> Reply:
        return as_json({"token_type": "bearer"})

    vendor.server.routes["POST", "/oauth/tokens"] = reply

    with pytest.raises(SocialAuthBaseException):
        provider(connector).refresh_token("refresh")
