"""The providers of OAUTH 2 connectors by authentication method. A provider is one file and one line here."""

from collections.abc import Mapping
from typing import Any, Final

from .base import Client, Provider
from .entra import Entra
from .github import GitHub
from .gitlab import GitLab
from .google import Google
from .hubspot import HubSpot
from .linkedin import LinkedIn
from .oidc import GenericOpenIdConnect
from .okta import Okta
from .options import Option
from .salesforce import Salesforce
from .slack import Slack
from .zendesk import Zendesk
from .zoho_crm import ZohoCRM

__all__ = ["PROVIDERS", "Client", "Option", "Provider", "trusted_provider"]

PROVIDERS: Final[Mapping[str, type[Provider]]] = {
    provider.method: provider
    for provider in (
        HubSpot,
        Salesforce,
        ZohoCRM,
        Zendesk,
        Google,
        Entra,
        Okta,
        Slack,
        GitHub,
        GitLab,
        LinkedIn,
        GenericOpenIdConnect,
    )
}


def trusted_provider(method: str, options: Mapping[str, Any]) -> tuple[str, str]:
    """Who would be told the client secret: whichever of its customers' people may sign in.

    A stored one stays with them: whoever may change a connector could otherwise have it sent to their own.
    """
    provider = PROVIDERS.get(method)
    return method, provider.issuer_of(options) if provider else ""
