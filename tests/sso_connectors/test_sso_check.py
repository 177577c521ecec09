"""sso_check: what it finds, its exit status, and the e-mails that each contact gets once."""

import json
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, ClassVar

import pytest
from cryptography.fernet import Fernet
from django.core import mail
from django.core.management import CommandError, call_command

from sso_connectors.models import Certificate, Connector, Link, Token
from sso_connectors.operations import certificate_mail
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import SigningKey, default_key
from tests.rigs.process import free_port
from tests.vendors.hub import Hub, connect
from tests.vendors.sign_in import make_oauth2

pytestmark = pytest.mark.django_db

OF_OLDER_VERSIONS = {"slack": "team", "hubspot": "hub_id", "salesforce": "organization_id"}
CONTACT = "it@acme.example"
ANOTHER = Fernet.generate_key().decode()


def pem(days: float) -> str:
    """A certificate that ends in so many days."""
    end = datetime.now(UTC) + timedelta(days=days, minutes=1)
    key = SigningKey.ec(
        common_name="idp.acme.example", not_before=end - timedelta(days=500), not_after=end
    )
    return key.pem


def run(*arguments: str) -> tuple[int, str]:
    """Its exit status, and what it prints."""
    out = StringIO()
    try:
        call_command("sso_check", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return error.returncode, out.getvalue()
    return 0, out.getvalue()


def findings(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    out = StringIO()
    try:
        call_command("sso_check", "--json", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def kinds(*arguments: str) -> tuple[int, list[str]]:
    status, found = findings(*arguments)
    return status, [each["kind"] for each in found]


def use(connector: Connector, number: int, *, days_ago: float) -> None:
    fingerprint = connector.signing_certificates[number].fingerprint
    when = datetime.now(UTC) - timedelta(days=days_ago)
    connector.certificate_rows.filter(fingerprint=fingerprint).update(last_used_at=when)


# --- what it finds ----------------------------------------------------------------------------


def test_nothing_to_say(connector: Connector) -> None:
    assert run() == (0, "")
    assert findings() == (0, [])


@pytest.mark.parametrize(
    ("days", "status", "found"),
    [
        (91, 0, []),
        (89, 1, ["certificate_ending"]),
        (0.5, 1, ["certificate_ending"]),
        (-1, 2, ["certificate_ended"]),
    ],
)
def test_certificates(
    make_connector: ConnectorMaker, days: float, status: int, found: list[str]
) -> None:
    make_connector(certificates=pem(days))
    assert kinds() == (status, found)


def test_days_says_how_far_ahead(make_connector: ConnectorMaker) -> None:
    make_connector(certificates=pem(8))
    assert kinds("--days", "7") == (0, [])
    assert kinds("--days", "9") == (1, ["certificate_ending"])
    assert run("--days", "-1")[0] == 2


def test_line_says_which_and_when(make_connector: ConnectorMaker) -> None:
    connector = make_connector(certificates=pem(29))
    (row,) = Certificate.objects.all()
    _status, printed = run()

    assert printed.startswith("warning  acme: The certificate CN=idp.acme.example (")
    assert row.fingerprint[:23] in printed
    assert f"ends on {row.valid_until:%Y-%m-%d}, in 29 days" in printed
    (found,) = findings()[1]
    assert found["connector"] == connector.reference
    assert (found["level"], found["days"], found["last_used_at"]) == ("warning", 29, None)
    assert found["fingerprint"] == row.fingerprint


@pytest.mark.parametrize("fields", [{"enabled": False}, {"enabled": False, "endpoint": ""}])
def test_connector_that_nobody_can_use_is_no_matter(
    make_connector: ConnectorMaker, fields: dict[str, Any]
) -> None:
    make_connector(certificates=pem(-1), **fields)
    assert kinds() == (0, [])


def test_left_over_from_a_roll_over(make_connector: ConnectorMaker) -> None:
    """It has ended and harms nobody, once sign-ins go by the new one."""
    connector = make_connector(certificates=pem(-1) + default_key().pem)
    use(connector, 0, days_ago=3)
    assert kinds() == (2, ["certificate_ended"])

    use(connector, 1, days_ago=2)
    status, (found,) = findings()
    assert (status, found["level"], found["replaced"]) == (1, "warning", True)
    assert "remove it" in found["text"]


def test_new_certificate_that_is_not_used_yet_settles_nothing(
    make_connector: ConnectorMaker,
) -> None:
    connector = make_connector(certificates=pem(20) + default_key().pem)
    use(connector, 0, days_ago=0)
    (found,) = findings()[1]
    assert not found["replaced"]
    assert "doesn't sign with it yet" in found["text"]


def test_one_that_ends_sooner_replaces_nothing(make_connector: ConnectorMaker) -> None:
    connector = make_connector(certificates=pem(5) + pem(60))
    use(connector, 0, days_ago=0)
    assert [each["replaced"] for each in findings()[1]] == [False, False]


def test_failing_connector(connector: Connector) -> None:
    Connector.objects.update(failing_cause="response_refused")
    status, (found,) = findings()
    assert (status, found["kind"], found["connector"]) == (2, "connector_failing", "acme")
    assert found["cause"] == "response_refused"


@pytest.fixture
def links(hub: Hub, make_connector: ConnectorMaker, make_user: UserMaker) -> list[Link]:
    connector = connect(hub, make_connector)
    for name in ("alice", "bob", "carol"):
        make_user(f"{name}@acme.example", connector)
    links = list(Link.objects.order_by("user__username"))
    for link in links:
        hub.sign_in(link)
    return links


def test_tokens_that_are_dead(links: list[Link]) -> None:
    assert kinds() == (0, [])
    for link in links[:2]:
        Token.objects.get(link=link).needs_reconnect("invalid_grant")
    status, (found,) = findings()
    assert (status, found["kind"], found["links"]) == (1, "reconnect_needed", 2)
    assert "@acme.example" not in run()[1]


def test_secrets_that_no_key_reads(links: list[Link], settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER]
    status, found = findings()
    assert status == 2
    assert {each["kind"] for each in found} == {"secret_unreadable"}
    assert {each["secret"] for each in found} == {
        "connector hub: client_secret",
        "connector hub: access_token",
        "connector hub: refresh_token",
    }
    assert max(each["secrets"] for each in found) == 3


def test_secrets_under_an_older_key(links: list[Link], settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER, *settings.FIELD_ENCRYPTION_KEYS]
    assert kinds() == (1, ["secret_of_older_key"])


def test_many_unreadable_secrets_are_counted(make_connector: ConnectorMaker, settings: Any) -> None:
    for number in range(25):
        make_connector(
            f"hub{number}",
            type="oauth2",
            authentication_method="hubspot",
            options={"hub_id": "62515"},
            client_id="client",
            client_secret=Secret.seal("secret"),
        )
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER]
    _status, found = findings()
    assert len(found) == 21
    assert found[-1]["more"] == 5


@pytest.mark.row(46)
@pytest.mark.parametrize(("method", "option"), OF_OLDER_VERSIONS.items())
def test_connector_without_its_tenant(
    make_connector: ConnectorMaker, method: str, option: str
) -> None:
    """Complete for an earlier version, and nobody gets in under this one."""
    old = make_oauth2(make_connector, method, enabled=False)
    assert findings() == (0, [])
    Connector.objects.filter(pk=old.pk).update(enabled=True, issuer_url="https://idp.example")
    assert kinds() == (2, ["tenant_missing"])
    _status, printed = run()
    assert "acme: Nobody can sign in" in printed
    assert f"Set the option {option} " in printed


@pytest.mark.row(32)
def test_no_secret_is_printed(links: list[Link], settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER]
    printed = run()[1] + run("--json")[1]
    assert "gAAAAA" not in printed


def test_the_number_of_queries_does_not_grow(
    make_connector: ConnectorMaker, django_assert_num_queries: Callable[[int], Any]
) -> None:
    ends = pem(5)
    for number in range(12):
        make_connector(f"acme{number}", certificates=ends)
    with django_assert_num_queries(10):
        assert len(kinds()[1]) == 12


# --- e-mails ----------------------------------------------------------------------------------


@pytest.fixture
def told(make_connector: ConnectorMaker) -> Connector:
    return make_connector(certificates=pem(29), contact=CONTACT)


def test_mail_says_what_to_do(told: Connector, settings: Any) -> None:
    settings.SUPPORT_CONTACT = "help@maker.example"
    settings.PUBLIC_BASE_URL = "https://maker.example"
    assert run("--mail")[0] == 1

    (message,) = mail.outbox
    (row,) = Certificate.objects.all()
    assert message.to == [CONTACT]
    assert message.from_email == "INO cx <webmaster@maker.example>"
    assert message.reply_to == ["help@maker.example"]
    assert message.subject.startswith("INO cx: the certificate of “Acme” expires on ")
    for part in ("Acme (acme)", row.fingerprint, row.subject, told.issuer_url, "in 29 days"):
        assert part in message.body
    assert (
        "\nTo do:\n\n1. In your identity provider, create a new signing certificate" in message.body
    )
    assert "help@maker.example" in message.body
    assert not re.search(r"\n\n\n|[{}]|&\w+;", str(message.body))
    assert message.message()["Auto-Submitted"] == "auto-generated"


def test_each_threshold_is_told_once(told: Connector) -> None:
    seen = []
    for days in (100, 89, 60, 29, 28, 6.9, 3, 0.9, 0.5, -1, -2):
        Certificate.objects.update(
            valid_until=(end := datetime.now(UTC) + timedelta(days=days, minutes=1))
        )
        Connector.objects.update(certificates_end=end)
        for _ in range(2):
            mail.outbox.clear()
            run("--mail")
            seen += [days] * len(mail.outbox)

    assert seen == [89, 29, 6.9, 0.9, -1]


def test_first_found_late_is_told_at_once_and_not_for_each_threshold_passed(
    make_connector: ConnectorMaker,
) -> None:
    make_connector(certificates=pem(-3), contact=CONTACT)
    run("--mail")
    run("--mail")
    (message,) = mail.outbox
    assert "has expired" in message.subject
    assert "The certificate that your identity provider signs with expired on" in message.body


def test_without_mail_nothing_is_sent_or_remembered(told: Connector) -> None:
    run()
    assert mail.outbox == []
    assert Certificate.objects.get().warned_at_days is None


def test_new_certificate_that_is_there_is_named(make_connector: ConnectorMaker) -> None:
    connector = make_connector(certificates=pem(20) + default_key().pem, contact=CONTACT)
    run("--mail")
    (message,) = mail.outbox
    assert "Configure your identity provider to sign with it" in message.body
    assert connector.signing_certificates[1].fingerprint in message.body
    assert "create a new signing certificate" not in message.body


def test_left_over_from_a_roll_over_is_nobodys_turn(make_connector: ConnectorMaker) -> None:
    connector = make_connector(certificates=pem(20) + default_key().pem, contact=CONTACT)
    use(connector, 1, days_ago=1)
    run("--mail")
    assert mail.outbox == []


def test_without_a_contact_it_is_said_and_still_due(told: Connector) -> None:
    Connector.objects.update(contact="")
    assert kinds("--mail") == (1, ["certificate_ending", "no_contact"])
    Connector.objects.update(contact=CONTACT)
    assert kinds("--mail") == (1, ["certificate_ending"])
    assert len(mail.outbox) == 1


def test_two_at_once_send_one(told: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has read the row before the first remembered."""
    first = certificate_mail.is_due

    def meanwhile(ending: Any) -> bool:
        monkeypatch.setattr(certificate_mail, "is_due", first)
        run("--mail")
        return first(ending)

    monkeypatch.setattr(certificate_mail, "is_due", meanwhile)
    run("--mail")
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    "name",
    [
        "Acme\r\nBcc: eve@evil.example",
        "Acme\nBcc: eve@evil.example",
        "Acme\u2028Bcc: eve@evil.example",
        "Acme\x1b[2JBcc: eve@evil.example",
    ],
)
def test_name_adds_no_header_and_no_line(told: Connector, name: str) -> None:
    Connector.objects.update(name=name, issuer_url="https://x.example\n\nDo this: pay")
    Certificate.objects.update(subject="CN=x\r\n\r\nTo do: pay")
    run("--mail")

    (message,) = mail.outbox
    parsed = message.message()
    assert parsed["Bcc"] is None
    assert str(message.subject).isprintable()
    assert message.recipients() == [CONTACT]
    lines = str(message.body).splitlines()
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith(("Bcc", "Do this", "To do: pay"))]


@pytest.mark.parametrize("contact", ["it@acme.example\nBcc: eve@evil.example", "extension 4711"])
def test_contact_that_is_no_address_gets_nothing(told: Connector, contact: str) -> None:
    Connector.objects.update(contact=contact)
    status, found = findings("--mail")
    assert (status, found[-1]["kind"]) == (2, "mail_failed")
    assert mail.outbox == []


def test_markup_in_a_name_is_left_as_it_is(told: Connector) -> None:
    Connector.objects.update(name="Söhne & <Co>")
    run("--mail")
    assert "“Söhne & <Co>”" in mail.outbox[0].body


@pytest.mark.parametrize(
    ("base", "sender"),
    [
        ("http://localhost:8000", "webmaster@localhost"),
        ("http://127.0.0.1:8000", "webmaster@[127.0.0.1]"),
        ("http://[::1]:8000", "webmaster@[IPv6:::1]"),
    ],
)
def test_sender_is_at_our_host(told: Connector, settings: Any, base: str, sender: str) -> None:
    settings.PUBLIC_BASE_URL = base
    settings.SUPPORT_CONTACT = "help desk, extension 4711"
    run("--mail")
    assert mail.outbox[0].from_email == f"INO cx <{sender}>"
    assert mail.outbox[0].reply_to == []


def test_console_is_no_mail_server(told: Connector, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert run("--mail")[0] == 2
    assert Certificate.objects.get().warned_at_days is None


# --- a real mail server -----------------------------------------------------------------------


class _Session(socketserver.StreamRequestHandler):
    """As much SMTP (RFC 5321) as a client needs that sends one mail after another."""

    timeout = 10
    server: "MailServer"

    def handle(self) -> None:
        self.say(self.server.greeting)
        for line in self.rfile:
            verb = line[:4].decode("ascii").upper()
            if verb == "RCPT" and self.server.refuses in line.decode("ascii"):
                self.say("550 5.1.1 no such mailbox")
            elif verb == "DATA":
                self.say("354 go on")
                self.server.mails.append(self._data())
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode("ascii"))

    def _data(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line)
        return b"".join(lines)


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    greeting: ClassVar[str] = "220 mail.example ready"
    refuses: ClassVar[str] = "nobody@"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[bytes] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class BusyServer(MailServer):
    greeting = "421 4.3.2 too busy"


@contextmanager
def served(kind: type[MailServer], settings: Any) -> Iterator[MailServer]:
    with kind() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        point_at(server.port, settings)
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def point_at(port: int, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


def remembered() -> list[int | None]:
    rows = Certificate.objects.order_by("connector__reference")
    return list(rows.values_list("warned_at_days", flat=True))


def test_sent_over_smtp(told: Connector, settings: Any) -> None:
    with served(MailServer, settings) as server:
        assert kinds("--mail") == (1, ["certificate_ending"])
        assert kinds("--mail") == (1, ["certificate_ending"])
    (received,) = server.mails
    assert b"To: it@acme.example\r\n" in received
    assert b"BEGIN CERTIFICATE" not in received
    assert remembered() == [30]


def test_mailbox_that_is_refused_keeps_nobody_else_from_theirs(
    told: Connector, make_connector: ConnectorMaker, settings: Any
) -> None:
    make_connector("aaa", certificates=pem(5), contact="nobody@acme.example")
    with served(MailServer, settings) as server:
        status, found = findings("--mail")
    assert status == 2
    assert [each["connector"] for each in found if each["kind"] == "mail_failed"] == ["aaa"]
    assert "no such mailbox" in found[-1]["reason"]
    assert len(server.mails) == 1
    assert remembered() == [None, 30]


@pytest.mark.parametrize("kind", [BusyServer, None], ids=["busy", "nobody listens"])
def test_failing_mail_server_is_reported_and_nothing_remembered(
    told: Connector,
    make_connector: ConnectorMaker,
    settings: Any,
    kind: type[MailServer] | None,
) -> None:
    make_connector("second", certificates=pem(5), contact=CONTACT)
    if kind is None:
        point_at(free_port(), settings)
        status, found = findings("--mail")
    else:
        with served(kind, settings):
            status, found = findings("--mail")
    assert status == 2
    assert [each["kind"] for each in found].count("mail_failed") == 1, "the rest isn't tried"
    assert remembered() == [None, None]

    with served(MailServer, settings) as server:
        findings("--mail")
    assert len(server.mails) == 2
    assert remembered() == [30, 7]


class SilentServer(MailServer):
    """Takes the connection and says nothing."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(5)
        request.recv(1)


def test_silent_mail_server_is_not_waited_for(
    told: Connector, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_mail, "_TIMEOUT", 0.2)
    began = time.monotonic()
    with served(SilentServer, settings):
        assert kinds("--mail") == (2, ["certificate_ending", "mail_failed"])
        assert time.monotonic() - began < 3
    assert remembered() == [None]


def test_connector_that_asks_for_permanent_ids_and_never_got_one(
    make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """Since a missing one is refused, its agents would be locked out without a word before."""
    connector = make_connector(identifier_format="persistent", certificates=pem(400))
    make_user("alice@acme.example", connector)
    assert kinds() == (0, []), "nobody has signed in yet"
    Link.objects.update(last_sign_in_at=datetime.now(UTC))
    status, (found,) = findings()
    assert (status, found["kind"], found["connector"]) == (1, "permanent_id_missing", "acme")
    make_user("bob@acme.example", connector)
    Link.objects.filter(user__username="bob@acme.example").update(subject="77f1")
    assert kinds() == (0, [])
    Link.objects.update(subject=None)
    Connector.objects.update(identifier_format="emailAddress")
    assert kinds() == (0, [])
