"""Okta: the organisation's own authorization server, and custom ones."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthCredentialError

from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.providers import okta
from sso_connectors.providers.okta import Okta
from tests.agent import CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.okta import OktaCustomServer, OktaVendor
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User

DOMAIN = {"domain": "acme.okta.com"}


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[OktaVendor]:
    with OktaVendor() as double:
        monkeypatch.setattr(okta, "ISSUER", double.url)
        yield double


@pytest.fixture
def connector(make_connector: ConnectorMaker, vendor: OktaVendor) -> Connector:
    return make_oauth2(make_connector, "okta", DOMAIN)


@pytest.fixture
def alice(make_user: UserMaker, connector: Connector) -> User:
    return make_user("alice@acme.example", connector)


def test_signs_in(agent: Agent, vendor: OktaVendor, alice: User) -> None:
    """The ID token of the organisation's own server is thin; the userinfo endpoint has the address."""
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == "00u1a2b3c4d5e6f7g8h9"
    assert len(vendor.server.asked("/oauth2/v1/userinfo")) == 1


def test_signs_in_at_a_custom_server(
    agent: Agent,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with OktaCustomServer() as vendor:
        monkeypatch.setattr(okta, "ISSUER", vendor.url)
        connector = make_oauth2(
            make_connector, "okta", {**DOMAIN, "authorization_server": "default"}
        )
        make_user("alice@acme.example", connector)

        sign_in(agent, vendor)

        assert connector.issuer_url == f"{vendor.url}/oauth2/default"
        assert agent.username == "alice@acme.example"


@pytest.mark.row(18)
@pytest.mark.parametrize("issuer", [None, "https://other.okta.com", ""])
def test_answer_must_name_the_issuer(
    agent: Agent, vendor: OktaVendor, alice: User, issuer: str | None
) -> None:
    """Okta says in its discovery document that it does."""
    answer = vendor.authorize(agent.open()["Location"])
    del answer["iss"]

    response = agent.client.get(CALLBACK, answer | ({} if issuer is None else {"iss": issuer}))

    assert refused(agent, response) == ("response_refused", {"response issuer"})
    assert not vendor.server.asked("/oauth2/v1/token"), "the code stays here"


@pytest.mark.row(18)
def test_token_of_another_server_of_the_organisation(
    agent: Agent, vendor: OktaVendor, alice: User
) -> None:
    response = sign_in(agent, vendor, iss=f"{vendor.url}/oauth2/default")

    assert refused(agent, response) == ("response_refused", {"issuer"})


def test_issuer_mode_of_a_custom_server(
    agent: Agent, make_connector: ConnectorMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls itself by the organisation's other domain; a connector to another is needed then."""
    with OktaVendor() as vendor:
        monkeypatch.setattr(okta, "ISSUER", vendor.url.replace("127.0.0.1", "localhost"))
        make_oauth2(make_connector, "okta", DOMAIN)

        assert refused(agent, agent.open())[0] == "response_refused"


@pytest.mark.row(21)
@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
    ],
)
def test_address_that_okta_doesnt_vouch_for(
    agent: Agent, vendor: OktaVendor, alice: User, claims: dict[str, Any]
) -> None:
    response = sign_in(agent, vendor, **claims)

    assert refused(agent, response) == ("response_refused", {"e-mail address"})


@pytest.mark.row(23)
def test_address_that_another_person_has_now(agent: Agent, vendor: OktaVendor, alice: User) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    response = sign_in(agent, vendor, sub="00uanother")

    assert refused(agent, response) == ("not_admitted", {"subject"})


def test_asked_for_the_password_again(
    agent: Agent, vendor: OktaVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    connector = make_oauth2(make_connector, "okta", DOMAIN, force_authn=True)
    make_user("alice@acme.example", connector)

    response = sign_in(agent, vendor, auth_time=int(time.time()) - 3600)
    assert refused(agent, response) == ("response_refused", {"authentication time"})
    assert vendor.asked["prompt"] == "login"

    sign_in(agent, vendor, auth_time=int(time.time()))
    assert agent.username == "alice@acme.example"


def test_wrong_secret(agent: Agent, vendor: OktaVendor, alice: User) -> None:
    vendor.secret = "a newer one"

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"
    assert "secret is wrong" in Attempt.objects.latest("pk").detail


# --- options --------------------------------------------------------------------------------------


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "domain",
    [
        "acme",
        "https://acme.okta.com",
        "acme.okta.com/oauth2",
        "acme.okta.com:8443",
        "acme.okta.com@evil.example",
        "acme.okta.com?x",
        "acme.okta.com#x",
        "acme okta.com",
        "{domain}.okta.com",
        "127.0.0.1",
        "0x7f000001",
        "[::1]",
        "localhost",
        "acmе.okta.com",  # a Cyrillic е
        "a" * 260 + ".okta.com",
    ],
)
def test_what_is_no_domain(domain: str) -> None:
    with pytest.raises(ValidationError):
        Okta.clean_options({"domain": domain})


@pytest.mark.parametrize("domain", ["acme-admin.okta.com", "Acme-Admin.oktapreview.com"])
def test_address_of_the_admin_console_is_explained(domain: str) -> None:
    with pytest.raises(ValidationError) as error:
        Okta.clean_options({"domain": domain})

    cure = domain.lower().replace("-admin", "")
    assert error.value.messages == [
        f"Okta domain: That is the address of the Admin Console. Leave out “-admin”: {cure}."
    ]


@pytest.mark.parametrize("server", ["aus 1", "../v1", "default/", "a" * 65, "dé", "x?y"])
def test_what_is_no_authorization_server(server: str) -> None:
    with pytest.raises(ValidationError):
        Okta.clean_options({**DOMAIN, "authorization_server": server})


def test_options_in_one_spelling() -> None:
    for domain in (
        "acme.okta.com",
        "acme.oktapreview.com",
        "acme.okta-emea.com",
        "id.acme.example",
    ):
        assert Okta.clean_options({"domain": f" {domain.upper()}"}) == {"domain": domain}
        assert Okta.issuer_of({"domain": domain}) == f"https://{domain}"
    options = {**DOMAIN, "authorization_server": "aus1A2b"}
    assert Okta.issuer_of(Okta.clean_options(options)) == "https://acme.okta.com/oauth2/aus1A2b"
    assert Okta.missing_options({}) == ["domain"]
    assert Okta.issuer_of({}) == ""


# --- the tokens afterwards ------------------------------------------------------------------------


def test_refresh_rotates(
    agent: Agent, vendor: OktaVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    first = tokens.refresh

    with refuse_any_other_way_out():
        answer = provider(connector).refresh_token(first)

    assert (answer["access_token"], answer["refresh_token"]) == (tokens.access, tokens.refresh)
    with pytest.raises(AuthCredentialError):
        provider(connector).refresh_token(first)


def test_revoke(agent: Agent, vendor: OktaVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants

    with refuse_any_other_way_out():
        assert provider(connector).revoke(tokens.kept())

    assert tokens.is_over
    (request,) = vendor.server.asked("/oauth2/v1/revoke")
    assert not request.query, "a token in the address would be in logs"
