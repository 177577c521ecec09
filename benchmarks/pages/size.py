"""How much there is in a database; this file imports nothing of Django's."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Size:
    connectors: int
    users: int
    links: int
    attempts: int

    @property
    def busy_links(self) -> int:
        """How many users the connector has that has the most: 5 % of all."""
        return self.users // 20

    @property
    def most_links(self) -> int:
        """How many connectors the user has that has the most."""
        return min(50, self.connectors)

    def __str__(self) -> str:
        return (
            f"{self.connectors:,} connectors, {self.users:,} users, {self.links:,} links, "
            f"{self.attempts:,} attempts"
        )


SMALL: Final = Size(connectors=10, users=100, links=200, attempts=100)
FULL: Final = Size(connectors=10_000, users=100_000, links=200_000, attempts=200_000)
