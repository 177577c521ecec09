"""The test equipment itself: what tests/openid.py is strict about."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import requests

from tests.idp import OMIT
from tests.openid import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, Refused, a_key, base64url, told

VERIFIER = "v" * 43
ASKED = {
    "client_id": CLIENT_ID,
    "redirect_uri": "http://localhost:8000/api/sso/login/oauth/callback/acme",
    "response_type": "code",
    "scope": "openid email",
    "state": "the-state",
    "nonce": "the-nonce",
    "code_challenge": base64url(hashlib.sha256(VERIFIER.encode()).digest()),
    "code_challenge_method": "S256",
}
EXCHANGE = {
    "grant_type": "authorization_code",
    "redirect_uri": ASKED["redirect_uri"],
    "code_verifier": VERIFIER,
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
}


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider(way="client_secret_post") as provider:
        yield provider


def sign_in(provider: OpenIdProvider, **lies: Any) -> dict[str, str]:
    query = urlencode(told(dict(ASKED), lies))
    return provider.authorize(f"{provider.issuer}/authorization?{query}")


def ask(provider: OpenIdProvider, endpoint: str, **fields: Any) -> requests.Response:
    return requests.post(f"{provider.issuer}/{endpoint}", data=fields, timeout=5)


def exchange(provider: OpenIdProvider, given: str, **lies: Any) -> requests.Response:
    return ask(provider, "token", **told({**EXCHANGE, "code": given}, lies))


def test_the_whole_way(provider: OpenIdProvider) -> None:
    answer = sign_in(provider)
    found = exchange(provider, answer["code"]).json()
    keys = requests.get(f"{provider.issuer}/keys", timeout=5).json()["keys"]
    claims = jwt.decode(
        found["id_token"], jwt.PyJWK(keys[0]), algorithms=["RS256"], audience=CLIENT_ID
    )

    assert claims["nonce"] == "the-nonce"
    assert answer["state"] == "the-state"
    headers = {"Authorization": f"Bearer {found['access_token']}"}
    person = requests.get(f"{provider.issuer}/userinfo", headers=headers, timeout=5).json()
    assert person["sub"] == claims["sub"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "another"),
        ("redirect_uri", "http://localhost:8000/api/sso/login/oauth/callback/acme/"),
        (
            "redirect_uri",
            "http://localhost:8000/api/sso/login/oauth/callback/acme?redirect_state=x",
        ),
        ("response_type", "token"),
        ("scope", "email"),
        ("state", OMIT),
        ("nonce", OMIT),
        ("code_challenge", OMIT),
        ("code_challenge_method", OMIT),
        ("code_challenge_method", "plain"),
        ("max_age", "soon"),
    ],
)
def test_requests_that_are_wrong(provider: OpenIdProvider, name: str, value: Any) -> None:
    with pytest.raises(Refused, match=name):
        sign_in(provider, **{name: value})


def test_request_elsewhere_or_twice(provider: OpenIdProvider) -> None:
    with pytest.raises(Refused):
        provider.authorize(f"{provider.issuer}/other?{urlencode(ASKED)}")
    with pytest.raises(Refused):
        provider.authorize(f"{provider.issuer}/authorization?{urlencode(ASKED)}&state=x")


@pytest.mark.parametrize(
    ("lies", "error"),
    [
        ({"client_secret": "another"}, "invalid_client"),
        ({"client_id": "another"}, "invalid_client"),
        ({"client_secret": OMIT}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": "another"}, "invalid_grant"),
        ({"code": OMIT}, "invalid_grant"),
        ({"redirect_uri": OMIT}, "invalid_grant"),
        ({"redirect_uri": "http://localhost:8000/"}, "invalid_grant"),
        ({"code_verifier": OMIT}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
    ],
)
def test_exchanges_that_are_wrong(
    provider: OpenIdProvider, lies: dict[str, Any], error: str
) -> None:
    response = exchange(provider, sign_in(provider)["code"], **lies)

    assert response.status_code == (401 if error == "invalid_client" else 400)
    assert response.json()["error"] == error
    assert provider.refusals[-1].error == error


def test_one_way_of_client_authentication(provider: OpenIdProvider) -> None:
    code = sign_in(provider)["code"]
    pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    for fields in ({**EXCHANGE, "code": code}, {"code": code}):
        response = requests.post(
            f"{provider.issuer}/token",
            data=fields,
            headers={"Authorization": f"Basic {pair}"},
            timeout=5,
        )
        assert response.json()["error"] == "invalid_client"


def test_code_works_once_and_ends_what_it_gave(provider: OpenIdProvider) -> None:
    code = sign_in(provider)["code"]
    found = exchange(provider, code).json()
    assert exchange(provider, code).json()["error"] == "invalid_grant"

    headers = {"Authorization": f"Bearer {found['access_token']}"}
    response = requests.get(f"{provider.issuer}/userinfo", headers=headers, timeout=5)
    assert response.status_code == 401


def refresh(provider: OpenIdProvider, token: str) -> dict[str, Any]:
    fields = {**EXCHANGE, "grant_type": "refresh_token", "refresh_token": token}
    found: dict[str, Any] = ask(provider, "token", **fields).json()
    return found


def revoke(provider: OpenIdProvider, token: str) -> None:
    assert ask(provider, "revocation", **EXCHANGE, token=token).status_code == 200


@pytest.mark.parametrize("end", [refresh, revoke])
def test_refresh_tokens_end(
    provider: OpenIdProvider, end: Callable[[OpenIdProvider, str], object]
) -> None:
    token = exchange(provider, sign_in(provider)["code"]).json()["refresh_token"]
    end(provider, token)

    assert refresh(provider, token)["error"] == "invalid_grant"


def test_a_fault_of_the_equipment_fails_the_test() -> None:
    def fault() -> None:
        raise KeyError("a mistake in a hook")

    provider = OpenIdProvider().__enter__()
    provider.hooks["token"] = fault
    with pytest.raises(requests.ConnectionError):
        ask(provider, "token")
    with pytest.raises(KeyError, match="mistake"):
        provider.__exit__(None, None, None)


def test_keys_are_made_once() -> None:
    assert a_key() is a_key()
    assert a_key().jwk(kid=OMIT).keys() == {"kty", "n", "e", "key_ops", "use", "alg"}
