"""Okta: OpenID Connect of an organisation, or of one of its authorization servers."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .oidc import OpenIdConnect
from .options import Option, domain, fitting

ISSUER: Final = "https://{domain}"
_SERVER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def okta_domain(text: str) -> str:
    """An Option's `clean` for an organisation's own host name, at Okta's or on a domain of its own."""
    found = domain(text)
    first, _dot, rest = found.partition(".")
    if first.endswith("-admin"):
        raise ValidationError(
            _("This is the address of the Admin Console. Remove “-admin”: %(domain)s."),
            params={"domain": f"{first.removesuffix('-admin')}.{rest}"},
        )
    return found


def server_id(text: str) -> str:
    """An Option's `clean` for the ID of an authorization server, case included."""
    return fitting(
        text,
        _SERVER,
        _("“%(text)s” is not an ID. Examples: “default”, “aus1a2b3c4d5e6f7g8h9”."),
    )


class Okta(OpenIdConnect):
    method = "okta"
    label = "Okta"
    register_where = _(
        "Admin Console → Applications → the app → General → LOGIN → Sign-in redirect URIs"
    )
    words: ClassVar = {"client_id": "Client ID", "client_secret": "Client secret"}
    options: ClassVar = (
        Option(
            "domain",
            "Okta domain",
            _("The host name where people sign in, such as acme.okta.com."),
            required=True,
            clean=okta_domain,
        ),
        Option(
            "authorization_server",
            "Authorization server",
            _(
                "The ID of a custom authorization server, such as “default”. If empty: "
                "the organisation's own server."
            ),
            clean=server_id,
        ),
    )

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        if not options.get("domain"):
            return ""
        issuer = ISSUER.format(domain=options["domain"])
        server = options.get("authorization_server")
        return f"{issuer}/oauth2/{server}" if server else issuer

    @classmethod
    def is_run_by_customer(cls, options: Mapping[str, Any]) -> bool:
        # An organisation may have a domain of its own, with anything behind it.
        return True

    def get_scope(self) -> list[str]:
        # Without offline_access there is no refresh token.
        return ["openid", "profile", "email", "offline_access"]
