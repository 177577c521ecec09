"""Access tokens that act for a user, always fresh: `access_token_for()`, for the product's own Python code.

docs/developers.md has an example, and says what is guaranteed and what can't be.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import OperationalError, connection
from django.db.models.functions import Lower
from django.views.decorators.debug import sensitive_variables
from social_core.exceptions import AuthCredentialError, SocialAuthBaseException

from users.models import User

from ...models import IS_REFERENCE, Connector, Link
from ...models.link import obstacle
from ...models.token import CannotBeKept, Token, TokenState
from ...network import http_client
from ...providers import PROVIDERS
from ...results.errors import LoginError, SecretUnreadable
from ...results.identity import Grant
from ...secrets.encryption import UnreadableSecret
from .protocol import client_of

logger = logging.getLogger(__name__)

# For all that one refresh asks of the provider; who waits for somebody else's waits a little longer.
SECONDS_TO_ASK: Final = 10.0
PATIENCE: Final = 12.0
_LONGEST_NAP: Final = 0.25
# Seconds before the new pair is written again, after the database failed.
_WRITE_AGAIN: Final = (0.1, 0.5, 2.0)
# What vendors say of a refresh token that is used up, expired or revoked, beside RFC 6749's invalid_grant.
_DEAD: Final = frozenset(
    {
        "bad_refresh_token",
        "invalid_code",
        "invalid_refresh_token",
        "token_expired",
        "token_revoked",
    }
)


class TokenError(Exception):
    """There is no token to be had now. The message is for operators, and names no person."""


class NoToken(TokenError):
    """The user doesn't sign in through this connector (any more), or hasn't since tokens are kept."""


class ReconnectNeeded(TokenError):
    """The provider takes the tokens no longer; the user's next sign-in through the connector heals it."""


class TokenUnavailable(TokenError):
    """The provider can't be asked just now, and no valid token is left; trying again may work."""


class TokenUnreadable(TokenError):
    """None of FIELD_ENCRYPTION_KEYS reads what is stored."""


class InTransaction(RuntimeError):
    """Called with a transaction open.

    Rolled back, it would take along a new refresh token, in whose favour the provider has ended the old one.
    """


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """What to send to the provider's API (RFC 6750). Printed, it stays secret.

    expires_at: None where the provider doesn't say.
    extra: what calls need besides, such as the address of an instance.
    """

    value: str = field(repr=False)
    expires_at: datetime | None
    scope: str
    extra: Mapping[str, str]

    @property
    def authorization(self) -> dict[str, str]:
        """The header that carries it."""
        return {"Authorization": f"Bearer {self.value}"}


def access_token_for(
    user: User, connector: Connector | str, *, rejected: AccessToken | None = None
) -> AccessToken:
    """Return an access token with which to act for `user` at the connector's provider, refreshed where due.

    connector: it, or its reference.
    rejected: the token that the provider has just answered 401 to; another one is returned.

    Takes at most about twice PATIENCE seconds. Raises NoToken, ReconnectNeeded, TokenUnavailable,
    TokenUnreadable, and InTransaction.
    """
    _refuse_transaction()
    until, nap, is_refreshed = time.monotonic() + PATIENCE, 0.02, False
    while True:
        link, token = _stored(user, connector)
        current = _as_access_token(token, link.connector)
        is_refused = rejected is not None and rejected.value == current.value
        if is_refreshed or (token.is_fresh and not is_refused):
            return current
        is_usable = token.is_usable and not is_refused
        if token.refresh_token is None:
            if is_refused:
                token.needs_reconnect("rejected")
                raise _reconnect(link.connector)
            return current  # to its last second: there won't be a better one
        if not token.failed_lately and token.take_lease():
            try:
                _refresh(link.connector, token)
            except (TokenUnavailable, TokenUnreadable):
                if is_usable:
                    return current
                raise
            is_refreshed = True
            continue  # to look whether the link admits its user still
        if is_usable:
            return current
        if token.failed_lately or time.monotonic() >= until:
            raise _unavailable(link.connector)
        time.sleep(nap)
        nap = min(nap * 2, _LONGEST_NAP)


