"""Zendesk's double: JSON at the token endpoint, one living pair of tokens, users with several identities."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from .code_grant import CodeGrantVendor
from .server import FORM, Handler, Refused, Reply, Request, as_json

ALICE = 35436


class ZendeskVendor(CodeGrantVendor):
    authorize_path = "/oauth/authorizations/new"
    token_path = "/oauth/tokens"
    scopes = frozenset({"read"})
    rotates = True
    life = 0  # an access token lasts unless somebody asks for an end

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "id": ALICE,
            "email": "alice@acme.example",
            "verified": True,
            "role": "agent",
            "suspended": False,
            "active": True,
        }
        self.identities: list[dict[str, Any]] = [
            {"type": "phone_number", "value": "+15551234567", "verified": True, "primary": False},
            {"type": "email", "value": "alice@acme.example", "verified": True, "primary": True},
            {"type": "email", "value": "alice@home.example", "verified": False, "primary": False},
        ]

    def routes(self) -> dict[tuple[str, str], Handler]:
        return super().routes() | {
            ("GET", "/api/v2/users/me.json"): self.me,
            ("GET", f"/api/v2/users/{ALICE}/identities"): self.agents_identities,
            ("GET", f"/api/v2/users/{ALICE + 1}/identities"): self.agents_identities,
            ("GET", f"/api/v2/end_users/{ALICE}/identities"): self.end_users_identities,
            ("DELETE", "/api/v2/oauth/tokens/current.json"): self.end,
        }

    def token(self, request: Request) -> Reply:
        found = request.json()
        if found.pop("scope", None) != "read":
            raise Refused("invalid_scope")
        return super().token(_as_form(request, found))

    def me(self, request: Request) -> Reply:
        return as_json({"user": self.grant_of(request).person})

    def agents_identities(self, request: Request) -> Reply:
        return self._identities(request, is_end_user=False)

    def end_users_identities(self, request: Request) -> Reply:
        return self._identities(request, is_end_user=True)

    def _identities(self, request: Request, *, is_end_user: bool) -> Reply:
        """Each asks at an address of their own; an end user sees addresses and numbers only."""
        person = self.grant_of(request).person
        if (person["role"] == "end-user") != is_end_user or not person["verified"]:
            raise Refused("Forbidden", status=403)
        return as_json({"identities": self.identities})

    def end(self, request: Request) -> Reply:
        self.grant_of(request).is_over = True
        return 204, {}, b""


def _as_form(request: Request, fields: Mapping[str, Any]) -> Request:
    """The same request for what reads forms; JSON is checked, each value being text."""
    if not all(isinstance(value, str) for value in fields.values()):
        raise Refused("invalid_request", json.dumps(sorted(fields)))
    return replace(
        request,
        headers={**request.headers, "content-type": FORM},
        body=urlencode(fields).encode(),
    )
