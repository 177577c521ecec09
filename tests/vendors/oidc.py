"""What the doubles of OpenID providers share: discovery, keys, signed ID tokens."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from .code_grant import CLIENT_ID, CodeGrantVendor, Tokens
from .server import Handler, Reply, Request, as_json

KID = "the-key"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OidcVendor(CodeGrantVendor):
    issuer_path: ClassVar[str] = ""
    jwks_path: ClassVar[str] = "/keys"
    userinfo_path: ClassVar[str] = "/userinfo"
    revocation_path: ClassVar[str] = ""
    methods: ClassVar[tuple[str, ...]] = ("client_secret_post", "client_secret_basic")
    sends_iss: ClassVar[bool] = False  # RFC 9207
    repeats_nonce: ClassVar[bool] = True
    in_userinfo_only: ClassVar[frozenset[str]] = frozenset()
    extra_parameters = frozenset({"nonce", "prompt", "max_age"})

    def routes(self) -> dict[tuple[str, str], Handler]:
        routes = super().routes() | {
            ("GET", f"{self.issuer_path}/.well-known/openid-configuration"): self.discovery,
            ("GET", self.jwks_path): self.keys,
            ("GET", self.userinfo_path): self.userinfo,
        }
        if self.revocation_path:
            routes["POST", self.revocation_path] = self.revoke
        return routes

    @property
    def issuer(self) -> str:
        return f"{self.url}{self.issuer_path}"

    def configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}{self.authorize_path}",
            "token_endpoint": f"{self.url}{self.token_path}",
            "jwks_uri": f"{self.url}{self.jwks_path}",
            "userinfo_endpoint": f"{self.url}{self.userinfo_path}",
            "token_endpoint_auth_methods_supported": list(self.methods),
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        if self.sends_iss:
            found["authorization_response_iss_parameter_supported"] = True
        if self.revocation_path:
            found["revocation_endpoint"] = f"{self.url}{self.revocation_path}"
        return found

    def discovery(self, request: Request) -> Reply:
        return as_json(self.configuration())

    def keys(self, request: Request) -> Reply:
        key = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key(), as_dict=True)
        return as_json({"keys": [{**key, "kid": KID, "use": "sig", "alg": "RS256"}]})

    def checked(self, location: str) -> dict[str, str]:
        asked = super().checked(location)
        assert len(asked["nonce"]) >= 20
        return asked

    def authorize(self, location: str, **lies: Any) -> dict[str, str]:
        answer = super().authorize(location, **lies)
        return answer | ({"iss": self.issuer} if self.sends_iss else {})

    def answer(self, tokens: Tokens, *, asked: Mapping[str, str], is_new: bool) -> dict[str, Any]:
        answer = super().answer(tokens, asked=asked, is_new=is_new)
        if asked:
            claims = {**self.claims(asked), **tokens.person}
            shown = {name: claims[name] for name in claims.keys() - self.in_userinfo_only}
            answer["id_token"] = jwt.encode(
                said(shown), signing_key(), algorithm="RS256", headers={"kid": KID}
            )
        return answer

    def claims(self, asked: Mapping[str, str]) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 600}
        return claims | ({"nonce": asked["nonce"]} if self.repeats_nonce else {})

    def userinfo(self, request: Request) -> Reply:
        return as_json(said(self.grant_of(request).person))


def said(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None}
