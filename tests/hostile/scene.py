"""What the fuzzer starts from: identity providers, connectors, logins under way, honest responses.

All of it is the same in every run, keys and signatures included, so that a mutant can be made again
from the numbers that name it.
"""

import functools
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import gcd, prod
from random import Random
from typing import Any, Final
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from sso_connectors.models import Connector
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.protocols.saml2 import response
from sso_connectors.protocols.saml2.authn_request import authn_request
from sso_connectors.protocols.saml2.response import SamlAnswer
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import LoginError
from sso_connectors.results.identity import Identity
from tests import idp as provider
from tests.attacks import TAIL
from tests.idp import IdP, SigningKey, read_redirect, saml

SIGNING: Final = ("assertion", "response", "both")
BEGUN: Final = datetime(2025, 1, 1, 12, tzinfo=UTC)
END: Final = datetime(2090, 1, 1, tzinfo=UTC)
ADMIN: Final = "admin@acme.example"
_TIMES: Final = {
    "issue_instant": BEGUN,
    "assertion_issue_instant": BEGUN,
    "authn_instant": BEGUN,
    "not_before": BEGUN,
    "not_on_or_after": END,
    "confirmation_not_on_or_after": END,
}
_EXPONENT: Final = 65537
_SMALL: Final = prod(n for n in range(3, 2_000) if all(n % d for d in range(2, n)))


@dataclass(frozen=True)
class Login:
    """One login under way.

    identity: whom the identity provider vouches for in its answer. None at the rival, whose
        operator is the attacker: that one's word counts for its own connector, whatever it says.
    """

    pending: PendingLogin
    identity: Identity | None


@dataclass(frozen=True)
class Honest:
    """A response as its identity provider gave it.

    login: None where nobody had asked.
    connectors: those that trust its key to speak for its issuer, by reference.
    """

    label: str
    root: etree._Element
    login: Login | None
    connectors: tuple[str, ...]
    username: str

    @functools.cached_property
    def field(self) -> str:
        return provider.form_value(etree.tostring(self.root))


@dataclass
class Scene:
    rival_key: SigningKey
    connectors: list[Connector] = field(default_factory=list)
    logins: dict[str, Login] = field(default_factory=dict)
    honest: list[Honest] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    """All texts of the elements of one tag, and all values of the attributes of one name."""
    usernames: list[str] = field(default_factory=list)

    @contextmanager
    def in_place_of_the_database(self) -> Iterator[None]:
        """Let the product find these logins and connectors."""
        manager = mock.Mock()
        manager.objects.filter.side_effect = lambda _complete, *, enabled, issuer_url: [
            each
            for each in self.connectors
            if each.enabled == enabled and each.issuer_url == issuer_url
        ]
        with (
            mock.patch.object(PendingLogin, "find", self._find),
            mock.patch.object(response, "Connector", manager),
        ):
            yield

    def _find(self, request_id: str) -> PendingLogin | None:
        login = self.logins.get(request_id)
        return login.pending if login else None


@functools.cache
def scene() -> Scene:
    """Made once, before processes are forked."""
    rng = Random("the keys of the fuzzer")  # noqa: S311 the same keys in every run
    ours, second, rival = (_rsa_key(rng) for _ in range(3))
    curve = _ec_key(rng)
    made = Scene(rival)
    acme = _connector("acme", ours)
    service = _connector("acme-service", ours)
    made.connectors += [
        acme,
        service,
        # Somebody who has copied acme's issuer, and whose own people have the same names.
        copied := _connector("copied-issuer", second),
        _connector("rival", rival),
        # The same software for another customer: one key, another issuer.
        tenant := _connector("tenant", ours, issuer_url="https://idp.example/tenant"),
        rolling := _connector(
            "rolling",
            curve,
            second,
            issuer_url="https://curve.example",
            username_attribute="mail",
            force_authn=True,
        ),
    ]
    deterministic = functools.partial(ec.ECDSA, deterministic_signing=True)
    with mock.patch.object(ec, "ECDSA", deterministic):
        _answer(made, acme, ours, "alice@acme.example")
        _answer(made, acme, ours, ADMIN + TAIL, attribute_type=provider.OMIT)
        _answer(made, acme, ours, ADMIN, subject="77f1", session_not_on_or_after=END)
        _answer(made, service, ours, "bob@acme.example", inclusive_prefixes=("xs", "saml"))
        _answer(made, service, ours, ADMIN, subject="b-1", key_info=provider.OMIT)
        _answer(made, copied, second, ADMIN, digest_algorithm=provider.SHA512)
        _answer(made, tenant, ours, "dora@tenant.example", subject="77f1")
        _answer(made, rolling, curve, "eve@curve.example", attribute="mail")
        _answer(made, rolling, second, ADMIN, attribute="mail", digest_algorithm=provider.SHA384)
        _unsolicited(made, acme, ours, "alice@acme.example")
        _unsolicited(made, rolling, curve, "eve@curve.example")
    rivals = _begin(made, made.connectors[3])
    made.logins[rivals.request_id] = Login(rivals, None)
    _collect(made)
    _insist_on_honesty(made)
    return made


