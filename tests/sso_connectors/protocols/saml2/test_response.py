"""What a Response must say: each thing wrong, and each missing, is refused by the check of that name."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from lxml import etree

from sso_connectors import addresses
from sso_connectors.results.errors import IdentityProviderError, ResponseRefused
from tests import idp as provider
from tests.idp import OMIT, IdP, saml, samlp

from .reading import ALICE, IDP, answered, asked, begun, read

pytestmark = pytest.mark.row(11)

PAST: Final = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE: Final = datetime(2090, 1, 1, tzinfo=UTC)
OTHER: Final = "https://other.example/saml"
SECOND: Final = timedelta(seconds=1)
SKEW: Final = timedelta(seconds=120)
STATUS: Final = "urn:oasis:names:tc:SAML:2.0:status:"

Lies = dict[str, Any]
Edit = Callable[[etree._Element], None]


def _only(response: etree._Element, tag: str) -> etree._Element:
    (found,) = response.iter(tag)
    return found


def _twice(tag: str) -> Edit:
    """Repeat the element, as it is."""

    def edit(response: etree._Element) -> None:
        element = _only(response, tag)
        element.addnext(provider.parse(etree.tostring(element, with_tail=False)))

    return edit


def _without(tag: str) -> Edit:
    def edit(response: etree._Element) -> None:
        element = _only(response, tag)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return edit


def _with(parent: str, tag: str, text: str = "") -> Edit:
    def edit(response: etree._Element) -> None:
        child = etree.SubElement(_only(response, parent), tag)
        child.text = text

    return edit


def _second_audience_restriction(response: etree._Element) -> None:
    restriction = etree.SubElement(_only(response, saml("Conditions")), saml("AudienceRestriction"))
    etree.SubElement(restriction, saml("Audience")).text = OTHER


def _second_issuer(response: etree._Element) -> None:
    first = response.find(saml("Issuer"))
    assert first is not None
    second = etree.Element(saml("Issuer"))
    second.text = OTHER
    first.addnext(second)


# Whether the Response or the Assertion is signed, these fail in the same check.
WRONG: Final[dict[str, tuple[Lies, list[str]]]] = {
    "version 1.1": ({"version": "1.1"}, ["response version"]),
    "no version": ({"version": OMIT}, ["response version"]),
    "response long ago": ({"issue_instant": PAST}, ["response time"]),
    "response in future": ({"issue_instant": FUTURE}, ["response time"]),
    "response at no time": ({"issue_instant": OMIT}, ["response time"]),
    "response at nonsense": ({"issue_instant": "yesterday"}, ["response time"]),
    "response to another request": ({"in_response_to": "_other"}, ["response in response to"]),
    "response to no request": ({"in_response_to": OMIT}, ["response in response to"]),
    "other destination": ({"destination": OTHER}, ["destination"]),
    "empty destination": ({"destination": ""}, ["destination"]),
    "destination of our own pages": (
        {"destination": "http://localhost:8000/api/sso/login/callback?x"},
        ["destination"],
    ),
    "other response issuer": ({"response_issuer": OTHER}, ["response issuer"]),
    "empty response issuer": ({"response_issuer": ""}, ["response issuer"]),
    "a second response issuer": (
        {"edit_before_signing": _second_issuer},
        ["response issuer"],
    ),
    "assertion version": ({"assertion_version": "1.1"}, ["assertion version"]),
    "no assertion version": ({"assertion_version": OMIT}, ["assertion version"]),
    "assertion long ago": ({"assertion_issue_instant": PAST}, ["assertion time"]),
    "assertion in future": ({"assertion_issue_instant": FUTURE}, ["assertion time"]),
    "assertion at no time": ({"assertion_issue_instant": OMIT}, ["assertion time"]),
    "other assertion issuer": ({"assertion_issuer": OTHER}, ["assertion issuer"]),
    "no assertion issuer": ({"assertion_issuer": OMIT}, ["assertion issuer"]),
    "issuer in another case": (
        {"assertion_issuer": IDP.entity_id.upper()},
        ["assertion issuer"],
    ),
    "both issuers": (
        {"response_issuer": OTHER, "assertion_issuer": OTHER},
        ["response issuer", "assertion issuer"],
    ),
    "not yet": ({"not_before": FUTURE}, ["conditions not before"]),
    "not before nonsense": ({"not_before": "now"}, ["conditions not before"]),
    "over": ({"not_on_or_after": PAST}, ["conditions not on or after"]),
    "without end": ({"not_on_or_after": OMIT}, ["conditions not on or after"]),
    "end at nonsense": ({"not_on_or_after": "never"}, ["conditions not on or after"]),
    "other audience": ({"audience": OTHER}, ["audience"]),
    "no audience": ({"audience": OMIT}, ["audience"]),
    "longer audience": ({"audience": addresses.identity() + "/x"}, ["audience"]),
    "a second restriction": ({"edit_before_signing": _second_audience_restriction}, ["audience"]),
    "an empty restriction": (
        {"edit_before_signing": _with(saml("Conditions"), saml("AudienceRestriction"))},
        ["audience"],
    ),
    "no conditions": ({"edit_before_signing": _without(saml("Conditions"))}, ["conditions"]),
    "conditions twice": ({"edit_before_signing": _twice(saml("Conditions"))}, ["conditions"]),
    "an unknown condition": (
        {"edit_before_signing": _with(saml("Conditions"), saml("Condition"))},
        ["conditions"],
    ),
    "other recipient": ({"recipient": OTHER}, ["recipient"]),
    "no recipient": ({"recipient": OMIT}, ["recipient"]),
    "confirms another request": ({"confirmation_in_response_to": "_other"}, ["in response to"]),
    "confirms no request": ({"confirmation_in_response_to": OMIT}, ["in response to"]),
    "confirmation is over": (
        {"confirmation_not_on_or_after": PAST},
        ["confirmation not on or after"],
    ),
    "confirmation without end": (
        {"confirmation_not_on_or_after": OMIT},
        ["confirmation not on or after"],
    ),
    "confirmation not yet": ({"confirmation_not_before": FUTURE}, ["confirmation not before"]),
    "holder of key": (
        {"confirmation_method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"},
        ["subject confirmation"],
    ),
    "no confirmation": ({"confirmation_method": OMIT}, ["subject confirmation"]),
    "no confirmation data": (
        {"edit_before_signing": _without(saml("SubjectConfirmationData"))},
        ["recipient", "in response to", "confirmation not on or after"],
    ),
    "no authentication": ({"authn_statement": False}, ["authentication statement"]),
    "authenticated in future": ({"authn_instant": FUTURE}, ["authentication time"]),
    "authenticated at no time": ({"authn_instant": OMIT}, ["authentication time"]),
    "session is over": ({"session_not_on_or_after": PAST}, ["session not on or after"]),
    "session until nonsense": ({"session_not_on_or_after": "x"}, ["session not on or after"]),
    "nobody": ({"name_id": OMIT}, ["username"]),
    "no subject": (
        {"edit_before_signing": _without(saml("Subject"))},
        ["subject confirmation", "identifier", "username"],
    ),
    "two subjects": (
        {"edit_before_signing": _twice(saml("Subject"))},
        ["subject confirmation", "identifier"],
    ),
    "two names": ({"edit_before_signing": _twice(saml("NameID"))}, ["identifier"]),
    "an element in the name": (
        {"edit_before_signing": _with(saml("NameID"), saml("x"))},
        ["identifier"],
    ),
    "an encrypted name beside": (
        {"edit_before_signing": _with(saml("Subject"), saml("EncryptedID"))},
        ["identifier"],
    ),
}


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str, sign: str) -> None:
    lies, failed = WRONG[what]
    reading = answered(begun(), sign=sign, **lies)
    assert isinstance(reading.refusal, ResponseRefused)
    assert reading.failed == failed
    assert all(name in reading.refusal.detail for name in failed)


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_without_a_signature_too(what: str) -> None:
    """So that an administrator need not put the key right to learn the rest; nothing is believed."""
    lies, failed = WRONG[what]
    reading = answered(begun(), sign="none", **lies)
    assert reading.failed == ["signature", *failed]
    assert not any(check.verified for check in reading.checks.items)


@pytest.mark.row(14)
def test_response_needs_no_issuer_where_only_the_assertion_is_signed() -> None:
    """saml-profiles-2.0 section 4.1.4.2: it may then be omitted; the assertion has one."""
    reading = answered(begun(), response_issuer=OMIT)
    assert reading.identity is not None
    check = reading.check("response issuer")
    assert check.passed
    assert not check.verified
    assert check.received.startswith("none, and none is needed")


@pytest.mark.row(14)
def test_response_without_issuer_where_the_assertion_has_another() -> None:
    reading = answered(begun(), response_issuer=OMIT, assertion_issuer=OTHER)
    assert reading.failed == ["assertion issuer"]


@pytest.mark.row(14)
@pytest.mark.parametrize("sign", ["response", "both"])
def test_signed_response_needs_its_issuer(sign: str) -> None:
    reading = answered(begun(), sign=sign, response_issuer=OMIT)
    assert reading.failed == ["response issuer"]
    assert reading.check("response issuer").received == "none"


def test_all_that_is_wrong_is_named() -> None:
    reading = answered(
        begun(), recipient=OTHER, audience=OMIT, response_issuer=OTHER, authn_instant=FUTURE
    )
    assert reading.failed == ["response issuer", "audience", "recipient", "authentication time"]
    assert reading.refusal is not None
    assert reading.refusal.detail.count("received") == 4


@pytest.mark.parametrize(
    ("sign", "response_verified"), [("assertion", False), ("response", True), ("both", True)]
)
def test_checks_say_what_the_signature_covers(sign: str, response_verified: bool) -> None:
    reading = answered(begun(), sign=sign)
    assert reading.check("signature").verified
    assert reading.check("audience").verified
    assert reading.check("username").verified
    assert reading.check("recipient").verified
    assert reading.check("response issuer").verified is response_verified
    assert reading.check("destination").verified is response_verified
    assert all(check.passed for check in reading.checks.items)


def test_destination_is_demanded_where_it_is_signed() -> None:
    """saml-bindings-2.0 section 3.5.5.2."""
    assert answered(begun(), destination=OMIT, sign="assertion").identity is not None
    assert answered(begun(), destination=OMIT, sign="response").failed == ["destination"]


@pytest.mark.parametrize(
    "lies",
    [
        {"not_before": OMIT},
        {"confirmation_not_before": PAST},
        {"audience": [OTHER, addresses.identity()]},
        {"edit_before_signing": _with(saml("Conditions"), saml("OneTimeUse"))},
        {"edit_before_signing": _with(saml("Conditions"), saml("ProxyRestriction"))},
        {"edit_before_signing": _twice(saml("AudienceRestriction"))},
        {"edit_before_signing": _twice(saml("AuthnStatement"))},
        {"edit_before_signing": _with(saml("Assertion"), saml("Advice"), "x")},
    ],
)
def test_what_is_allowed(lies: Lies) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        assert answered(begun(), **lies).identity is not None


def test_seven_decimals_are_allowed() -> None:
    """As Microsoft writes them."""
    written = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}3Z"
    assert answered(begun(), issue_instant=written).identity is not None


# --- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "last", "step", "check"),
    [
        ("not_on_or_after", -SKEW + SECOND, -SECOND, "conditions not on or after"),
        ("confirmation_not_on_or_after", -SKEW + SECOND, -SECOND, "confirmation not on or after"),
        ("session_not_on_or_after", -SKEW + SECOND, -SECOND, "session not on or after"),
        ("not_before", SKEW, SECOND, "conditions not before"),
        ("confirmation_not_before", SKEW, SECOND, "confirmation not before"),
        ("issue_instant", SKEW, SECOND, "response time"),
        ("issue_instant", -SKEW, -SECOND, "response time"),
        ("assertion_issue_instant", SKEW, SECOND, "assertion time"),
        ("assertion_issue_instant", -SKEW, -SECOND, "assertion time"),
        ("authn_instant", SKEW, SECOND, "authentication time"),
    ],
)
def test_clocks_may_differ_by_two_minutes(
    field: str, last: timedelta, step: timedelta, check: str
) -> None:
    """`last` is the last offset from now that passes, a `step` further is refused."""
    now = datetime(2030, 5, 17, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        pending = begun()
        passing: Lies = {field: now + last}
        failing: Lies = {field: now + last + step}
        assert answered(pending, **passing).identity is not None
        assert answered(pending, **failing).failed == [check]


@pytest.mark.parametrize("force", [True, False])
def test_password_asked_for_again(force: bool) -> None:
    """With ForceAuthn, an authentication from before our request is that of whoever sat there."""
    now = datetime(2030, 5, 17, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        pending = begun(force_authn=True) if force else begun()
        request = asked(pending)
        assert request.force_authn is force
        assert answered(pending, authn_instant=now - SKEW).identity is not None
        reading = answered(pending, authn_instant=now - SKEW - SECOND)
        assert reading.failed == (["authentication time"] if force else [])
        if force:
            assert (
                "the password was asked for again" in reading.check("authentication time").expected
            )


def test_end_of_the_session() -> None:
    """The identity provider's wish is passed on; of several, the earliest."""
    assert answered(begun()).identity == answered(begun(), session_not_on_or_after=OMIT).identity
    late, early = (datetime(2090, 1, day, 8, tzinfo=UTC) for day in (2, 1))

    def another(response: etree._Element) -> None:
        _twice(saml("AuthnStatement"))(response)
        statements = list(response.iter(saml("AuthnStatement")))
        statements[1].set("SessionNotOnOrAfter", early.isoformat())

    identity = answered(begun()).identity
    assert identity is not None
    assert identity.not_after is None
    identity = answered(begun(), session_not_on_or_after=late).identity
    assert identity is not None
    assert identity.not_after == late
    identity = answered(begun(), session_not_on_or_after=late, edit_before_signing=another).identity
    assert identity is not None
    assert identity.not_after == early


