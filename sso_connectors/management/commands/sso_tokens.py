"""How the tokens stand that let the product act for users at OAUTH 2 providers; no secrets."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sso_connectors.models import Connector, Link, Token
from sso_connectors.models.token import TokenState
from sso_connectors.protocols.oauth2.tokens import needs_reconnect


class Command(BaseCommand):
    help = "List the tokens of OAUTH 2 connectors; exit with 1 while a user must sign in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connector", metavar="REFERENCE", help="only those of this connector")
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="print a list, for programs"
        )

    def handle(self, *args: Any, connector: str | None, as_json: bool, **options: Any) -> None:
        if connector is not None and not Connector.objects.by_reference(connector).exists():
            raise CommandError("No connector has this reference.")
        rows = list(_rows(connector))
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
        else:
            self._print(rows)
        dead = sum(row["state"] != TokenState.OK for row in rows)
        if dead:
            raise CommandError(f"{dead} of {len(rows)} need the user to sign in again.")

    def _print(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self.stdout.write(_as_line(row))
        if waiting := Token.objects.filter(link=None).count():
            self.stdout.write(f"{waiting} whose link is gone wait to be revoked by sso_cleanup.")


def _rows(reference: str | None) -> Iterator[dict[str, Any]]:
    links = Link.objects.filter(token__isnull=False).select_related("user", "connector", "token")
    if reference is not None:
        links = links.filter(connector__in=Connector.objects.by_reference(reference))
    for link in links.order_by("connector__reference", "user__username"):
        connector, token = link.connector, link.token
        why = needs_reconnect(token, connector)
        yield {
            "connector": connector.reference,
            "user": link.user.username,
            "state": TokenState.RECONNECT_NEEDED.value if why else TokenState.OK.value,
            "reason": why or token.reason,
            "refreshable": token.refresh_token is not None,
            "expires_at": _time(token.expires_at),
            "obtained_at": _time(token.obtained_at),
            "refreshed_at": _time(token.refreshed_at),
        }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _as_line(row: dict[str, Any]) -> str:
    state = row["state"] + (f" ({row['reason']})" if row["reason"] else "")
    return (
        f"{row['connector']}  {row['user']}  {state}  "
        f"expires {row['expires_at'] or 'unknown'}  refreshed {row['refreshed_at'] or 'never'}"
    )
