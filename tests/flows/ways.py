"""A login of either protocol, for what both promise: what differs between them is in a `Way`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.sessions.models import Session

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome
from tests.agent import Agent
from tests.conftest import ConnectorMaker
from tests.idp import PERSISTENT, IdP, read_redirect
from tests.openid import OpenIdProvider, Person


def refused(response: Any, cause: str, status: int = 403) -> Attempt:
    """Insist on the failure page, on its code leading to the attempt, and on no session."""
    assert response.status_code == status, response.content
    attempt = Attempt.objects.get(cause=cause)
    assert attempt.code in response.content.decode()
    assert attempt.outcome == Outcome.FAILED
    assert response["Cache-Control"] == "no-store"
    assert not Session.objects.exists()
    return attempt


@dataclass
class Way(ABC):
    """One protocol: the connector it makes, and how the identity provider answers a request.

    lie: what makes an answer one for somebody else. claims: what it says of Alice.
    change: fields of a connector that make it untested.
    """

    make_connector: ConnectorMaker
    lie: ClassVar[dict[str, Any]]
    claims: ClassVar[dict[str, Any]]
    change: ClassVar[dict[str, Any]]

    @abstractmethod
    def make(self, reference: str = "acme", **fields: Any) -> Connector:
        """A connector that is ready."""

    @abstractmethod
    def answer(
        self, agent: Agent, url: str, username: str, *, subject: str | None = None, **lies: Any
    ) -> Any:
        """Sign somebody in at the identity provider that `url` leads to, and come back.

        subject: what it calls the person for good.
        """

    def sign_in(self, agent: Agent, username: str, **options: Any) -> Any:
        """The whole way through `acme`; returns the last response."""
        return self.answer(agent, agent.start_oauth(), username, **options)


@dataclass
class Saml(Way):
    idp: IdP
    lie: ClassVar = {"audience": "https://other.example"}
    claims: ClassVar = {"NameID": ["alice@acme.example"]}
    change: ClassVar = {"username_attribute": "mail"}

    def make(self, reference: str = "acme", **fields: Any) -> Connector:
        return self.make_connector(reference, **fields)

    def answer(
        self, agent: Agent, url: str, username: str, *, subject: str | None = None, **lies: Any
    ) -> Any:
        person: dict[str, Any] = {"name_id": username}
        if subject is not None:
            person = {
                "name_id": subject,
                "name_id_format": PERSISTENT,
                "attributes": {"mail": [username]},
            }
        return agent.answer(self.idp.respond(read_redirect(url), **person, **lies))


@dataclass
class OAuth2(Way):
    provider: OpenIdProvider
    lie: ClassVar = {"claims": {"aud": "another-client"}}
    claims: ClassVar = {"email": ["alice@acme.example"]}
    change: ClassVar = {"client_id": "another-client"}

    def make(self, reference: str = "acme", **fields: Any) -> Connector:
        return self.make_connector(reference, **{**self.provider.connector(), **fields})

    def answer(
        self, agent: Agent, url: str, username: str, *, subject: str | None = None, **lies: Any
    ) -> Any:
        person = Person(subject or f"{username}-for-good", username)
        agent.note_way_back(url)
        return agent.bring(self.provider.authorize(url, person, **lies))
