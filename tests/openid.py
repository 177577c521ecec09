"""A small, strict OpenID provider on a loopback address, which really signs, and can lie in any one detail.

It checks what a certified provider checks: the client and how it proves itself, the redirect URI to the
letter, PKCE, that a code works once, that refresh tokens rotate. Everything that an answer says can be
overridden, with OMIT to leave it out; what is left alone is the truth. All requests are kept.
"""

import base64
import functools
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sso_connectors.secrets.encryption import Secret

from .idp import OMIT
from .vendors.server import LoopbackServer
from .vendors.server import Refused as Refused
from .vendors.server import once as once

CLIENT_ID: Final = "the-maker"
CLIENT_SECRET: Final = "s3cr3t/+= of the client&%"  # what a client may be given, and must encode
# That of the connector “acme” alone.
REDIRECT_URI: Final = "http://localhost:8000/api/sso/login/oauth/callback/acme"

Json = dict[str, Any]
Fault = Callable[[BaseHTTPRequestHandler], None]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


# --- keys and tokens --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A key to sign with, and what the key set says of it."""

    private: PrivateKey
    algorithm: str
    kid: str

    def jwk(self, **lies: Any) -> Json:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        public: Json = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return told({**public, "kid": self.kid, "use": "sig", "alg": self.algorithm}, lies)

    @property
    def public_pem(self) -> bytes:
        """The secret of the attack that turns RSA into HMAC."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@functools.cache
def a_key(algorithm: str = "RS256", *, kid: str = "first", bits: int = 2048) -> Key:
    """Made once in a test run: RSA takes its time."""
    private: PrivateKey
    if algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    elif algorithm.startswith("ES"):
        curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
        private = ec.generate_private_key(curves[algorithm])
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return Key(private, algorithm, kid)


def signed(
    claims: Mapping[str, Any] | bytes,
    key: Key,
    *,
    header: Mapping[str, Any] | None = None,
    secret: bytes | None = None,
) -> str:
    """A JWT, really signed by whatever `alg` its header names in the end.

    secret: what an HMAC is made with.
    """
    head = told({"typ": "JWT", "alg": key.algorithm, "kid": key.kid}, header or {})
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    message = f"{base64url(json.dumps(head).encode())}.{base64url(body)}"
    algorithm = str(head.get("alg"))
    signature = b""
    if algorithm.startswith("HS"):
        assert secret is not None
        signature = jwt.get_algorithm_by_name(algorithm).sign(message.encode(), secret)
    elif algorithm in jwt.algorithms.get_default_algorithms() and algorithm != "none":
        signature = jwt.get_algorithm_by_name(algorithm).sign(message.encode(), key.private)
    return f"{message}.{base64url(signature)}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def half_hash(access_token: str, algorithm: str = "RS256") -> str:
    """at_hash (OpenID Connect Core 1.0 section 3.1.3.6)."""
    size = "512" if algorithm == "EdDSA" else algorithm[2:]
    whole = hashlib.new(f"sha{size}", access_token.encode()).digest()
    return base64url(whole[: len(whole) // 2])


def told(truth: Json, lies: Mapping[str, Any]) -> Json:
    return {name: value for name, value in {**truth, **lies}.items() if value is not OMIT}


# --- faults -----------------------------------------------------------------------------------------


def answering(status: int, body: bytes, content_type: str = "application/json") -> Fault:
    """Any status with any body, whole or broken."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        _send(handler, status, body, {"Content-Type": content_type})

    return fault


def html(handler: BaseHTTPRequestHandler) -> None:
    _send(handler, 200, b"<!doctype html><p>Please sign in to the Wi-Fi.", {})


def redirecting(handler: BaseHTTPRequestHandler) -> None:
    _send(handler, 302, b"", {"Location": f"http://127.0.0.3:9{handler.path}"})