# --- subject confirmations ---------------------------------------------------------------------


def _confirmation_beside(**changes: str) -> Edit:
    """Put another SubjectConfirmation, with changes to its data, before the good one."""

    def edit(response: etree._Element) -> None:
        good = _only(response, saml("SubjectConfirmation"))
        bad = provider.parse(etree.tostring(good, with_tail=False))
        good.addprevious(bad)
        data = bad[0]
        for name, value in changes.items():
            data.set(name, value)
        if not changes:
            bad.remove(data)
            bad.set("Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")

    return edit


@pytest.mark.parametrize("changes", [{}, {"Recipient": OTHER}, {"InResponseTo": "_other"}], ids=str)
def test_one_good_confirmation_is_enough(changes: dict[str, str]) -> None:
    reading = answered(begun(), edit_before_signing=_confirmation_beside(**changes))
    assert reading.identity is not None
    assert reading.check("recipient").received == addresses.reply_url()


def test_good_parts_of_several_confirmations_are_not_added_up() -> None:
    """And what is shown is the one that comes closest."""
    reading = answered(
        begun(),
        recipient=OTHER,
        edit_before_signing=_confirmation_beside(
            Recipient=addresses.reply_url(), InResponseTo="_other", NotOnOrAfter=str(PAST)
        ),
    )
    assert reading.failed == ["recipient"]


