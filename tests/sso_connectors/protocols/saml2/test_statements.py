"""Who the assertion is about: identifier, attributes, and which of them is the username."""

from datetime import UTC, datetime
from typing import Final

import pytest
from lxml import etree

from sso_connectors.models import IdentifierFormat
from sso_connectors.protocols.saml2.statements import (
    MAX_SUBJECT,
    OBJECT_IDENTIFIER,
    PERSISTENT,
    USERNAME_ATTRIBUTES,
    Attributes,
    attributes_of,
    check_permanent_id,
    instant,
    name_id_of,
    subject_of,
    text_of,
    username_of,
)
from sso_connectors.results.checks import Checks
from tests.idp import EMAIL, SAML

TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
ALICE: Final = "alice@acme.example"
WINDOWS: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:WindowsDomainQualifiedName"
BOB: Final = "bob@acme.example"


def assertion(content: str) -> etree._Element:
    return etree.fromstring(f'<Assertion xmlns="{SAML}">{content}</Assertion>')


# --- text --------------------------------------------------------------------------------------


@pytest.mark.row(4)
@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("<a>alice</a>", "alice"),
        ("<a> \t\r\n alice \n</a>", "alice"),
        ("<a/>", ""),
        ("<a>admin<b/>.example</a>", "admin.example"),
        ("<a>admin<b>x</b>.example</a>", "adminx.example"),
        ("<a>admin<![CDATA[.example]]></a>", "admin.example"),
        ("<a>&lt;&#x41;</a>", "<A"),
        ("<a>alice&#xA0;</a>", "alice\u00a0"),
        ("<a>&#x200B;alice&#x2003;</a>", "\u200balice\u2003"),
    ],
)
def test_text_is_whole(xml: str, text: str) -> None:
    """Never cut at a child, and of blanks only XML's own are trimmed."""
    assert text_of(etree.fromstring(xml)) == text


def test_text_of_nothing() -> None:
    assert text_of(None) == ""


# --- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "when"),
    [
        ("2030-05-17T12:00:00Z", datetime(2030, 5, 17, 12, tzinfo=UTC)),
        ("2030-05-17T12:00:00", datetime(2030, 5, 17, 12, tzinfo=UTC)),
        ("2030-05-17T14:00:00+02:00", datetime(2030, 5, 17, 12, tzinfo=UTC)),
        ("2030-05-17T12:00:00.5Z", datetime(2030, 5, 17, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2030-05-17T12:00:00.1234567Z", datetime(2030, 5, 17, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2030-05-17T12:00:00.123456789Z", datetime(2030, 5, 17, 12, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_instants(written: str, when: datetime) -> None:
    assert instant(written) == when


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "2030-05-17",
        "2030-05-17 12:00:00Z",
        "2030-05-17T12:00Z",
        "2030-05-17T12:00:00z",
        "2030-05-17T12:00:00Z\n",
        " 2030-05-17T12:00:00Z",
        "2030-13-17T12:00:00Z",
        "2030-02-30T12:00:00Z",
        "2030-05-17T25:00:00Z",
        "2030-05-17T12:00:00.Z",
        "2030-05-17T12:00:00.1234567890Z",
        "2030-05-17T12:00:00+99:00",
        "20300517T120000Z",
        "2030-W20-5T12:00:00Z",
        "-2030-05-17T12:00:00Z",
        "22030-05-17T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "٢٠٣٠-05-17T12:00:00Z",
    ],
)
def test_what_is_no_instant(written: str | None) -> None:
    assert instant(written) is None


# --- the identifier ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f'<Subject><NameID Format="{EMAIL}">x</NameID></Subject>', ("x", EMAIL)),
        ("<Subject><NameID> x </NameID></Subject>", ("x", UNSPECIFIED)),
        ("<Subject/>", ("", "")),
    ],
)
def test_name_id(content: str, expected: tuple[str, str]) -> None:
    checks = Checks()
    assert name_id_of(assertion(content), checks) == expected
    assert not checks.failed


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ("", "0 subjects, 0 NameIDs"),
        ("<Subject/><Subject/>", "2 subjects, 0 NameIDs"),
        ("<Subject><NameID>x</NameID><NameID>y</NameID></Subject>", "1 subjects, 2 NameIDs"),
        ("<Subject><NameID>x<b/></NameID></Subject>", "1 subjects, 1 NameIDs"),
        ("<Subject><EncryptedID/></Subject>", "an encrypted one; switch off"),
        ("<Subject><NameID>x</NameID><EncryptedID/></Subject>", "an encrypted one; switch off"),
    ],
)
def test_identifier_that_is_not_plain(content: str, received: str) -> None:
    checks = Checks()
    name_id_of(assertion(content), checks)
    (failed,) = checks.failed
    assert failed.name == "identifier"
    assert failed.received.startswith(received)


