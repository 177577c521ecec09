"""The product's screens in the Maker."""

from . import attempts, connectors, user_card

__all__ = ["attempts", "connectors", "user_card"]
