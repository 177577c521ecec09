"""The product's screens in the Maker: a folder for each, and what they share.

Importing the three registers all of them.
"""

from .attempts.model_admin import AttemptAdmin
from .connectors.model_admin import ConnectorAdmin
from .users.card import UserCard

__all__ = ["AttemptAdmin", "ConnectorAdmin", "UserCard"]
