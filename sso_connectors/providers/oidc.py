"""OpenID Connect (Core 1.0, Discovery 1.0): what all OpenID providers share, and the generic one."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from social_core.backends.open_id_connect import OpenIdConnectAuth
from social_core.exceptions import AuthResponseError, AuthSessionError

from ..network.address_policy import validate_server_url
from ..results.errors import ResponseRefused
from ..web_address import read_address
from . import documents, id_token
from .base import Claims, Provider
from .options import Option

_OF_THE_ADDRESS: Final = frozenset({"email", "email_verified"})


class OpenIdConnect(Provider, OpenIdConnectAuth[Any]):
    """A provider with a discovery document at its issuer; subclasses are mostly constants."""

    can_ask_again = True
    DEFAULT_USE_PKCE = True
    # Whether its ID tokens repeat the nonce of the request (Core 1.0 section 3.1.3.7, step 11).
    repeats_nonce: ClassVar[bool] = True
    # Whether its userinfo endpoint says more of the person than an address that the ID token may lack.
    asks_userinfo: ClassVar[bool] = False

    _configuration: dict[str, Any] | None = None

    # --- the request ------------------------------------------------------------------------------

    def auth_params(self, state: str | None = None) -> dict[str, Any]:
        params: dict[str, Any] = super().auth_params(state)  # type: ignore[no-untyped-call]
        if self.client.ask_again:
            # A provider that doesn't know `prompt` still has to say how old the sign-in is.
            params |= {"prompt": "login", "max_age": 0}
        return params

    def get_and_store_nonce(self, url: str, state: str) -> str:
        # Kept with the state, in the memory; there is no table of nonces.
        return self.strategy.random_string(43)

    # --- documents ----------------------------------------------------------------------------------

    def oidc_endpoint(self) -> str:
        return self.client.issuer.rstrip("/")

    def oidc_config(self) -> dict[str, Any]:
        if self._configuration is None:  # one look is enough for one step of one login
            self._configuration = documents.document(
                self.oidc_config_url(), self._fetch_configuration
            )
        return self._configuration

    def asks_to_begin(self) -> bool:
        return not documents.is_fresh(self.oidc_config_url())

    def _fetch_configuration(self, url: str) -> dict[str, Any]:
        found = self.get_json(url, stage="begin")
        if not isinstance(found, dict):
            raise AuthResponseError(self, code="malformed_response", stage="begin")
        self.check_configuration(found)
        return found

    def check_configuration(self, found: Mapping[str, Any]) -> None:
        """The document must be the issuer's own (Discovery 1.0 section 4.3), or another could stand in."""
        if found.get("issuer") != self.client.issuer:
            raise ResponseRefused(
                f"The discovery document says that the issuer is {found.get('issuer')}; "
                f"the connector trusts {self.client.issuer}."
            )

    def use_basic_auth(self) -> bool:
        if self.TOKEN_ENDPOINT_AUTH_METHOD:
            return self.TOKEN_ENDPOINT_AUTH_METHOD != "client_secret_post"  # noqa: S105 - a name
        methods = self.oidc_config().get("token_endpoint_auth_methods_supported")
        # Basic is what a provider takes that says nothing (Discovery 1.0 section 3).
        return not isinstance(methods, list) or not methods or "client_secret_basic" in methods

    def keys(self, again: bool) -> list[dict[str, Any]]:
        look = documents.fetch_again if again else documents.document
        keys: list[dict[str, Any]] = look(self.jwks_uri(), self._fetch_keys)["keys"]
        return keys

    def _fetch_keys(self, uri: str) -> dict[str, Any]:
        return {"keys": self.get_remote_jwks_keys(uri)}

    # --- the answer -----------------------------------------------------------------------------------

    def advertises_iss(self) -> bool:
        return self.oidc_config().get("authorization_response_iss_parameter_supported") is True

    def id_token_issuer(self) -> str:
        return self.client.issuer

    def validate_and_return_id_token(self, token: str, access_token: str) -> dict[str, Any]:
        transaction = self._oauth2_transaction or {}
        nonce = transaction.get("oidc_nonce")
        if not nonce:  # a token without one would be as good as any
            raise AuthSessionError(self, code="session_context_missing", stage="token_validation")
        return id_token.validated(
            token,
            id_token.Expected(
                issuer=self.id_token_issuer(),
                client_id=self.client.client_id,
                nonce=nonce,
                access_token=access_token,
                asked_again_at=self.begun_at if self.client.ask_again else None,
                nonce_required=self.repeats_nonce,
            ),
            keys=self.keys,
            checks=self.checks,
        )

    def validate_and_return_refresh_id_token(self, token: str, access_token: str) -> dict[str, Any]:
        # A refresh proves no identity here; the session it might prolong ends by its own rules.
        return {}

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The ID token's claims; most userinfo endpoints are asked only for an address that it lacks."""
        claims = dict(self.id_token or {})
        has_all = claims.get("email") and not self.asks_userinfo
        if has_all or not self.oidc_config().get("userinfo_endpoint"):
            return claims
        found = self.get_json(
            self.userinfo_url(), headers={"Authorization": f"Bearer {access_token}"}
        )
        if not isinstance(found, dict) or found.get("sub") != claims["sub"]:
            # Core 1.0 section 5.3.2: it might be somebody else's.
            raise ResponseRefused(
                "The userinfo endpoint doesn't answer for the person who signed in."
            )
        # An address and what is said of it belong together, whichever document they are from.
        signed = {name: claims[name] for name in claims.keys() - _OF_THE_ADDRESS}
        return {**found, **signed}

    def identify(self, person: Mapping[str, Any]) -> Claims:
        return Claims(username=self.vouched_email(person), subject=str(person["sub"]))

    def vouched_email(self, person: Mapping[str, Any]) -> str:
        """The e-mail address if the provider says that it is verified; anybody can claim another."""
        email, verified = person.get("email"), person.get("email_verified")
        # With blanks around it, which `normalise_username` forgives people, it is another address.
        passed = (
            isinstance(email, str)
            and bool(email)
            and email == email.strip()
            and self.is_vouched(verified)
        )
        self.checks.record(
            "e-mail address",
            passed,
            expected="an address that the provider has verified",
            received=f"{email or 'none'}, email_verified {verified}",
        )
        return str(email) if passed else ""

    def is_vouched(self, verified: object) -> bool:
        return verified is True

    # --- the tokens afterwards ----------------------------------------------------------------------

    def revoke_token(self, token: str, uid: str) -> bool | None:
        """End `token` at the provider (RFC 7009); None where it offers no way to."""
        address = self.oidc_config().get("revocation_endpoint")
        if not isinstance(address, str):
            return None
        # In the body: social-core's own way would write the token into the address, too.
        self.request(
            address,
            method="POST",
            data={"token": token} | ({} if self.use_basic_auth() else self.body_credentials()),
            auth=self.auth_complete_credentials(),
            stage="disconnect",
        )
        return True


