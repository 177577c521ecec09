"""GitLab: gitlab.com by default, or the company's own instance."""

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.providers.gitlab import GitLab
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.every import EVERY, Known
from tests.vendors.gitlab import GitLabVendor
from tests.vendors.sign_in import make_oauth2, sign_in


@pytest.fixture
def known() -> Known:
    return EVERY["gitlab"]


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
