"""Links by CSV: what a file may look like, what its preview says, and whose it is."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sso_connectors.admin.linking import csv_lines, plans
from sso_connectors.admin.linking.csv_file import sealed
from sso_connectors.models import Connector, Link
from tests.agent import HOST
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from users.models import User

pytestmark = pytest.mark.django_db

IMPORT = "/maker/sso_connectors/connector/links/import/"
CONFIRM = f"{IMPORT}confirm/"
EXPORT = "/maker/sso_connectors/connector/links/export/"
SEE = ("sso_connectors.view_link", "sso_connectors.view_connector", "users.view_user")
LINKER = (*SEE, "sso_connectors.add_link")
UNLINKER = (*SEE, "sso_connectors.delete_link")

Confirm = Callable[..., Any]
Spoilt = Callable[[str], dict[str, str]]


def upload(client: Client, content: str | bytes) -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("links.csv", data, content_type="text/csv")
    return client.post(IMPORT, {"import_file": file, "format": "0", "resource": "0"})


def kept(page: Any) -> dict[str, str]:
    """What the preview's form sends back."""
    return {field.name: field.value() for field in page.context["confirm_form"]}


def confirm(client: Client, page: Any) -> Any:
    return client.post(CONFIRM, kept(page), follow=True)


def refusal(page: Any) -> str:
    assert "confirm_form" not in page.context
    return " ".join(page.context["form"].errors["import_file"])


def wrong(page: Any) -> dict[int, str]:
    """What is wrong, by line."""
    assert "confirm_form" not in page.context, "not even the good lines can be confirmed"
    rows = page.context["result"].invalid_rows
    return {row.values[0].line.number: row.values[0].problem for row in rows}


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def linked(connector: Connector) -> set[str]:
    return set(connector.links.values_list("user__username", flat=True))


@pytest.fixture
def bob(make_user: UserMaker) -> User:
    return make_user("bob@acme.example")


# --- the whole way ------------------------------------------------------------------------------


def test_preview_then_all_of_it(
    maker: Client, connector: Connector, alice: User, bob: User, make_user: UserMaker
) -> None:
    carol = make_user("carol@acme.example", connector)
    page = upload(
        maker,
        "username,reference,action\n"
        "bob@acme.example,acme,link\n"
        "Alice@ACME.example,Acme,\n"
        "carol@acme.example,acme,UNLINK\n",
    )
    assert [row.import_type for row in page.context["result"].rows] == ["new", "skip", "delete"]
    assert linked(connector) == {alice.username, carol.username}, "a preview writes nothing"
    text = page.content.decode()
    assert "with no mistakes" in text
    assert "style=" not in text
    assert "onclick" not in text

    response = confirm(maker, page)
    assert "1 user was linked." in said(response)
    assert "1 user was unlinked." in said(response)
    assert linked(connector) == {alice.username, bob.username}
    root = User.objects.get(is_superuser=True)
    written = Link.history.filter(history_change_reason=plans.FROM_FILE)
    assert {(row.history_type, row.user, row.history_user) for row in written} == {
        ("+", bob, root),
        ("-", carol, root),
    }


@pytest.mark.parametrize(
    "content",
    [
        b"username,reference\nbob@acme.example,acme\n",
        b"\xef\xbb\xbfusername,reference\r\nbob@acme.example,acme\r\n",
        b"username;reference\r\nbob@acme.example;acme\r\n",
        b"username\treference\nbob@acme.example\tacme",
        b"\n\n Reference , USERNAME \nacme,bob@acme.example\n\n,\n",
        b"username,reference\rbob@acme.example,acme\r",
        b'"username","reference"\n"bob@acme.example","acme"\n',
        b"username;reference;;\nbob@acme.example;acme;;\n;;;\n",
        b"username,reference,action,last_sign_in\nbob@acme.example,acme,link,\n",
    ],
    ids=["plain", "BOM", "semicolons", "tabs", "blank", "CR", "quoted", "trailing", "all columns"],
)
def test_file_as_people_have_it(
    maker: Client, connector: Connector, bob: User, content: bytes
) -> None:
    confirm(maker, upload(maker, content))

    assert linked(connector) == {bob.username}


