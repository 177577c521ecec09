"""Okta: the organisation's own authorization server, and custom ones."""

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.providers import okta
from sso_connectors.providers.okta import Okta
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.every import EVERY, Known
from tests.vendors.okta import OktaCustomServer, OktaVendor
from tests.vendors.sign_in import make_oauth2, refused, sign_in
from users.models import User

DOMAIN = {"domain": "acme.okta.com"}


@pytest.fixture
def known() -> Known:
    return EVERY["okta"]


def test_userinfo_is_asked(agent: Agent, vendor: OktaVendor, alice: User) -> None:
    """The ID token of the organisation's own server is thin; the userinfo endpoint has the address."""
    sign_in(agent, vendor)

    assert agent.username == "alice@acme.example"
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

    response = agent.bring(answer | ({} if issuer is None else {"iss": issuer}))

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
        f"Okta domain: This is the address of the Admin Console. Remove “-admin”: {cure}."
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