def _connector(reference: str, *keys: SigningKey, **fields: Any) -> Connector:
    values = {
        "reference": reference,
        "enabled": True,
        "issuer_url": "https://idp.example/saml",
        "endpoint": "https://idp.example/sso",
        "certificates": "".join(key.pem for key in keys),
        **fields,
    }
    return Connector(**values)


def _begin(made: Scene, connector: Connector) -> PendingLogin:
    number = len(made.logins) + 1
    return PendingLogin(request_id=f"_request{number}", connector=connector, created_at=BEGUN)


def _answer(
    made: Scene,
    connector: Connector,
    key: SigningKey,
    username: str,
    *,
    subject: str = "",
    attribute: str = "email",
    **manner: Any,
) -> None:
    """Begin a login and answer it in each way of signing, always for the same person."""
    pending = _begin(made, connector)
    identity = Identity(
        username=username,
        subject=subject,
        issuer=connector.issuer_url,
        key=key.fingerprint,
        not_after=manner.get("session_not_on_or_after"),
    )
    login = made.logins[pending.request_id] = Login(pending, identity)
    request = read_redirect(authn_request(connector, pending).url)
    for sign in SIGNING:
        xml = IdP(entity_id=connector.issuer_url, key=key).answer(
            request,
            **_said(made, username, subject, attribute),
            **{"sign": sign, **manner},
        )
        _keep(made, xml, f"{connector.reference} sign={sign}", login, username, connector, key)


def _unsolicited(made: Scene, connector: Connector, key: SigningKey, username: str) -> None:
    pending = PendingLogin(request_id="_none", connector=connector, created_at=BEGUN)
    request = read_redirect(authn_request(connector, pending).url)
    for sign in SIGNING:
        xml = IdP(entity_id=connector.issuer_url, key=key).unsolicited(
            acs_url=request.acs_url or "",
            audience=request.issuer,
            **_said(made, username, "", "email"),
            sign=sign,
        )
        _keep(made, xml, f"unsolicited sign={sign}", None, username, connector, key)


def _said(made: Scene, username: str, subject: str, attribute: str) -> dict[str, Any]:
    number = len(made.honest)
    # Every other one begins with a digit, and holds what an NCName doesn't.
    start, end = ("_", "") if number % 2 else ("0", ".a+b:c")
    return {
        "response_id": f"{start}response{number}{end}",
        "assertion_id": f"{start}assertion{number}{end}",
        "session_index": f"_session{number}",
        "name_id": subject or username,
        "name_id_format": provider.PERSISTENT if subject else provider.EMAIL,
        "attributes": {attribute: [username], "groups": ["agents", "everybody"]},
        **_TIMES,
    }


def _keep(
    made: Scene,
    xml: bytes,
    label: str,
    login: Login | None,
    username: str,
    connector: Connector,
    key: SigningKey,
) -> None:
    trusting = tuple(
        each.reference
        for each in made.connectors
        if each.issuer_url == connector.issuer_url
        and key.fingerprint in {item.fingerprint for item in each.signing_certificates}
    )
    label = f"{label} {username}"
    made.honest.append(Honest(label, provider.parse(xml), login, trusting, username))


def _collect(made: Scene) -> None:
    found: dict[str, set[str]] = {}
    for element in itertools.chain.from_iterable(each.root.iter("*") for each in made.honest):
        if element.text:
            found.setdefault(str(element.tag), set()).add(str(element.text))
        for name, value in element.attrib.items():
            found.setdefault(str(name), set()).add(str(value))
    found["InResponseTo"].update(made.logins)
    made.texts = {name: sorted(values) for name, values in sorted(found.items())}
    made.usernames = sorted({each.username for each in made.honest})


def _insist_on_honesty(made: Scene) -> None:
    """The fuzzer would say nothing if the honest responses were refused."""
    with made.in_place_of_the_database():
        for each in made.honest:
            answer = SamlAnswer(each.field)
            try:
                if each.login is None:
                    references = tuple(item.reference for item in answer.meant_for())
                    assert references == each.connectors, each.label
                else:
                    identity = answer.complete(each.login.pending, Checks())
                    assert identity == each.login.identity, each.label
            except LoginError as error:
                raise AssertionError(f"{each.label}: {error.detail}") from error
            assert each.root.find(saml("Assertion")) is not None


def _rsa_key(rng: Random) -> SigningKey:
    p, q = _prime(rng), _prime(rng)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    )
    key = numbers.private_key()
    return SigningKey(key, _certified(rng, key.public_key()).sign(key, hashes.SHA256()))


def _prime(rng: Random) -> int:
    """Of 1024 bits; Fermat's test is enough for a key that nobody has an interest in."""
    while True:
        candidate = rng.getrandbits(1024) | (3 << 1022) | 1
        if (
            gcd(candidate, _SMALL) == 1
            and gcd(candidate - 1, _EXPONENT) == 1
            and pow(2, candidate - 1, candidate) == 1
        ):
            return candidate


def _ec_key(rng: Random) -> SigningKey:
    key = ec.derive_private_key(rng.getrandbits(255) | 1, ec.SECP256R1())
    certificate = _certified(rng, key.public_key()).sign(
        key, hashes.SHA256(), ecdsa_deterministic=True
    )
    return SigningKey(key, certificate)


def _certified(
    rng: Random, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(rng.getrandbits(120) | 1)
        .not_valid_before(BEGUN)
        .not_valid_after(END)
    )
