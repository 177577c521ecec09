"""Google (Workspace and Cloud Identity): OpenID Connect."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from .base import Claims
from .oidc import OpenIdConnect
from .options import Option, domain

ISSUER: Final = "https://accounts.google.com"


class Google(OpenIdConnect):
    method = "google"
    label = "Google"
    renews_by_consent = True
    can_ask_again = False  # it knows no prompt=login, and says no auth_time
    register_at = "https://console.cloud.google.com/apis/credentials"
    register_where = _(
        "Google Cloud console → APIs & Services → Credentials → Authorized redirect URIs"
    )
    options: ClassVar = (
        Option(
            "hosted_domain",
            _("Hosted domain"),
            _(
                "Only accounts of this Google Workspace domain can sign in. If empty: "
                "any Google account."
            ),
            clean=domain,
        ),
    )

    @classmethod
    def issuer_of(cls, options: Mapping[str, Any]) -> str:
        return ISSUER

    def auth_params(self, state: str | None = None) -> dict[str, Any]:
        params = {**super().auth_params(state), "access_type": "offline"}
        if self.consent_anew:
            params["prompt"] = "consent"
        if self.option("hosted_domain"):
            params["hd"] = self.option("hosted_domain")
        return params

    def vouched_email(self, person: Mapping[str, Any]) -> str:
        """Google vouches for its own addresses; of others it has once seen a mail arrive there."""
        address = super().vouched_email(person)
        if address and not self.option("hosted_domain"):
            self.checks.record(
                "whose address",
                bool(person.get("hd")) or address.lower().endswith("@gmail.com"),
                expected="an address of a Google Workspace domain, or of gmail.com",
                received=address,
            )
        return address

    def identify(self, person: Mapping[str, Any]) -> Claims:
        wanted = self.option("hosted_domain")
        if wanted:
            # The parameter of the request is only a hint, which anybody can take away.
            self.checks.record(
                "hosted domain",
                person.get("hd") == wanted,
                expected=wanted,
                received=person.get("hd"),
            )
        return super().identify(person)
