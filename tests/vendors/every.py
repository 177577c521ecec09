"""Every method with its double: how the two meet, and where vendors differ in what all of them promise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
from social_core.exceptions import AuthCredentialError, AuthProviderError, SocialAuthBaseException

from . import entra, github, hubspot, salesforce, slack, zendesk, zoho
from .code_grant import CodeGrantVendor
from .entra import EntraVendor
from .github import GitHubAppVendor, GitHubVendor
from .gitlab import GitLabVendor
from .google import GoogleVendor
from .hub import Hub
from .hubspot import HubSpotVendor
from .linkedin import LinkedInVendor
from .okta import OktaVendor
from .salesforce import SalesforceVendor
from .slack import SlackVendor
from .zendesk import ZendeskVendor
from .zoho import ZohoVendor

Facts = Callable[[Any], dict[str, Any]]  # of a double that runs

NOT_VERIFIED: Final[tuple[dict[str, Any], ...]] = (
    {"email_verified": False},
    {"email_verified": None},
    {"email_verified": "true"},
    {"email_verified": 1},
    {"email": None},
)


def nothing(double: CodeGrantVendor) -> dict[str, Any]:
    return {}


def other_subject(double: CodeGrantVendor) -> dict[str, Any]:
    return {"sub": "another"}


def other_user_of_zoho_crm(double: ZohoVendor) -> dict[str, Any]:
    double.crm_users[0]["zuid"] = str(zoho.ALICE + 1)
    return {"ZUID": zoho.ALICE + 1}


@dataclass(frozen=True, kw_only=True)
class Known:
    """One method and its vendor.

    constants: the provider's, so that they lead to the double. subject: what Alice's link remembers.
    somebody_else: what the vendor says of another person who has her address now.
    other_issuer: another that an answer may name, `{url}` being the double's.
    not_vouched: what OpenID providers say of an address that counts for nothing.
    wrong_secret, dead_token: the vendor's words for these, and the error that the latter becomes.
    revokes_again: what has ended can be ended again.
    """

    method: str
    double: type[CodeGrantVendor]
    constants: Facts = nothing
    options: Facts = nothing
    subject: str
    somebody_else: Facts = other_subject
    other_issuer: str = "https://evil.example"
    not_vouched: tuple[dict[str, Any], ...] = ()
    asks_again: bool = False
    wrong_secret: str = "secret is wrong"
    dead_token: str = "invalid_grant"
    dead_token_error: type[SocialAuthBaseException] = AuthCredentialError
    revokes: bool = True
    revokes_again: bool = True

    def point_at(self, double: CodeGrantVendor, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.constants(double).items():
            monkeypatch.setattr(f"sso_connectors.providers.{self.method}.{name}", value)


def at_github(double: GitHubVendor) -> dict[str, Any]:
    return {"ISSUER": double.issuer, "API": f"{double.url}/api"}


EVERY: Final[Mapping[str, Known]] = {
    "entra": Known(
        method="entra",
        double=EntraVendor,
        constants=lambda double: {"AUTHORITY": double.url},
        options=lambda double: {"tenant": entra.TENANT},
        subject=f"{entra.TENANT}:{entra.ALICE}",
        somebody_else=lambda double: {"oid": entra.ALICE.replace("a11c", "b0b0")},
        other_issuer=f"{{url}}/{entra.OTHER_TENANT}/v2.0",
        asks_again=True,
        revokes=False,
    ),
    "github": Known(
        method="github",
        double=GitHubVendor,
        constants=at_github,
        subject=str(github.ALICE),
        somebody_else=lambda double: {"id": github.ALICE + 1},
        wrong_secret="incorrect_client_credentials",
    ),
    "github_app": Known(
        method="github",
        double=GitHubAppVendor,
        constants=at_github,
        subject=str(github.ALICE),
        somebody_else=lambda double: {"id": github.ALICE + 1},
        wrong_secret="incorrect_client_credentials",
        dead_token="bad_refresh_token",
    ),
    "gitlab": Known(
        method="gitlab",
        double=GitLabVendor,
        constants=lambda double: {
            "ISSUER": "http://{host}",
            "DEFAULT_HOST": double.url.removeprefix("http://"),
        },
        subject="1",
        not_vouched=NOT_VERIFIED,
        asks_again=True,
    ),
    "google": Known(
        method="google",
        double=GoogleVendor,
        constants=lambda double: {"ISSUER": double.url},
        subject="107691503500061507151",
        not_vouched=NOT_VERIFIED,
    ),
    "hubspot": Known(
        method="hubspot",
        double=HubSpotVendor,
        constants=lambda double: {
            "AUTHORIZATION": f"{double.url}{double.authorize_path}",
            "TOKENS": f"{double.url}{double.token_path}",
        },
        options=lambda double: {"hub_id": str(hubspot.ALICES_HUB)},
        subject=f"{hubspot.ALICES_HUB}:{hubspot.ALICE}",
        somebody_else=lambda double: {"user_id": hubspot.ALICE + 1},
        other_issuer="https://app.hubspot.com.evil.example",
        dead_token="bad_refresh_token",
        revokes_again=False,
    ),
    "linkedin": Known(
        method="linkedin",
        double=LinkedInVendor,
        constants=lambda double: {"ISSUER": double.issuer},
        subject="782bbtaQ",
        not_vouched=(
            {"email_verified": "false"},
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": "True"},
            {"email_verified": 1},
            {"email": None},
        ),
        revokes=False,
    ),
    "oidc": Known(
        method="oidc",
        double=Hub,
        options=lambda double: {"issuer": double.issuer},
        subject="1",
        not_vouched=NOT_VERIFIED,
        asks_again=True,
    ),
    "okta": Known(
        method="okta",
        double=OktaVendor,
        constants=lambda double: {"ISSUER": double.url},
        options=lambda double: {"domain": "acme.okta.com"},
        subject="00u1a2b3c4d5e6f7g8h9",
        not_vouched=NOT_VERIFIED,
        asks_again=True,
    ),
    "salesforce": Known(
        method="salesforce",
        double=SalesforceVendor,
        constants=lambda double: {"SERVER": double.url},
        options=lambda double: {"host": "acme.my.salesforce.com"},
        subject=salesforce.ALICE,
        somebody_else=lambda double: {
            "sub": salesforce.ALICE.replace("00D000000000001", "00D000000000666")
        },
        other_issuer="https://login.salesforce.com",
        not_vouched=NOT_VERIFIED,
    ),
    "slack": Known(
        method="slack",
        double=SlackVendor,
        constants=lambda double: {
            "ISSUER": double.url,
            "REVOCATION": f"{double.url}/api/auth.revoke",
        },
        options=lambda double: {"team": slack.TEAM},
        subject=f"{slack.TEAM}:U0R7MFMJM",
        not_vouched=NOT_VERIFIED,
        wrong_secret="bad_client_secret",
        dead_token="invalid_code",
        dead_token_error=AuthProviderError,
    ),
    "zendesk": Known(
        method="zendesk",
        double=ZendeskVendor,
        constants=lambda double: {"SERVER": double.url},
        options=lambda double: {"subdomain": "acme"},
        subject=str(zendesk.ALICE),
        somebody_else=lambda double: {"id": zendesk.ALICE + 1},
        other_issuer="https://other.zendesk.com",
        revokes_again=False,
    ),
    "zoho_crm": Known(
        method="zoho_crm",
        double=ZohoVendor,
        constants=lambda double: {"DATA_CENTRES": {double.url: double.url}},
        options=lambda double: {"accounts_server": double.url},
        subject=str(zoho.ALICE),
        somebody_else=other_user_of_zoho_crm,
        dead_token="invalid_code",
        dead_token_error=AuthProviderError,
        revokes_again=False,
    ),
}
