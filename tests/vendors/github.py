"""GitHub's double, for an OAuth app and for a GitHub App: token endpoint with status 200 on errors, and the API."""

from collections.abc import Mapping
from typing import Any

from .code_grant import CLIENT_ID, CodeGrantVendor, Tokens
from .server import Handler, Refused, Reply, Request, as_json

ALICE = 1296269


class GitHubVendor(CodeGrantVendor):
    """An OAuth app's tokens last, and there is no refresh token."""

    authorize_path = "/login/oauth/authorize"
    token_path = "/login/oauth/access_token"
    scopes = frozenset({"read:user", "user:email"})
    hands_out_refresh = False
    life = 0

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {
            "id": ALICE,
            "login": "alice",
            "suspended_at": None,
            "email": "anything@typed.example",
            "emails": [
                {"email": "alice@home.example", "primary": False, "verified": True},
                {"email": "alice@acme.example", "primary": True, "verified": True},
                {"email": "bob@acme.example", "primary": False, "verified": False},
            ],
        }

    @property
    def issuer(self) -> str:
        return f"{self.url}/login/oauth"

    def routes(self) -> dict[tuple[str, str], Handler]:
        return super().routes() | {
            ("GET", "/api/user"): self.user,
            ("GET", "/api/user/emails"): self.emails,
            ("DELETE", f"/api/applications/{CLIENT_ID}/token"): self.delete_token,
        }

    def token(self, request: Request) -> Reply:
        if request.headers["accept"] != "application/json":
            raise AssertionError("GitHub would answer with a form")
        names = {
            "invalid_client": "incorrect_client_credentials",
            "invalid_grant": "bad_verification_code"
            if b"authorization_code" in request.body
            else "bad_refresh_token",
        }
        try:
            return super().token(request)
        except Refused as refused:
            self.server.refusals.append(refused)
            return as_json({"error": names.get(refused.error, refused.error)})

    def user(self, request: Request) -> Reply:
        person = self._person(request)
        return as_json({name: person[name] for name in person.keys() - {"emails"}})

    def emails(self, request: Request) -> Reply:
        return as_json(self._person(request)["emails"])

    def _person(self, request: Request) -> Mapping[str, Any]:
        if not request.headers.get("user-agent"):
            raise Refused("forbidden", "GitHub wants a User-Agent", status=403)
        return self.grant_of(request).person

    def delete_token(self, request: Request) -> Reply:
        if request.basic() != (CLIENT_ID, self.secret):
            raise Refused("unauthorized", status=401)
        token = request.json()["access_token"]
        for tokens in self.grants:
            if tokens.access == token and not tokens.is_over:
                tokens.is_over = True
                return 204, {}, b""
        raise Refused("not_found", status=404)


class GitHubAppVendor(GitHubVendor):
    """A GitHub App's tokens end after eight hours; it has permissions instead of scopes."""

    hands_out_refresh = True
    rotates = True
    life = 8 * 60 * 60

    def answer(self, tokens: Tokens, *, asked: Mapping[str, str], is_new: bool) -> dict[str, Any]:
        answer = super().answer(tokens, asked=asked, is_new=is_new)
        return answer | {"scope": "", "refresh_token_expires_in": 15897600}