def test_international_address_is_found(
    maker: Client, connector: Connector, make_user: UserMaker
) -> None:
    carol = make_user("carol@xn--mnchen-3ya.example")
    confirm(maker, upload(maker, "username,reference\ncarol@München.example,acme\n"))

    assert linked(connector) == {carol.username}


# --- files that are refused whole ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "first line"),
        (b"username,reference\n", "no other"),
        (b"bob@acme.example,acme\n", "bob@acme.example"),
        (b"username;connector\n", "username;connector"[:8]),
        (b"username,reference,acton\nbob@acme.example,acme,unlink\n", "acton"),
        (b"username,reference,username\nbob@acme.example,acme,x\n", "username"),
        ("username,reference\nbob@acme.example,acme\n".encode("utf-16"), "UTF-16"),
        (b"username,reference\nbob@acme.example,acme\nren\xe9@acme.example,acme\n", "Line 3"),
        (b"username,reference\nbob@acme.example\0,acme\n", "null"),
        (b'username,reference\nbob@acme.example,acme\n"alice@acme.example,acme\n', "line 3"),
        (b'username,reference\n"bob@acme.example"x,acme\n', "line 2"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "null"),
    ],
)
def test_unreadable_file_says_what_to_change(
    maker: Client, connector: Connector, bob: User, content: bytes, words: str
) -> None:
    assert words in refusal(upload(maker, content))


def test_5000_lines_and_not_one_more(maker: Client, connector: Connector) -> None:
    lines = ["username,reference", *(f"a{n}@x.example,acme" for n in range(5_000))]
    assert len(wrong(upload(maker, "\n".join(lines)))) == 5_000

    text = refusal(upload(maker, "\n".join([*lines, "more@x.example,acme"])))
    assert "5000" in text
    assert "sso_apply" in text


@pytest.mark.parametrize(
    "line", ["agent-{n}@customer.example,some-reference\n", "a,b\n"], ids=["large", "short lines"]
)
def test_200000_lines_are_refused_quickly(maker: Client, monkeypatch: Any, line: str) -> None:
    """Neither judged nor, past the limit, read."""
    content = "username,reference\n" + "".join(line.format(n=n) for n in range(200_000))

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(csv_lines, "judge", never)
    began = time.monotonic()
    text = refusal(upload(maker, content))

    assert "sso_apply" in text
    assert time.monotonic() - began < 2


# --- lines that are wrong -----------------------------------------------------------------------


def test_each_wrong_line_is_named_with_its_cause(
    maker: Client, connector: Connector, bob: User, alice: User
) -> None:
    page = upload(
        maker,
        "username,reference,action\n"
        "bob@acme.example,acme,link\n"
        "nobody@acme.example,acme,link\n"
        "\n"
        "bob@acme.example,other,link\n"
        "rubbish,acme,link\n"
        "bob@acme.example,acme,remove\n"
        "BOB@acme.example,ACME,unlink\n"
        "bob@acme.example,acme\n"
        "bob@acme.example,acme,link,more\n"
        ",acme,link\n"
        "alice@acme.example,acme,link\n"
        '"<script>alert(1)</script>",=1+1,link\n',
    )
    problems = wrong(page)
    assert {number: words in problems[number] for number, words in EXPECTED.items()} == (
        dict.fromkeys(EXPECTED, True)
    ), problems
    assert set(problems) == set(EXPECTED)
    assert "<script>alert" not in page.content.decode()
    assert linked(connector) == {alice.username}


EXPECTED = {
    3: "the user nobody@acme.example doesn't exist",
    5: "reference “other”",
    6: "“rubbish” is not an e-mail address",
    7: "“remove”",
    8: "line 2",
    9: "2 cells",
    10: "4 cells",
    11: "not an e-mail address",
    13: "not an e-mail address",
}


def test_line_numbers_count_line_breaks_in_cells(maker: Client, connector: Connector) -> None:
    page = upload(maker, 'username,reference\n"a\nb",acme\nnobody@acme.example,acme\n')

    assert set(wrong(page)) == {2, 4}


