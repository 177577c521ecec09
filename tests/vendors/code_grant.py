"""What the doubles of several vendors share: OAuth 2's authorization code grant, as strictly as can be.

A person at a browser is played by `authorize()`; whatever our server asks comes over HTTP.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, quote_plus, urlsplit

from sso_connectors.results.identity import Grant

from .server import Handler, Refused, Reply, Request, VendorServer, as_json

# That of the connector “acme” alone.
REDIRECT_URI = "http://localhost:8000/api/sso/login/oauth/callback/acme"
CLIENT_ID = "the-client"
CLIENT_SECRET = "s3cr3t/with+signs%of-every=kind"
CODE_LIFE = timedelta(minutes=5)


@dataclass
class Code:
    """What was asked for where the code was given."""

    asked: Mapping[str, str]
    person: Mapping[str, Any]
    given_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Tokens:
    """One person's tokens of one grant; the last of each kind works."""

    person: Mapping[str, Any]
    access: str = ""
    refresh: str = ""
    is_over: bool = False

    def kept(self) -> Grant:
        """As our side keeps them."""
        return Grant(access_token=self.access, refresh_token=self.refresh)


class CodeGrantVendor:
    """A subclass says where the endpoints are and how strict the vendor is there."""

    authorize_path: ClassVar[str]
    token_path: ClassVar[str]
    scopes: ClassVar[frozenset[str]]
    basic: ClassVar[bool] = False  # a client authenticates by HTTP Basic, or in the form
    pkce: ClassVar[bool] = True  # S256 is demanded; where it is False, it is refused
    hands_out_refresh: ClassVar[bool] = True
    rotates: ClassVar[bool] = False
    repeats_refresh: ClassVar[bool] = False  # a refresh is answered with the same refresh token
    revokes_in_address: ClassVar[bool] = False  # where it wants the token, against all advice
    life: ClassVar[int] = 3600
    extra_parameters: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        self.server = VendorServer({}, host=host)
        self.server.routes.update(self.routes())
        self.codes: dict[str, Code] = {}
        self.grants: list[Tokens] = []
        self.secret = CLIENT_SECRET
        self.redirect_uri = REDIRECT_URI
        self.person: dict[str, Any] = {}
        self.asked: Mapping[str, str] = {}  # in the last request of a browser

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {("POST", self.token_path): self.token}

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self.server.__exit__(*raised)

    @property
    def url(self) -> str:
        return self.server.url

    # --- the person's part --------------------------------------------------------------------------

    def authorize(self, location: str, **lies: Any) -> dict[str, str]:
        """Sign in as `self.person` and agree; return what comes back. A lie of None leaves that out."""
        asked = self.checked(location)
        code = secrets.token_urlsafe(16)
        self.codes[code] = Code(asked, {**self.person, **lies})
        return {"code": code, "state": asked["state"]}

    def checked(self, location: str) -> dict[str, str]:
        """The request that brought the browser here, each of its parameters looked at."""
        assert location.partition("?")[0] == f"{self.url}{self.authorize_path}"
        pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)
        asked = dict(pairs)
        assert len(asked) == len(pairs), "a parameter is there twice"
        known = {"client_id", "redirect_uri", "response_type", "scope", "state"}
        known |= self.extra_parameters | self.pkce_parameters()
        assert set(asked) <= known, f"unknown: {set(asked) - known}"
        assert asked["client_id"] == CLIENT_ID
        assert asked["redirect_uri"] == self.redirect_uri, "it isn't registered, to the letter"
        assert asked["response_type"] == "code"
        assert frozenset(asked["scope"].split(" ")) == self.scopes
        assert len(asked["state"]) >= 20
        if self.pkce:
            assert asked["code_challenge_method"] == "S256"
            assert len(asked["code_challenge"]) == 43
        self.asked = asked
        return asked

    def pkce_parameters(self) -> frozenset[str]:
        return frozenset({"code_challenge", "code_challenge_method"} if self.pkce else ())

    # --- the token endpoint -------------------------------------------------------------------------

    def token(self, request: Request) -> Reply:
        form = request.form()
        self.check_client(request, form)
        kind = form.pop("grant_type", "")
        if kind == "authorization_code":
            return as_json(self.exchange(form))
        if kind == "refresh_token":
            return as_json(self.refresh(form))
        raise Refused("unsupported_grant_type", kind)

    def check_client(self, request: Request, form: dict[str, str]) -> None:
        """The client's one way to say who it is; the other one, or both, is refused."""
        basic = request.basic()
        posted = form.pop("client_id", None), form.pop("client_secret", None)
        if self.basic:
            wanted: tuple[str, str] = quote_plus(CLIENT_ID), quote_plus(self.secret)
            if basic != wanted or posted != (None, None):
                raise Refused("invalid_client", "HTTP Basic, and nothing else", status=401)
        elif basic is not None or posted != (CLIENT_ID, self.secret):
            raise Refused("invalid_client", "the form, and nothing else", status=401)

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or datetime.now(UTC) - code.given_at > CODE_LIFE:
            raise Refused("invalid_grant", "the code was used, or is none")
        if form.get("redirect_uri") != code.asked["redirect_uri"]:
            raise Refused("invalid_grant", "the redirect URI is another")
        self._check_verifier(form.get("code_verifier"), code.asked)
        tokens = Tokens(code.person)
        self.grants.append(tokens)
        return self.answer(tokens, asked=code.asked, is_new=True)

    def _check_verifier(self, verifier: str | None, asked: Mapping[str, str]) -> None:
        if not self.pkce:
            if verifier is not None:
                raise Refused("invalid_client", "no PKCE here", status=401)
            return
        made = base64.urlsafe_b64encode(hashlib.sha256((verifier or "").encode()).digest())
        if made.rstrip(b"=").decode() != asked["code_challenge"]:
            raise Refused("invalid_grant", "the verifier doesn't fit")

    def refresh(self, form: dict[str, str]) -> dict[str, Any]:
        given = form.get("refresh_token")
        tokens = next((each for each in self.grants if given and each.refresh == given), None)
        if tokens is None or tokens.is_over:
            raise Refused("invalid_grant", "the refresh token was used, or is none")
        return self.answer(tokens, asked={}, is_new=self.rotates)

    def answer(self, tokens: Tokens, *, asked: Mapping[str, str], is_new: bool) -> dict[str, Any]:
        tokens.access = f"access-{secrets.token_urlsafe(16)}"
        answer: dict[str, Any] = {
            "access_token": tokens.access,
            "token_type": "Bearer",
            "scope": " ".join(sorted(self.scopes)),
        }
        if self.life:
            answer["expires_in"] = self.life
        if self.hands_out_refresh and is_new:
            tokens.refresh = f"refresh-{secrets.token_urlsafe(16)}"
            answer["refresh_token"] = tokens.refresh
        return answer

    # --- what a token opens -------------------------------------------------------------------------

    def grant_of(self, request: Request) -> Tokens:
        """Whose access token came along. Raises Refused."""
        token = request.bearer()
        found = [
            each for each in self.grants if token and each.access == token and not each.is_over
        ]
        if not found:
            raise Refused("invalid_token", status=401)
        return found[0]

    def revoke(self, request: Request) -> Reply:
        """RFC 7009: a token that is none is no error."""
        form = request.form()
        self.check_client(request, form)
        for tokens in self.grants:
            if form["token"] in (tokens.access, tokens.refresh):
                tokens.is_over = True
        return as_json({})
