"""GitLab, gitlab.com or an instance of one's own: OpenID Connect."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from ..network.address_policy import validate_server_url
from .oidc import OpenIdConnect
from .options import Option, fitting

DEFAULT_HOST: Final = "gitlab.com"
ISSUER: Final = "https://{host}"
_HOST_AND_PORT: Final = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def host_and_port(text: str) -> str:
    """An Option's `clean` for a host that the server may fetch from, with a port where it isn't 443."""
    text = fitting(
        text.lower(),
        _HOST_AND_PORT,
        _("“%(text)s” is not a host. Example: gitlab.company.example."),
    )
    validate_server_url(f"https://{text}")
    return text.removesuffix(":443")


class GitLab(OpenIdConnect):
    method = "gitlab"
    label = "GitLab"
    register_at = "https://gitlab.com/-/user_settings/applications"
    register_where = _("Applications → the application → Redirect URI")
    words: ClassVar = {"client_id": "Application ID", "client_secret": "Secret"}
    options: ClassVar = (
        Option(
            "host",
            _("Host"),
            _("The host of your own instance. If empty: gitlab.com."),
            default=DEFAULT_HOST,
            clean=host_and_port,
        ),
    )

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return ISSUER.format(host=options.get("host") or DEFAULT_HOST)

    @classmethod
    def is_run_by_customer(cls, options: Mapping[str, Any]) -> bool:
        return (options.get("host") or DEFAULT_HOST) != DEFAULT_HOST
