"""Why a login ends without a session.

Every refusal is a LoginError: the agent sees one generic page whatever its class, the administrator
sees the code and the checks on the attempt.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import override


class LoginError(Exception):
    """A login that goes no further.

    `status` is never 5xx: load balancers take an instance out for these, and a login that fails because of
    one customer's provider or secret would stop everybody's (docs/operators.md).

    `code` names the cause for administrators and logs; `attempt_code` the attempt that keeps it.
    `detail` is one sentence for administrators; it may hold what a stranger sent, so it is shown
    escaped and never logged.
    """

    code: ClassVar[str]
    status: ClassVar[HTTPStatus] = HTTPStatus.FORBIDDEN

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.attempt_code = ""


class UnknownConnector(LoginError):
    """The login address names no connector."""

    code = "unknown_connector"
    status = HTTPStatus.NOT_FOUND


class ConnectorNotReady(LoginError):
    """The connector is a draft or disabled, or became so while the login was under way."""

    code = "connector_not_ready"


class TooManyStarts(LoginError):
    """Refused before anything is stored, so there is no attempt to look up."""

    code = "too_many_starts"
    status = HTTPStatus.TOO_MANY_REQUESTS


class BadMessage(LoginError):
    """What arrived is not a message of the protocol."""

    code = "bad_message"
    status = HTTPStatus.BAD_REQUEST


class ResponseRefused(LoginError):
    """The identity provider's answer failed one of its checks."""

    code = "response_refused"


class IdentityProviderError(LoginError):
    """The identity provider answered that it could not sign the person in."""

    code = "identity_provider_error"


class IdentityProviderAway(LoginError):
    """The identity provider can't be reached, or doesn't answer properly; trying again may work."""

    code = "identity_provider_away"
    status = HTTPStatus.FAILED_DEPENDENCY


class Declined(LoginError):
    """The person said no at the identity provider."""

    code = "declined"


class SecretUnreadable(LoginError):
    """The connector's client secret was made by a key that we no longer have."""

    code = "secret_unreadable"


class NoSuchLogin(LoginError):
    """The last step names no login that this browser could finish now."""

    code = "no_such_login"


class AlreadyUsed(LoginError):
    """The answer has been used: a replay, or the second of two."""

    code = "already_used"


class UnsolicitedAgain(LoginError):
    """A second answer to nothing we asked, right after our own request: the IdP can't be answered."""

    code = "unsolicited_again"


class NotAdmitted(LoginError):
    """The identity is proved, but no active user linked to this connector has it."""

    code = "not_admitted"


STATUSES: Mapping[str, HTTPStatus] = {
    kind.code: kind.status for kind in LoginError.__subclasses__()
}


def in_english(error: ValidationError) -> str:
    """Its messages as an attempt keeps them: in one language, whichever the agent's browser asked for."""
    with override("en"):
        return " ".join(error.messages)
