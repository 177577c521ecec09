"""Whatever a stranger sends, and in whatever kind of message, little of it is kept, and its page stays small."""

import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.test import Client
from lxml import etree

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.models.token import Token
from sso_connectors.results.checks import MAX_ROW
from tests.agent import OAUTH_CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import OMIT, IdP, other_key, read_redirect, saml, samlp
from tests.openid import OpenIdProvider, answering
from users.models import User

from ..sso_connectors.results.test_checks import size_of

pytestmark = [pytest.mark.django_db, pytest.mark.row(45)]

ODD: Final = "\N{GRINNING FACE}"
MAX_PAGE: Final = 400 * 1024


def repeat(tag: str, times: int, **attributes: str) -> Callable[[etree._Element], None]:
    def edit(response: etree._Element) -> None:
        (first,) = response.iter(tag)
        parent = first.getparent()
        assert parent is not None
        for _ in range(times):
            again = etree.fromstring(etree.tostring(first, with_tail=False))
            for name, value in attributes.items():
                again.set(name, value)
            parent.append(again)

    return edit


def slim(tag: str, times: int, parent: str, **attributes: str) -> Callable[[etree._Element], None]:
    def edit(response: etree._Element) -> None:
        (above,) = response.iter(parent)
        for _ in range(times):
            etree.SubElement(above, tag, attributes)

    return edit


def audiences(response: etree._Element) -> None:
    (conditions,) = response.iter(saml("Conditions"))
    for _ in range(1_800):
        restriction = etree.SubElement(conditions, saml("AudienceRestriction"))
        etree.SubElement(restriction, saml("Audience")).text = "urn:x" + ODD * 5


def statuses(response: etree._Element) -> None:
    (code,) = response.iter(samlp("StatusCode"))
    for _ in range(20):
        code = etree.SubElement(code, samlp("StatusCode"), Value=ODD * 1_000)


# By which element of a SAML response there may be thousands, or how long a value.
SAML: Final[dict[str, dict[str, Any]]] = {
    "AuthnStatements": {
        "edit_before_signing": slim(saml("AuthnStatement"), 3_900, saml("Assertion"))
    },
    "AuthnStatements of different times": {
        "edit_before_signing": slim(
            saml("AuthnStatement"),
            2_000,
            saml("Assertion"),
            AuthnInstant="x" * 30,
            SessionNotOnOrAfter="y" * 30,
        )
    },
    "confirmations": {
        "edit_before_signing": slim(saml("SubjectConfirmation"), 3_900, saml("Subject"))
    },
    "audiences": {"edit_before_signing": audiences},
    "unknown conditions": {
        "edit_before_signing": slim(saml("Condition"), 3_900, saml("Conditions"))
    },
    "attributes": {
        "attributes": {f"{ODD}{n}": [ODD * 5] for n in range(1_200)},
        "attribute_type": OMIT,
        "name_id": "x",
    },
    "values": {
        "attributes": {"email": [f"{ODD}{n}" for n in range(2_000)]},
        "attribute_type": OMIT,
        "name_id": "x",
    },
    "long name": {"name_id": ODD * 20_000},
    "long values": dict.fromkeys(
        ("recipient", "audience", "destination", "response_issuer", "assertion_issuer"), ODD * 5000
    ),
    "long times": dict.fromkeys(("authn_instant", "not_before", "issue_instant"), ODD * 5000),
    "long version": {"version": ODD * 20_000, "assertion_version": ODD * 20_000},
    "long ID": {"assertion_id": ODD * 20_000},
    "long algorithm": {
        "edit_signed_info": lambda information: information[1].set("Algorithm", ODD * 20_000)
    },
    "statuses": {"edit_before_signing": statuses},
    "status message": {"status": "urn:no", "status_message": ODD * 20_000, "assertions": 0},
}


def expect_little(maker: Client) -> Attempt:
    """Of the one attempt, and of what waits for the browser."""
    attempt = Attempt.objects.get()
    assert size_of(attempt) < MAX_ROW
    for pending in PendingLogin.objects.all():
        assert len(json.dumps([pending.answer, pending.asked], default=str)) < MAX_ROW
    page = maker.get(f"/maker/sso_connectors/attempt/{attempt.pk}/change/")
    assert page.status_code == 200
    assert len(page.content) < MAX_PAGE
    return attempt


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "by a stranger"])
@pytest.mark.parametrize("kind", SAML)
def test_saml_response(
    maker: Client, agent: Agent, idp: IdP, alice: User, kind: str, signed: bool
) -> None:
    key = None if signed else other_key()
    agent.sign_in(idp, key=key, **SAML[kind])
    attempt = expect_little(maker)
    # One good confirmation is enough, whatever the others are.
    signs_in = signed and kind == "confirmations"
    assert attempt.outcome == (Outcome.SIGNED_IN if signs_in else Outcome.FAILED)
    assert (agent.username is not None) == signs_in


def test_one_failed_statement_among_thousands(
    maker: Client, agent: Agent, idp: IdP, alice: User
) -> None:
    """It is the last, long after the bound, and is what the administrator reads."""

    def edit(response: etree._Element) -> None:
        repeat(saml("AuthnStatement"), 600)(response)
        last = list(response.iter(saml("AuthnStatement")))[-1]
        last.set("AuthnInstant", "2090-01-01T00:00:00Z")

    response = agent.sign_in(idp, edit_before_signing=edit)
    assert response.status_code == 403
    attempt = expect_little(maker)
    (check,) = [check for check in attempt.checks if not check["passed"]]
    assert check["received"] == "2090-01-01T00:00:00Z"