# --- whose answer it is ------------------------------------------------------------------------


@pytest.mark.row(13)
def test_answer_of_another_connectors_identity_provider() -> None:
    """Its key is its own, whatever it says about itself and the request."""
    stranger = IdP(key=provider.other_key())
    reading = answered(begun(), idp=stranger)
    assert reading.failed == ["signature"]


@pytest.mark.row(14)
def test_answer_of_another_connector_with_the_same_key() -> None:
    """One identity provider software, two tenants, one key: the issuer tells them apart."""
    tenant = IdP(entity_id="https://idp.example/other-tenant", key=IDP.key)
    assert answered(begun(), idp=tenant).failed == ["response issuer", "assertion issuer"]
    reading = answered(begun(), idp=tenant, response_issuer=IDP.entity_id)
    assert reading.failed == ["assertion issuer"]


@pytest.mark.row(14)
@pytest.mark.parametrize("sign", ["assertion", "response"])
def test_answer_to_another_login_of_the_same_identity_provider(sign: str) -> None:
    """The unsigned Response can be made to name any login; the confirmation can't."""
    mine, theirs = begun(), begun()
    theirs.request_id = "_theirs"

    def redirect(response: etree._Element) -> None:
        response.set("InResponseTo", theirs.request_id)

    form_value = IDP.respond(asked(mine), sign=sign, edit_after_signing=redirect)
    expected = ["in response to"] if sign == "assertion" else ["signature", "in response to"]
    assert read(form_value, theirs).failed == expected


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["none", "response"])
def test_failure_is_passed_on(sign: str) -> None:
    reading = answered(
        begun(),
        status=STATUS + "Responder",
        sub_status=STATUS + "AuthnFailed",
        status_message="  The account is locked. ",
        sign=sign,
    )
    assert isinstance(reading.refusal, IdentityProviderError)
    assert reading.refusal.detail == (
        f"{STATUS}Responder / {STATUS}AuthnFailed The account is locked."
    )
    assert reading.failed == ["status"]
    assert not reading.check("status").verified


