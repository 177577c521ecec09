"""What a provider is: social-core's backend for one vendor, fenced in.

A provider says what its connectors need (options), whom they trust (issuer), and how the vendor's answer
names the person (identify). social-core does the protocol: the request with state and PKCE (RFC 7636),
the exchange of the code, the refresh. It sees no settings, no session and no network but what it is
handed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote_plus

import requests
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from requests.auth import AuthBase, HTTPBasicAuth
from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import (
    AuthProviderError,
    AuthResponseError,
    AuthSessionError,
    ErrorStage,
)
from social_core.utils import http_error, url_add_parameters

from .. import addresses
from ..network import http_client
from ..results.checks import Checks
from ..results.identity import Grant
from .options import Option
from .secrecy import Secrets
from .strategy import ClientStrategy

# A token that ends sooner than the clock can be trusted to tell is taken as it comes.
_LONGEST_LIFE: Final = 10 * 365 * 24 * 60 * 60
# What we send, or get, that nobody may read.
_SECRET_FIELDS: Final = (
    "client_secret",
    "code",
    "code_verifier",
    "access_token",
    "refresh_token",
    "id_token",
    "token",
)


@dataclass(frozen=True)
class Client:
    """What a connector is at its provider. `issuer` is what the connector trusts."""

    client_id: str
    client_secret: str = field(repr=False)
    issuer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    ask_again: bool = False


@dataclass(frozen=True)
class Claims:
    """How a provider names the person. `username` is "" unless the provider vouches for it."""

    username: str
    subject: str


class Provider(BaseOAuth2[Any]):
    """A backend of social-core's for one login, one refresh or one revocation."""

    method: ClassVar[str]
    label: ClassVar[StrOrPromise]
    options: ClassVar[tuple[Option, ...]] = ()
    # Where the redirect URI (our reply URL) must be registered, and what the vendor calls our fields.
    register_at: ClassVar[str] = ""
    register_where: ClassVar[StrOrPromise] = ""
    words: ClassVar[Mapping[str, StrOrPromise]] = {}

    # Which (clean) options of its connectors leave open whose people sign in, where those of older versions may.
    lacks_tenant: ClassVar[Q | None] = None

    # Whether it asks for the password again where a connector wants that, and proves that it did.
    can_ask_again: ClassVar[bool] = False
    # Whether it gives a refresh token only to who consents anew: asked for where somebody needs one.
    renews_by_consent: ClassVar[bool] = False
    # Whether it takes back access tokens only; elsewhere the refresh token takes them along (RFC 7009 section 2.1).
    revokes_access_token: ClassVar[bool] = False

    REDIRECT_STATE = False  # it would change the redirect URI, which vendors compare to the letter
    STATE_PARAMETER = True

    def __init__(
        self,
        client: Client,
        *,
        memory: dict[str, Any] | None = None,
        received: Mapping[str, str] | None = None,
        checks: Checks | None = None,
        state: str = "",
        begun_at: datetime | None = None,
        redirect_uri: str = "",
    ) -> None:
        """Serve `client`.

        memory: what was asked, kept on the pending login from the request to the answer.
        received: the parameters that came to the reply URL.
        state: what the answer must name (RFC 6749 section 10.12).
        begun_at: when the login began.
        redirect_uri: where the answer comes; the exchange of the code repeats it (RFC 6749 section 4.1.3).
        """
        self.client = client
        self.memory = {} if memory is None else memory
        self.checks = checks or Checks()
        self.state = state
        self.begun_at = begun_at
        self.person: Mapping[str, Any] = {}
        self.consent_anew = False
        self._secrets = Secrets()
        self._secrets.add(client.client_secret, user=client.client_id)
        self.checks.hide = self.without_secrets
        super().__init__(
            ClientStrategy(self.memory, dict(received or {})), redirect_uri=redirect_uri
        )

    # --- what a connector of this method needs -----------------------------------------------

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        """Whom a connector with these (clean) options trusts; "" while one that tells is missing."""
        raise NotImplementedError

    @classmethod
    def is_run_by_customer(cls, options: Mapping[str, Any]) -> bool:
        """Whether a customer of ours runs the server, and not its vendor for everybody."""
        return False

    @classmethod
    def clean_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options in their one spelling, empty ones left out.

        Raises ValidationError with one message for each that is unknown or wrong; a required one may
        be missing, in a draft.
        """
        known = {option.name for option in cls.options}
        errors = [
            ValidationError(
                _("%(method)s has no option “%(name)s”."),
                code="unknown_option",
                params={"method": cls.label, "name": str(name)[:50]},
            )
            for name in options
            if name not in known
        ]
        cleaned: dict[str, Any] = {}
        for option in cls.options:
            try:
                value = option.read(options.get(option.name))
            except ValidationError as error:
                errors += [
                    ValidationError(f"{option.label}: {message}", code="option")
                    for message in error.messages
                ]
            else:
                if value:
                    cleaned[option.name] = value
        if errors:
            raise ValidationError(errors)
        return cleaned

    @classmethod
    def missing_options(cls, options: Mapping[str, Any]) -> list[str]:
        return [each.name for each in cls.options if each.required and not options.get(each.name)]

    def option(self, name: str) -> Any:
        """The connector's option, or its default."""
        (option,) = [each for each in self.options if each.name == name]
        return self.client.options.get(name) or option.default

    # --- how the vendor's answer names the person ---------------------------------------------

    def identify(self, person: Mapping[str, Any]) -> Claims:
        """Read the person out of what `user_data()` returned; each look is kept in `checks`."""
        raise NotImplementedError

    def response_issuer(self) -> str:
        """What the provider calls itself in its answers."""
        return self.client.issuer

    def asks_to_begin(self) -> bool:
        """Whether the provider must be asked something before the browser can be sent there."""
        return False

    def advertises_iss(self) -> bool:
        """Whether each answer of the provider must name it (RFC 9207)."""
        return False

    def grant(self, response: Mapping[str, Any], *, previous: Grant | None = None) -> Grant:
        """The tokens in a token response; what a refresh leaves out stays as it was."""
        previous = previous or Grant(access_token="")
        return Grant(
            access_token=str(response["access_token"]),
            refresh_token=str(response.get("refresh_token") or previous.refresh_token),
            expires_at=_expiry(response.get("expires_in")),
            scope=str(response.get("scope") or previous.scope),
            extra=self.instance(response) or previous.extra,
        )

    def instance(self, response: Mapping[str, Any]) -> dict[str, str]:
        """What calls of the vendor's API need beside the token."""
        return {}

    def revoke(self, grant: Grant) -> bool | None:
        """End the grant at the provider; None where it offers no way to."""
        by_access_token = self.revokes_access_token or not grant.refresh_token
        token = grant.access_token if by_access_token else grant.refresh_token
        ended: bool | None = self.revoke_token(token, "")  # type: ignore[no-untyped-call]
        return ended

    # --- what social-core asks ------------------------------------------------------------------

    def get_key_and_secret(self) -> tuple[str, str]:
        return self.client.client_id, self.client.client_secret

    def get_or_create_state(self) -> str:
        self.memory[self.transaction_key(self.state)] = {"state": self.state}
        return self.state

    def validate_state(self) -> str:
        """The claim of the pending login has decided on state, browser, time and replay.

        social-core would ask again by the clock, and two servers' clocks differ.
        """
        transaction = self.memory.get(self.transaction_key(self.state))
        if not self.state or self.data.get("state") != self.state or transaction is None:
            raise AuthSessionError(self, code="state_mismatch", stage="callback")
        self._oauth2_transaction = transaction
        return self.state

    def auth_url(self) -> str:
        """As social-core's, which leaves the query undecoded and so lets a client ID add parameters.

        Raises ValidationError where the provider's own address for it is none to send browsers to.
        """
        state = self.get_or_create_state()
        params = self.auth_params(state)
        params.update(self.get_scope_argument())  # type: ignore[no-untyped-call]
        params.update(self.auth_extra_arguments())
        url = self.authorization_url()
        # Before social-core takes it apart, which whatever stands in a document can break.
        addresses.validate_endpoint(url)
        return url_add_parameters(url, params)

    def auth_complete_credentials(self) -> tuple[str, str] | None:
        return self._basic_credentials() if self.use_basic_auth() else None

    def refresh_token_params(self, token: str, *args: Any, **kwargs: Any) -> dict[str, str]:
        params: dict[str, str] = super().refresh_token_params(token, *args, **kwargs)
        if self.use_basic_auth():  # a client authenticates in one way only (RFC 6749 section 2.3)
            del params["client_id"], params["client_secret"]
        return params

    def refresh_token_auth(self) -> AuthBase | None:
        return HTTPBasicAuth(*self._basic_credentials()) if self.use_basic_auth() else None

    def _basic_credentials(self) -> tuple[str, str]:
        """Encoded before they are put together (RFC 6749 section 2.3.1): a secret may have any characters."""
        key, secret = self.get_key_and_secret()
        return quote_plus(key), quote_plus(secret)

    def body_credentials(self) -> dict[str, str]:
        """For a provider that wants them in the request's body."""
        key, secret = self.get_key_and_secret()
        return {"client_id": key, "client_secret": secret}

    def do_auth(self, access_token: str, *args: Any, **kwargs: Any) -> Any:
        """In place of a pipeline, which would create and associate users: look who it is.

        The provider has taken the code, with our secret, at its own host. What it says of the person comes
        from there, over TLS, and through nobody's browser: as good as a signature (OpenID Connect Core 1.0
        section 3.1.3.7, step 6).
        """
        self.checks.verified = True
        self._secrets.add(access_token)
        self.person = self.user_data(access_token, *args, **kwargs) or {}
        return kwargs["response"]

    def request(
        self,
        url: str,
        *,
        method: Literal["GET", "POST", "DELETE"] = "GET",
        headers: Mapping[str, str | bytes] | None = None,
        data: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        auth: Any = None,
        params: dict[str, Any] | None = None,
        timeout: float | None = None,
        stage: ErrorStage = "user_info",
    ) -> requests.Response:
        """Every request of social-core's comes this way, and goes through the guarded client."""
        for sent in (data or {}, params or {}, json or {}):
            self._know(sent)
        try:
            response = http_client.request(
                method, url, params=params, data=data, json=json, headers=headers, auth=auth
            )
        except http_client.OutboundError as error:
            raise AuthProviderError(
                self, str(error), code="connection_failed", stage=stage
            ) from error
        try:
            self._know(response.json())
        except RecursionError as error:
            raise AuthResponseError(
                self, "It is nested too deeply.", code="malformed_response", stage=stage
            ) from error
        except ValueError:
            pass  # whoever wants JSON will say that it is none
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            raise http_error(self, error, stage=stage) from error
        return response

    def without_secrets(self, text: str) -> str:
        """A text of the provider's, less whatever it repeats of what we sent."""
        return self._secrets.masked(text)

    def is_secret(self, name: str) -> bool:
        """Whether what should name a person holds what we sent instead, or got."""
        return self._secrets.name_one(name)

    def shown_claims(self) -> dict[str, Any]:
        """What it said of the person, to be kept of a test."""
        return {
            self.without_secrets(name): self._shown(value) for name, value in self.person.items()
        }

    def _shown(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._shown(each) for each in value]
        return self.without_secrets(str(value)) if isinstance(value, str | dict) else value

    def _know(self, fields: Any) -> None:
        """Whatever is secret of what is sent, or has come: an error may repeat it."""
        if isinstance(fields, dict):
            for name in _SECRET_FIELDS:
                self._secrets.add(fields.get(name))


def _expiry(seconds: object) -> datetime | None:
    """From `expires_in`, which some vendors write as text."""
    try:
        life = int(str(seconds))
    except ValueError:
        return None
    if not 0 < life < _LONGEST_LIFE:
        return None
    return datetime.now(UTC) + timedelta(seconds=life)
