"""The providers of OAUTH 2 connectors by authentication method. A provider is one file and one line here."""

from collections.abc import Mapping
from typing import Final

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

__all__ = ["PROVIDERS", "Client", "Option", "Provider"]

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
