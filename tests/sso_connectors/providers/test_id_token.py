"""The ID token: each thing that can be wrong with one, and the proof that only its check keeps it out."""

import hmac
import json
import time
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sso_connectors.providers import id_token
from sso_connectors.providers.id_token import Expected, Keys
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import ResponseRefused
from tests.idp import OMIT, SigningKey
from tests.openid import Key, a_key, base64url, half_hash, signed, told

pytestmark = pytest.mark.row(20)

ISSUER: Final = "https://idp.example"
CLIENT: Final = "the-maker"
SECRET: Final = "the client's secret, which the provider knows too"
ACCESS: Final = "the-access-token"
EXPECTED: Final = Expected(issuer=ISSUER, client_id=CLIENT, nonce="the-nonce", access_token=ACCESS)

Remove = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class In:
    """So many seconds from when the token is made."""

    seconds: float


def claims(**lies: Any) -> dict[str, Any]:
    now = int(time.time())
    truth = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "alice-for-good",
        "iat": now,
        "exp": now + 300,
        "nonce": "the-nonce",
        "at_hash": half_hash(ACCESS),
        "email": "alice@acme.example",
    }
    found = {n: now + lie.seconds if isinstance(lie, In) else lie for n, lie in lies.items()}
    return told(truth, found)


class Provided:
    """The provider's key set, which counts who looks."""

    def __init__(self, *keys: dict[str, Any], later: Sequence[dict[str, Any]] = ()) -> None:
        self.keys: list[dict[str, Any]] = list(keys) or [a_key().jwk()]
        self.later = list(later)
        self.looks: list[bool] = []

    def __call__(self, again: bool) -> Keys:
        self.looks.append(again)
        return self.keys + (self.later if again else [])


def accepted(
    token: str,
    keys: Provided | None = None,
    expected: Expected = EXPECTED,
    checks: Checks | None = None,
) -> bool:
    checks = checks or Checks()
    try:
        id_token.validated(token, expected, keys=keys or Provided(), checks=checks)
    except ResponseRefused:
        assert checks.failed, "the administrator sees what is wrong"
        return False
    return True


def failed(token: str, keys: Provided | None = None, expected: Expected = EXPECTED) -> set[str]:
    checks = Checks()
    assert not accepted(token, keys, expected, checks)
    return {check.name for check in checks.failed}


# --- the pass ---------------------------------------------------------------------------------------

FINE: dict[str, dict[str, Any]] = {
    "the truth": {},
    "audience in a list": {"aud": [CLIENT]},
    "two audiences, issued to us": {"aud": [CLIENT, "another"], "azp": CLIENT},
    "issued to us": {"azp": CLIENT},
    "no hash": {"at_hash": OMIT},
    "not before": {"nbf": In(0)},
    "broken seconds": {"iat": In(0.5), "exp": In(0.5)},
    "ended a minute ago": {"exp": In(-60)},
    "from a fast clock": {"iat": In(60), "nbf": In(60)},
    "old sign-in": {"auth_time": 0},
    "more than we know": {"acr": "0", "amr": ["pwd"], "made": {"up": [1]}},
    "longest subject": {"sub": "alice-for-good"[:1] * 255},
}


@pytest.mark.parametrize("what", FINE)
def test_good_token(what: str) -> None:
    assert accepted(signed(claims(**FINE[what]), a_key()))


@pytest.mark.parametrize("algorithm", sorted(id_token.HASHES))
def test_algorithms(algorithm: str) -> None:
    key = a_key(algorithm)
    token = signed(claims(at_hash=half_hash(ACCESS, algorithm)), key)

    assert accepted(token, Provided(key.jwk()))
    assert accepted(token, Provided(key.jwk(alg=OMIT, use=OMIT)))
    assert failed(token, Provided(a_key(algorithm, kid="other").jwk(kid="first"))) == {
        "ID token signature"
    }


def test_checks_are_kept_and_marked_as_verified() -> None:
    checks = Checks()
    assert accepted(signed(claims(), a_key()), checks=checks)

    assert all(check.passed for check in checks.items)
    names = [check.name for check in checks.items if check.verified]
    assert names == [
        *("issuer", "audience", "nonce", "subject", "expires", "issued at"),
        "access token's hash",
    ]


