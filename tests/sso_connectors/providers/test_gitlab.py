"""GitLab: gitlab.com by default, or the company's own instance."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthCredentialError

from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.providers import gitlab
from sso_connectors.providers.gitlab import GitLab
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.gitlab import GitLabVendor
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabVendor]:
    with GitLabVendor() as double:
        monkeypatch.setattr(gitlab, "ISSUER", "http://{host}")
        monkeypatch.setattr(gitlab, "DEFAULT_HOST", double.url.removeprefix("http://"))
        yield double


@pytest.fixture
def connector(make_connector: ConnectorMaker, vendor: GitLabVendor) -> Connector:
    return make_oauth2(make_connector, "gitlab")


@pytest.fixture
def alice(make_user: UserMaker, connector: Connector) -> User:
    return make_user("alice@acme.example", connector)


def test_signs_in(agent: Agent, vendor: GitLabVendor, alice: User) -> None:
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == "1"


def test_instance_of_ones_own(
    agent: Agent, vendor: GitLabVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """Its user 1 is somebody else than that of gitlab.com."""
    with GitLabVendor(host="127.0.0.2") as own:
        host = own.url.removeprefix("http://")
        connector = make_oauth2(make_connector, "gitlab", {"host": host})
        make_user("alice@acme.example", connector)

        sign_in(agent, own)

        assert connector.issuer_url == own.url
        assert agent.username == "alice@acme.example"
        assert not vendor.server.requests


@pytest.mark.row(18)
def test_token_of_another_instance(agent: Agent, vendor: GitLabVendor, alice: User) -> None:
    response = sign_in(agent, vendor, iss="https://gitlab.evil.example")

    assert refused(agent, response) == ("response_refused", {"issuer"})


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
def test_address_that_gitlab_doesnt_vouch_for(
    agent: Agent, vendor: GitLabVendor, alice: User, claims: dict[str, Any]
) -> None:
    response = sign_in(agent, vendor, **claims)

    assert refused(agent, response) == ("response_refused", {"e-mail address"})


@pytest.mark.row(23)
def test_address_that_another_person_has_now(
    agent: Agent, vendor: GitLabVendor, alice: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    assert refused(agent, sign_in(agent, vendor, sub="2")) == ("not_admitted", {"subject"})


def test_asked_for_the_password_again(
    agent: Agent, vendor: GitLabVendor, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    connector = make_oauth2(make_connector, "gitlab", force_authn=True)
    make_user("alice@acme.example", connector)

    vendor.asks_again = False
    response = sign_in(agent, vendor)
    assert refused(agent, response) == ("response_refused", {"authentication time"})

    vendor.asks_again = True
    sign_in(agent, vendor)
    assert agent.username == "alice@acme.example"


def test_wrong_secret(agent: Agent, vendor: GitLabVendor, alice: User) -> None:
    vendor.secret = "a newer one"

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"
    assert "secret is wrong" in Attempt.objects.latest("pk").detail


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "host",
    [
        "https://gitlab.com",
        "gitlab.com/group",
        "gitlab.com?x",
        "gitlab.com#x",
        "user@gitlab.com",
        "gitlab.com@evil.example",
        "gitlab.com\\@evil.example",
        "gitlab .com",
        "gitlab.com:0",
        "gitlab.com:99999",
        "gitlab.com:443:443",
        "{host}",
        "2130706433",
        "0x7f.1",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00::1]",
        "gitlаb.com",  # a Cyrillic а
    ],
)
def test_where_the_server_may_not_fetch(host: str) -> None:
    with pytest.raises(ValidationError):
        GitLab.clean_options({"host": host})


def test_host_in_one_spelling() -> None:
    assert GitLab.clean_options({"host": " GitLab.Acme.Example:443 "}) == {
        "host": "gitlab.acme.example"
    }
    assert GitLab.issuer_of({"host": "gitlab.acme.example:8443"}) == (
        "https://gitlab.acme.example:8443"
    )
    assert GitLab.issuer_of({}) == "https://gitlab.com"


# --- the tokens afterwards ------------------------------------------------------------------------


def test_refresh_rotates(
    agent: Agent, vendor: GitLabVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    first = tokens.refresh

    with refuse_any_other_way_out():
        answer = provider(connector).refresh_token(first)

    assert (answer["access_token"], answer["refresh_token"]) == (tokens.access, tokens.refresh)
    with pytest.raises(AuthCredentialError):
        provider(connector).refresh_token(first)


def test_revoke(agent: Agent, vendor: GitLabVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants

    with refuse_any_other_way_out():
        assert provider(connector).revoke(tokens.kept())

    assert tokens.is_over
