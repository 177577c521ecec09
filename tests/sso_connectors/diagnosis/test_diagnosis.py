"""A sentence for whatever ends a login: each cause, each check, in the words of each identity provider."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import time_machine
from django.utils.functional import Promise
from django.utils.translation import override

from sso_connectors import addresses, diagnosis
from sso_connectors.diagnosis import (
    PERSONAL,
    Diagnosis,
    Turn,
    admission,
    causes,
    diagnose,
    oauth2,
    oauth2_errors,
    saml2,
    signatures,
    statuses,
    times,
)
from sso_connectors.diagnosis.sentences import Finding, Service, Topic, shortened
from sso_connectors.login.admission import linked_user
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.protocols.saml2.protocol import Saml2
from sso_connectors.providers import PROVIDERS
from sso_connectors.reader import idp_words
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import STATUSES, LoginError, NotAdmitted
from sso_connectors.results.identity import Identity
from tests import idp as provider
from tests.attacks import ATTACKS, Attack
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import OMIT, IdP
from users.models import User

from ..protocols.saml2.reading import IDP, Reading, answered, asked, begun, read
from ..protocols.saml2.test_response import OTHER, WRONG
from ..protocols.saml2.test_response import STATUS as STATUS_PREFIX

ROOT: Final = Path(__file__).resolve().parents[3]
GUID: Final = "72f988bf-86f1-41af-91ab-2d7cd011db47"
ENTRA: Final[Mapping[str, str]] = {
    "issuer_url": f"https://sts.windows.net/{GUID}/",
    "endpoint": f"https://login.microsoftonline.com/{GUID}/saml2",
}
ADFS: Final[Mapping[str, str]] = {
    "issuer_url": "http://fs.acme.example/adfs/services/trust",
    "endpoint": "https://fs.acme.example/adfs/ls/",
}
MODULES: Final = (
    diagnosis, admission, causes, oauth2, oauth2_errors, saml2, signatures, statuses, times,
)  # fmt: skip
GENERIC: Final = re.compile(r"^The check “|See Detail")


def saml(**fields: Any) -> Connector:
    return Connector(type="saml2", reference="acme", **fields)


def oauth(method: str, **fields: Any) -> Connector:
    return Connector(
        type="oauth2", reference="hub", authentication_method=method, client_id="app", **fields
    )


def failed(
    cause: str,
    *checks: tuple[str, str, str],
    connector: Connector | None = None,
    detail: str = "",
    **fields: Any,
) -> Attempt:
    """An attempt that ended now for that cause; each check is its name, expected and received."""
    made = Checks()
    for name, expected, received in checks:
        made.record(name, False, expected=expected, received=received)
    return Attempt(
        outcome=Outcome.FAILED,
        cause=cause,
        detail=detail,
        connector=connector,
        checks=made.as_json(),
        **{"ended_at": datetime.now(UTC), **fields},
    )


def of(reading: Reading, connector: Connector) -> Diagnosis:
    """What is said of a SAML answer that was really read."""
    assert reading.refusal is not None
    attempt = failed(reading.refusal.code, connector=connector, detail=reading.refusal.detail)
    attempt.checks = reading.checks.as_json()
    return diagnose(attempt, personal=True)


def only(found: Diagnosis) -> str:
    (advice,) = found.advice
    assert advice.sentence == found.summary
    assert advice.turn == found.turn
    return advice.sentence


def findings() -> Iterator[tuple[str, Finding]]:
    """Every finding that there is, with its name."""
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, Finding):
                yield name, value
            elif isinstance(value, Mapping):
                for key, item in value.items():
                    if isinstance(item, Finding):
                        yield str(key), item


# --- every cause ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", STATUSES)
def test_every_cause_has_a_sentence(code: str) -> None:
    """Fails where errors.py has a new code that nobody has written a sentence for."""
    assert code in causes.CAUSES
    found = diagnose(failed(code, connector_reference="acme"))
    assert found.summary
    assert f"({code})" not in found.summary, "that is the sentence for what isn't known"
    assert found.turn != Turn.NOBODY
    assert found.advice == ()


def test_no_sentence_for_a_cause_that_there_is_not() -> None:
    assert set(STATUSES) == causes.CAUSES


def test_cause_of_a_later_version() -> None:
    assert "(made_up)" in diagnose(failed("made_up")).summary


def test_unknown_reference_is_named() -> None:
    found = diagnose(failed("unknown_connector", connector_reference="acme-2"))
    assert "the reference “acme-2”, but no connector has this reference." in found.summary
    assert found.turn == Turn.ADMINISTRATOR


@pytest.mark.parametrize(
    ("connector", "words"),
    [
        (None, "deleted"),
        (saml(), "is a draft: a required field is missing."),
        (saml(issuer_url="x", endpoint="https://x.example", certificates="x"), "is disabled"),
        (
            saml(issuer_url="x", endpoint="https://x.example", certificates="x", enabled=True),
            "It is enabled now.",
        ),
    ],
)
def test_connector_not_ready(connector: Connector | None, words: str) -> None:
    assert words in diagnose(failed("connector_not_ready", connector=connector)).summary


@pytest.mark.parametrize(
    ("outcome", "age", "words", "turn"),
    [
        (Outcome.IN_PROGRESS, 9, "The person is on the identity provider's page.", Turn.AGENT),
        (Outcome.IN_PROGRESS, 11, "never came back", Turn.IT_PERSON),
        (Outcome.SIGNED_IN, 11, "Signed in.", Turn.NOBODY),
        (Outcome.TEST_PASSED, 11, "Test passed. The person would be signed in.", Turn.NOBODY),
    ],
)
def test_other_outcomes(outcome: Outcome, age: int, words: str, turn: Turn) -> None:
    started_at = datetime.now(UTC) - timedelta(minutes=age)
    found = diagnose(Attempt(outcome=outcome, started_at=started_at))
    assert words in found.summary
    assert found.turn == turn


def test_never_came_back_names_the_field_there() -> None:
    started_at = datetime.now(UTC) - timedelta(hours=1)
    found = diagnose(Attempt(connector=saml(**ENTRA), started_at=started_at))
    assert "“Identifier (Entity ID)” there doesn't match our Identity" in found.summary


def test_passed_test_of_nobody() -> None:
    attempt = failed(
        "", ("linked user", "", "bob@x.example: no such user, or not linked to this connector")
    )
    attempt.outcome = Outcome.TEST_PASSED
    found = diagnose(attempt, personal=True)
    assert found.summary.startswith("Test passed. The connector and the identity provider work")
    assert "bob@x.example is not a user here" in found.summary
    assert found.turn == Turn.ADMINISTRATOR


@pytest.mark.parametrize("connector", [None, saml(**ENTRA)], ids=["unknown", "Entra"])
def test_who_is_not_linked_is_linked_by_the_quickest_way(connector: Connector | None) -> None:
    """By a button beside the sentence, or else where the sentence says."""
    unlinked = ("linked user", "", "bob@x.example: no such user, or not linked to this connector")
    sentence = only(diagnose(failed("not_admitted", unlinked, connector=connector)))
    templates = ROOT / "templates/admin/sso_connectors"
    button = (templates / "attempt/verdict.html").read_text()
    assert "add or link them with the button on this attempt" in sentence
    assert '{% translate "Add this user…" %}' in button
    assert '{% translate "Link this user…" %}' in button
    meanwhile = diagnose(failed("not_admitted", detail="The user was unlinked meanwhile."))
    of_an_older_version = diagnose(failed("not_admitted"))
    for text in (sentence, meanwhile.summary, of_an_older_version.summary):
        assert "on the connector's “Users” tab" in text
    assert '{% translate "Users" %}' in (templates / "connector/tabs.html").read_text()


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        (
            "no such user, or not linked to this connector",
            "is not a user here, or is not linked to this connector.",
        ),
        ("the user is inactive", "is inactive here."),
        ("the connector is disabled", "can't sign in because the connector is disabled."),
        (
            "the user is staff, and the connector may not sign staff in",
            "is staff, and staff can't sign in through this connector.",
        ),
    ],
)
def test_sentence_makes_sense_without_the_name(obstacle: str, said: str) -> None:
    attempt = failed("not_admitted", ("linked user", "", f"bob@x.example: {obstacle}"))
    assert diagnose(attempt).summary.startswith(f"The person named {said}")
    assert diagnose(attempt, personal=True).summary.startswith(f"bob@x.example {said}")


@pytest.mark.parametrize(
    "phrase",
    [
        "The connector no longer trusts the key",
        "The connector trusts another provider or app by now",
        "It answers no login under way",
        "The discovery document says",
        "The userinfo endpoint doesn't answer for",
        "which is not public",
        "can't be found in the DNS",
        "has a certificate that isn't trusted",
        "answers with a redirect",
        "The user was unlinked meanwhile",
        "at the look-up of the person",
        "can't be kept",
    ],
)
def test_details_are_told_apart_by_words_that_are_really_written(phrase: str) -> None:
    """A reworded detail would fall back to the sentence that says least."""
    readers = {
        ROOT / "sso_connectors/diagnosis" / f"{name}.py" for name in ("causes", "oauth2_errors")
    }
    files = [
        ROOT / "sso_connectors" / name for name in ("network/http_client.py", "models/token.py")
    ]
    for folder in ("protocols", "providers"):
        files += (ROOT / "sso_connectors" / folder).rglob("*.py")
    assert any(phrase in file.read_text() for file in readers)
    assert any(phrase in file.read_text() for file in files)


@pytest.mark.parametrize(
    ("cause", "detail", "words", "turn"),
    [
        ("identity_provider_away", "x.example has the address 10.0.0.1, which is not public.",
         "PRIVATE_IDP_HOSTS", Turn.OPERATOR),
        ("identity_provider_away", "x.example can't be found in the DNS.", "letter by letter",
         Turn.ADMINISTRATOR),
        ("identity_provider_away", "x has a certificate that isn't trusted: expired.", "TLS",
         Turn.IT_PERSON),
        ("identity_provider_away", "x.example answers with a redirect (302).", "redirects to another address",
         Turn.ADMINISTRATOR),
        ("identity_provider_away", "x.example didn't answer in time.", "in a moment",
         Turn.PROVIDER),
        ("response_refused", "The discovery document says that the issuer is y; …",
         "a different issuer from the one that the connector trusts", Turn.ADMINISTRATOR),
        ("response_refused", "It answers no login under way, and no connector …",
         "nobody had requested", Turn.ADMINISTRATOR),
        ("not_admitted", "The user was unlinked meanwhile.", "unlinked", Turn.ADMINISTRATOR),
    ],
)  # fmt: skip
def test_detail_decides(cause: str, detail: str, words: str, turn: Turn) -> None:
    found = diagnose(failed(cause, detail=detail))
    assert words in found.summary
    assert found.turn == turn


def test_key_changed_meanwhile() -> None:
    pending = begun()
    identity = answered(pending).identity
    assert identity is not None
    pending.answer = {"kept": {**asdict(identity), "not_after": None, "key": "AA"}, "checks": []}
    with pytest.raises(LoginError) as caught:
        Saml2().conclude(pending, Checks())
    found = diagnose(failed(caught.value.code, detail=caught.value.detail))
    assert found.summary.startswith("The connector's trust settings were changed")
    assert found.turn == Turn.AGENT


# --- every check -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["assertion", "none"])
@pytest.mark.parametrize("what", WRONG)
def test_everything_wrong_with_a_response_has_a_sentence(what: str, sign: str) -> None:
    lies, names = WRONG[what]
    pending = begun()
    reading = answered(pending, sign=sign, **lies)
    found = of(reading, pending.connector)
    expected = ["signature", *names] if sign == "none" else names
    assert [advice.check for advice in found.advice] == expected
    assert found.summary == found.advice[0].sentence
    for advice in found.advice:
        assert not GENERIC.search(advice.sentence)
        assert "%(" not in advice.sentence


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_has_a_sentence(attack: Attack) -> None:
    pending = begun(provider.weak_key() if attack.name == "short_key" else IDP.key)
    reading = read(
        attack.form_value(IDP, asked(pending), "mallory@x.example", "eve@x.example"), pending
    )
    if reading.refusal is None:
        return
    found = of(reading, pending.connector)
    assert not GENERIC.search(found.summary)
    assert all(not GENERIC.search(advice.sentence) for advice in found.advice)


def recorded() -> set[tuple[str, str]]:
    """Protocol and name of each check that the code records, by its literal name."""
    found = set()
    for folder, kind in (
        ("protocols/saml2", "saml2"),
        ("protocols/oauth2", "oauth2"),
        ("providers", "oauth2"),
    ):
        for file in (ROOT / "sso_connectors" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                function = node.func
                called = function.attr if isinstance(function, ast.Attribute) else ""
                called = function.id if isinstance(function, ast.Name) else called
                if called == "record" or called.startswith(("_equal", "_check_")):
                    found |= {
                        (kind, argument.value)
                        for argument in node.args[:2]
                        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                        if called != "_equal" or argument is node.args[1]
                    }
    return found


def test_recorded_checks_are_found() -> None:
    """A test of the test."""
    assert {
        ("saml2", "audience"),
        ("saml2", "conditions not before"),
        ("saml2", "signature"),
        ("oauth2", "nonce"),
        ("oauth2", "issued at"),
        ("oauth2", "e-mail address"),
        ("oauth2", "hub ID"),
    } <= recorded()


@pytest.mark.parametrize(("kind", "name"), sorted(recorded()))
def test_every_check_in_the_code_has_a_sentence(kind: str, name: str) -> None:
    """Fails where a provider records a new check that nobody has written a sentence for."""
    finders = saml2.FINDERS if kind == "saml2" else oauth2.FINDERS
    elsewhere = {*times.TIMES, "e-mail address"}
    assert name in finders or name in elsewhere
    connector = saml(**ENTRA) if kind == "saml2" else oauth("google")
    first = ("status" if kind == "saml2" else "state", "", "")
    found = diagnose(failed("response_refused", first, (name, "this", "that"), connector=connector))
    assert not GENERIC.search(found.advice[-1].sentence)


def test_check_of_a_later_version() -> None:
    found = diagnose(failed("response_refused", ("colour", "blue", "red"), connector=saml()))
    assert only(found) == (
        "The check “colour” failed: received red, expected blue. "
        "Compare the connector with the settings at the identity provider."
    )


def test_same_name_in_both_protocols() -> None:
    """By what was recorded; the connector may be of another type by now, or gone."""
    check = ("audience", "app", "other")
    for connector in (None, saml(), oauth("okta")):
        found = diagnose(failed("response_refused", check, connector=connector))
        said_by_saml = diagnose(
            failed("response_refused", ("status", "", "x"), check, connector=connector)
        )
        said_by_oauth = diagnose(
            failed("response_refused", ("state", "", "x"), check, connector=connector)
        )
        assert "sent the audience other" in said_by_saml.advice[-1].sentence
        assert "The ID token is for the client other" in said_by_oauth.advice[-1].sentence
        is_oauth = connector is not None and connector.type == "oauth2"
        assert ("The ID token is for the client" in only(found)) is is_oauth


@pytest.mark.parametrize(
    ("lies", "words"),
    [
        ({"version": OMIT}, "doesn't state its SAML version"),
        ({"issue_instant": OMIT}, "has no date."),
        ({"audience": [OTHER, f"{addresses.identity()}/x"]}, "sent the audience"),
        ({"username_attribute": "mail", "attributes": {"upn": ["a"], "groups": ["b"]}},
         "no attribute mail. Its attributes: upn, groups."),
        ({"username_attribute": "mail", "attributes": {}}, "no attribute mail. Its attributes: –."),
        ({"username_attribute": "mail", "attributes": {"mail": ["ACME/alice"]}},
         "The attribute mail must contain one e-mail address; it contains ACME/alice."),
        ({"name_id": "ACME/alice", "attributes": {"groups": ["b"]}},
         "the identifier is “ACME/alice”, and the attributes are groups."),
        ({"name_id": OMIT, "attributes": {}}, "the identifier is “–”"),
    ],
    ids=str,
)  # fmt: skip
def test_what_exactly_is_wrong(lies: dict[str, Any], words: str) -> None:
    lies = dict(lies)
    pending = begun(username_attribute=lies.pop("username_attribute", ""))
    assert words in only(of(answered(pending, **lies), pending.connector))


def test_audience_beside_ours() -> None:
    lies, _names = WRONG["a second restriction"]
    pending = begun()
    assert "is for us, but is restricted to others as well" in only(
        of(answered(pending, **lies), pending.connector)
    )


def test_everything_wrong_is_told() -> None:
    pending = begun()
    found = of(answered(pending, recipient=OTHER, audience=OMIT), pending.connector)
    assert [advice.check for advice in found.advice] == ["audience", "recipient"]
    assert found.summary == found.advice[0].sentence


# --- in the words of the identity provider ----------------------------------------------------------


def test_example_of_the_design() -> None:
    check = ("audience", addresses.identity(), "https://old.example")
    found = diagnose(failed("response_refused", check, connector=saml(**ENTRA)))
    assert only(found) == (
        f"The identity provider sent the audience https://old.example; it must be {addresses.identity()}. "
        f"In Microsoft Entra ID, set “Identifier (Entity ID)” to {addresses.identity()}."
    )
    assert found.turn == Turn.IT_PERSON


ADDRESSES: Final[Mapping[str, Mapping[str, str]]] = {
    "google": {"endpoint": "https://accounts.google.com/o/saml2/idp?idpid=C01"},
    "entra": ENTRA,
    "okta": {"endpoint": "https://acme.okta.com/app/acme_1/exk1/sso/saml"},
    "adfs": ADFS,
    "onelogin": {"endpoint": "https://acme.onelogin.com/trust/saml2/http-redirect/sso/1"},
    "jumpcloud": {"endpoint": "https://sso.jumpcloud.com/saml2/acme"},
    "keycloak": {"endpoint": "https://id.acme.example/realms/acme/protocol/saml"},
    "pingfederate": {"endpoint": "https://id.acme.example:9031/idp/SSO.saml2"},
}


@pytest.mark.parametrize("idp", idp_words.IDPS, ids=lambda idp: idp.key)
def test_words_of_each_identity_provider(idp: idp_words.Idp) -> None:
    connector = saml(**ADDRESSES[idp.key])
    for name, word in (("audience", idp.words.identity), ("destination", idp.words.reply_url)):
        found = diagnose(failed("response_refused", (name, "this", "that"), connector=connector))
        assert f"In {idp.label}, set “{word}” to this." in only(found)
    found = diagnose(
        failed(
            "response_refused", ("username", "", "identifier x; attributes y"), connector=connector
        )
    )
    assert f"In {idp.label}, set “" in only(found)


@pytest.mark.parametrize("method", PROVIDERS)
def test_words_of_each_provider(method: str) -> None:
    label = str(PROVIDERS[method].label)
    found = diagnose(
        failed(
            "identity_provider_error", connector=oauth(method), detail="redirect_uri_mismatch why"
        )
    )
    assert addresses.reply_url() in found.summary
    assert f"{label}: {PROVIDERS[method].register_where}" in found.summary
    for check in ("audience", "e-mail address", "issuer"):
        assert only(
            diagnose(failed("response_refused", (check, "x", "y"), connector=oauth(method)))
        )


def test_address_is_no_name_to_look_for_on_a_screen() -> None:
    """Where no screen has a name for it, the sentence is the one for everybody."""
    for key in ("keycloak", "adfs"):
        check = ("assertion issuer", "https://this.example", "https://that.example")
        found = diagnose(failed("response_refused", check, connector=saml(**ADDRESSES[key])))
        assert "If the first is the customer's identity provider, set" in only(found)


def test_issuer_that_is_nearly_right() -> None:
    for received in (
        "https://sts.windows.net/t",
        "http://sts.windows.net/t/",
        "https://STS.windows.net/T/",
    ):
        check = ("assertion issuer", "https://sts.windows.net/t/", received)
        found = diagnose(failed("response_refused", check, connector=saml(**ENTRA)))
        assert "almost the same" in only(found)
        assert received in only(found)
        assert found.turn == Turn.ADMINISTRATOR
    check = ("assertion issuer", "https://sts.windows.net/t/", "https://sts.windows.net/u/")
    found = diagnose(failed("response_refused", check, connector=saml(**ENTRA)))
    assert "almost" not in only(found)
    assert "“Microsoft Entra Identifier”" in only(found)


# --- signatures -----------------------------------------------------------------------------------------


def signature_of(*, connector: Mapping[str, str] | None = None, **lies: Any) -> tuple[str, Turn]:
    pending = begun()
    reading = answered(pending, **lies)
    place = saml(**connector) if connector else pending.connector
    found = of(reading, place)
    assert found.advice[0].check == "signature"
    return found.summary, found.turn


def test_another_certificate_says_which_to_paste_where() -> None:
    stranger = IdP(key=provider.other_key())
    for connector, source in (
        (None, "Get the certificate from"),
        (ENTRA, "Get “Certificate (Base64)” of Microsoft Entra ID from"),
    ):
        sentence, turn = signature_of(idp=stranger, connector=connector)
        assert f"shows the certificate {stranger.key.fingerprint[:23]}…" in sentence
        assert f"the connector trusts {IDP.key.fingerprint[:23]}…" in sentence
        assert source in sentence
        assert "paste it into the connector's Certificate" in sentence
        assert turn == Turn.ADMINISTRATOR


@pytest.mark.parametrize(
    ("lies", "words", "turn"),
    [
        ({"sign": "none"}, "isn't signed, so anyone", Turn.IT_PERSON),
        (
            {"idp": IdP(key=provider.other_key()), "key_info": OMIT},
            "doesn't show which one would",
            Turn.ADMINISTRATOR,
        ),
        ({"signature_algorithm": provider.RSA_SHA1}, "xmldsig#rsa-sha1", Turn.IT_PERSON),
        ({"digest_algorithm": provider.SHA1}, "xmldsig#sha1", Turn.IT_PERSON),
        (
            {"edit_after_signing": lambda root: root[-1].set("Version", "2.1")},
            "the connector's own certificate",
            Turn.IT_PERSON,
        ),
    ],
    ids=["unsigned", "no key shown", "sha1", "sha1 digest", "changed"],
)
def test_why_a_signature_does_not_count(lies: dict[str, Any], words: str, turn: Turn) -> None:
    sentence, whose = signature_of(**lies)
    assert words in sentence
    assert whose == turn


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("The assertion is encrypted. Switch off assertion encryption at the …", "is encrypted"),
        ("No certificate is known.", "has no certificate"),
        ("The key of AA:BB is too short to be believed.", "too short"),
        ("The canonicalization must be exclusive c14n without comments.", "exc-c14n"),
        ("The transforms must be enveloped-signature and exclusive c14n.", "exc-c14n"),
        ("Exactly one assertion is expected, there are 2.", "looks like a forged response"),
        ("The response or the assertion has no proper ID.", "This version accepts more IDs"),
        ("There is an ID attribute where none belongs.", "This version accepts more IDs"),
        ("The response has no ID.", "has no ID"),
        ("The response and the assertion have the same ID.", "have the same ID"),
        ("A signature has the same ID as another element.", "have the same ID"),
    ],
)
def test_other_reasons_of_signatures(reason: str, words: str) -> None:
    check = ("signature", "AA", f"{reason} The message shows: no certificate.")
    assert words in only(diagnose(failed("response_refused", check, connector=saml())))


def test_valid_signature_by_a_certificate_that_has_ended() -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    future = datetime(2090, 1, 1, tzinfo=UTC)
    for key, words in (
        (
            provider.SigningKey.rsa(not_before=past, not_after=past + timedelta(days=1)),
            "2020-01-02",
        ),
        (
            provider.SigningKey.rsa(not_before=future, not_after=future + timedelta(days=1)),
            "2090-01-01",
        ),
    ):
        reading = answered(begun(key), idp=IdP(key=key))
        attempt = Attempt(outcome=Outcome.SIGNED_IN, checks=reading.checks.as_json())
        found = diagnose(attempt)
        (advice,) = found.advice
        assert words in advice.sentence
        assert found.turn == Turn.NOBODY


# --- clocks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connector", "turn"), [(ENTRA, Turn.OPERATOR), (ADFS, Turn.IT_PERSON), ({}, Turn.IT_PERSON)]
)
def test_clock_ahead_says_by_how_much(connector: Mapping[str, str], turn: Turn) -> None:
    now = datetime(2030, 5, 17, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        pending = begun()
        reading = answered(pending, issue_instant=now + timedelta(minutes=7))
        found = of(reading, saml(**connector))
    assert "dated 7 minutes ahead of our clock" in only(found)
    assert found.turn == turn


@pytest.mark.parametrize(
    ("lies", "words"),
    [
        ({"issue_instant": timedelta(minutes=-9)}, "dated 9 minutes before its arrival"),
        ({"not_on_or_after": timedelta(hours=-1)}, "had expired 1 hour before it arrived"),
        ({"confirmation_not_before": timedelta(minutes=3)}, "3 minutes ahead"),
        (
            {"session_not_on_or_after": timedelta(days=-2)},
            "had expired 2 days before they came here",
        ),
        ({"authn_instant": timedelta(minutes=4)}, "4 minutes ahead"),
        ({"authn_instant": OMIT}, "doesn't say when the person signed in"),
        ({"not_on_or_after": OMIT}, "until when"),
        ({"not_on_or_after": "soon"}, "an invalid time: “soon”"),
    ],
    ids=str,
)
def test_times(lies: dict[str, Any], words: str) -> None:
    now = datetime(2030, 5, 17, 12, tzinfo=UTC)
    said: dict[str, Any] = {
        name: now + value if isinstance(value, timedelta) else value for name, value in lies.items()
    }
    with time_machine.travel(now, tick=False):
        pending = begun()
        assert words in only(of(answered(pending, **said), pending.connector))


def test_password_was_not_asked_for_again() -> None:
    now = datetime(2030, 5, 17, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        pending = begun(force_authn=True)
        reading = answered(pending, authn_instant=now - timedelta(hours=3))
        sentence = only(of(reading, pending.connector))
    assert "the sign-in there is 3 hours older" in sentence


def test_times_of_id_tokens() -> None:
    ended_at = datetime(2030, 5, 17, 12, tzinfo=UTC)
    for check, words in (
        (
            ("expires", "after 2030-05-17T11:58:00Z", "2030-05-17T11:00:00Z"),
            "had expired 1 hour before it arrived",
        ),
        (("issued at", "after … and until …", "2030-05-17T12:05:00Z"), "5 minutes ahead"),
        (("not before", "until …", "2030-05-17T12:30:00Z"), "30 minutes ahead"),
        (("expires", "after …", "None"), "until when"),
        (("issued at", "after …", "true"), "an invalid time: “true”"),
        (("issued at", "after …", "9999-12-31T23:59:59-12:00"), "ahead"),
        (("expires", "after …", "0001-01-01T00:00:00+14:00"), "had expired"),
        (
            ("issued at", "after …", "9999-99-99T00:00:00Z"),
            "an invalid time: “9999-99-99T00:00:00Z”",
        ),
    ):
        attempt = failed("response_refused", check, connector=oauth("okta"), ended_at=ended_at)
        assert words in only(diagnose(attempt))


# --- what the identity provider refused ------------------------------------------------------------------


@pytest.mark.parametrize("code", statuses.STATUSES)
def test_status_codes(code: str) -> None:
    pending = begun()
    if code in {"Requester", "Responder", "VersionMismatch"}:
        reading = answered(pending, status=STATUS_PREFIX + code)
    else:
        reading = answered(
            pending, status=STATUS_PREFIX + "Responder", sub_status=STATUS_PREFIX + code
        )
    assert reading.failed == ["status"]
    found = of(reading, pending.connector)
    assert only(found).startswith(str(statuses.STATUSES[code].what).partition("%(")[0])


def test_status_codes_that_nobody_knows() -> None:
    pending = begun()
    reading = answered(pending, status="urn:acme:moon", sub_status="urn:acme:full")
    assert "reports urn:acme:moon / urn:acme:full" in only(of(reading, pending.connector))
    reading = answered(pending, status=OMIT)
    assert "doesn't say whether" in only(of(reading, pending.connector))


def test_identifier_format_in_the_words_of_the_identity_provider() -> None:
    check = ("status", "", f"{STATUS_PREFIX}Requester / {STATUS_PREFIX}InvalidNameIDPolicy")
    found = diagnose(failed("identity_provider_error", check, connector=saml(**ADFS)))
    assert "In AD FS, set “Outgoing name ID format” to" in only(found)


@pytest.mark.parametrize("code", oauth2_errors.ERRORS)
def test_errors_of_providers(code: str) -> None:
    for detail in (
        f"{code} and why",
        f"The provider rejected the request. (at the exchange of the code). HTTP 401. {code}: words.",
        f"invalid_request. {code.upper()}: no",
    ):
        found = diagnose(failed("identity_provider_error", detail=detail, connector=oauth("entra")))
        assert f"({code})" in found.summary
    for word in (f"x{code}", f"{code}x"):
        found = diagnose(failed("identity_provider_error", detail=word))
        assert f"({code})" not in found.summary


def test_other_errors_of_providers() -> None:
    def said(detail: str) -> str:
        return diagnose(failed("identity_provider_error", detail=detail)).summary

    assert "refused to say who it is" in said("Rejected (at the look-up of the person). HTTP 403")
    assert "can't be stored" in said(
        "The provider's tokens, scope or instance hold what can't be kept."
    )
    assert "See Detail for its message." in said("made_up")


def test_client_secret_in_the_providers_words() -> None:
    attempt = failed(
        "identity_provider_error", detail="invalid_client: …", connector=oauth("salesforce")
    )
    assert "“Consumer Secret” again from the app in Salesforce" in diagnose(attempt).summary


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("oidc", "Trust its e-mail addresses"),
        ("github", "Settings, Emails"),
        ("zendesk", "Zendesk sends"),
        ("zoho_crm", "invitation to Zoho CRM"),
        ("hubspot", "HubSpot doesn't say"),
        ("google", "confirms that address in their account"),
    ],
)
def test_address_that_a_provider_does_not_vouch_for(method: str, words: str) -> None:
    check = ("e-mail address", "an address that …", "a@x.example, email_verified False")
    attempt = failed("response_refused", check, connector=oauth(method))
    assert words in only(diagnose(attempt))
    assert "a@x.example" not in only(diagnose(attempt))
    if method != "hubspot":
        assert ": a@x.example." in only(diagnose(attempt, personal=True))


@pytest.mark.parametrize("received", ["none, email_verified None", "", "None"])
def test_no_address_from_a_provider(received: str) -> None:
    check = ("e-mail address", "", received)
    for method in ("google", "github"):
        found = diagnose(failed("response_refused", check, connector=oauth(method)))
        assert "doesn't send the person's e-mail address" in only(found)


def test_method_that_there_is_no_more() -> None:
    for check in ("e-mail address", "audience"):
        assert only(diagnose(failed("response_refused", (check, "a", "b"), connector=oauth("x"))))


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (("hosted domain", "acme.example", "other.example"), "an account of other.example"),
        (("hosted domain", "acme.example", "None"), "Private accounts belong to none"),
        (("workspace", "any", "None"), "Private accounts belong to none"),
        (("response issuer", "https://a.example", "https://b.example"), "comes from https://b"),
        (
            ("response issuer", "https://a.example", ""),
            "says that it names itself in its responses",
        ),
        (("ID token signature", "one of RS256, …", "none"), "RS256"),
        (("ID token signature", "by a key in the …", "RS256 by …"), "publishes"),
        (("subject", "a permanent ID", ""), "sends no permanent ID for the person"),
    ],
)
def test_checks_of_providers(check: tuple[str, str, str], words: str) -> None:
    assert words in only(diagnose(failed("response_refused", check, connector=oauth("google"))))


# --- who is not admitted ---------------------------------------------------------------------------------


def refused_to(connector: Connector, username: str, subject: str = "") -> Diagnosis:
    checks = Checks()
    identity = Identity(username=username, subject=subject, issuer="urn:idp", key="AA")
    with pytest.raises(NotAdmitted) as caught:
        linked_user(connector, identity, checks)
    attempt = failed("not_admitted", connector=connector, detail=caught.value.detail)
    attempt.checks = checks.as_json()
    return diagnose(attempt, personal=True)


def test_not_linked(connector: Connector) -> None:
    found = refused_to(connector, "Nobody@acme.example")
    assert "nobody@acme.example is not a user here, or is not linked" in only(found)
    assert found.turn == Turn.ADMINISTRATOR
    connector.endpoint = ENTRA["endpoint"]
    found = refused_to(connector, "nobody@acme.example")
    assert "set “Unique User Identifier (Name ID)” in Microsoft Entra ID to" in only(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_active": False}, "alice@acme.example is inactive here"),
        ({"is_staff": True}, "alice@acme.example is staff"),
        ({"is_superuser": True}, "alice@acme.example is staff"),
    ],
    ids=str,
)
def test_user_who_may_not(
    connector: Connector, alice: User, change: dict[str, bool], words: str
) -> None:
    User.objects.update(**change)
    assert words in only(refused_to(connector, "alice@acme.example"))


def test_disabled_at_the_last_moment(connector: Connector, alice: User) -> None:
    Connector.objects.update(enabled=False)
    sentence = only(refused_to(connector, alice.username))
    assert "alice@acme.example can't sign in because the connector is disabled." in sentence


def test_no_address(connector: Connector) -> None:
    assert "calls the person “ACME\\alice”" in only(refused_to(connector, "ACME\\alice"))


def test_another_subject(connector: Connector, alice: User, make_user: UserMaker) -> None:
    Link.objects.update(subject="one")
    sentence = only(refused_to(connector, alice.username, "two"))
    assert "is two; at the first sign-in it was one" in sentence
    make_user("bob@acme.example", connector)
    sentence = only(refused_to(connector, "bob@acme.example", "one"))
    assert "is one, which is stored for another user" in sentence


def test_certificate_that_has_ended_does_not_hide_why() -> None:
    checks = Checks(verified=True)
    checks.record(
        "signature", True, expected="", received="AA, a certificate that ended on 2020-01-02"
    )
    checks.record("linked user", False, expected="", received="a@x.example: the user is inactive")
    attempt = failed("not_admitted", connector=saml())
    attempt.checks = checks.as_json()
    found = diagnose(attempt, personal=True)
    assert found.summary.startswith("a@x.example is inactive here.")
    assert [(each.check, each.is_note) for each in found.advice] == [
        ("signature", True),
        ("linked user", False),
    ]
    assert all(each.is_verified for each in found.advice)
    attempt.cause, attempt.checks = "response_refused", attempt.checks[:1]
    attempt.detail = "The connector no longer trusts the key that signed the answer."
    assert diagnose(attempt).summary.startswith("The connector's trust settings were changed")


def test_subject_too_long_is_no_matter_of_links() -> None:
    check = ("subject", "at most 512 characters", "600")
    found = diagnose(failed("response_refused", check, connector=saml()), personal=True)
    assert "too long (600 characters)" in only(found)


# --- texts -----------------------------------------------------------------------------------------------


def test_people_are_hidden_from_who_may_not_see_them(connector: Connector, alice: User) -> None:
    User.objects.update(is_active=False)
    Link.objects.update(subject="one")
    shown, hidden = set(), set()
    for name in PERSONAL:
        attempt = failed(
            "response_refused",
            (name, "Expected-Person", "Received-Person: the user is inactive"),
            connector=connector,
        )
        shown.add("Person" in str(diagnose(attempt, personal=True)))
        hidden.add("Person" in str(diagnose(attempt)))
    assert hidden == {False}
    assert True in shown
    attempt = failed(
        "response_refused", ("username", "", "identifier alice-77; attributes mail, groups")
    )
    assert "alice-77" in diagnose(attempt, personal=True).summary
    assert "alice-77" not in diagnose(attempt).summary
    assert "mail, groups" in diagnose(attempt).summary


@pytest.mark.parametrize(
    "text",
    ["<script>", "%(expected)s %s %", "\u202egnirts", "line\nbreak", "x" * 5000, "", "\x00", "{0}"],
)
def test_values_of_strangers(text: str) -> None:
    """Plain text on one line, short, and never a part of our own sentence's form."""
    for name in (*saml2.FINDERS, *oauth2.FINDERS, *times.TIMES, "linked user", "colour"):
        for connector in (None, saml(**ENTRA), oauth("google")):
            check = (name, text, text)
            found = diagnose(
                failed("response_refused", check, connector=connector, detail=text), personal=True
            )
            assert found.summary.isprintable()
            assert len(found.summary) < 1000
    found = diagnose(failed("unknown_connector", connector_reference=text))
    assert found.summary.isprintable()


