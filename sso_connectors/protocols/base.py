"""What a protocol is to the rest: a way to ask for an identity, and a way to read the answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from ..models import Connector, Link
from ..models.pending_login import PendingLogin
from ..results.checks import Checks
from ..results.identity import Identity


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
    def examine(self, pending: PendingLogin, checks: Checks) -> dict[str, Any]:
        """Return what to keep of the message until the browser comes with its cookie.

        What can be verified without the browser is, with each check in `checks`.
        Raises ResponseRefused or IdentityProviderError.
        """

    @abstractmethod
    def meant_for(self) -> list[Connector]:
        """The enabled connectors whose key verifies this message, which answers no login.

        Raises ResponseRefused when there is none.
        """


@dataclass(frozen=True)
class Arrival:
    """An answer that came with the browser's cookie: which login it names, and what it brings."""

    request_id: str
    kept: dict[str, Any]


class Protocol(ABC):
    """One protocol; stateless, shared by all its connectors and by all threads."""

    @abstractmethod
    def begin(self, connector: Connector, pending: PendingLogin) -> Departure:
        """Return the request for `pending`, addressed to the connector's identity provider.

        `pending` is not stored yet; what its answer must fit goes into `pending.asked`.
        Raises LoginError, and HostBusy where a host must be asked that has no place left.
        """

    @abstractmethod
    def receive(self, request: HttpRequest) -> Answer | None:
        """Return the message that a POST brought to the reply URL; None when it isn't of this protocol.

        Raises BadMessage when it is one by its shape but can't be read.
        """

    def host_to_ask(self, connector: Connector) -> str:
        """Which host `conclude` waits for; "" when everything came by the browser."""
        return ""

    def can_ask_again(self, connector: Connector) -> bool:
        """Whether the identity provider can be made to ask for the password again, and proves it."""
        return True

    def arrival(self, request: HttpRequest) -> Arrival | None:
        """Return the message that a GET brought, with the browser's cookie; None when there is none."""
        return None

    @abstractmethod
    def conclude(self, pending: PendingLogin, checks: Checks) -> Identity:
        """Return what the answer to a claimed login proves, by what the connector trusts now.

        Raises LoginError.
        """

    def admitted(self, link: Link, identity: Identity) -> None:  # noqa: B027 - nothing to keep
        """Keep what the identity brings along, now that the person is known."""
