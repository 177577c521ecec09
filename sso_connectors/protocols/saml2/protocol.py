"""SAML 2.0 Web Browser SSO, service provider's side (saml-profiles-2.0 section 4.1)."""

from datetime import datetime

from django.http import HttpRequest

from ... import addresses
from ...models import Connector
from ...models.pending_login import PendingLogin
from ...results.checks import Checks
from ...results.errors import BadMessage, ResponseRefused
from ...results.identity import Identity
from ..base import Departure, Protocol
from ..forms import posted
from .authn_request import authn_request
from .response import SamlAnswer


class Saml2(Protocol):
    def begin(self, connector: Connector, pending: PendingLogin) -> Departure:
        return authn_request(connector, pending)

    def receive(self, request: HttpRequest) -> SamlAnswer | None:
        if request.method != "POST":
            return None
        values = posted(request).getlist("SAMLResponse")
        if not values:
            return None
        if not addresses.is_at(addresses.reply_url(), request.path):
            raise BadMessage("A SAML response came to a redirect URI of OAuth 2.")
        if len(values) > 1:
            raise BadMessage("There are several SAMLResponse fields.")
        return SamlAnswer(values[0])

    def conclude(self, pending: PendingLogin, checks: Checks) -> Identity:
        connector, kept = pending.connector, pending.kept
        if kept["not_after"]:
            kept["not_after"] = datetime.fromisoformat(kept["not_after"])
        identity = Identity(**kept)
        if connector.issuer_url != identity.issuer or all(
            identity.key != item.fingerprint for item in connector.signing_certificates
        ):
            raise ResponseRefused("The connector no longer trusts the key that signed the answer.")
        return identity