def test_honest_statements_sign_in_all_the_same(
    maker: Client, agent: Agent, idp: IdP, alice: User
) -> None:
    agent.sign_in(idp, edit_before_signing=repeat(saml("AuthnStatement"), 600))
    assert agent.username == alice.username
    attempt = expect_little(maker)
    assert "checks left out" in {check["name"] for check in attempt.checks}


def test_unsolicited(maker: Client, agent: Agent, idp: IdP, connector: Connector) -> None:
    request = read_redirect(agent.start_oauth())
    Attempt.objects.all().delete()
    agent.post(idp.respond(request, key=other_key(), **SAML["AuthnStatements"]))
    expect_little(maker)


def test_claims_of_a_test(maker: Client, idp: IdP, connector: Connector, alice: User) -> None:
    """What waits for the browser holds them too."""
    page = maker.post(f"/maker/sso_connectors/connector/{connector.pk}/test/").content.decode()
    url = page.split("0;url=", 1)[1].split('"', 1)[0].replace("&amp;", "&")
    claims = {f"{ODD}{number}": [ODD * 10] for number in range(1_200)}
    posted = Agent().post(idp.respond(read_redirect(url), attributes=claims, attribute_type=OMIT))
    kept = PendingLogin.objects.get().answer
    assert len(json.dumps(kept, default=str)) < MAX_ROW
    assert maker.get(posted["Location"]).status_code == 302
    attempt = expect_little(maker)
    assert attempt.outcome == Outcome.TEST_PASSED
    assert attempt.claims["…"]


# --- OAUTH 2 ------------------------------------------------------------------------------------------


@pytest.fixture
def hub(make_connector: ConnectorMaker, provider: OpenIdProvider) -> Connector:
    return make_connector(**provider.connector())


@pytest.fixture
def hub_user(make_user: UserMaker, hub: Connector) -> User:
    return make_user("alice@acme.example", hub)


def test_parameters(maker: Client, agent: Agent, provider: OpenIdProvider, hub: Connector) -> None:
    url = agent.start_oauth()
    answer = provider.decline(url, error="server_error", error_description=ODD * 1_000)
    assert agent.bring(answer).status_code >= 400
    expect_little(maker)


@pytest.mark.parametrize("name", ["code", "error", "error_description", "iss"])
def test_form_post(
    maker: Client, agent: Agent, provider: OpenIdProvider, hub: Connector, name: str
) -> None:
    """It waits for the browser as it came, so it is refused where it is long."""
    answer = provider.decline(agent.start_oauth(), **{name: ODD * 5_000})
    agent.post_form(answer)
    assert PendingLogin.objects.get().answer == {}
    Attempt.objects.filter(cause="").delete()
    expect_little(maker)


def test_form_post_of_many_long_parameters(
    agent: Agent, provider: OpenIdProvider, hub: Connector
) -> None:
    names = ("code", "iss", "error_description", "location")
    answer = provider.decline(agent.start_oauth(), **dict.fromkeys(names, "x" * 5_000))
    agent.post_form(answer)
    assert PendingLogin.objects.get().answer == {}


@pytest.mark.parametrize("endpoint", ["token", "userinfo", "jwks"])
@pytest.mark.parametrize("status", [400, 500])
def test_errors_of_the_provider(
    maker: Client,
    agent: Agent,
    provider: OpenIdProvider,
    hub: Connector,
    hub_user: User,
    endpoint: str,
    status: int,
) -> None:
    body = json.dumps({"error": ODD * 20_000, "error_description": ODD * 20_000})
    provider.faults[endpoint] = answering(status, body.encode())
    lies: dict[str, Any] = {"claims": {"email": ""}} if endpoint == "userinfo" else {}
    agent.sign_in_oauth(provider, **lies)
    expect_little(maker)


def test_claims_of_an_id_token(
    maker: Client, agent: Agent, provider: OpenIdProvider, hub: Connector, hub_user: User
) -> None:
    claims = {"iss": ODD * 5_000, "aud": [ODD * 50] * 200, "exp": "x" * 9_000, "azp": ODD * 9_000}
    agent.sign_in_oauth(provider, claims=claims)
    assert expect_little(maker).outcome == Outcome.FAILED


def test_userinfo_of_a_test(maker: Client, provider: OpenIdProvider, hub: Connector) -> None:
    provider.user = {f"{ODD}{number}": [ODD * 10] * 25 for number in range(150)}
    page = maker.post(f"/maker/sso_connectors/connector/{hub.pk}/test/").content.decode()
    url = page.split("0;url=", 1)[1].split('"', 1)[0].replace("&amp;", "&")
    answer = provider.authorize(url, claims={"email": OMIT, "email_verified": OMIT})
    assert maker.get(f"{OAUTH_CALLBACK}/{hub.reference}?{urlencode(answer)}").status_code == 302
    attempt = expect_little(maker)
    assert attempt.outcome == Outcome.TEST_PASSED
    assert attempt.claims["…"]


@pytest.mark.parametrize(
    "token",
    [{"access_token": "x" * 20_000}, {"refresh_token": "x" * 20_000}, {"scope": "x" * 9_000}],
)
def test_tokens(
    agent: Agent,
    provider: OpenIdProvider,
    hub: Connector,
    hub_user: User,
    token: dict[str, str],
) -> None:
    """And with them the first sign-in is refused as a whole: nothing of the person is fixed on the link."""
    provider.token = token
    agent.sign_in_oauth(provider)
    assert agent.username is None
    assert not Token.objects.exists()
    assert Attempt.objects.get().cause in ("identity_provider_error", "response_refused")
    assert Link.objects.get().subject is None
