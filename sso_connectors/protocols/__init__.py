"""The protocols by connector type. A type without one can't be signed in through."""

from collections.abc import Mapping
from typing import Final

from ..models import ConnectorType
from .base import Answer, Departure, Protocol
from .saml2.protocol import Saml2

__all__ = ["PROTOCOLS", "Answer", "Departure", "Protocol"]

PROTOCOLS: Final[Mapping[str, Protocol]] = {ConnectorType.SAML2: Saml2()}
