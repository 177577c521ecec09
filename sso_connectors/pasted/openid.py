"""An OpenID provider's discovery document (OpenID Connect Discovery 1.0, section 3): another type."""

import json
from typing import Any, Final

from django.utils.translation import gettext as _

from .understood import Understood, private_key, refusal

WELL_KNOWN: Final = "/.well-known/openid-configuration"


def read_discovery(text: str) -> Understood:
    """Return what an object in JSON says. Raises ValidationError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # brackets without end
        # Not its own words, which may repeat a piece of the text.
        raise refusal(_("This looks like JSON, but can't be read.")) from error
    if _is_private(document):
        raise private_key()
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not issuer or "authorization_endpoint" not in document:
        raise refusal(_("This is JSON, but not an OpenID discovery document."))
    return _of_issuer(issuer)


def read_discovery_address(url: str) -> Understood:
    return _of_issuer(url.partition("?")[0].removesuffix(WELL_KNOWN))


def _of_issuer(issuer: str) -> Understood:
    note = _(
        "This identity provider, %(issuer)s, speaks OpenID Connect, not SAML, so the type has to be "
        "OAUTH 2. Choose its own authentication method if the list has one, and fill in the client ID "
        "and the client secret."
    )
    return Understood(type="oauth2", issuer_url=issuer, notes=(note % {"issuer": issuer[:200]},))


def _is_private(document: dict[str, Any]) -> bool:
    """Whether it is a JSON Web Key, or a set of them, with its private part (RFC 7518, section 6)."""
    keys = document.get("keys")
    several = keys if isinstance(keys, list) else []
    return any(
        isinstance(key, dict) and "kty" in key and "d" in key for key in [document, *several]
    )
