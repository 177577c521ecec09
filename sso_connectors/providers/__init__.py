"""The providers of OAUTH 2 connectors by authentication method. A provider is one file and one line here."""

from collections.abc import Mapping
from typing import Final

from .base import Client, Option, Provider
from .google import Google
from .oidc import GenericOpenIdConnect

__all__ = ["PROVIDERS", "Client", "Option", "Provider"]

PROVIDERS: Final[Mapping[str, type[Provider]]] = {
    provider.method: provider
    for provider in (
        Google,
        GenericOpenIdConnect,
    )
}
