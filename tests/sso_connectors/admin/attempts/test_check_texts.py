"""What checks and details say is read in one's own language, though it is stored in English."""

import re
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import jwt
import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.translation import override
from social_core.exceptions import REASONS

from sso_connectors.addresses import validate_endpoint
from sso_connectors.admin.attempts import check_texts
from sso_connectors.admin.attempts.check_phrases import PHRASES
from sso_connectors.admin.attempts.check_texts import detail_in_words, known, text_in_words
from sso_connectors.models import Connector, State
from sso_connectors.models.attempt import Attempt
from sso_connectors.network.address_policy import validate_server_url
from sso_connectors.results.checks import Checks, as_text
from tests.agent import Agent
from tests.idp import IdP

from ..written import VALUE, written

CODE: Final = Path(__file__).resolve().parents[4] / "sso_connectors"
PRINT: Final = ":".join(["AB"] * 32)
# What may come in the holes of our texts.
VALUES: Final = ("value", "7", "True", "Value.", PRINT)
NOW: Final = "2026-11-24T09:30:00Z"
URNS: Final = "urn:oasis:names:tc:SAML:2.0:"


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A request leaves its language behind in the thread, for the tests that come after."""
    with override("en"):
        yield


def in_french(text: str) -> str:
    with override("fr"):
        return text_in_words(text)


def is_told(text: str) -> bool:
    """Whether every sentence of ours in a text with VALUEs is known, for values of some kind."""
    return any(
        all(known(each) or known(each.removesuffix(".")) or is_from_outside(each) for each in said)
        for said in map(sentences, filled(text))
    )


def filled(text: str) -> Iterator[str]:
    start, *rest = text.split(VALUE)
    for values in product(VALUES, repeat=len(rest)):
        yield start + "".join(value + part for value, part in zip(values, rest, strict=True))


def sentences(text: str) -> list[str]:
    return [text] if known(text) else re.split(r"(?<=\.) ", text)


def is_from_outside(text: str) -> bool:
    for value in (*VALUES, NOW, "HTTP"):
        text = text.replace(value.removesuffix("."), "")
    return text.startswith(URNS) or not re.search(r"\w", text)


def untold(source: str, file: Path | None = None) -> list[str]:
    # A detail that lists the failed checks is told from these.
    listed = f"{VALUE}: received {VALUE}"
    return sorted(text for text in {*written(source, file)} - {listed} if not is_told(text))


@pytest.mark.parametrize(
    "file", sorted(CODE.rglob("*.py")), ids=lambda file: str(file.relative_to(CODE))
)
def test_all_that_is_written_is_known(file: Path) -> None:
    """Fails where the code records a text, or raises an error with one, that check_phrases.py lacks."""
    assert untold(file.read_text(), file) == []


def test_texts_are_found_in_the_code() -> None:
    """A test of the test."""
    found = {text for file in CODE.rglob("*.py") for text in written(file.read_text(), file)}
    assert {
        "a signed JWT",
        "none sent (noted)",
        "The response is not base64 text.",
        f"after {NOW} and until {NOW}",
        f"{VALUE}: the user is inactive.",
        f"{VALUE} (at the exchange of the code)",
        f"{VALUE} broke off, or answers with what is not HTTP.",
        f"{VALUE} or {VALUE}",
    } <= found
    assert len(found) > 150


@pytest.mark.parametrize(
    "source",
    [
        'checks.record("state", False, expected="a new phrase", received="none")',
        'checks.record("state", False, expected="none", received=value or "a new phrase")',
        'checks.record("state", False, expected="none", received=f"{one} or a new {phrase}")',
        'checks.record("state", False, expected="none", received=" with ".join(several))',
        'note = "a new phrase" if new else "none"\n'
        '    checks.record("state", False, expected="none", received=f"{value}, {note}")',
        'raise BadMessage("A new sentence.")',
        'raise ResponseRefused(f"The response was not read. It is {name}.")',
        'raise OutboundFailed(host + " is asleep.")',
        "raise IdentityProviderError(why())",
    ],
)
def test_new_texts_are_missed(source: str) -> None:
    """Another test of the test."""
    assert untold(f'def why():\n    return "A new sentence."\n\ndef check():\n    {source}\n')


@pytest.mark.parametrize(
    "text",
    [
        *("no certificate", "an unreadable certificate"),  # claimed_fingerprint()
        *(str(state.label) for state in State),
        *("True", "False", "None"),
    ],
)
def test_values_of_ours_are_known(text: str) -> None:
    assert known(text) == text


@pytest.mark.parametrize(
    "text",
    [
        text
        for text, source, _recovery in REASONS.values()
        if source in {"provider_response", "session"} and "different user" not in text
    ],
)
def test_reasons_of_social_core_are_known(text: str) -> None:
    assert is_told(text)


@pytest.mark.parametrize(
    "token", ["x", "x.y", "x.y.z", "e30.y.z", "eyJ.eyJ.x", "bm8.e30.x", "é.é.é"]
)
def test_reasons_of_pyjwt_are_known(token: str) -> None:
    with pytest.raises(jwt.DecodeError) as caught:
        jwt.decode(token, options={"verify_signature": False})
    assert known(str(caught.value))


@pytest.mark.parametrize("url", ["", "https://", "ftp://idp.example/", "http://idp.example/"])
def test_refused_addresses_are_known(url: str) -> None:
    for validate in (validate_endpoint, validate_server_url):
        with pytest.raises(ValidationError) as caught:
            validate(url)
        assert known(" ".join(caught.value.messages))


def test_english_is_as_it_was_written() -> None:
    for file in CODE.rglob("*.py"):
        for text in written(file.read_text(), file):
            for each in filled(text):
                assert text_in_words(each) == each
    assert len({str(phrase) for phrase in PHRASES}) == len(PHRASES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("none", "néant"),
        ("an e-mail address", "une adresse e-mail"),
        (f"after now ({NOW})", f"après maintenant ({NOW})"),
        (f"after {NOW} and until {NOW}", f"après {NOW} et jusqu’à {NOW}"),
        (f"{PRINT} or {PRINT} or {PRINT}", f"{PRINT} ou {PRINT} ou {PRINT}"),
        (as_text(" or ".join([PRINT] * 4)), f"{PRINT} ou {PRINT} ou {PRINT} ou AB:…"),
        ("identifier none; attributes mail, none", "identifiant : néant ; attributs : mail, none"),
        ("RS256 by the key “k1”", "RS256 par la clé « k1 »"),
        (
            "RS256 by the key “k1”, which doesn't verify",
            "RS256 par la clé « k1 », qui ne vérifie pas la signature",
        ),
        ("alice@acme.example: linked", "alice@acme.example : lié"),
        (
            "alice@acme.example: the user is inactive.",
            "alice@acme.example : l’utilisateur est inactif.",
        ),
        (
            f"The assertion is encrypted. Switch off assertion encryption at the identity provider. "
            f"The message shows: {PRINT}.",
            "L’assertion est chiffrée. Désactivez le chiffrement des assertions chez le fournisseur d’identité. "
            f"Le message montre : {PRINT}.",
        ),
        (
            "invalid_client (the client ID or the client secret is wrong) Wrong secret. Go away",
            "invalid_client (l’identifiant client ou le secret client est faux) Wrong secret. Go away",
        ),
        (
            "The authentication provider rejected the request. (at the exchange of the code). HTTP 400. "
            "invalid_grant: our redirect URI is not registered there, to the letter. The Redirect is off",
            "Le fournisseur d’authentification a rejeté la demande. (à l’échange du code). HTTP 400. "
            "invalid_grant : notre URI de redirection n’y est pas enregistrée, lettre par lettre. The Redirect is off",
        ),
        (
            "The authentication provider could not be reached. (before sign-in). "
            "idp.example accepts no connection: no answer in time.",
            "Le fournisseur d’authentification n’a pas pu être joint. (avant la connexion). "
            "idp.example n’accepte pas de connexion : pas de réponse à temps.",
        ),
        (
            "The connector is disabled by now.",
            "Le connecteur est devenu « désactivé » entre-temps.",
        ),
        ("The connector is draft.", "Le connecteur est « brouillon »."),
    ],
)
def test_french(text: str, words: str) -> None:
    assert in_french(text).replace("\u202f", " ").replace("\xa0", " ") == words


def test_first_reader_may_be_french() -> None:
    check_texts._table.cache_clear()
    assert in_french("a signed JWT") == "un JWT signé"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://login.acme.example/adfs/services/trust",
        "urn:oasis:names:tc:SAML:2.0:status:Responder / urn:oasis:names:tc:SAML:2.0:status:AuthnFailed",
        "100 %(time)s %s %% {0} {name} $name",
        "after lunch",
        "active directory",
        "alice@acme.example: an address",
        "AB or CD",
        "Nothing. Of. This.. Is ours ..",
        "  none",
        "x" * 300 + "…",
    ],
)
def test_what_comes_from_outside_stays_as_it_came(text: str) -> None:
    assert in_french(text) == text


@pytest.mark.parametrize(
    "value",
    [
        "%(name)s %s %",
        "{name} {0.__class__}",
        "<b>x</b>",
        "\\g<name>\\1",
        "a\nb",
        "x" * 300,
        "; ; : (",
    ],
)
def test_values_are_never_read_as_anything(value: str) -> None:
    french = in_french(f"one e-mail address in the attribute {value}")
    assert french == f"une seule adresse e-mail dans l’attribut {value}"


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        ". ",
        ": ",
        "(x: (",
        ", verified ",
        ", in Zoho CRM ",
        ", upn x, idp ",
        "identifier ",
        "identifier x; attributes ",
        "no status ",
        "x (y) ",
        "The message shows: ",
        "It answers no login under way, and no connector vouches for it: ",
        " or ",
        "AB:",
        "x by the key “",
        "Value (the client ID or the client secret is wrong) ",
    ],
)
def test_no_text_keeps_the_server_busy(piece: str) -> None:
    known("none")  # the table is made once
    started = time.process_time()
    text_in_words(piece * (1200 // len(piece)))  # four times as long as any that is kept
    assert time.process_time() - started < 0.2


def test_no_search_goes_back_and_tries_again() -> None:
    started = time.process_time()
    assert known(", upn " * 1000 + ", idp " * 1000) is None
    assert time.process_time() - started < 0.5


def checks_of(*items: tuple[str, bool, str]) -> Checks:
    checks = Checks()
    for name, passed, received in items:
        checks.record(name, passed, expected="", received=received)
    return checks


def test_detail_lists_the_failed_checks() -> None:
    checks = checks_of(
        ("audience", False, "none"), ("state", True, "the same"), ("issuer", False, "a; b: none")
    ).as_json()
    detail = "audience: received none; issuer: received a; b: none"
    assert detail_in_words(detail, checks) == detail
    with override("fr"):
        words = detail_in_words(detail, checks)
        assert words == "audience, reçu\xa0: néant\u202f; émetteur, reçu\xa0: a; b: none"
        assert (
            detail_in_words("The form could not be read.", checks)
            == "Le formulaire n’a pas pu être lu."
        )
        assert detail_in_words("", []) == ""


def test_long_list_of_failed_checks_is_told_whole() -> None:
    checks = checks_of(("audience", False, "x" * 290), ("issuer", False, "none"))
    detail = as_text("; ".join(f"{each.name}: received {each.received}" for each in checks.failed))
    assert detail.endswith("…")
    with override("fr"):
        assert detail_in_words(detail, checks.as_json()).endswith("émetteur, reçu\xa0: néant")


@pytest.mark.django_db
def test_texts_on_the_page(maker: Client, idp: IdP, connector: Connector) -> None:
    Agent().sign_in(idp, audience="<b>none</b> %(name)s")
    attempt = Attempt.objects.get()
    page = maker.get(
        f"/maker/sso_connectors/attempt/{attempt.pk}/change/", HTTP_ACCEPT_LANGUAGE="fr"
    ).content.decode()
    assert '<td data-label="Attendu">une adresse e-mail</td>' in page
    assert '<td data-label="Reçu">&lt;b&gt;none&lt;/b&gt; %(name)s</td>' in page
    assert "audience, reçu\xa0: &lt;b&gt;none&lt;/b&gt; %(name)s" in page
    foreign = re.findall(r'<(\w+)[^>]* lang="en"', page)
    assert foreign == ["button"], "that which switches to English"
    # What is stored stays in English.
    assert attempt.detail == "audience: received <b>none</b> %(name)s"
    assert "an e-mail address" in {check["expected"] for check in attempt.checks}
