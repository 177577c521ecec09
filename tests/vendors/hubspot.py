"""HubSpot's double: the endpoints of 2026-03, which take everything in the form."""

from collections.abc import Mapping
from typing import Any

from .code_grant import CLIENT_ID, CodeGrantVendor, Tokens
from .server import Handler, Refused, Reply, Request, as_json

ALICES_HUB = 62515
ALICE = 100881


class HubSpotVendor(CodeGrantVendor):
    authorize_path = "/oauth/authorize"
    token_path = "/oauth/2026-03/token"
    scopes = frozenset({"oauth"})
    life = 1800
    repeats_refresh = True

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {"hub_id": ALICES_HUB, "user_id": ALICE, "user": "alice@acme.example"}

    def routes(self) -> dict[tuple[str, str], Handler]:
        return super().routes() | {
            ("POST", f"{self.token_path}/introspect"): self.introspect,
            ("POST", f"{self.token_path}/revoke"): self.end,
        }

    def token(self, request: Request) -> Reply:
        try:
            return super().token(request)
        except Refused as refused:
            if "refresh token" not in refused.why:
                raise
            # In words of its own, and none of RFC 6749's.
            about = {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}
            return as_json(about, 400)

    def answer(self, tokens: Tokens, *, asked: Mapping[str, str], is_new: bool) -> dict[str, Any]:
        answer = super().answer(tokens, asked=asked, is_new=is_new)
        del answer["scope"]
        return answer | {
            "refresh_token": tokens.refresh,
            "scopes": sorted(self.scopes),
            "hub_id": tokens.person.get("hub_id"),
            "user_id": tokens.person.get("user_id"),
        }

    def introspect(self, request: Request) -> Reply:
        """RFC 7662: a token that is none has no more to it than that."""
        form = self._checked_form(request)
        if form["token_type_hint"] != "access_token":
            raise Refused("unsupported_token_type")
        found = [each for each in self.grants if each.access == form["token"] and not each.is_over]
        if not found:
            return as_json({"active": False})
        about = {
            "active": True,
            "token_use": "access_token",
            "token_type": "Bearer",
            "client_id": CLIENT_ID,
            "app_id": 456789,
            "scopes": sorted(self.scopes),
            "hub_domain": "acme.example",
            "expires_in": self.life,
        }
        return as_json({**about, **found[0].person})

    def end(self, request: Request) -> Reply:
        """The refresh token only; a token that is none is an error."""
        form = self._checked_form(request)
        for tokens in self.grants:
            if form["token_type_hint"] == "refresh_token" and tokens.refresh == form["token"]:
                tokens.is_over = True
                return 200, {}, b""
        raise Refused("invalid_token")

    def _checked_form(self, request: Request) -> dict[str, str]:
        if request.query:
            raise Refused("invalid_request", "what is secret stands in the address")
        form = request.form()
        self.check_client(request, form)
        return form
