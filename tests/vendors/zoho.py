"""Zoho's double: one data centre, its accounts server and its API. Others are further ones on other addresses."""

from collections.abc import Mapping
from typing import Any

from .code_grant import Code, CodeGrantVendor, Tokens
from .server import Handler, Refused, Reply, Request, as_json

ALICE = 675925609
_ERRORS = {"invalid_grant": "invalid_code"}


class ZohoVendor(CodeGrantVendor):
    authorize_path = "/oauth/v2/auth"
    token_path = "/oauth/v2/token"
    # One string: Zoho's scopes are parted by a comma.
    scopes = frozenset({"AaaServer.profile.READ,ZohoCRM.users.READ"})
    extra_parameters = frozenset({"access_type", "prompt"})
    revokes_in_address = True

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {"ZUID": ALICE, "Email": "alice@acme.example", "Display_Name": "Alice"}
        self.crm_users: list[dict[str, Any]] = [
            {
                "id": "5545974000000000001",
                "zuid": str(ALICE),
                "email": "alice@acme.example",
                "confirm": True,
                "status": "active",
            }
        ]
        self.around_the_token: dict[str, Any] = {"api_domain": self.url}

    def routes(self) -> dict[tuple[str, str], Handler]:
        return super().routes() | {
            ("GET", "/oauth/user/info"): self.user_info,
            ("GET", "/crm/v8/users"): self.users,
            ("POST", f"{self.token_path}/revoke"): self.end,
        }

    def checked(self, location: str) -> dict[str, str]:
        asked = super().checked(location)
        assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
        return asked

    def authorize(
        self, location: str, *, at: "ZohoVendor | None" = None, **lies: Any
    ) -> dict[str, str]:
        """`at`: the data centre that has the person's account, and gives the code."""
        home = at or self
        asked = self.checked(location)
        code = f"1000.{len(home.codes)}.{asked['state']}"
        home.codes[code] = Code(asked, {**home.person, **lies})
        return {
            "code": code,
            "state": asked["state"],
            "location": "us",
            "accounts-server": home.url,
        }

    def token(self, request: Request) -> Reply:
        """Errors come with status 200, and their names are Zoho's own."""
        try:
            return super().token(request)
        except Refused as refused:
            self.server.refusals.append(refused)
            return as_json({"error": _ERRORS.get(refused.error, refused.error)})

    def answer(self, tokens: Tokens, *, asked: Mapping[str, str], is_new: bool) -> dict[str, Any]:
        return super().answer(tokens, asked=asked, is_new=is_new) | self.around_the_token

    def user_info(self, request: Request) -> Reply:
        return as_json(self.grant_of(request).person)

    def users(self, request: Request) -> Reply:
        self.grant_of(request)
        if request.query != {"type": "CurrentUser"}:
            raise Refused("INVALID_REQUEST")
        return as_json({"users": self.crm_users, "info": {"count": len(self.crm_users)}})

    def grant_of(self, request: Request) -> Tokens:
        kind, _space, token = request.headers.get("authorization", "").partition(" ")
        for tokens in self.grants:
            if kind == "Zoho-oauthtoken" and tokens.access == token and not tokens.is_over:
                return tokens
        raise Refused("INVALID_TOKEN", status=401)

    def end(self, request: Request) -> Reply:
        for tokens in self.grants:
            if tokens.refresh == request.query.get("token") and not tokens.is_over:
                tokens.is_over = True
                return as_json({"status": "success"})
        raise Refused("invalid_code")