def test_failure_without_words() -> None:
    reading = answered(begun(), status=STATUS + "Requester")
    assert isinstance(reading.refusal, IdentityProviderError)
    assert reading.refusal.detail == STATUS + "Requester"


@pytest.mark.parametrize(
    "lies",
    [
        {"status": OMIT, "assertions": 1},
        {"status": STATUS + "Responder", "assertions": 1},
        {"status": STATUS + "success", "assertions": 1},
        {"sub_status": STATUS + "Responder"},
        {"edit_before_signing": _twice(samlp("Status"))},
        {"edit_before_signing": _without(samlp("StatusCode"))},
    ],
)
def test_only_success_is_success(lies: Lies) -> None:
    """A good assertion comes along each time."""
    assert isinstance(answered(begun(), **lies).refusal, IdentityProviderError)


# --- encryption --------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [True, False])
def test_encrypted_assertion_says_what_to_switch_off(beside: bool) -> None:
    edit = _with(samlp("Response"), saml("EncryptedAssertion"))
    reading = answered(begun(), assertions=int(beside), edit_after_signing=edit)
    assert isinstance(reading.refusal, ResponseRefused)
    assert "Switch off assertion encryption at the identity provider." in reading.refusal.detail


def test_encrypted_name_says_what_to_switch_off() -> None:
    edit = _with(saml("Subject"), saml("EncryptedID"))
    reading = answered(
        begun(), name_id=OMIT, attributes={"email": [ALICE]}, edit_before_signing=edit
    )
    assert isinstance(reading.refusal, ResponseRefused)
    assert "switch off NameID encryption at the identity provider" in reading.refusal.detail


# --- who ---------------------------------------------------------------------------------------


def test_identity() -> None:
    identity = answered(
        begun(username_attribute="mail"),
        name_id="77f1-of-alice",
        name_id_format=provider.PERSISTENT,
        attributes={"mail": ["Alice@Acme.Example"]},
    ).identity
    assert identity is not None
    assert identity.username == "Alice@Acme.Example"
    assert identity.subject == "77f1-of-alice"
    assert identity.issuer == IDP.entity_id
    assert identity.key == IDP.key.fingerprint


@pytest.mark.row(22)
@pytest.mark.parametrize("blank", ["\u00a0", "\u200b", "\u3000", "\u2028", "\ufeff", "\u0085"])
@pytest.mark.parametrize("wanted", ["", "mail"])
def test_blanks_of_unicode_are_part_of_a_name(blank: str, wanted: str) -> None:
    """Who registers as "alice@acme.example" and an invisible character is somebody else."""
    name = ALICE + blank
    reading = answered(begun(username_attribute=wanted), name_id=name, attributes={"mail": [name]})
    assert reading.failed == ["username"]