# --- attributes --------------------------------------------------------------------------------


def test_attributes() -> None:
    found = attributes_of(
        assertion(
            """
            <AttributeStatement>
              <Attribute Name="mail"><AttributeValue> a </AttributeValue></Attribute>
              <Attribute Name="groups">
                <AttributeValue>x</AttributeValue><AttributeValue>y</AttributeValue>
                <AttributeValue>x</AttributeValue><AttributeValue/>
              </Attribute>
              <Attribute Name="nested"><AttributeValue>a<b/></AttributeValue></Attribute>
              <Attribute Name="foreign"><AttributeValue xmlns="urn:x">a</AttributeValue></Attribute>
              <Attribute FriendlyName="friendly"><AttributeValue>z</AttributeValue></Attribute>
            </AttributeStatement>
            <AttributeStatement>
              <Attribute Name="mail"><AttributeValue>b</AttributeValue></Attribute>
            </AttributeStatement>
            <Advice><AttributeStatement>
              <Attribute Name="hidden"><AttributeValue>x</AttributeValue></Attribute>
            </AttributeStatement></Advice>
            """
        )
    )
    assert found == {
        "mail": ["a", "b"],
        "groups": ["x", "y"],
        "nested": [],
        "foreign": [],
        "": ["z"],
    }


# --- the username ------------------------------------------------------------------------------


def username(
    name_id: str = "",
    name_id_format: str = UNSPECIFIED,
    wanted: str = "",
    attributes: Attributes = {},  # noqa: B006 - a Mapping, which nobody changes
) -> tuple[str, bool]:
    """The username, and whether its check passed."""
    checks = Checks()
    found = username_of(name_id, name_id_format, attributes, wanted, checks)
    (check,) = checks.items
    assert check.name == "username"
    return found, check.passed


@pytest.mark.parametrize(
    ("name_id", "name_id_format", "attributes", "expected"),
    [
        (ALICE, EMAIL, {}, ALICE),
        (ALICE, UNSPECIFIED, {"email": [BOB]}, ALICE),
        ("77f1", UNSPECIFIED, {"email": [BOB]}, BOB),
        ("77f1", PERSISTENT, {"mail": [BOB]}, BOB),
        (ALICE, PERSISTENT, {"mail": [BOB]}, BOB),
        (ALICE, TRANSIENT, {"mail": [BOB]}, BOB),
        ("77f1", TRANSIENT, {"mail": [BOB]}, BOB),
        (ALICE, PERSISTENT, {}, ALICE),
        ("", "", {"mail": [ALICE]}, ALICE),
        ("", "", {"email": ["no address"], "mail": [ALICE]}, ALICE),
        ("", "", {"email": [ALICE, BOB], "mail": [BOB]}, BOB),
        (f"{ALICE}\u00a0", EMAIL, {"mail": [BOB]}, BOB),
    ],
)
def test_username(
    name_id: str, name_id_format: str, attributes: dict[str, list[str]], expected: str
) -> None:
    assert username(name_id, name_id_format, attributes=attributes) == (expected, True)


@pytest.mark.parametrize("name", USERNAME_ATTRIBUTES)
def test_usual_attributes(name: str) -> None:
    assert username("opaque", PERSISTENT, attributes={name: [ALICE]}) == (ALICE, True)


@pytest.mark.parametrize(
    ("name_id", "attributes"),
    [
        ("", {}),
        ("77f1", {}),
        ("ACME\\alice", {"groups": [ALICE]}),
        ("77f1", {"email": [ALICE, BOB]}),
        ("77f1", {"email": []}),
        ("77f1", {"Email": [ALICE]}),
        (f"{ALICE} {BOB}", {}),
        (f"{ALICE}\u200b", {}),
    ],
)
def test_no_username(name_id: str, attributes: dict[str, list[str]]) -> None:
    assert username(name_id, attributes=attributes) == ("", False)


