"""SAML 2.0 Web Browser SSO, service provider's side (saml-profiles-2.0 section 4.1)."""

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from ...errors import BadMessage
from ...identity import Identity
from ...models import Connector
from ...pending import PendingLogin
from ..base import Departure, Protocol
from .authn_request import authn_request
from .response import MAX_BYTES, SamlAnswer


class Saml2(Protocol):
    def begin(self, connector: Connector, pending: PendingLogin) -> Departure:
        return authn_request(connector, pending)

    def receive(self, request: HttpRequest) -> SamlAnswer | None:
        if request.method != "POST":
            return None
        try:
            # Before anything is read; a form is a third larger than what it holds, in base64.
            if int(request.META.get("CONTENT_LENGTH") or 0) > 2 * MAX_BYTES:
                raise BadMessage(f"The form is larger than {2 * MAX_BYTES} bytes.")
            values = request.POST.getlist("SAMLResponse")
        except (
            SuspiciousOperation,
            BadRequest,
            MultiPartParserError,
            UnreadablePostError,
            ValueError,
        ) as error:
            raise BadMessage("The form could not be read.") from error
        if not values:
            return None
        if len(values) > 1:
            raise BadMessage("There are several SAMLResponse fields.")
        return SamlAnswer(values[0])

    def still_trusts(self, connector: Connector, identity: Identity) -> bool:
        return connector.issuer_url == identity.issuer and any(
            identity.key == item.fingerprint for item in connector.signing_certificates
        )
