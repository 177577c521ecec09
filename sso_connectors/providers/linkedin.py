"""LinkedIn: OpenID Connect, as far as LinkedIn goes with it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from .oidc import OpenIdConnect

ISSUER: Final = "https://www.linkedin.com/oauth"


class LinkedIn(OpenIdConnect):
    method = "linkedin"
    label = "LinkedIn"
    can_ask_again = False  # it knows no prompt=login, and says no auth_time
    register_at = "https://www.linkedin.com/developers/apps"
    register_where = _(
        "the app → Auth → OAuth 2.0 settings → Authorized redirect URLs for your app"
    )
    words: ClassVar = {"client_id": "Client ID", "client_secret": "Primary Client Secret"}

    # LinkedIn's ID tokens leave the nonce out, and it takes PKCE from native apps without a secret only.
    # What ties a code to this browser is then the state, which is used once and names its login, and
    # what keeps a stolen one from being used elsewhere the client secret and the redirect URI.
    repeats_nonce = False
    DEFAULT_USE_PKCE = False
    TOKEN_ENDPOINT_AUTH_METHOD = "client_secret_post"  # noqa: S105 - a name

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return ISSUER

    def is_vouched(self, verified: object) -> bool:
        return verified is True or verified == "true"  # in its ID tokens it is text