def test_a_line_that_has_become_wrong_stops_all(
    maker: Client, connector: Connector, bob: User, make_user: UserMaker
) -> None:
    carol = make_user("carol@acme.example")
    page = upload(maker, "username,reference\nbob@acme.example,acme\ncarol@acme.example,acme\n")
    carol.delete()
    response = confirm(maker, page)

    assert "Nothing was saved" in said(response)
    assert not Link.objects.exists()


def test_somebody_else_was_faster(
    maker: Client, connector: Connector, bob: User, alice: User, monkeypatch: Any
) -> None:
    """A link is made between our look and our writing: not even the others are written."""
    page = upload(
        maker,
        "username,reference,action\nbob@acme.example,acme,\nalice@acme.example,acme,unlink\n",
    )
    judge = csv_lines.judge

    def slow(*args: Any, **kwargs: Any) -> Any:
        judged = judge(*args, **kwargs)
        Link.objects.create(user=bob, connector=connector)
        return judged

    monkeypatch.setattr(csv_lines, "judge", slow)
    response = confirm(maker, page)

    assert "Somebody else" in said(response)
    assert alice.username in linked(connector)


# --- whose the preview is -----------------------------------------------------------------------


def test_preview_of_another_session_is_refused(
    maker: Client, connector: Connector, bob: User
) -> None:
    """Even of the same person: what was previewed is what is confirmed."""
    page = upload(maker, "username,reference\nbob@acme.example,acme\n")
    other = User.objects.create_superuser("other@maker.example")
    for client in (client_of(other), client_of(User.objects.get(username="root@maker.example"))):
        response = client.post(CONFIRM, kept(page))
        assert "another session" in response.content.decode()
    assert not Link.objects.exists()


def test_preview_ends_after_an_hour(
    maker: Client, connector: Connector, bob: User, monkeypatch: Any
) -> None:
    fields = kept(upload(maker, "username,reference\nbob@acme.example,acme\n"))
    later = time.time() + 3_700
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)

    assert "preview has expired" in maker.post(CONFIRM, fields).content.decode()
    assert not Link.objects.exists()


@pytest.mark.parametrize("name", ["", "x", "/etc/passwd", "username,reference"])
def test_forged_preview_is_refused(
    maker: Client, connector: Connector, bob: User, name: str
) -> None:
    fields = kept(upload(maker, "username,reference\nbob@acme.example,acme\n"))
    response = maker.post(CONFIRM, {**fields, "import_file_name": name})

    assert response.status_code == 200
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda whole: {}, "There was nothing to confirm"),
        (lambda whole: {"format": "0"}, "There was nothing to confirm"),
        (lambda whole: {"import_file_name": whole[:-3]}, "preview has expired"),
        (lambda whole: {"import_file_name": f"{whole}\0"}, "Null characters"),
    ],
    ids=["no field", "no file", "cut", "null character"],
)
def test_confirmation_that_came_spoilt_leads_back_to_the_form(
    maker: Client, connector: Connector, bob: User, spoilt: Spoilt, why: str
) -> None:
    fields = kept(upload(maker, "username,reference\nbob@acme.example,acme\n"))
    response = maker.post(CONFIRM, spoilt(fields["import_file_name"]))

    page = response.content.decode()
    assert response.status_code == 200
    assert why in page.partition('role="alert">')[2]
    assert f'action="{IMPORT}"' in page
    assert 'type="file"' in page
    assert CONFIRM not in page, "nothing is left to be confirmed"
    assert not Link.objects.exists()


def test_fields_that_choose_nothing_are_overlooked(
    maker: Client, connector: Connector, bob: User
) -> None:
    fields = kept(upload(maker, "username,reference\nbob@acme.example,acme\n"))
    maker.post(CONFIRM, {**fields, "format": "99", "resource": "x", "original_file_name": ""})
    assert linked(connector) == {bob.username}