def breaking_off(handler: BaseHTTPRequestHandler) -> None:
    """In the middle of the body, without a word."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"access_token": "')


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ten seconds or until nobody listens."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """100 MB of good JSON."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    handler.wfile.write(b'{"access_token": "')
    for _ in range(100):
        handler.wfile.write(b"a" * 1_000_000)
    handler.wfile.write(b'"}')


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


# --- the provider -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    subject: str = "alice-for-good"
    email: str = "alice@acme.example"
    email_verified: bool = True


ALICE: Final = Person()


@dataclass(frozen=True)
class Received:
    """One request that came over the network."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Approval:
    """One sign-in that the person agreed to: what its code gives, and what became of it."""

    request: Mapping[str, str]
    person: Person
    lies: Mapping[str, Any]
    signed_in_at: float
    code_used: bool = False
    refresh_token: str = ""
    access_tokens: set[str] = field(default_factory=set)


class OpenIdProvider(LoopbackServer):
    """Serves while its `with` block lasts.

    discovery, token, user: lies in these documents; `jwks`: in place of the key set.
    knows_pkce: many providers ignore it. faults, hooks: by endpoint, what happens in place of its answer, or before it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.2",
        path: str = "",
        key: Key | None = None,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        redirect_uri: str = REDIRECT_URI,
        way: str = "client_secret_basic",
    ) -> None:
        super().__init__(_handler_for(self), host=host, waits=False)  # some drip on for a while
        self.client_id, self.client_secret = client_id, client_secret
        self.redirect_uri, self.way = redirect_uri, way
        self.key = key or a_key()
        self.keys = [self.key]
        self.discovery: Json = {}
        self.token: Json = {}
        self.user: Json = {}
        self.jwks: object = None
        self.faults: dict[str, Fault] = {}
        self.knows_pkce = True
        self.hooks: dict[str, Callable[[], object]] = {}
        self.requests: list[Received] = []
        self.refusals: list[Refused] = []
        self.issued: set[str] = set()  # every code and token, to look for where they mustn't be
        self._codes: dict[str, _Approval] = {}
        self._path = path

    @property
    def issuer(self) -> str:
        return f"{self.url}{self._path}"

    def connector(self, reference: str = "acme", **fields: Any) -> Json:
        """The fields of a connector that trusts this provider, for `make_connector`.

        The provider is told the redirect URI of the connector with that reference.
        """
        self.redirect_uri = REDIRECT_URI.replace("acme", reference)
        return {
            "type": "oauth2",
            "authentication_method": "oidc",
            "client_id": self.client_id,
            "client_secret": Secret.seal(self.client_secret),
            "options": {"issuer": self.issuer},
            "issuer_url": "",
            "endpoint": "",
            "certificates": "",
            **fields,
        }

    def asked(self, endpoint: str) -> list[Received]:
        """The requests for one endpoint, oldest first."""
        path = self._path + _PATHS[endpoint]
        return [request for request in self.requests if request.path == path]

    def roll_over(self, key: Key, *, keep_old: bool = True) -> None:
        self.keys = [key, *self.keys] if keep_old else [key]
        self.key = key

    # --- what the browser sees ------------------------------------------------------------------------

    def authorize(self, url: str, person: Person = ALICE, **lies: Any) -> dict[str, str]:
        """What comes back to the redirect URI, after `person` has signed in and agreed.

        lies: `answer` overrides what comes back; the others, used when the code is exchanged, are
        `claims` and `header` of the ID token, `key` and `secret` that sign it, `id_token`, a function of
        the signed one or other text in its place, and `signed_in_at` of a session that was there already.

        Raises Refused where the request is wrong.
        """
        request = self._request(url)
        signed_in_at = lies.pop("signed_in_at", time.time())
        code = self._new("code")
        answer = {"code": code, "state": request["state"], "iss": self.issuer}
        changed = told(answer, lies.pop("answer", {}))
        self._codes[code] = _Approval(request, person, lies, signed_in_at)
        return changed

    def decline(self, url: str, error: str = "access_denied", **lies: Any) -> dict[str, str]:
        """What comes back when the person says no."""
        request = self._request(url)
        return told({"error": error, "state": request["state"], "iss": self.issuer}, lies)

    def _request(self, url: str) -> dict[str, str]:
        address, _mark, query = url.partition("?")
        if address != self.issuer + _PATHS["authorization"]:
            raise Refused("not_found", address)
        request = once(query)
        challenge = request.get("code_challenge", "")
        wrong = {
            "client_id": request.get("client_id") != self.client_id,
            "redirect_uri": request.get("redirect_uri") != self.redirect_uri,
            "response_type": request.get("response_type") != "code",
            "scope": "openid" not in request.get("scope", "").split(),
            "state": not request.get("state"),
            "nonce": not request.get("nonce"),
            "code_challenge_method": request.get("code_challenge_method") != "S256",
            "code_challenge": len(challenge) != 43,
            "max_age": not request.get("max_age", "0").isdecimal(),
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise Refused("invalid_request", f"{name} is {request.get(name)}")
        return request

    # --- what the client's server sees ----------------------------------------------------------------

    def _discovery(self, request: Received) -> Json:
        return told(
            {
                "issuer": self.issuer,
                **{f"{name}_endpoint": self.issuer + _PATHS[name] for name in _ENDPOINTS},
                "jwks_uri": self.issuer + _PATHS["jwks"],
                "token_endpoint_auth_methods_supported": [self.way],
                "authorization_response_iss_parameter_supported": True,
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": sorted({k.algorithm for k in self.keys}),
            },
            self.discovery,
        )

    def _jwks(self, request: Received) -> object:
        return {"keys": [key.jwk() for key in self.keys]} if self.jwks is None else self.jwks

    def _token(self, request: Received) -> Json:
        self._authenticate(request)
        kind = request.fields.get("grant_type")
        if kind == "authorization_code":
            return self._exchange(request.fields)
        if kind == "refresh_token":
            return self._refresh(request.fields)
        raise Refused("unsupported_grant_type", str(kind))

    def _authenticate(self, request: Received) -> None:
        """Client authentication, in the one way that is registered (RFC 6749 section 2.3)."""
        kind, _space, text = request.headers.get("authorization", "").partition(" ")
        in_body = "client_secret" in request.fields
        if kind == "Basic" and not in_body:
            name, _colon, password = base64.b64decode(text).decode().partition(":")
            way, shown = "client_secret_basic", (unquote_plus(name), unquote_plus(password))
        else:
            way = "client_secret_post" if in_body and not kind else "both or none"
            shown = (request.fields.get("client_id", ""), request.fields.get("client_secret", ""))
        if way != self.way:
            raise Refused("invalid_client", f"by {way}", status=401)
        if shown != (self.client_id, self.client_secret):
            raise Refused("invalid_client", "unknown client, or wrong secret", status=401)

    def _exchange(self, fields: Mapping[str, str]) -> Json:
        approval = self._codes.get(fields.get("code", ""))
        if approval is None:
            raise Refused("invalid_grant", "no such code")
        if approval.code_used:
            approval.access_tokens.clear()
            approval.refresh_token = ""
            raise Refused("invalid_grant", "the code was used")
        approval.code_used = True
        if fields.get("redirect_uri") != approval.request["redirect_uri"]:
            raise Refused("invalid_grant", "another redirect URI")
        verifier = fields.get("code_verifier", "")
        challenge = base64url(hashlib.sha256(verifier.encode()).digest())
        fits = 43 <= len(verifier) <= 128 and challenge == approval.request["code_challenge"]
        if self.knows_pkce and not fits:
            raise Refused("invalid_grant", "the code verifier doesn't fit")
        response = self._tokens(approval)
        response["id_token"] = self._id_token(approval, response["access_token"])
        return told(response, self.token)

    def _refresh(self, fields: Mapping[str, str]) -> Json:
        shown = fields.get("refresh_token", "")
        for approval in self._codes.values():
            if shown and approval.refresh_token == shown:
                approval.access_tokens.clear()
                return told(self._tokens(approval), self.token)
        raise Refused("invalid_grant", "the refresh token was used, or has ended")

    def _tokens(self, approval: _Approval) -> Json:
        access_token = self._new("access")
        approval.refresh_token = self._new("refresh")
        approval.access_tokens.add(access_token)
        return {
            "access_token": access_token,
            "refresh_token": approval.refresh_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": approval.request["scope"],
        }

    def _id_token(self, approval: _Approval, access_token: str) -> str:
        now, lies, request = int(time.time()), approval.lies, approval.request
        key = lies.get("key", self.key)
        claims: Json = {
            "iss": self.issuer,
            "aud": request["client_id"],
            "sub": approval.person.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": request["nonce"],
            "at_hash": half_hash(access_token, key.algorithm),
            "email": approval.person.email,
            "email_verified": approval.person.email_verified,
        }
        if "max_age" in request:
            claims["auth_time"] = int(approval.signed_in_at)
        token = signed(
            told(claims, lies.get("claims", {})),
            key,
            header=lies.get("header"),
            secret=lies.get("secret"),
        )
        change = lies.get("id_token", lambda text: text)
        return str(change(token)) if callable(change) else change

    def _userinfo(self, request: Received) -> Json:
        kind, _space, token = request.headers.get("authorization", "").partition(" ")
        for approval in self._codes.values():
            if kind == "Bearer" and token in approval.access_tokens:
                person = approval.person
                return told(
                    {
                        "sub": person.subject,
                        "email": person.email,
                        "email_verified": person.email_verified,
                    },
                    self.user,
                )
        raise Refused("invalid_token", "unknown, or it has ended", status=401)

    def _revocation(self, request: Received) -> Json:
        self._authenticate(request)
        for approval in self._codes.values():
            if request.fields.get("token", "") in {approval.refresh_token, *approval.access_tokens}:
                approval.access_tokens.clear()
                approval.refresh_token = ""
        return {}

    def end_access_tokens(self) -> None:
        """As if their hour were over."""
        for approval in self._codes.values():
            approval.access_tokens.clear()

    def _new(self, kind: str) -> str:
        text = f"{kind}-{secrets.token_urlsafe(24)}"
        self.issued.add(text)
        return text

    # --- the server -----------------------------------------------------------------------------------

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, by its endpoint's fault, or by what it should."""
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        endpoint = {self._path + path: name for name, path in _PATHS.items()}.get(parts.path, "")
        try:
            received = Received(
                handler.command, parts.path, headers, once(body.decode() or parts.query)
            )
            self.requests.append(received)
            if endpoint in self.hooks:
                self.hooks[endpoint]()
            if endpoint in self.faults:
                self.faults[endpoint](handler)
                return
            if handler.command != _METHODS.get(endpoint):
                raise Refused("not_found", f"{handler.command} {parts.path}", status=404)
            document = getattr(self, f"_{endpoint}")(received)
            status = 200
        except Refused as refused:
            self.refusals.append(refused)
            document = {"error": refused.error, "error_description": refused.why}
            status = refused.status
        _send(handler, status, json.dumps(document).encode(), {"Content-Type": "application/json"})


_METHODS: Final = {
    "discovery": "GET",
    "jwks": "GET",
    "token": "POST",
    "userinfo": "GET",
    "revocation": "POST",
}
_ENDPOINTS: Final = ("authorization", "token", "userinfo", "revocation")
_PATHS: Final = {
    "discovery": "/.well-known/openid-configuration",
    "jwks": "/keys",
    **{name: f"/{name}" for name in _ENDPOINTS},
}


def _handler_for(provider: OpenIdProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def _serve(self) -> None:
            # The client may hang up at any time, and is meant to.
            with suppress(OSError):
                try:
                    provider.serve(self)
                except OSError:
                    raise
                except BaseException as fault:
                    provider.mistakes.append(fault)
                    raise

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what came is in `requests`."""

    return Handler
