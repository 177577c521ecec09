"""An agent signs in at a vendor's double, from the login address to the session; what tests ask afterwards."""

from typing import Any

from sso_connectors.models import Attempt, Connector
from sso_connectors.protocols.oauth2.protocol import client_of
from sso_connectors.providers import PROVIDERS, Provider
from sso_connectors.secrets.encryption import Secret
from tests.agent import Agent
from tests.conftest import ConnectorMaker

from .code_grant import CLIENT_ID, CLIENT_SECRET, CodeGrantVendor


def make_oauth2(
    make_connector: ConnectorMaker,
    method: str,
    options: dict[str, Any] | None = None,
    **fields: Any,
) -> Connector:
    """A ready connector of that method, registered at the doubles."""
    return make_connector(
        **{
            "type": "oauth2",
            "authentication_method": method,
            "client_id": CLIENT_ID,
            "client_secret": Secret.seal(CLIENT_SECRET),
            "options": options or {},
            "issuer_url": "",
            "endpoint": "",
            "certificates": "",
            **fields,
        }
    )


def sign_in(agent: Agent, vendor: CodeGrantVendor, reference: str = "acme", **lies: Any) -> Any:
    """The whole way; returns the last response, a redirect where it went well."""
    return agent.bring(vendor.authorize(agent.start_oauth(reference), **lies))


def refused(agent: Agent, response: Any) -> tuple[str, set[str]]:
    """Insist that nobody is signed in; return why: the cause, and the checks that failed."""
    assert response.status_code >= 400, response.status_code
    assert agent.username is None
    attempt = Attempt.objects.latest("pk")
    return attempt.cause, {check["name"] for check in attempt.checks if not check["passed"]}


def provider(connector: Connector) -> Provider:
    """As it is built to refresh or to revoke, outside a login."""
    return PROVIDERS[connector.authentication_method](client_of(connector))