# Hosts where people of each customer sign in: whose people may, only the vendors' own methods ask.
_OF_A_METHOD: Final[Mapping[str, str]] = {
    "slack.com": "Slack",
    "login.salesforce.com": "Salesforce",
    "test.salesforce.com": "Salesforce",
    "accounts.google.com": "Google",
}


def issuer_of_one_tenant(text: str) -> str:
    """An Option's `clean` for the issuer of a provider that has no method of its own."""
    text = server_url(text)
    method = _method_of(text)
    if method:
        raise ValidationError(
            _(
                "People from every customer of %(method)s sign in at this address. "
                "Choose the authentication method %(method)s instead."
            ),
            params={"method": method},
        )
    return text


def _method_of(issuer: str) -> str | None:
    try:
        address = read_address(issuer)
    except ValidationError:  # one that came past the form: sign-ins with it fail by themselves
        return None
    of_many = address.scheme == "https" and address.port in (None, 443)
    return _OF_A_METHOD.get(address.host) if of_many else None


def server_url(text: str) -> str:
    """An Option's `clean` for an address that the server fetches from."""
    validate_server_url(text)
    if "?" in text or "#" in text:
        raise ValidationError(_("An issuer can't contain “?” or “#”."))
    return text


class GenericOpenIdConnect(OpenIdConnect):
    method = "oidc"
    label = _("generic OpenID Connect")
    register_where = _("The provider's page for clients or applications")
    options: ClassVar = (
        Option(
            "issuer",
            _("Issuer"),
            _(
                "The provider's issuer, letter by letter. Its discovery document is "
                "found from this address."
            ),
            required=True,
            clean=issuer_of_one_tenant,
        ),
        Option(
            "trust_email",
            _("Trust its e-mail addresses"),
            _(
                "Only for your own provider, if it doesn't say whether an address is "
                "verified. With any other provider, anyone who can change their address "
                "there could sign in as somebody else."
            ),
            is_switch=True,
        ),
    )

    # As `missing_options` says it, for those that an older version took.
    lacks_tenant = reduce(
        or_,
        (
            Q(options__issuer=f"https://{host}") | Q(options__issuer__startswith=f"https://{host}/")
            for host in _OF_A_METHOD
        ),
    )

    @classmethod
    def missing_options(cls, options: Mapping[str, Any]) -> list[str]:
        """Also an issuer at which people of any customer sign in: nobody could say whose people may."""
        missing = super().missing_options(options)
        return missing or (["issuer"] if _method_of(options["issuer"]) else [])

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return str(options.get("issuer", ""))

    @classmethod
    def is_run_by_customer(cls, options: Mapping[str, Any]) -> bool:
        return True

    def is_vouched(self, verified: object) -> bool:
        # An address that the provider itself calls unverified stays unverified.
        return verified is True or (verified is None and bool(self.option("trust_email")))