def test_all_that_is_wrong_is_shown_at_once() -> None:
    token = signed(claims(iss="x", aud="y", nonce="z"), a_key(kid="unknown"))
    checks = Checks()
    assert not accepted(token, checks=checks)

    assert [check.name for check in checks.failed] == [
        *("ID token signature", "issuer", "audience", "nonce"),
    ]
    assert not any(check.verified for check in checks.items), "nobody vouches for these"


# --- claims -----------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], set[str]]] = {
    "another issuer": ({"iss": "https://evil.example"}, {"issuer"}),
    "issuer with a slash": ({"iss": f"{ISSUER}/"}, {"issuer"}),
    "issuer in other case": ({"iss": ISSUER.upper()}, {"issuer"}),
    "issuer in a list": ({"iss": [ISSUER]}, {"issuer"}),
    "no issuer": ({"iss": OMIT}, {"issuer"}),
    "another audience": ({"aud": "another"}, {"audience"}),
    "audience that begins as ours": ({"aud": f"{CLIENT}-too"}, {"audience"}),
    "no audience": ({"aud": OMIT}, {"audience"}),
    "empty audience": ({"aud": []}, {"audience"}),
    "audience in an object": ({"aud": {CLIENT: 1}}, {"audience"}),
    "audience in a list in a list": ({"aud": [[CLIENT]]}, {"audience"}),
    "two audiences": ({"aud": [CLIENT, "another"]}, {"authorized party"}),
    "issued to another": ({"azp": "another"}, {"authorized party"}),
    "issued to nobody": ({"azp": None}, {"authorized party"}),
    "two audiences, issued to another": (
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"authorized party"},
    ),
    "another nonce": ({"nonce": "another"}, {"nonce"}),
    "no nonce": ({"nonce": OMIT}, {"nonce"}),
    "empty nonce": ({"nonce": ""}, {"nonce"}),
    "nonce that is none": ({"nonce": None}, {"nonce"}),
    "nonce in a list": ({"nonce": ["the-nonce"]}, {"nonce"}),
    "another hash": ({"at_hash": half_hash("another")}, {"access token's hash"}),
    "whole hash": ({"at_hash": half_hash(ACCESS) * 2}, {"access token's hash"}),
    "hash by another algorithm": ({"at_hash": half_hash(ACCESS, "RS512")}, {"access token's hash"}),
    "hash that is none": ({"at_hash": None}, {"access token's hash"}),
    "ended": ({"exp": In(-121)}, {"expires"}),
    "no end": ({"exp": OMIT}, {"expires"}),
    "end in words": ({"exp": "4000000000"}, {"expires"}),
    "end that is true": ({"exp": True}, {"expires"}),
    "end that is no number": ({"exp": float("nan")}, {"expires"}),
    "end without end": ({"exp": float("inf")}, {"expires"}),
    "end beyond the calendar": ({"exp": 10**18}, {"expires"}),
    "issued long ago": ({"iat": In(-601)}, {"issued at"}),
    "issued two minutes from now": ({"iat": In(123)}, {"issued at"}),
    "not issued": ({"iat": OMIT}, {"issued at"}),
    "issued in words": ({"iat": "now"}, {"issued at"}),
    "not before two minutes from now": ({"nbf": In(123)}, {"not before"}),
    "not before what is no time": ({"nbf": None}, {"not before"}),
    "not before true": ({"nbf": True}, {"not before"}),
    "no subject": ({"sub": OMIT}, {"subject"}),
    "empty subject": ({"sub": ""}, {"subject"}),
    "subject that is a number": ({"sub": 42}, {"subject"}),
    "subject that is too long": ({"sub": "x" * 256}, {"subject"}),
    "subject with a null character": ({"sub": "a\0"}, {"subject"}),
    "subject with half a pair": ({"sub": "a\ud800"}, {"subject"}),
}


