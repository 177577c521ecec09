"""Slack's double: errors come with status 200, and PKCE is for apps without a secret."""

from typing import Any

from .oidc import OidcVendor
from .server import Handler, Refused, Reply, Request, as_json

TEAM = "T0123ABCD"


class SlackVendor(OidcVendor):
    authorize_path = "/openid/connect/authorize"
    token_path = "/api/openid.connect.token"
    jwks_path = "/openid/connect/keys"
    userinfo_path = "/api/openid.connect.userInfo"
    scopes = frozenset({"openid", "profile", "email"})
    pkce = False
    rotates = True
    extra_parameters = frozenset({"nonce", "team"})
    of_a_dead_token = "token_revoked"

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "sub": "U0R7MFMJM",
            "https://slack.com/team_id": TEAM,
            "email": "alice@acme.example",
            "email_verified": True,
        }

    def routes(self) -> dict[tuple[str, str], Handler]:
        return super().routes() | {("POST", "/api/auth.revoke"): self.auth_revoke}

    def token(self, request: Request) -> Reply:
        try:
            status, headers, body = super().token(request)
        except Refused as refused:
            self.server.refusals.append(refused)
            names = {"invalid_grant": "invalid_code", "invalid_client": "bad_client_secret"}
            return as_json({"ok": False, "error": names.get(refused.error, refused.error)})
        return status, headers, body

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        return {"ok": True, **super().exchange(form)}

    def auth_revoke(self, request: Request) -> Reply:
        if request.query:
            raise AssertionError("a token, or anything, in the address")
        try:
            self.grant_of(request).is_over = True
        except Refused:
            return as_json({"ok": False, "error": self.of_a_dead_token})
        return as_json({"ok": True, "revoked": True})
