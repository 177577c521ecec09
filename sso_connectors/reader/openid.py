"""An OpenID provider's discovery document (OpenID Connect Discovery 1.0, section 3): another type."""

from typing import Any, Final

from django.utils.translation import gettext as _

from .understood import Understood, refusal

WELL_KNOWN: Final = "/.well-known/openid-configuration"


def is_discovery_address(url: str) -> bool:
    return url.partition("?")[0].rstrip("/").endswith(WELL_KNOWN)


def read_discovery(document: dict[str, Any]) -> Understood:
    """Return what a discovery document says: its issuer to the letter. Raises ValidationError."""
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not issuer or "authorization_endpoint" not in document:
        raise refusal(_("This is JSON, but not an OpenID discovery document."))
    return _of_issuer(issuer)


def read_discovery_address(url: str) -> Understood:
    """Return the issuer as the address has it, for whoever can't fetch it.

    Whether the issuer ends in a slash, as authentik's and Auth0's do, only the document tells.
    """
    found = _of_issuer(url.partition("?")[0].rstrip("/").removesuffix(WELL_KNOWN))
    return Understood(type="oauth2", issuer_url=found.issuer_url, notes=found.notes, url=url)


def _of_issuer(issuer: str) -> Understood:
    note = _(
        "This identity provider, %(issuer)s, uses OpenID Connect, not SAML, so "
        "choose the type OAUTH 2. Choose its own authentication method if the "
        "list has one, and enter the client ID and the client secret."
    )
    return Understood(type="oauth2", issuer_url=issuer, notes=(note % {"issuer": issuer[:200]},))
