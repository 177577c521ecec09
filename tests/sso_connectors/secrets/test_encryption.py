"""Secrets at rest: sealed for the database, for every log, page and dump, and for whoever has no key."""

import copy
import json
import logging
import pickle
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.forms import modelform_factory
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter, technical_500_response

from maker.log import JsonFormatter
from sso_connectors.models import Connector
from sso_connectors.secrets.encryption import (
    NoEncryptionKey,
    Secret,
    SecretField,
    UnreadableSecret,
    malformed_keys,
)
from tests.conftest import ConnectorMaker, UserMaker

CANARY = "canary-7Qm2vX9p"


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def hub(make_connector: ConnectorMaker) -> Connector:
    """An OAUTH 2 connector whose secret is the canary, as loaded from the database."""
    made = make_connector(
        "hub",
        type="oauth2",
        enabled=False,
        authentication_method="zendesk",
        client_id="app-1",
        client_secret=Secret.seal(CANARY),
        options={"subdomain": "acme"},
    )
    return Connector.objects.get(pk=made.pk)


def secret_of(connector: Connector) -> Secret:
    assert connector.client_secret is not None
    return connector.client_secret


def stored(connector: Connector) -> Any:
    """The column, read past the field."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT client_secret FROM sso_connectors_connector WHERE id = %s", [connector.pk]
        )
        return cursor.fetchone()[0]


# --- sealing and revealing --------------------------------------------------------------------


@pytest.mark.row(33)
@pytest.mark.parametrize(
    "plain", [" ", "secret", "Ünï 日本\n\0", "gAAAAA" + "x" * 94, "x" * 10_000]
)
def test_what_is_sealed_is_revealed(plain: str) -> None:
    secret = Secret.seal(plain)
    assert secret.reveal() == plain
    assert plain == " " or plain not in secret.token
    assert secret.is_current


@pytest.mark.row(33)
def test_the_first_key_encrypts_and_each_decrypts(settings: Any) -> None:
    older, newer = new_key(), new_key()
    settings.FIELD_ENCRYPTION_KEYS = [older]
    early = Secret.seal(CANARY)
    settings.FIELD_ENCRYPTION_KEYS = [newer, older]
    late = Secret.seal(CANARY)

    assert (early.reveal(), late.reveal()) == (CANARY, CANARY)
    assert (early.is_current, late.is_current) == (False, True)
    assert Fernet(newer).decrypt(late.token) == CANARY.encode()

    settings.FIELD_ENCRYPTION_KEYS = [newer]
    assert late.reveal() == CANARY
    assert not early.is_current
    with pytest.raises(UnreadableSecret):
        early.reveal()


@pytest.mark.row(33)
def test_resealing_changes_the_key_and_keeps_text_and_time(settings: Any) -> None:
    older, newer = new_key(), new_key()
    settings.FIELD_ENCRYPTION_KEYS = [older]
    may = datetime(2026, 5, 3, 12, 30, 15, tzinfo=UTC)
    with time_machine.travel(may, tick=False):
        early = Secret.seal(CANARY)
    settings.FIELD_ENCRYPTION_KEYS = [newer, older]
    late = early.resealed()
    settings.FIELD_ENCRYPTION_KEYS = [newer]

    assert late.is_current
    assert late.reveal() == CANARY
    assert late != early
    assert late.sealed_at == early.sealed_at == may


@pytest.mark.row(33)
def test_the_time_takes_no_key(settings: Any) -> None:
    secret = Secret.seal(CANARY)
    settings.FIELD_ENCRYPTION_KEYS = []
    assert abs(datetime.now(UTC) - secret.sealed_at) < timedelta(seconds=60)
    for junk in ("", "x", "gAAAAA", "gAAAAA" + "x" * 20, "gAAAAA" + "日" * 100, CANARY * 20):
        with pytest.raises(UnreadableSecret):
            _ = Secret(junk).sealed_at


@pytest.mark.row(33)
@pytest.mark.parametrize("keys", [[], [Fernet.generate_key().decode()], ["no key"]])
def test_a_lost_key_is_an_error_without_the_token(settings: Any, keys: list[str]) -> None:
    secret = Secret.seal(CANARY)
    settings.FIELD_ENCRYPTION_KEYS = keys
    assert not secret.is_current
    for read in (secret.reveal, secret.resealed):
        with pytest.raises(UnreadableSecret, match="FIELD_ENCRYPTION_KEYS") as caught:
            read()
        assert secret.token[6:20] not in repr(caught.value)


@pytest.mark.row(33)
def test_a_damaged_token_is_not_read() -> None:
    token = Secret.seal(CANARY).token
    for place in range(0, len(token) - 2, 7):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(UnreadableSecret):
            Secret(token[:place] + other + token[place + 1 :]).reveal()
    for damaged in ("", token[:-4], token[:12], "日本", CANARY):
        assert not Secret(damaged).is_current
        with pytest.raises(UnreadableSecret):
            Secret(damaged).reveal()


@pytest.mark.row(33)
def test_without_a_key_nothing_is_sealed(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(NoEncryptionKey, match=r"FIELD_ENCRYPTION_KEYS.*generate_key") as caught:
        Secret.seal(CANARY)
    assert isinstance(caught.value, ImproperlyConfigured)
    assert CANARY not in str(caught.value)


@pytest.mark.row(33)
def test_an_entry_that_is_no_key_stops_all_and_is_not_repeated(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [new_key(), "almost-a-key"]
    assert malformed_keys() == [2]
    with pytest.raises(NoEncryptionKey, match="position 2") as caught:
        Secret.seal(CANARY)
    page = ExceptionReporter(None, caught.type, caught.value, caught.tb).get_traceback_text()
    assert "almost-a-key" not in str(caught.value)
    assert "almost-a-key" not in page
    assert caught.value.__context__ is None, "the library's error has the key among its variables"


@pytest.mark.row(17)
def test_a_blank_secret_is_none() -> None:
    with pytest.raises(ValueError, match="nothing to seal"):
        Secret.seal("")


@pytest.mark.row(32)
def test_text_that_utf_8_cannot_write_is_refused_unrepeated() -> None:
    with pytest.raises(ValueError, match="UTF-8") as caught:
        Secret.seal(CANARY + "\ud800")
    assert not isinstance(caught.value, UnicodeEncodeError)
    assert caught.value.__suppress_context__
    assert CANARY not in repr(caught.value)


def test_a_secret_is_a_value() -> None:
    secret = Secret.seal(CANARY)
    assert secret == Secret(secret.token) == copy.deepcopy(secret)
    assert secret != Secret.seal(CANARY)
    assert {secret: 1}[Secret(secret.token)] == 1
    with pytest.raises(AttributeError):
        secret.token = ""  # type: ignore[misc]


# --- the column -------------------------------------------------------------------------------


@pytest.mark.row(33)
def test_the_database_has_the_token_only(hub: Connector) -> None:
    assert stored(hub) == secret_of(hub).token
    assert secret_of(hub).reveal() == CANARY
    assert hub.client_id == "app-1"
    assert hub.options == {"subdomain": "acme"}
    hub.client_secret = None
    hub.save()
    assert stored(hub) is None
    hub.refresh_from_db()
    assert hub.client_secret is None


@pytest.mark.row(33)
def test_a_plain_text_cannot_be_stored(hub: Connector) -> None:
    before = stored(hub)
    hub.client_secret = CANARY  # type: ignore[assignment]
    for write in (
        hub.save,
        lambda: Connector.objects.filter(pk=hub.pk).update(client_secret=CANARY),
        lambda: Connector.objects.bulk_update([hub], ["client_secret"]),
        lambda: Connector.objects.create(name="b", reference="b", client_secret=CANARY),  # type: ignore[misc]
    ):
        with (
            pytest.raises(TypeError, match="takes a Secret or None, not str") as caught,
            transaction.atomic(),
        ):
            write()
        assert CANARY not in str(caught.value)
    with pytest.raises(ValidationError) as invalid:
        hub.full_clean()
    assert invalid.value.message_dict == {"client_secret": ["This is not encrypted text."]}
    assert stored(hub) == before


@pytest.mark.row(33)
def test_the_database_refuses_a_plain_text(hub: Connector) -> None:
    """Past the field: by an expression, and by SQL."""
    before = stored(hub)
    rows = Connector.objects.filter(pk=hub.pk)
    for plain in (F("client_id"), Value(CANARY), Value(""), Value("gaaaaa" + "x" * 94)):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(client_secret=plain)
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE sso_connectors_connector SET client_secret = %s", [CANARY])
    assert stored(hub) == before


@pytest.mark.parametrize(
    "lookup", ["exact", "iexact", "contains", "startswith", "in", "regex", "gt"]
)
def test_nobody_can_look_for_a_secret(hub: Connector, lookup: str) -> None:
    with pytest.raises(FieldError):
        Connector.objects.filter(**{f"client_secret__{lookup}": [CANARY]}).exists()


def test_one_can_ask_whether_there_is_a_secret(hub: Connector, connector: Connector) -> None:
    assert Connector.objects.get(client_secret__isnull=False) == hub
    assert Connector.objects.get(client_secret__isnull=True) == connector


@pytest.mark.row(33)
def test_a_lost_key_breaks_no_list(
    hub: Connector, settings: Any, make_user: UserMaker, client: Client
) -> None:
    root = make_user("root@ino.example", is_staff=True, is_superuser=True)
    client.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    before = stored(hub)
    settings.FIELD_ENCRYPTION_KEYS = []
    for page in ("", f"{hub.pk}/change/"):
        answer = client.get(f"/maker/sso_connectors/connector/{page}")
        assert answer.status_code == 200
        assert "app-1" in answer.text or "hub" in answer.text
    loaded = Connector.objects.get(pk=hub.pk)
    loaded.name = "Renamed"
    loaded.full_clean()
    loaded.save()
    assert stored(hub) == before, "and nothing is overwritten"


def test_migrations_spell_the_field_whole() -> None:
    field = Connector._meta.get_field("client_secret")
    assert isinstance(field, SecretField)
    _name, path, arguments, options = field.deconstruct()
    assert path == "sso_connectors.secrets.encryption.SecretField"
    assert options["null"]
    assert options["blank"]
    assert not options["editable"]
    again = SecretField(*arguments, **options)
    assert again.deconstruct()[1:] == field.deconstruct()[1:]


def test_forms_leave_the_field_out() -> None:
    """What is typed is plain: a form that filled the field would be stopped only by the database."""
    fields = modelform_factory(Connector, fields="__all__").base_fields
    assert "client_id" in fields
    assert "client_secret" not in fields


@pytest.mark.parametrize("text", ["app\n1", "app\x001", "app\u200b1"])
def test_a_client_id_has_no_control_characters(hub: Connector, text: str) -> None:
    hub.client_id = text
    with pytest.raises(ValidationError) as caught:
        hub.full_clean()
    assert list(caught.value.message_dict) == ["client_id"]
    hub.client_id = " app-2\n"
    hub.full_clean()
    assert hub.client_id == "app-2", "what was pasted around it goes"


# --- dumps ------------------------------------------------------------------------------------


@pytest.mark.row(32)
@pytest.mark.parametrize("form", ["json", "jsonl", "xml"])
def test_a_dump_has_the_token_and_can_be_loaded(
    hub: Connector, connector: Connector, form: str, tmp_path: Path
) -> None:
    secret = secret_of(hub)
    file = tmp_path / f"dump.{form}"
    call_command("dumpdata", "sso_connectors.connector", format=form, output=str(file))
    text = file.read_text()
    assert CANARY not in text
    assert secret.token in text

    Connector.objects.all().delete()
    call_command("loaddata", str(file), verbosity=0)
    loaded = Connector.objects.get(reference="hub")
    assert loaded.client_secret == secret
    assert secret_of(loaded).reveal() == CANARY
    assert Connector.objects.get(reference="acme").client_secret is None


@pytest.mark.row(33)
@pytest.mark.parametrize("plain", [CANARY, "", "gAAAAA", "gAAAAA" + "!" * 94, 7, ["x"]])
def test_a_dump_with_a_plain_text_is_not_loaded(hub: Connector, plain: object) -> None:
    entry = json.loads(serializers.serialize("json", [hub]))
    entry[0]["fields"]["client_secret"] = plain
    with pytest.raises(serializers.base.DeserializationError):
        list(serializers.deserialize("json", json.dumps(entry)))


# --- the canary: where a plain text could come out ----------------------------------------------


@pytest.mark.row(32)
def test_a_secret_in_text_is_sealed(hub: Connector) -> None:
    secret = secret_of(hub)
    assert secret.reveal() == CANARY, "it was decrypted once, and is kept nowhere"
    assert str(secret) == repr(secret) == f"{secret}" == f"{secret:}" == "[secret]"
    for text in (
        "%s %r" % (secret, secret),  # noqa: UP031
        repr([secret]),
        repr({"client_secret": secret}),
        repr(hub.__dict__),
        repr(pickle.dumps(hub)),
        repr(pickle.dumps(secret)),
        json.dumps(hub.__dict__, default=str),
    ):
        assert CANARY not in text
    assert pickle.loads(pickle.dumps(hub)).client_secret == secret  # noqa: S301
    assert pickle.loads(pickle.dumps(secret)).reveal() == CANARY  # noqa: S301
    with pytest.raises(TypeError):
        json.dumps(secret)


@pytest.mark.row(32)
def test_a_secret_in_the_log_is_sealed(hub: Connector, caplog: pytest.LogCaptureFixture) -> None:
    secret = secret_of(hub)
    caplog.set_level(logging.DEBUG)
    secret.reveal()
    logging.getLogger("maker").info("%s %r", secret, hub.__dict__, extra={"given": secret})
    try:
        Secret.seal(CANARY + "\ud800")
    except ValueError:
        logging.getLogger("maker").exception("Oh")
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert len([line for line in lines if "[secret]" in line]) == 1
    assert CANARY not in "\n".join(lines)


@pytest.mark.row(32)
def test_the_admins_history_is_sealed(hub: Connector, make_user: UserMaker, client: Client) -> None:
    """The form never shows the secret; one that is typed there is sealed and shown nowhere."""
    root = make_user("root@ino.example", is_staff=True, is_superuser=True)
    client.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    before = stored(hub)
    address = f"/maker/sso_connectors/connector/{hub.pk}/change/"
    page = client.get(address)
    form = {
        "name": "Renamed",
        "reference": "hub",
        "type": "oauth2",
        "authentication_method": "zendesk",
        "option_zendesk_subdomain": "acme",
        "client_id": "app-1",
        "identifier_format": "emailAddress",
        "binding": "redirect",
        "client_secret": "typed-" + CANARY,
    }
    answer = client.post(address, form, follow=True)
    entry = LogEntry.objects.get(object_id=str(hub.pk), content_type__model="connector")
    hub.refresh_from_db()

    assert hub.name == "Renamed"
    assert stored(hub) != before
    assert secret_of(hub).reveal() == "typed-" + CANARY
    assert "Renamed" in entry.object_repr
    for text in (page.text, answer.text, entry.change_message, entry.object_repr):
        assert CANARY not in text
        assert before not in text


def _fault_beside(hub: Connector) -> None:
    """A fault of ours with a connector, its secret and a row of it among the variables."""
    secret = secret_of(hub)
    row = Connector.objects.filter(pk=hub.pk).values().get()
    given = {"client_secret": secret, "row": row, "revealed": len(secret.reveal())}
    raise RuntimeError(f"fault of {hub} with {len(given)}")


@pytest.mark.row(32)
@pytest.mark.parametrize("debug", [False, True])
def test_error_pages_are_sealed(hub: Connector, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    request = RequestFactory().get("/maker/")
    try:
        _fault_beside(hub)
    except RuntimeError:
        kind, error, traceback = sys.exc_info()
    reporter = ExceptionReporter(request, kind, error, traceback)
    page = technical_500_response(request, kind, error, traceback).content.decode()
    for text in (page, reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "fault of Hub with 3" in text
        assert CANARY not in text
        for key in settings.FIELD_ENCRYPTION_KEYS:
            assert key not in text
    assert "[secret]" in page, "a test of the test: the variables are shown"


@pytest.mark.row(32)
def test_a_report_of_a_failed_seal_hides_the_text(settings: Any) -> None:
    """With no DEBUG: what is mailed to administrators has the variables of every frame."""
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(NoEncryptionKey) as caught:
        Secret.seal(CANARY)
    request = RequestFactory().get("/maker/")
    html = ExceptionReporter(request, caught.type, caught.value, caught.tb).get_traceback_html()
    assert "plain" in html, "a test of the test: the frame is shown"
    assert CANARY not in html


@pytest.mark.row(32)
def test_what_the_commands_print_is_sealed(hub: Connector, settings: Any) -> None:
    out, err = StringIO(), StringIO()
    settings.FIELD_ENCRYPTION_KEYS = [new_key(), *settings.FIELD_ENCRYPTION_KEYS]
    call_command("sso_rotate_keys", stdout=out, stderr=err)
    call_command("sso_export", stdout=out, stderr=err)
    hub.refresh_from_db()
    for text in (CANARY, secret_of(hub).token, *settings.FIELD_ENCRYPTION_KEYS):
        assert text not in out.getvalue() + err.getvalue()
