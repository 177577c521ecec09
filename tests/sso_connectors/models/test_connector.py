"""Connectors and links: the database's rules first, then what full_clean says of them in words."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client

from sso_connectors.certificates.parsing import PRIVATE_KEY
from sso_connectors.models import (
    IS_REFERENCE,
    SAML_REQUIRED,
    TRUST_FIELDS,
    Connector,
    ConnectorType,
    IdentifierFormat,
    Link,
    State,
)
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import SigningKey, default_key, ec_key, weak_key

pytestmark = pytest.mark.django_db

EVERY_CHARACTER = "AZaz09_.+-@"
BAD_REFERENCES = [
    "",
    " ",
    "_",
    ".",
    "..",
    "-_.+@",
    "a b",
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "a%20b",
    "a&b",
    "a:b",
    "a;b",
    "a,b",
    "a=b",
    "a~b",
    "a*b",
    "a(b)",
    "a'b",
    'a"b',
    "<a>",
    "a\nb",
    "a\tb",
    "a\u200bb",
    "é",
    "ａ",
    "\u0430cme",
    "\u212a",
    "a\u0301",
    "١",
    "x" * 101,
]


def complete(**fields: Any) -> Connector:
    """A connector that lacks nothing, not saved."""
    return Connector(
        **{
            "name": "Acme",
            "reference": "acme",
            "type": ConnectorType.SAML2,
            "enabled": True,
            "issuer_url": "https://idp.example/saml",
            "endpoint": "https://idp.example/sso",
            "identifier_format": IdentifierFormat.EMAIL,
            "certificates": default_key().pem,
            **fields,
        }
    )


def errors_of(connector: Connector) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        connector.full_clean()
    return caught.value.message_dict


def write_by_create(**fields: Any) -> None:
    Connector.objects.bulk_create([complete(**fields)])


def write_by_save(**fields: Any) -> None:
    complete(**fields).save()


def write_by_update(**fields: Any) -> None:
    connector = complete(reference="before")
    connector.save()
    Connector.objects.filter(pk=connector.pk).update(**fields)


def write_by_bulk_update(**fields: Any) -> None:
    connector = complete(reference="before")
    connector.save()
    for name, value in fields.items():
        setattr(connector, name, value)
    Connector.objects.bulk_update([connector], list(fields))


PATHS = [write_by_create, write_by_save, write_by_update, write_by_bulk_update]
Write = Callable[..., None]


def refused_by_the_database(write: Write, **fields: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        write(**fields)


# --- the database -----------------------------------------------------------------------------


@pytest.mark.parametrize("write", PATHS)
def test_the_database_takes_what_is_right(write: Write) -> None:
    write(reference="Right.1", binding="post", contact="it@acme.example")
    assert Connector.objects.get(reference="Right.1").state == State.READY


@pytest.mark.parametrize("write", PATHS)
@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"type": ""},
        {"type": "saml"},
        {"type": "SAML2"},
        {"identifier_format": "transient"},
        {"identifier_format": "EMAILADDRESS"},
        {"binding": ""},
        {"binding": "artifact"},
        {"endpoint": "ftp://idp.example/"},
        {"endpoint": "javascript:alert(1)"},
        {"endpoint": "//idp.example/"},
        {"endpoint": " https://idp.example/"},
    ],
    ids=str,
)
def test_the_database_refuses(write: Write, fields: dict[str, Any]) -> None:
    refused_by_the_database(write, **fields)


@pytest.mark.parametrize("write", PATHS)
@pytest.mark.parametrize("reference", [*BAD_REFERENCES[:-1], "a\n", "\na", " a", "a "])
def test_the_database_refuses_other_characters_in_a_reference(write: Write, reference: str) -> None:
    refused_by_the_database(write, reference=reference)


@pytest.mark.parametrize("write", PATHS)
@pytest.mark.parametrize("reference", ["callback", "CALLBACK", "CallBack"])
def test_the_database_keeps_the_reply_urls_place_free(write: Write, reference: str) -> None:
    refused_by_the_database(write, reference=reference)


@pytest.mark.parametrize("write", PATHS)
@pytest.mark.parametrize("reference", ["Acme.1", "ACME.1", "acme.1"])
def test_the_database_keeps_one_connector_per_reference(write: Write, reference: str) -> None:
    write_by_create(reference="Acme.1")
    refused_by_the_database(write, reference=reference)
    write(reference="Acme-1")


@pytest.mark.row(32)
@pytest.mark.parametrize("write", PATHS)
def test_the_database_never_keeps_a_private_key(write: Write) -> None:
    refused_by_the_database(write, certificates=default_key().pem + default_key().private_pem)


@pytest.mark.row(17)
@pytest.mark.parametrize("write", PATHS)
@pytest.mark.parametrize(
    "lacking",
    [
        {"issuer_url": ""},
        {"endpoint": ""},
        {"identifier_format": ""},
        {"certificates": ""},
        {"certificates": "none"},
        {"type": "oauth2"},
        {"type": "oauth2", "authentication_method": "google"},
    ],
    ids=str,
)
def test_the_database_enables_nothing_incomplete(write: Write, lacking: dict[str, Any]) -> None:
    refused_by_the_database(write, enabled=True, **lacking)
    write(enabled=False, **lacking)
    connector = Connector.objects.get()
    assert not connector.enabled
    with pytest.raises(IntegrityError), transaction.atomic():
        Connector.objects.update(enabled=True)


@pytest.mark.parametrize("field", ["name", "reference", "issuer_url", "endpoint"])
def test_lengths_are_kept(make_connector: ConnectorMaker, field: str) -> None:
    value = "https://" + "x" * 3000
    with pytest.raises(ValidationError, match="at most"):
        make_connector(**{"reference": "acme", field: value})
    if connection.vendor == "postgresql":  # SQLite's columns have no lengths
        with pytest.raises(DataError), transaction.atomic():
            write_by_create(**{field: value})


def test_the_database_keeps_links_apart(
    make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    one, two = make_connector("one"), make_connector("two")
    alice, bob = make_user("alice@acme.example"), make_user("bob@acme.example")
    Link.objects.bulk_create(
        [
            Link(user=alice, connector=one, subject="s"),
            Link(user=alice, connector=two, subject="s"),
            Link(user=bob, connector=two, subject=None),
            Link(user=make_user("carol@acme.example"), connector=two, subject=None),
        ]
    )
    for refused in (
        Link(user=alice, connector=one),
        Link(user=bob, connector=one, subject="s"),
        Link(user=bob, connector=one, subject=""),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Link.objects.bulk_create([refused])
    for change in ({"subject": "s"}, {"subject": ""}, {"user": alice}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Link.objects.filter(user=bob).update(**change)
    Link.objects.create(user=bob, connector=one, subject="S")


def test_links_go_with_their_user_and_connector(
    make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    one, two = make_connector("one"), make_connector("two")
    alice = make_user("alice@acme.example", one, two)
    make_user("bob@acme.example", one)
    one.delete()
    assert [str(link) for link in Link.objects.all()] == ["alice@acme.example – Two"]
    alice.delete()
    assert not Link.objects.exists()


# --- references -------------------------------------------------------------------------------


@pytest.mark.parametrize("character", EVERY_CHARACTER)
@pytest.mark.parametrize("pattern", ["{}1", "1{}", "1{}1", "{}{}1"])
def test_every_allowed_character_works_in_the_login_address(
    character: str, pattern: str, client: Client
) -> None:
    """Typed as it is, or percent-encoded as `login_address` gives it out."""
    reference = pattern.replace("{}", character)
    connector = complete(reference=reference)
    connector.full_clean()
    connector.save()
    shared = connector.login_address.removeprefix("http://localhost:8000")
    for path in (
        shared,
        f"/api/sso/login/{reference}",
        shared.upper().replace("/API/SSO/LOGIN", "/api/sso/login"),
    ):
        response = client.get(path, headers={"host": "localhost:8000"})
        assert response.status_code == 302, path
        assert response["Location"].startswith("https://idp.example/sso?SAMLRequest=")


def test_a_reference_is_a_hundred_characters_at_most() -> None:
    complete(reference="x" * 100).full_clean()
    assert set(errors_of(complete(reference="x" * 101))) == {"reference"}


@pytest.mark.parametrize("reference", BAD_REFERENCES)
def test_a_wrong_reference(reference: str) -> None:
    errors = errors_of(complete(reference=reference))
    assert set(errors) == {"reference"}
    (message, *_more) = errors["reference"]
    if reference.strip():
        assert reference in message or "100 characters" in message
    else:
        assert message == "This field cannot be blank."


@pytest.mark.row(29)
@pytest.mark.timeout(10)
def test_a_long_reference_takes_no_time() -> None:
    """Anybody can ask for any login address."""
    for stranger in ("a" * 1_000_000 + "!", "_" * 1_000_000, "a" * 101, "a\n", "", "\0"):
        assert not IS_REFERENCE(stranger)
    assert IS_REFERENCE("a" * 100)


@pytest.mark.parametrize("reference", ["callback", "CALLBACK", "Callback", " callback "])
def test_the_reserved_reference(reference: str) -> None:
    (messages,) = errors_of(complete(reference=reference)).values()
    assert messages == ["“callback” is reserved for the reply URL. Choose another reference."]


@pytest.mark.parametrize("reference", ["acme", "ACME", " Acme "])
def test_a_reference_that_is_taken(reference: str) -> None:
    complete(reference="Acme").save()
    (messages,) = errors_of(complete(reference=reference)).values()
    assert messages == [
        ("Another connector already has this reference. Upper and lower case make no difference.")
    ]
    complete(reference="acme2").full_clean()
    Connector.objects.get().full_clean()


# --- full_clean -------------------------------------------------------------------------------


def test_a_draft_needs_name_and_reference_only() -> None:
    draft = Connector(name="Acme", reference="acme")
    draft.full_clean()
    draft.save()
    assert str(draft) == "Acme"
    assert draft.state == State.DRAFT
    assert set(errors_of(Connector())) == {"name", "reference"}
    assert set(errors_of(Connector(name=" ", reference="\n"))) == {"name", "reference"}


@pytest.mark.row(17)
@pytest.mark.parametrize("field", SAML_REQUIRED)
def test_enabled_demands_each_required_field(field: str) -> None:
    for nothing in ("", " \r\n"):
        errors = errors_of(complete(**{field: nothing}))
        assert set(errors) >= {field}
        if not nothing:
            assert errors == {field: ["This is needed before the connector can be enabled."]}
    draft = complete(enabled=False, **{field: ""})
    draft.full_clean()
    assert draft.missing() == [field]
    assert draft.state == State.DRAFT


def oauth2(**fields: Any) -> Connector:
    return Connector(
        **{
            "name": "Hub",
            "reference": "hub",
            "type": "oauth2",
            "enabled": True,
            "authentication_method": "oidc",
            "client_id": "client",
            "client_secret": Secret.seal("secret"),
            "options": {"issuer": "https://op.example"},
            **fields,
        }
    )


@pytest.mark.row(17)
@pytest.mark.parametrize(
    ("field", "nothing"),
    [("authentication_method", ""), ("client_id", ""), ("client_secret", None), ("options", {})],
)
def test_oauth2_connector_without_its_means_of_verification(field: str, nothing: Any) -> None:
    connector = oauth2(**{field: nothing})
    assert errors_of(connector)[field] == ["This is needed before the connector can be enabled."]
    with pytest.raises(IntegrityError), transaction.atomic():
        connector.save()
    connector.enabled = False
    connector.full_clean()
    assert connector.state == State.DRAFT
    assert connector.missing() == [field]


@pytest.mark.row(17)
def test_oauth2_connector_trusts_whom_its_options_name() -> None:
    connector = oauth2()
    connector.full_clean()
    connector.save()
    assert (connector.state, connector.issuer_url) == (State.READY, "https://op.example")
    connector.options = {"issuer": "https://other.example"}
    connector.save(update_fields=["options"])
    connector.refresh_from_db()
    assert connector.issuer_url == "https://other.example"
    connector.options = {}
    with pytest.raises(IntegrityError), transaction.atomic():
        connector.save()


@pytest.mark.parametrize(
    "options",
    [
        {"tenant": "acme"},
        {"issuer": "ftp://op.example"},
        {"issuer": 1},
        {"issuer": "https://op.example", "trust_email": "yes"},
        [],
        "issuer",
    ],
)
def test_options_that_are_wrong(options: Any) -> None:
    assert "options" in errors_of(oauth2(options=options))


def test_method_that_asks_for_no_password() -> None:
    assert "force_authn" in errors_of(
        oauth2(authentication_method="google", options={}, force_authn=True)
    )
    oauth2(force_authn=True).full_clean()


def test_states() -> None:
    assert complete().state == State.READY
    assert complete(enabled=False).state == State.DISABLED
    assert complete(enabled=False, issuer_url="").state == State.DRAFT
    assert complete(certificates="").state == State.DRAFT
    assert complete(type="oauth2").state == State.DRAFT


def test_expiring_is_a_mark_beside_the_state() -> None:
    now = datetime.now(UTC)
    soon = SigningKey.ec(not_after=now + timedelta(days=29))
    ended = SigningKey.ec(not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    for pem in (soon.pem, ended.pem, default_key().pem + ended.pem):
        connector = complete(certificates=pem)
        connector.full_clean()
        assert connector.state == State.READY
        assert connector.is_expiring
    assert not complete().is_expiring
    assert not complete(certificates="").is_expiring


def test_what_is_pasted_around_an_address_goes() -> None:
    connector = complete(
        name=" Acme\n",
        reference="\tacme ",
        issuer_url=" https://idp.example/saml\r\n",
        endpoint="\nhttps://idp.example/sso ",
        username_attribute=" mail ",
        certificates=f"\r\n  {default_key().pem}",
    )
    connector.full_clean()
    assert connector.name == "Acme"
    assert connector.reference == "acme"
    assert connector.issuer_url == "https://idp.example/saml"
    assert connector.endpoint == "https://idp.example/sso"
    assert connector.username_attribute == "mail"
    assert connector.certificates == default_key().pem


@pytest.mark.parametrize(
    "issuer",
    [
        "https://idp.example/saml/",
        "http://www.okta.com/exk1",
        "urn:example:idp",
        "google.com",
        "HTTPS://Idp.Example/SAML?a=b#c",
        "un émetteur",
    ],
)
def test_an_issuer_is_any_text_to_the_letter(issuer: str) -> None:
    connector = complete(issuer_url=issuer)
    connector.full_clean()
    connector.save()
    assert Connector.objects.get(issuer_url=issuer).issuer_url == issuer


@pytest.mark.parametrize("field", ["issuer_url", "username_attribute"])
@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\u2028", "\u202e"])
def test_control_characters(field: str, character: str) -> None:
    assert errors_of(complete(**{field: f"a{character}b"})) == {
        field: ["This text contains a line break or a control character."]
    }


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("type", "saml", "'saml' is not a valid choice"),
        ("type", "", "cannot be blank"),
        ("identifier_format", "transient", "'transient' is not a valid choice"),
        ("binding", "artifact", "'artifact' is not a valid choice"),
        ("authentication_method", "yahoo", "'yahoo' is not a valid choice"),
        ("endpoint", "http://idp.example/", "it must start with “https://”"),
        ("endpoint", "idp.example", "not a web address"),
        ("endpoint", "javascript:alert(1)", "not a web address"),
        ("endpoint", "https://a@idp.example/", "not a web address"),
        ("endpoint", "https://idp.example/" + "x" * 2048, "at most 2048 characters"),
        ("issuer_url", "x" * 1025, "at most 1024 characters"),
        ("name", "x" * 101, "at most 100 characters"),
        ("contact", "nobody", "valid email"),
        ("certificates", "nothing.like.it", "is not a base64 character"),
        ("certificates", weak_key().pem, "has 1024 bits"),
    ],
)
def test_an_error_stands_on_its_field(field: str, value: str, says: str) -> None:
    errors = errors_of(complete(**{field: value}))
    assert says in " ".join(errors.pop(field))
    assert set(errors) <= {"__all__"}, "the constraint may say it too, and nothing else"


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = complete(name="", reference="a b", endpoint="x", certificates="!", contact="x")
    fields = {"name", "reference", "endpoint", "certificates", "contact"}
    assert set(errors_of(wrong)) == fields


@pytest.mark.parametrize(
    "given", ["HTTPS://idp.example/Sso", "Https://idp.example/Sso", "https://idp.example/Sso"]
)
def test_the_letter_case_of_a_scheme_makes_no_difference(given: str) -> None:
    connector = complete(endpoint=given)
    connector.full_clean()
    connector.save()
    assert connector.endpoint == "https://idp.example/Sso"


def test_http_endpoints_while_we_are_on_loopback_ourselves(settings: Any) -> None:
    connector = complete(endpoint="http://localhost:9400/sso")
    connector.full_clean()
    connector.save()
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    assert set(errors_of(connector)) == {"endpoint"}


@pytest.mark.row(32)
@pytest.mark.parametrize("key", [default_key, ec_key], ids=["RSA", "EC"])
@pytest.mark.parametrize(
    "field",
    [
        "name",
        "reference",
        "issuer_url",
        "endpoint",
        "username_attribute",
        "contact",
        "certificates",
    ],
)
def test_a_private_key_in_any_field_is_neither_kept_nor_repeated(
    field: str, key: Callable[[], SigningKey]
) -> None:
    secret = key().private_pem
    connector = complete(**{field: f"{default_key().pem}{secret}"})
    with pytest.raises(ValidationError) as caught:
        connector.full_clean()
    error = caught.value
    assert error.error_dict[field][0].code == PRIVATE_KEY
    assert "was not stored" in error.message_dict[field][0]
    assert getattr(connector, field) == ""
    for line in secret.splitlines()[1:-1]:
        assert line not in f"{error!r} {error.error_dict} {error.message_dict}"
        assert line not in str({name: str(value) for name, value in vars(connector).items()})


def test_only_what_is_asked_for_is_cleaned() -> None:
    """A form that doesn't show the certificates leaves them alone, and still cleans the rest."""
    connector = complete(name=" Acme ", certificates="!")
    connector.clean_fields(exclude=["certificates"])
    assert connector.certificates == "!"
    assert connector.name == "Acme"


def test_certificates_are_shown_as_understood() -> None:
    connector = complete(certificates=ec_key().pem + default_key().pem)
    connector.full_clean()
    assert [item.fingerprint for item in connector.signing_certificates] == [
        ec_key().fingerprint,
        default_key().fingerprint,
    ]
    assert complete(certificates="").signing_certificates == ()


def test_all_that_decides_who_gets_in_counts_as_trust() -> None:
    """A new field must be put here or there on purpose."""
    others = {
        "id",
        "name",
        "reference",
        "contact",
        "staff_may_sign_in",
        "session_epoch",
        "stolen_keys",  # written where a certificate is removed, and only takes trust away
        "tested_at",
        "failing_cause",
        "certificates_end",
        "created_at",
        "updated_at",
    }
    fields = {field.name for field in Connector._meta.concrete_fields}
    assert fields == set(TRUST_FIELDS) | others