def test_shortened_in_the_middle() -> None:
    assert shortened("https://idp.example/saml/") == "https://idp.example/saml/"
    long = shortened(f"https://idp.example/{'x' * 200}/end/")
    assert len(long) == 121
    assert long.startswith("https://idp.example/")
    assert long.endswith("/end/")


_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize(("name", "finding"), list(findings()), ids=lambda value: str(value)[:40])
def test_texts_are_whole_sentences_for_translators(name: str, finding: Finding) -> None:
    for text in (finding.what, finding.cure, finding.known_cure):
        assert isinstance(text, Promise) or text == "", "made when somebody reads"
        written = str(text)
        if not written:
            continue
        assert written == written.strip()
        assert re.match(r"[A-Z]|%\(\w+\)s", written), written
        assert written.endswith("."), written
        assert "%" not in _PLACEHOLDER.sub("", written), "placeholders have names"
    assert bool(finding.topic) == bool(finding.known_cure)
    assert "%(idp)s" not in str(finding.cure)
    assert "%(field)s" not in str(finding.cure)


@pytest.mark.parametrize(("name", "finding"), list(findings()), ids=lambda value: str(value)[:40])
def test_a_service_without_a_word_for_it(name: str, finding: Finding) -> None:
    known = Service("Acme", {topic: f"field {topic}" for topic in Topic})
    values = dict.fromkeys(
        _PLACEHOLDER.findall(f"{finding.what} {finding.cure} {finding.known_cure}"), "value"
    )
    assert "%(" not in finding.sentence(known, **values)
    assert finding.sentence(Service("Acme"), **values) == finding.sentence(None, **values)
    if finding.topic:
        assert f"field {finding.topic}" in finding.sentence(known, **values)
        assert "Acme" in finding.sentence(known, **values)


