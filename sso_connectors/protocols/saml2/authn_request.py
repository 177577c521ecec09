"""The AuthnRequest (saml-core-2.0 section 3.4.1), by HTTP-Redirect or HTTP-POST (saml-bindings-2.0)."""

import base64
import zlib
from typing import Final
from urllib.parse import urlencode

from django.utils import timezone
from saml2 import BINDING_HTTP_POST
from saml2.saml import Issuer
from saml2.samlp import AuthnRequest, NameIDPolicy

from ... import addresses
from ...models import Binding, Connector, IdentifierFormat
from ...models.pending_login import PendingLogin
from ..base import Departure

NAME_ID_FORMATS: Final = {
    IdentifierFormat.EMAIL: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    IdentifierFormat.PERSISTENT: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    IdentifierFormat.UNSPECIFIED: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    IdentifierFormat.WINDOWS: (
        "urn:oasis:names:tc:SAML:1.1:nameid-format:WindowsDomainQualifiedName"
    ),
}


def authn_request(connector: Connector, pending: PendingLogin) -> Departure:
    """Return the request for `pending`, packed for the connector's binding.

    It is unsigned, and carries no RelayState: the answer's InResponseTo names the login.
    """
    document = _document(connector, pending)
    if connector.binding == Binding.POST:
        return Departure(
            connector.endpoint, {"SAMLRequest": base64.b64encode(document).decode("ascii")}
        )
    deflate = zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS)
    packed = base64.b64encode(deflate.compress(document) + deflate.flush())
    separator = "&" if "?" in connector.endpoint else "?"
    return Departure(
        f"{connector.endpoint}{separator}{urlencode({'SAMLRequest': packed.decode('ascii')})}"
    )


def _document(connector: Connector, pending: PendingLogin) -> bytes:
    name_id_format = NAME_ID_FORMATS.get(IdentifierFormat(connector.identifier_format))
    request = AuthnRequest(
        id=pending.request_id,
        version="2.0",
        issue_instant=timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        destination=connector.endpoint,
        protocol_binding=BINDING_HTTP_POST,
        assertion_consumer_service_url=addresses.reply_url(),
        force_authn="true" if pending.asks_again else None,
        issuer=Issuer(text=addresses.identity()),
        name_id_policy=NameIDPolicy(format=name_id_format, allow_create="true")
        if name_id_format
        else None,
    )
    return bytes(request.to_string())