@pytest.mark.parametrize("what", WRONG)
def test_lie_gets_in_without_its_check(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so nothing but its check keeps it out."""
    lies, names = WRONG[what]
    token = signed(claims(**lies), a_key())
    assert failed(token) == names
    record = Checks.record

    def forgiving(self: Checks, name: str, passed: bool, **shown: object) -> bool:
        return record(self, name, passed or name in names, **shown)

    monkeypatch.setattr(Checks, "record", forgiving)
    assert accepted(token)


def test_nonce_may_be_missing_only_where_a_provider_leaves_it_out() -> None:
    lenient = replace(EXPECTED, nonce_required=False)
    assert accepted(signed(claims(nonce=OMIT), a_key()), expected=lenient)

    assert failed(signed(claims(nonce="another"), a_key()), expected=lenient) == {"nonce"}
    assert failed(signed(claims(nonce=None), a_key()), expected=lenient) == {"nonce"}


@pytest.mark.parametrize(
    ("auth_time", "passes"),
    [(0, True), (-119, True), (-121, False), (119, True), (121, False), (OMIT, False)],
)
def test_password_asked_for_again(auth_time: Any, passes: bool) -> None:
    begun = datetime.now(UTC)
    if auth_time is not OMIT:
        auth_time += int(begun.timestamp())
    token = signed(claims(auth_time=auth_time), a_key())
    expected = replace(EXPECTED, asked_again_at=begun - timedelta(microseconds=begun.microsecond))

    assert accepted(token, expected=expected) is passes


# --- signatures -------------------------------------------------------------------------------------


class _Anything(dict[str, str]):
    def __contains__(self, item: object) -> bool:
        return True


def allow_list(patch: pytest.MonkeyPatch) -> None:
    """The sender chooses the algorithm."""
    patch.setattr(id_token, "HASHES", _Anything(id_token.HASHES))


def key_in_the_header(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(id_token, "_KEYS_OF_THE_SENDER", frozenset())


def mathematics(patch: pytest.MonkeyPatch) -> None:
    """Whatever looks like a signature is one."""
    patch.setattr(id_token, "_is_signed", lambda *_: True)


def careless(patch: pytest.MonkeyPatch) -> None:
    """A key is some bytes, and the algorithm is what the token says: so libraries did it once."""
    is_signed = id_token._is_signed

    def by_the_header(token: str, algorithm: str, kid: object, keys: Keys) -> bool:
        message, _dot, signature = token.rpartition(".")
        if algorithm == "none":
            return not signature
        if algorithm.startswith("HS"):
            given = [a_key().public_pem, str(a_key().jwk()["n"]).encode(), SECRET.encode()]
            return any(
                base64url(hmac.digest(secret, message.encode(), f"sha{algorithm[2:]}")) == signature
                for secret in given
            )
        return is_signed(token, algorithm, kid, keys)

    patch.setattr(id_token, "_is_signed", by_the_header)


def keys_of_the_provider(patch: pytest.MonkeyPatch) -> None:
    """The header brings the key, in whatever way it can."""
    is_signed = id_token._is_signed

    def with_theirs(token: str, algorithm: str, kid: object, keys: Keys) -> bool:
        header = jwt.get_unverified_header(token)
        if "x5c" in header:
            shown = x509.load_der_x509_certificate(urlsafe_b64decode(header["x5c"][0]))
            public: Any = shown.public_key()
            brought = jwt.get_algorithm_by_name("RS256").to_jwk(public, as_dict=True)
        else:
            brought = header.get("jwk", EVIL.jwk())  # where jku and x5u lead
        return is_signed(token, algorithm, None, [brought, *keys])

    patch.setattr(id_token, "_is_signed", with_theirs)


def _described(**changes: Any) -> Remove:
    """What the key set says of a key counts for nothing."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        is_signed = id_token._is_signed

        def undescribed(token: str, algorithm: str, kid: object, keys: Keys) -> bool:
            plain = [told(dict(key), changes) for key in keys]
            return is_signed(token, algorithm, kid, plain)

        patch.setattr(id_token, "_is_signed", undescribed)

    return remove


use = _described(use=OMIT)
algorithm_of_the_key = _described(alg=OMIT)


def name_of_the_key(patch: pytest.MonkeyPatch) -> None:
    is_signed = id_token._is_signed
    patch.setattr(
        id_token, "_is_signed", lambda token, alg, _kid, keys: is_signed(token, alg, None, keys)
    )


def length_of_the_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(id_token, "MIN_RSA_BITS", 512)


def length_of_the_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(id_token, "MAX_LENGTH", 10**9)


EVIL: Final[Key] = a_key(kid="evil")
_CERTIFIED: Final = SigningKey.rsa()
_CERTIFIED_KEY: Final = Key(_CERTIFIED.private_key, "RS256", "first")


def _x5c() -> list[str]:
    der = _CERTIFIED.certificate.public_bytes(Encoding.DER)
    return [base64url(der) + "=" * (-len(base64url(der)) % 4)]


def _tampered() -> str:
    head, _body, signature = signed(claims(), a_key()).split(".")
    _head, body, _signature = signed(claims(email="admin@acme.example"), a_key()).split(".")
    return f"{head}.{body}.{signature}"


def _hmac(algorithm: str, secret: bytes) -> str:
    return signed(claims(at_hash=OMIT), a_key(), header={"alg": algorithm}, secret=secret)


def _by_evil(**header: Any) -> str:
    return signed(claims(), EVIL, header={"kid": "first", **header})


Forged = tuple[Callable[[], str], tuple[Remove, ...], Callable[[], Provided]]
RS: Final = "https://evil.example/keys"
FORGED: dict[str, Forged] = {
    "alg none": (
        lambda: signed(claims(at_hash=OMIT), a_key(), header={"alg": "none"}),
        (allow_list, careless),
        Provided,
    ),
    "HS256 with the public key": (
        lambda: _hmac("HS256", a_key().public_pem),
        (allow_list, careless),
        Provided,
    ),
    "HS512 with the public key": (
        lambda: _hmac("HS512", a_key().public_pem),
        (allow_list, careless),
        Provided,
    ),
    "HS256 with the modulus": (
        lambda: _hmac("HS256", str(a_key().jwk()["n"]).encode()),
        (allow_list, careless),
        Provided,
    ),
    "HS256 with the client secret": (
        lambda: _hmac("HS256", SECRET.encode()),
        (allow_list, careless),
        Provided,
    ),
    "key in the header": (
        lambda: _by_evil(jwk=EVIL.jwk()),
        (key_in_the_header, keys_of_the_provider),
        Provided,
    ),
    "key at an address": (
        lambda: _by_evil(jku=RS),
        (key_in_the_header, keys_of_the_provider),
        Provided,
    ),
    "certificate at an address": (
        lambda: _by_evil(x5u=RS),
        (key_in_the_header, keys_of_the_provider),
        Provided,
    ),
    "certificate in the header": (
        lambda: signed(claims(), _CERTIFIED_KEY, header={"x5c": _x5c()}),
        (key_in_the_header, keys_of_the_provider),
        Provided,
    ),
    "address of keys, well signed": (
        lambda: signed(claims(), a_key(), header={"jku": RS}),
        (key_in_the_header,),
        Provided,
    ),
    "extension that must be understood": (
        lambda: signed(claims(), a_key(), header={"crit": ["b64"], "b64": True}),
        (key_in_the_header,),
        Provided,
    ),
    "tampered payload": (_tampered, (mathematics,), Provided),
    "no signature": (
        lambda: signed(claims(), a_key()).rpartition(".")[0] + ".",
        (mathematics,),
        Provided,
    ),
    "key that isn't the provider's": (_by_evil, (mathematics,), Provided),
    "unknown kid": (
        lambda: signed(claims(), a_key(), header={"kid": "unknown"}),
        (name_of_the_key,),
        Provided,
    ),
    "key for encryption": (
        lambda: signed(claims(), a_key()),
        (use,),
        lambda: Provided(a_key().jwk(use="enc")),
    ),
    "key for another algorithm": (
        lambda: signed(claims(), a_key(), header={"alg": "PS256"}),
        (algorithm_of_the_key,),
        Provided,
    ),
    "short key": (
        lambda: signed(claims(), a_key(bits=1024)),
        (length_of_the_key,),
        lambda: Provided(a_key(bits=1024).jwk()),
    ),
    "long token": (
        lambda: signed(claims(more="x" * 65_536), a_key()),
        (length_of_the_token,),
        Provided,
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_forgery_needs_all_these_guards_gone(what: str) -> None:
    forge, guards, provided = FORGED[what]
    token = forge()

    def gets_in(removed: Sequence[Remove]) -> bool:
        id_token._parsed.cache_clear()
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            for remove in removed:
                remove(patch)
            return accepted(token, provided())

    assert not gets_in(())
    assert gets_in(guards)
    for kept in guards:
        assert not gets_in([each for each in guards if each is not kept])
    id_token._parsed.cache_clear()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ({"alg": "none"}, "ID token signature"),
        ({"alg": "None"}, "ID token signature"),
        ({"alg": "rs256"}, "ID token signature"),
        ({"alg": "ES256K"}, "ID token signature"),
        ({"alg": OMIT}, "ID token signature"),
        ({"alg": ["RS256"]}, "ID token signature"),
        ({"alg": "ES256"}, "ID token signature"),
        ({"kid": 5}, "ID token"),
        ({"kid": None}, "ID token"),
        ({"crit": ["exp"]}, "ID token"),
        ({"b64": False}, "ID token"),
    ],
    ids=repr,
)
def test_odd_headers(header: dict[str, Any], name: str) -> None:
    head = told({"typ": "JWT", "alg": "RS256", "kid": "first"}, header)
    _head, body, signature = signed(claims(at_hash=OMIT), a_key()).split(".")
    token = f"{base64url(json.dumps(head).encode())}.{body}.{signature}"

    assert failed(token) == {name}


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "a.b", "a.b.c", "..", "é.é.é", "a.b.c.d.e", "\ud800", "eyJ.eyJ.", "null"),
        signed(b"[]", a_key()),
        signed(b"5", a_key()),
        signed(b"not JSON", a_key()),
        signed(b"\xff", a_key()),
        signed(b"[" * 40_000, a_key()),
        f"{base64url(b'[' * 40_000)}.e30.",
        f"{base64url(b'[]')}.e30.AAAA",
        signed(b"{}", a_key()).replace(".", " .", 1),
    ],
    ids=lambda token: ascii(token[:12]),
)
def test_what_is_no_token(token: str) -> None:
    assert failed(token) == {"ID token"}