def test_language_is_the_readers() -> None:
    """What is kept is one language's; the time apart is Django's own, so that it tells today."""
    check = ("expires", "", "2030-05-17T11:00:00Z")
    attempt = failed("response_refused", check, ended_at=datetime(2030, 5, 17, 13, tzinfo=UTC))
    attempt.connector = oauth("google")
    with override("fr"):
        assert "2 heures" in only(diagnose(attempt))
    assert "2 hours" in only(diagnose(attempt))


def test_no_query_but_the_connector(
    make_connector: ConnectorMaker, django_assert_num_queries: Any
) -> None:
    connector = make_connector()
    attempt = failed("response_refused", ("audience", "x", "y"), connector=connector)
    attempt.save()
    fresh = Attempt.objects.get(pk=attempt.pk)
    with django_assert_num_queries(1):
        diagnose(fresh)


# --- the page ----------------------------------------------------------------------------------------------


def rows(heading: str) -> set[str]:
    """The names in back-quotes in the first column of the table under a heading."""
    page = (ROOT / "docs/failures.md").read_text()
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {
        name
        for cell in re.findall(r"^\|([^|]*)\|", section, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", cell)
    }


def test_page_explains_every_cause() -> None:
    assert rows("Causes") == set(STATUSES)


def test_page_explains_every_check() -> None:
    everywhere = {*times.TIMES, "linked user", "e-mail address"}
    assert rows("Checks of a SAML answer") | rows("Checks of an OAUTH 2 answer") | rows(
        "Who gets in"
    ) == {*saml2.FINDERS, *oauth2.FINDERS, *everywhere}


def modules() -> set[str]:
    folder = ROOT / "sso_connectors/diagnosis"
    return {file.stem for file in folder.glob("*.py")} - {"__init__", "sentences", "services"}


def test_findings_of_every_file_are_looked_at() -> None:
    """A test of the test."""
    looked_at: set[ModuleType] = set(MODULES)
    assert modules() == {module.__name__.rpartition(".")[2] for module in looked_at} - {"diagnosis"}
    assert len(list(findings())) > 100