def _refuse_transaction() -> None:
    # Django's TestCase opens one around each test; `atomic(durable=True)` makes the same exception.
    blocks = connection.atomic_blocks
    if blocks and not getattr(blocks[-1], "_from_testcase", False):
        raise InTransaction("access_token_for() can't be called inside transaction.atomic().")


def _stored(user: User, connector: Connector | str) -> tuple[Link, Token]:
    """One query. Raises NoToken and ReconnectNeeded."""
    links = Link.objects.filter(user=user).select_related("user", "connector", "token")
    if isinstance(connector, Connector):
        links = links.filter(connector=connector)
    elif IS_REFERENCE(connector):
        lower = Lower("connector__reference")
        links = links.alias(reference=lower).filter(reference=connector.lower())
    else:
        raise NoToken("No connector has this reference.")
    link = next(iter(links), None)
    if link is None or obstacle(link):
        raise NoToken(f"No token is to be had: {obstacle(link)}.")
    token: Token | None = getattr(link, "token", None)
    if token is None:
        raise NoToken("The user hasn't signed in through this connector since tokens are kept.")
    if needs_reconnect(token, link.connector):
        raise _reconnect(link.connector)
    return link, token


def needs_reconnect(token: Token, connector: Connector) -> str:
    """Why only a sign-in of the user makes the tokens work again, "" while they do.

    A connector that leads to another provider or app by now must not show that one the tokens.
    """
    if not token.belongs_to(issuer=connector.issuer_url, client_id=connector.client_id):
        return "connector_changed"
    if token.state != TokenState.OK:
        return token.reason
    return "" if token.refresh_token is not None or token.is_alive else "expired"


def _as_access_token(token: Token, connector: Connector) -> AccessToken:
    try:
        grant = token.grant()
    except UnreadableSecret as error:
        raise _unreadable(connector) from error
    return AccessToken(
        value=grant.access_token,
        expires_at=grant.expires_at,
        scope=grant.scope,
        extra=grant.extra,
    )


@sensitive_variables()  # an error page shows the variables of each frame
def _refresh(connector: Connector, token: Token) -> None:
    """Ask the provider for a new pair, and keep it. The lease is ours; no transaction is open.

    Raises ReconnectNeeded, TokenUnavailable and TokenUnreadable.
    """
    previous = token.grant()
    try:
        provider = PROVIDERS[connector.authentication_method](
            client_of(connector), memory={"grant_extra": dict(previous.extra)}
        )
        with http_client.within(SECONDS_TO_ASK):
            response = provider.refresh_token(previous.refresh_token)
        _write(token, provider.grant(response, previous=previous))
    except SecretUnreadable as error:
        token.note_failure(error.code)
        raise _unreadable(connector) from error
    except SocialAuthBaseException as error:
        if _is_dead(error):
            _log(connector, "invalid_grant")
            token.needs_reconnect("invalid_grant")
            raise _reconnect(connector) from error
        _log(connector, error.code)
        token.note_failure(error.code)
        raise _unavailable(connector) from error
    except (LoginError, CannotBeKept) as error:
        code = error.code if isinstance(error, LoginError) else "malformed_response"
        _log(connector, code)
        token.note_failure(code)
        raise _unavailable(connector) from error


def _write(token: Token, grant: Grant) -> None:
    """At once, and again where the database fails: the provider has ended the old pair."""
    for pause in _WRITE_AGAIN:
        try:
            token.replace(grant)
        except OperationalError:
            connection.close()
            time.sleep(pause)
        else:
            return
    token.replace(grant)


def _is_dead(error: SocialAuthBaseException) -> bool:
    return str(error.provider_code).lower() in _DEAD or (
        isinstance(error, AuthCredentialError) and error.code == "reauthentication_required"
    )


def _log(connector: Connector, cause: str) -> None:
    logger.warning(
        "A token was not refreshed", extra={"connector": connector.reference, "cause": cause}
    )


def _reconnect(connector: Connector) -> ReconnectNeeded:
    return ReconnectNeeded(f"The user must sign in through {connector.reference} again.")


def _unavailable(connector: Connector) -> TokenUnavailable:
    return TokenUnavailable(f"The provider of {connector.reference} gives no token at the moment.")


def _unreadable(connector: Connector) -> TokenUnreadable:
    return TokenUnreadable(
        f"A secret of {connector.reference} can't be read: none of FIELD_ENCRYPTION_KEYS made it."
    )