def test_transient_identifier_names_nobody() -> None:
    """It is another at each sign-in, even where it looks like an address."""
    assert username(ALICE, TRANSIENT) == ("", False)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"mail": [BOB], "email": [ALICE]}, BOB),
        ({"email": [ALICE]}, ""),
        ({"mail": []}, ""),
        ({"mail": [ALICE, BOB]}, ""),
        ({"mail": ["ACME\\alice"]}, ""),
        ({"mail": [f"{ALICE}\u00a0"]}, ""),
    ],
)
def test_wanted_attribute_decides_alone(attributes: dict[str, list[str]], expected: str) -> None:
    """Not even an identifier that would do counts beside it."""
    assert username(ALICE, EMAIL, "mail", attributes) == (expected, bool(expected))


def test_missing_attribute_is_answered_by_what_there_is() -> None:
    checks = Checks()
    username_of("", "", {"upn": [ALICE], "groups": ["x"]}, "mail", checks)
    assert checks.failed[0].received == "no such attribute; sent are: upn, groups"
    checks = Checks()
    username_of("", "", {}, "mail", checks)
    assert checks.failed[0].received == "no such attribute; sent are: none"


# --- the subject -------------------------------------------------------------------------------


@pytest.mark.row(23)
@pytest.mark.parametrize(
    ("name_id", "name_id_format", "object_ids", "expected"),
    [
        ("77f1", PERSISTENT, [], "77f1"),
        ("77f1", PERSISTENT, ["entra"], "entra"),
        (ALICE, EMAIL, ["entra"], "entra"),
        ("77f1", PERSISTENT, ["a", "b"], "77f1"),
        (ALICE, EMAIL, [], ""),
        ("77f1", TRANSIENT, [], ""),
        ("77f1", UNSPECIFIED, [], ""),
        ("", "", [], ""),
        ("x" * MAX_SUBJECT, PERSISTENT, [], "x" * MAX_SUBJECT),
    ],
)
def test_subject(name_id: str, name_id_format: str, object_ids: list[str], expected: str) -> None:
    checks = Checks()
    attributes = {OBJECT_IDENTIFIER: object_ids}
    assert subject_of(name_id, name_id_format, attributes, checks) == expected
    assert not checks.items


@pytest.mark.row(23)
def test_subject_that_could_not_be_kept_whole() -> None:
    checks = Checks()
    assert subject_of("x" * (MAX_SUBJECT + 1), PERSISTENT, {}, checks) == ""
    assert [check.name for check in checks.failed] == ["subject"]


# --- what was asked and what came ----------------------------------------------------------------


IDP: Final = "https://idp.example/saml"
ENTRA: Final = "https://sts.windows.net/8f2a1c34-6b1e-4d4b-9a40-1f6d2b7c9e10/"
FORMATS: Final = (EMAIL, UNSPECIFIED, PERSISTENT, TRANSIENT, WINDOWS, "")


def failed_of(asked: str, issuer: str, name_id_format: str, subject: str) -> list[str]:
    checks = Checks()
    check_permanent_id(IdentifierFormat(asked), issuer, name_id_format, subject, checks)
    return [check.name for check in checks.failed]


@pytest.mark.row(43)
@pytest.mark.parametrize("issuer", [IDP, ENTRA])
@pytest.mark.parametrize("received", FORMATS)
def test_asked_for_persistent(received: str, issuer: str) -> None:
    """A permanent ID has to come; Entra's counts beside a NameID of another format."""
    assert failed_of("persistent", issuer, received, "") == ["identifier format"]
    assert failed_of("persistent", issuer, received, "77f1") == []


@pytest.mark.row(43)
@pytest.mark.parametrize("asked", [each for each in IdentifierFormat if each != "persistent"])
@pytest.mark.parametrize("received", FORMATS)
def test_asked_for_another_format(received: str, asked: str) -> None:
    """Identity providers answer with what they have; Google and others with unspecified."""
    assert failed_of(asked, IDP, received, "") == []
    assert failed_of(asked, IDP, received, "77f1") == []


@pytest.mark.row(23)
@pytest.mark.parametrize("asked", [each for each in IdentifierFormat if each != "persistent"])
def test_entra_always_sends_a_permanent_id(asked: str) -> None:
    assert failed_of(asked, ENTRA, EMAIL, "") == ["object identifier"]
    assert failed_of(asked, ENTRA, EMAIL, "0f6b") == []


def test_what_was_asked_and_what_came_is_told() -> None:
    for asked, expected in (
        ("persistent", PERSISTENT),
        ("emailAddress", f"any; {EMAIL} was asked for"),
        ("none", "any"),
    ):
        checks = Checks()
        check_permanent_id(IdentifierFormat(asked), IDP, UNSPECIFIED, "x", checks)
        (check,) = checks.items
        assert (check.expected, check.received) == (expected, UNSPECIFIED)
