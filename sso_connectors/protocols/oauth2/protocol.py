"""OAuth 2.0 authorization code grant (RFC 6749 section 4.1), client's side, with OpenID Connect on top.

The browser comes back by GET, with its cookie, so the login is claimed before anything is asked of the
provider: nobody else's code is ever exchanged for it. By POST (OAuth 2.0 Form Post Response Mode) it comes
without, and what was posted is kept until the GET that follows.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from social_core.exceptions import AuthCanceled, SocialAuthBaseException

from ... import addresses
from ...models import Connector, ConnectorType, Link
from ...models.pending_login import PendingLogin
from ...models.token import CannotBeKept, Token
from ...network import exchanges, http_client
from ...providers import PROVIDERS, Client, Provider
from ...results.checks import Checks, as_text
from ...results.errors import (
    BadMessage,
    ConnectorNotReady,
    Declined,
    IdentityProviderAway,
    IdentityProviderError,
    LoginError,
    NoSuchLogin,
    NotAdmitted,
    ResponseRefused,
    SecretUnreadable,
    in_english,
)
from ...results.identity import Identity
from ...secrets.encryption import NoEncryptionKey, UnreadableSecret
from ..base import Answer, Arrival, Departure, Protocol
from ..forms import posted

# Bytes in UTF-8 of all parameters together: a form's are stored until the browser comes with its cookie.
MAX_ANSWER: Final = 16 * 1024
# For all that is asked of a provider in one login: so long a slow one keeps a thread, and its agent, waiting.
MAX_SECONDS: Final = 10.0
# In `asked`: how much of them went before the browser left.
SPENT: Final = "spent"
# Of all parameters these mean something (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207; Zoho's two).
_PARAMETERS: Final = (
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "location",
    "accounts-server",
)
# What decides whom an answer names, and whether it counts.
_TRUSTED: Final = ("issuer_url", "client_id", "authentication_method", "options", "force_authn")
_AWAY: Final = frozenset(
    {"connection_failed", "timeout", "tls_error", "rate_limited", "unavailable"}
)
# RFC 6749 section 4.1.2.1 knows the first, vendors the others.
_DECLINED: Final = frozenset(
    {
        "access_denied",
        "user_denied",
        "cancelled",
        "canceled",
        "user_cancelled_login",
        "user_cancelled_authorize",
    }
)
_AWAY_ERRORS: Final = frozenset({"server_error", "temporarily_unavailable"})
# The check that an answer at a shared redirect URI names a customer's own server.
SHARED: Final = "issuer at a shared redirect URI"
_HINTS: Final[Mapping[str, str]] = {
    "invalid_client": "the client ID or the client secret is wrong",
    "unauthorized_client": "the app there is not allowed to sign people in this way",
    "invalid_grant": "the code was used, is too old, or belongs to another app or redirect URI",
    "redirect_uri_mismatch": "our redirect URI is not registered there, to the letter",
    "invalid_scope": "the app there lacks a scope that is asked for",
}


class OAuth2(Protocol):
    def begin(self, connector: Connector, pending: PendingLogin) -> Departure:
        pending.returns_to = connector.redirect_address
        provider = provider_of(connector, pending, Checks())
        provider.consent_anew = provider.renews_by_consent and Token.lacks_consent(connector.pk)
        began = time.monotonic()
        host = self.host_to_ask(connector) if provider.asks_to_begin() else ""
        try:
            with exchanges.under_way(host), http_client.within(MAX_SECONDS), _explained(provider):
                url = str(provider.auth_url())
            addresses.validate_endpoint(url)  # as the browser gets it
        except ValidationError as error:
            raise IdentityProviderError(in_english(error)) from error
        pending.asked[SPENT] = round(time.monotonic() - began, 1)
        return Departure(url)

    def receive(self, request: HttpRequest) -> Answer | None:
        if request.method != "POST":
            return None
        form = posted(request)
        return FormPost(_read(form)) if "state" in form else None

    def host_to_ask(self, connector: Connector) -> str:
        # The issuer's, also where tokens come from another: one name for one provider. A vendor's serves many customers.
        return urlsplit(connector.issuer_url).hostname or ""

    def can_ask_again(self, connector: Connector) -> bool:
        provider = PROVIDERS.get(connector.authentication_method)
        return provider is not None and provider.can_ask_again

    def arrival(self, request: HttpRequest) -> Arrival | None:
        if "state" not in request.GET:
            return None
        received = _read(request.GET)
        return Arrival(received["state"], received)

    def conclude(self, pending: PendingLogin, checks: Checks) -> Identity:
        connector, received = pending.connector, pending.kept
        provider = provider_of(connector, pending, checks, received=received)
        checks.record("state", True, expected="that of this browser's login", received="the same")
        left = MAX_SECONDS - float(pending.asked.get(SPENT, 0))
        with http_client.within(left), _explained(provider):
            _check_issuer(provider, received, pending)
            _refuse_error(received)
            response: Any = provider.auth_complete()
            claims = provider.identify(provider.person)
        checks.record(
            "subject", bool(claims.subject), expected="a permanent ID", received=claims.subject
        )
        if provider.is_secret(claims.username) or provider.is_secret(claims.subject):
            raise ResponseRefused("The provider names the person by a secret of this sign-in.")
        if checks.failed:
            raise ResponseRefused(
                "; ".join(f"{item.name}: received {item.received}" for item in checks.failed)
            )
        _check_still_trusted(connector)
        return Identity(
            username=claims.username,
            subject=claims.subject,
            issuer=connector.issuer_url,
            key=connector.client_id,
            grant=provider.grant(response),
            claims=provider.shown_claims() if pending.is_test else {},
        )

    def admitted(self, link: Link, identity: Identity) -> None:
        """Raises IdentityProviderError when the tokens can't be kept, NotAdmitted when the link is gone."""
        if identity.grant is None:
            return
        try:
            kept = Token.keep(
                link_id=link.pk,
                connector_id=link.connector_id,
                issuer=identity.issuer,
                client_id=identity.key,
                grant=identity.grant,
            )
        except CannotBeKept as error:
            raise IdentityProviderError(str(error)) from error
        if not kept:
            raise NotAdmitted("The user was unlinked meanwhile.")