def test_encrypted_token() -> None:
    token = ".".join([base64url(b'{"alg":"RSA-OAEP","enc":"A128GCM"}'), *["AAAA"] * 4])

    assert failed(token) == {"ID token"}


# --- which key --------------------------------------------------------------------------------------


def test_token_that_names_no_key() -> None:
    token = signed(claims(), a_key(), header={"kid": OMIT})
    others = [a_key("ES256", kid="other").jwk(), a_key(kid="evil").jwk()]

    assert accepted(token, Provided(*others, a_key().jwk()))
    assert failed(token, Provided(*others)) == {"ID token signature"}


def test_two_keys_of_one_name() -> None:
    assert accepted(signed(claims(), a_key()), Provided(EVIL.jwk(kid="first"), a_key().jwk()))


def test_new_keys_are_looked_for_once() -> None:
    new = a_key(kid="second")
    keys = Provided(a_key().jwk(), later=[new.jwk()])

    assert accepted(signed(claims(), a_key()), keys)
    assert keys.looks == [False]
    assert accepted(signed(claims(), new), keys)
    assert keys.looks == [False, False, True]


def test_new_key_of_an_old_name() -> None:
    keys = Provided(EVIL.jwk(kid="first"), later=[a_key().jwk()])

    assert accepted(signed(claims(), a_key()), keys)


def test_nobody_is_asked_for_keys_of_what_no_key_could_sign() -> None:
    keys = Provided()
    assert failed(signed(claims(at_hash=OMIT), a_key(), header={"alg": "none"}), keys)
    assert failed(signed(claims(), a_key(), header={"jku": RS}), keys)

    assert keys.looks == []


def test_certificates_of_the_key_set_count_for_nothing() -> None:
    """A key is its numbers; x5c beside them is decoration."""
    mixed = a_key().jwk(x5c=_x5c())

    assert accepted(signed(claims(), a_key()), Provided(mixed))
    assert failed(signed(claims(), _CERTIFIED_KEY), Provided(mixed)) == {"ID token signature"}
