"""The protocols by connector type."""

from collections.abc import Mapping
from typing import Final

from ..models import ConnectorType
from .base import Answer, Departure, Protocol
from .oauth2.protocol import OAuth2
from .saml2.protocol import Saml2

__all__ = ["PROTOCOLS", "Answer", "Departure", "Protocol"]

PROTOCOLS: Final[Mapping[str, Protocol]] = {
    ConnectorType.SAML2: Saml2(),
    ConnectorType.OAUTH2: OAuth2(),
}
