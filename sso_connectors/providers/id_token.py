"""The ID token (OpenID Connect Core 1.0 section 3.1.3.7): its signature by PyJWT, its claims by our own list.

All checks are made and kept, so that the administrator sees everything that is wrong at once.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ..results.checks import Checks
from ..results.errors import ResponseRefused

SKEW: Final = timedelta(seconds=120)
OLDEST: Final = timedelta(minutes=10)
MAX_LENGTH: Final = 64 * 1024
MIN_RSA_BITS: Final = 2048
# Signed with a private key only: with a shared secret, whoever knows the public key could sign (HS256).
HASHES: Final[Mapping[str, str]] = {
    "RS256": "sha256",
    "RS384": "sha384",
    "RS512": "sha512",
    "PS256": "sha256",
    "PS384": "sha384",
    "PS512": "sha512",
    "ES256": "sha256",
    "ES384": "sha384",
    "ES512": "sha512",
    "EdDSA": "sha512",
}
# They would let the token bring its own key along.
_KEYS_OF_THE_SENDER: Final = frozenset({"jku", "jwk", "x5u", "x5c", "crit"})

Keys = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Expected:
    """What an ID token must say. asked_again_at: set where the password had to be asked for again.

    nonce_required: False only for a provider that leaves it out; one that is there must fit anyway.
    """

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    asked_again_at: datetime | None = None
    nonce_required: bool = True


def validated(
    token: str, expected: Expected, *, keys: Callable[[bool], Keys], checks: Checks
) -> dict[str, Any]:
    """Return the claims of a valid ID token.

    keys: returns the provider's keys; called with True, it looks for new ones first.

    Raises ResponseRefused.
    """
    algorithm, claims, verified = _opened(token, keys, checks)
    checks.verified = verified
    _check_claims(claims, expected, checks)
    _check_access_token(claims, algorithm, expected, checks)
    if not verified or checks.failed:
        raise ResponseRefused(
            "; ".join(f"{item.name}: received {item.received}" for item in checks.failed)
        )
    return claims


def _opened(
    token: str, keys: Callable[[bool], Keys], checks: Checks
) -> tuple[str, dict[str, Any], bool]:
    """Algorithm and claims as sent, and whether a key of the provider signed them."""
    try:
        if len(token) > MAX_LENGTH:
            raise jwt.DecodeError("too long")
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError) as error:
        checks.record("ID token", False, expected="a signed JWT", received=str(error))
        raise ResponseRefused("The ID token can't be read.") from error
    algorithm, kid = str(header.get("alg")), header.get("kid")
    if algorithm not in HASHES or not _KEYS_OF_THE_SENDER.isdisjoint(header):
        wanted = f"one of {', '.join(HASHES)}, and no key in the header"
        shown = f"{algorithm}, header with {', '.join(sorted(header))}"
        checks.record("ID token signature", False, expected=wanted, received=shown)
        return algorithm, claims, False
    verified = _is_signed(token, algorithm, kid, keys(False))
    if not verified:  # it may have new keys, and some call them as the old ones
        verified = _is_signed(token, algorithm, kid, keys(True))
    checks.record(
        "ID token signature",
        verified,
        expected="by a key in the provider's key set",
        received=f"{algorithm} by the key “{kid}”" + ("" if verified else ", which doesn't verify"),
    )
    return algorithm, claims, verified


def _is_signed(token: str, algorithm: str, kid: object, keys: Keys) -> bool:
    for key in keys:
        if kid is not None and key.get("kid") != kid:
            continue
        if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
            continue
        try:
            parsed = _parsed(json.dumps(key, sort_keys=True), algorithm)
            jwt.api_jws.decode(token, key=parsed, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        return True
    return False


@lru_cache(maxsize=1024)
def _parsed(key: str, algorithm: str) -> jwt.PyJWK:
    """Parsed once per process. Raises PyJWTError for a key that doesn't fit the algorithm."""
    parsed = jwt.PyJWK(json.loads(key), algorithm=algorithm)
    if isinstance(parsed.key, RSAPublicKey) and parsed.key.key_size < MIN_RSA_BITS:
        raise jwt.InvalidKeyError("too short")
    return parsed


def _check_claims(claims: Mapping[str, Any], expected: Expected, checks: Checks) -> None:
    now = datetime.now(UTC)
    _equal(checks, "issuer", expected.issuer, claims.get("iss"))
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    audiences = audiences if isinstance(audiences, list) else []
    checks.record(
        "audience",
        expected.client_id in audiences,
        expected=expected.client_id,
        received=audience,
    )
    if "azp" in claims or len(audiences) > 1:
        _equal(checks, "authorized party", expected.client_id, claims.get("azp"))
    if expected.nonce_required or "nonce" in claims:
        _equal(checks, "nonce", expected.nonce, claims.get("nonce"))
    subject = claims.get("sub")
    checks.record(
        "subject",
        isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable(),
        expected="text of 1 to 255 printable characters",
        received=subject,
    )
    _check_time(checks, "expires", claims.get("exp"), after=now - SKEW, before=None)
    _check_time(checks, "issued at", claims.get("iat"), after=now - OLDEST, before=now + SKEW)
    if "nbf" in claims:
        _check_time(checks, "not before", claims["nbf"], after=None, before=now + SKEW)
    if expected.asked_again_at is not None:
        _check_time(
            checks,
            "authentication time",
            claims.get("auth_time"),
            after=expected.asked_again_at - SKEW,
            before=now + SKEW,
        )


def _check_access_token(
    claims: Mapping[str, Any], algorithm: str, expected: Expected, checks: Checks
) -> None:
    """at_hash ties the access token to the ID token (OpenID Connect Core 1.0 section 3.1.3.8)."""
    if "at_hash" not in claims or algorithm not in HASHES:
        return
    access_token = expected.access_token.encode(errors="replace")
    whole = hashlib.new(HASHES[algorithm], access_token).digest()
    half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
    _equal(checks, "access token's hash", half, claims["at_hash"])


def _equal(checks: Checks, name: str, expected: str, received: object) -> None:
    checks.record(name, received == expected, expected=expected, received=received)


def _check_time(
    checks: Checks,
    name: str,
    seconds: object,
    *,
    after: datetime | None,
    before: datetime | None,
) -> None:
    when = _instant(seconds)
    passed = (
        when is not None and (after is None or when > after) and (before is None or when <= before)
    )
    limits = [
        f"{word} {limit:%Y-%m-%dT%H:%M:%SZ}"
        for word, limit in (("after", after), ("until", before))
        if limit is not None
    ]
    shown = f"{when:%Y-%m-%dT%H:%M:%SZ}" if when else seconds
    checks.record(name, passed, expected=" and ".join(limits), received=shown)


def _instant(seconds: object) -> datetime | None:
    # JSON's true is an int to Python, and would be a time long ago.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