def test_upload_of_nothing_shows_the_form_again(maker: Client) -> None:
    for sent in ({}, {"format": "99"}, {"format": "0", "resource": "x"}):
        response = maker.post(IMPORT, sent)
        assert response.status_code == 200
        assert 'type="file"' in response.content.decode()


@pytest.mark.parametrize("part", ["read", "judge"])
def test_fault_of_ours_is_no_refusal_of_the_file(
    maker: Client, connector: Connector, bob: User, monkeypatch: Any, part: str
) -> None:
    """django-import-export would take any error for one of the file's, and go on with its lines."""

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(csv_lines, part, fail)
    with pytest.raises(OperationalError):
        upload(maker, "username,reference\nbob@acme.example,acme\n")
    assert not Link.objects.exists()


def test_no_file_is_left_behind(
    maker: Client, connector: Connector, bob: User, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    upload(maker, "username,reference\nbob@acme.example,acme\n")
    upload(maker, "username,reference\n" + "x" * 3_000_000)

    assert list(tmp_path.iterdir()) == []


# --- who may ------------------------------------------------------------------------------------

BOTH = "username,reference,action\nbob@acme.example,acme,link\nalice@acme.example,acme,unlink\n"


@pytest.mark.row(34)
def test_each_line_needs_its_permission(
    make_staff: StaffMaker, connector: Connector, alice: User, bob: User
) -> None:
    linker = make_staff(*LINKER, username="a@maker.example")
    assert set(wrong(upload(linker, BOTH))) == {3}
    unlinker = make_staff(*UNLINKER, username="b@maker.example")
    assert set(wrong(upload(unlinker, BOTH))) == {2}
    both = make_staff(*LINKER, "sso_connectors.delete_link", username="c@maker.example")
    confirm(both, upload(both, BOTH))

    assert linked(connector) == {bob.username}


@pytest.mark.row(34)
def test_permission_is_asked_again_at_the_confirmation(
    make_staff: StaffMaker, connector: Connector, alice: User, bob: User
) -> None:
    staff = make_staff(*LINKER, "sso_connectors.delete_link")
    page = upload(staff, BOTH)
    user = User.objects.get(username="staff@maker.example")
    user.user_permissions.remove(user.user_permissions.get(codename="delete_link"))
    assert "Nothing was saved" in said(confirm(staff, page))
    user.user_permissions.remove(user.user_permissions.get(codename="add_link"))

    assert staff.post(CONFIRM, kept(page)).status_code == 403
    assert linked(connector) == {alice.username}


@pytest.mark.row(27)
@pytest.mark.parametrize("kind", ["is_staff", "is_superuser"])
def test_only_a_superuser_links_staff(
    maker: Client, make_staff: StaffMaker, connector: Connector, make_user: UserMaker, kind: str
) -> None:
    boss = make_user("boss@acme.example", **{kind: True})
    content = "username,reference\nboss@acme.example,acme\n"
    staff = make_staff(*LINKER)
    assert "superuser" in wrong(upload(staff, content))[2]

    confirm(maker, upload(maker, content))
    assert linked(connector) == {boss.username}


@pytest.mark.row(27)
def test_whoever_becomes_staff_meanwhile_is_not_linked(
    make_staff: StaffMaker, connector: Connector, bob: User
) -> None:
    staff = make_staff(*LINKER)
    page = upload(staff, "username,reference\nbob@acme.example,acme\n")
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    confirm(staff, page)

    assert not Link.objects.exists()


@pytest.mark.row(34)
@pytest.mark.parametrize(
    ("needed", "address"),
    [(LINKER, IMPORT), (UNLINKER, IMPORT), (SEE, EXPORT)],
    ids=["import to link", "import to unlink", "export"],
)
def test_each_page_needs_each_of_its_permissions(
    make_staff: StaffMaker, alice: User, needed: tuple[str, ...], address: str
) -> None:
    assert make_staff(*needed).get(address).status_code == 200
    for number, missing in enumerate(needed):
        others = [name for name in needed if name != missing]
        staff = make_staff(*others, username=f"staff-{number}@maker.example")
        assert staff.get(address).status_code == 403, missing
        assert staff.post(address).status_code == 403, missing
    for client in (client_of(alice), Client(HTTP_HOST=HOST)):
        assert client.get(address).status_code == 302
        assert client.post(CONFIRM).status_code == 302


@pytest.mark.row(27)
def test_no_other_site_imports(connector: Connector, bob: User) -> None:
    root = User.objects.create_superuser("root@maker.example")
    client = Client(HTTP_HOST=HOST, enforce_csrf_checks=True)
    client.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")

    assert upload(client, "username,reference\nbob@acme.example,acme\n").status_code == 403
    assert client.post(CONFIRM, {"import_file_name": "x"}).status_code == 403
    assert client.get(CONFIRM).status_code == 405


# --- the export ---------------------------------------------------------------------------------


def exported(client: Client, **query: str | int) -> list[list[str]]:
    response = client.get(EXPORT, query)
    assert response["Content-Type"] == "text/csv"
    assert "no-store" in response["Cache-Control"]
    return list(csv.reader(io.StringIO(response.content.decode())))


def test_export_of_all_links_or_one_connectors(
    maker: Client, connector: Connector, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    other = make_connector("other")
    make_user("alice@acme.example", connector, other)
    heading = ["username", "reference", "last_sign_in"]
    assert exported(maker) == [
        heading,
        ["alice@acme.example", "acme", ""],
        ["alice@acme.example", "other", ""],
    ]
    assert exported(maker, connector=other.pk) == [heading, ["alice@acme.example", "other", ""]]
    assert exported(maker, connector="²") == [heading]


def test_export_runs_no_formula_and_comes_back_in_as_it_was(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    names = ["=1+1@x.example", "+a@x.example", "-a@x.example", "'a@x.example", "'=a@x.example"]
    connector = make_connector("@SUM.1")
    for name in names:
        make_user(name, connector)
    rows = exported(maker)[1:]
    for cell in (cell for row in rows for cell in row if cell):
        assert cell[0] not in "=+-@\t\r", cell
    before = linked(connector)
    content = maker.get(EXPORT).content
    Link.objects.all().delete()
    confirm(maker, upload(maker, content))

    assert linked(connector) == before == set(names)


# --- how much it costs --------------------------------------------------------------------------


def test_5000_lines_take_seconds_and_no_query_each(maker: Client, connector: Connector) -> None:
    User.objects.bulk_create(
        User(username=f"agent-{n}@customer.example", password="!") for n in range(5_000)
    )
    for action, number in (("link", 5_000), ("unlink", 0)):
        content = "username,reference,action\n" + "".join(
            f"agent-{n}@customer.example,acme,{action}\n" for n in range(5_000)
        )
        began = time.monotonic()
        with CaptureQueriesContext(connection) as captured:
            page = upload(maker, content)
        assert len(captured) < 60
        with CaptureQueriesContext(connection) as captured:
            confirm(maker, page)
        assert len(captured) < 250
        assert Link.objects.count() == number
        assert time.monotonic() - began < 20


def test_largest_file_fits_into_the_form_of_its_preview(
    maker: Client, connector: Connector
) -> None:
    """However badly it compresses: the content travels in one field."""
    noise = "".join(f"{n * 2654435761 % 2**64:016x}" for n in range(12))
    content = "username,reference\n" + "".join(
        f"{n:05}{noise[n % 90 :]}"[:60] + f"@{noise[n % 60 : n % 60 + 60]}.example,acme\n"
        for n in range(5_000)
    )
    assert len(content) < csv_lines.MOST_BYTES
    request = HttpRequest()
    request.user, request.session = User(pk=1), maker.session

    assert len(sealed(content.encode(), request)) < 2_000_000


# --- how much a file may hold -------------------------------------------------------------------


@pytest.mark.row(29)
def test_file_that_is_too_big_is_not_read(maker: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(content: bytes) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(csv_lines, "read", read)
    content = "username,reference\n" + " " * csv_lines.MOST_BYTES
    assert "more than 5000 lines" in refusal(upload(maker, content)).replace(",", "")