class FormPost(Answer):
    """An answer by POST: it is only carried over to the GET, since a code is no proof by itself."""

    def __init__(self, received: dict[str, str]) -> None:
        self._received = received

    def find_pending(self) -> PendingLogin | None:
        pending = PendingLogin.find(self._received["state"])
        if pending is None or pending.connector.type != ConnectorType.OAUTH2:
            return None
        return pending

    def examine(self, pending: PendingLogin, checks: Checks) -> dict[str, Any]:
        return dict(self._received)

    def meant_for(self) -> list[Connector]:
        raise NoSuchLogin("No login under way has this state.")


def provider_of(
    connector: Connector,
    pending: PendingLogin,
    checks: Checks,
    *,
    received: Mapping[str, str] | None = None,
) -> Provider:
    """The connector's provider, for this login. Raises SecretUnreadable."""
    return PROVIDERS[connector.authentication_method](
        client_of(connector, ask_again=pending.asks_again),
        memory=pending.asked,
        received=received,
        checks=checks,
        state=pending.request_id,
        begun_at=pending.created_at,
        redirect_uri=pending.redirect_uri,
    )


def client_of(connector: Connector, *, ask_again: bool = False) -> Client:
    """What the connector is at its provider. Raises SecretUnreadable."""
    try:
        secret = connector.client_secret.reveal() if connector.client_secret else ""
    except (UnreadableSecret, NoEncryptionKey) as error:
        raise SecretUnreadable(
            f"The client secret of {connector.reference} can't be read: none of FIELD_ENCRYPTION_KEYS "
            "made it. Bring the lost key back, or type the secret anew."
        ) from error
    return Client(
        client_id=connector.client_id,
        client_secret=secret,
        issuer=connector.issuer_url,
        options=connector.options,
        ask_again=ask_again,
    )


