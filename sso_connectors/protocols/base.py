"""What a protocol is to the rest: a way to ask for an identity, and a way to read the answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import HttpRequest

from ..attempts import Checks
from ..identity import Identity
from ..models import Connector
from ..pending import PendingLogin


@dataclass(frozen=True)
class Departure:
    """Where the browser goes: to `url` by GET, or by POST with `fields` where there are any."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Answer(ABC):
    """One message from an identity provider, parsed once and not trusted yet."""

    @abstractmethod
    def find_pending(self) -> PendingLogin | None:
        """The login that the message says it answers, unless we know no such login (any more)."""

    @abstractmethod
    def complete(self, pending: PendingLogin, checks: Checks) -> Identity:
        """Return what the message proves about `pending`, with each check in `checks`.

        Raises ResponseRefused or IdentityProviderError.
        """

    @abstractmethod
    def meant_for(self) -> list[Connector]:
        """The enabled connectors whose key verifies this message, which answers no login.

        Raises ResponseRefused when there is none.
        """


class Protocol(ABC):
    """One protocol; stateless, shared by all its connectors and by all threads."""

    @abstractmethod
    def begin(self, connector: Connector, pending: PendingLogin) -> Departure:
        """Return the request for `pending`, addressed to the connector's identity provider."""

    @abstractmethod
    def receive(self, request: HttpRequest) -> Answer | None:
        """Return the message that came to the reply URL; None when it isn't one of this protocol.

        Raises BadMessage when it is one by its shape but can't be read.
        """

    @abstractmethod
    def still_trusts(self, connector: Connector, identity: Identity) -> bool:
        """Whether what proved `identity` a moment ago is still trusted by the connector."""
