"""Who signs in where: the agents, and the customers whose connectors they use."""

from dataclasses import dataclass
from typing import Final

# Agents sit behind so many addresses: the product counts by address, and 127.0.0.0/8 is all ours.
_ADDRESSES: Final = 500
_IN_A_ROW: Final = 250


@dataclass(frozen=True)
class Roster:
    """Agents and connectors are numbered from 0; neighbours in the queue use different connectors."""

    agents: int
    connectors: int

    def connector(self, agent: int) -> int:
        return agent % self.connectors

    def username(self, agent: int) -> str:
        """Of fixed width, so that no agent's name is within another's."""
        return f"agent-{agent:06d}@{reference(self.connector(agent))}.example"


def reference(connector: int) -> str:
    return f"customer-{connector:04d}"


def entity_id(connector: int) -> str:
    return f"https://idp.example/saml/{connector}"


def source(agent: int) -> str:
    """The loopback address that the agent's browser connects from."""
    row, place = divmod(agent % _ADDRESSES, _IN_A_ROW)
    return f"127.0.{row + 1}.{place + 1}"