def _read(parameters: Any) -> dict[str, str]:
    """The parameters that mean something, each once. Raises BadMessage."""
    received = {}
    for name in _PARAMETERS:
        values = parameters.getlist(name)
        if len(values) > 1:
            raise BadMessage(f"The parameter {name} is there twice.")
        if values:
            received[name] = values[0].replace("\0", "\ufffd")
    if sum(len(value.encode(errors="replace")) for value in received.values()) > MAX_ANSWER:
        raise BadMessage("The parameters of the answer are too long.")
    return received


def _check_issuer(provider: Provider, received: Mapping[str, str], pending: PendingLogin) -> None:
    """Where a redirect URI is shared, one provider could pass off another's code as its own (RFC 9207)."""
    named = received.get("iss")
    is_shared = pending.redirect_uri in (addresses.reply_url(), addresses.oauth_callback())
    if named is None and is_shared and provider.is_run_by_customer(provider.client.options):
        # The code may be another provider's, brought here to be spent at this customer's server.
        own = addresses.own_redirect_uri(pending.connector.reference)
        provider.checks.record(SHARED, False, expected=provider.response_issuer(), received="none")
        raise ResponseRefused(
            "The answer doesn't say whom it comes from (iss), and its redirect URI is shared with other "
            f"connectors. Register {own} at the provider."
        )
    if named is None and not provider.advertises_iss():
        return
    wanted = provider.response_issuer()
    if not provider.checks.record(
        "response issuer", named == wanted, expected=wanted, received=named
    ):
        raise ResponseRefused(f"The answer comes from {named}, and not from {wanted}.")


def _refuse_error(received: Mapping[str, str]) -> None:
    error, description = received.get("error"), received.get("error_description", "")
    if error in _DECLINED:
        raise Declined(as_text(description))
    if error:
        hint = f" ({_HINTS[error]})" if error in _HINTS else ""
        kind = IdentityProviderAway if error in _AWAY_ERRORS else IdentityProviderError
        raise kind(f"{error}{hint} {description}".strip())
    if not received.get("code"):
        raise BadMessage("The answer has neither a code nor an error.")


def _check_still_trusted(connector: Connector) -> None:
    """The provider took its time to answer; meanwhile the connector may have been changed."""
    now = Connector.objects.filter(pk=connector.pk).first()
    if now is None or now.missing() or now.enabled < connector.enabled:
        raise ConnectorNotReady("The connector was disabled or deleted meanwhile.")
    if any(getattr(now, field) != getattr(connector, field) for field in _TRUSTED):
        raise ResponseRefused("The connector trusts another provider or app by now.")


@contextmanager
def _explained(provider: Provider) -> Iterator[None]:
    """social-core's exceptions as ours: whose turn it is, in words for the administrator."""
    try:
        yield
    except AuthCanceled as error:
        raise Declined(provider.without_secrets(error.detail)) from error
    except SocialAuthBaseException as error:
        sentence = provider.without_secrets(_sentence(error))
        if error.code in _AWAY:
            raise IdentityProviderAway(sentence) from error
        raise IdentityProviderError(sentence) from error
    except LoginError as error:
        error.detail = provider.without_secrets(error.detail)
        raise


def _sentence(error: SocialAuthBaseException) -> str:
    where = {
        "begin": "before sign-in",
        "token_exchange": "at the exchange of the code",
        "token_validation": "at the ID token",
        "user_info": "at the look-up of the person",
        "refresh": "at the refresh of the token",
        "disconnect": "at the revocation",
    }.get(error.stage, "")
    code = str(error.provider_code or "")
    parts = [
        f"{error} ({where})" if where else str(error),
        f"HTTP {error.status_code}" if error.status_code else "",
        f"{code}: {_HINTS[code]}" if code in _HINTS else code,
        f"field {error.claim}" if error.claim else "",
        error.detail,
    ]
    return ". ".join(part for part in parts if part)
