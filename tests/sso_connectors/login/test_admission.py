"""The one rule on who gets in, without HTTP."""

from collections.abc import Callable

import pytest
from django.db import connection

from sso_connectors.login.admission import linked_user, note_sign_in
from sso_connectors.models import Connector, Link
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import NotAdmitted
from sso_connectors.results.identity import Identity
from tests.conftest import ConnectorMaker, UserMaker
from users.models import User

pytestmark = pytest.mark.django_db


def identity(username: str, subject: str = "") -> Identity:
    return Identity(username=username, subject=subject, issuer="urn:idp", key="AA")


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "written", ["alice@acme.example", "ALICE@Acme.Example", " alice@acme.example "]
)
def test_admitted_in_any_case(connector: Connector, alice: User, written: str) -> None:
    assert linked_user(connector, identity(written), Checks()).user == alice


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "written",
    [
        "",
        "alice",
        "alice+x@acme.example",
        "al.ice@acme.example",
        "alicе@acme.example",  # a Cyrillic е
        "ａlice@acme.example",
        "alice@acme.example.evil.example",
        "alice@acme.example\0",
        "alice@acme.example\n.evil",
        "aliſe@acme.example",
    ],
)
def test_no_near_miss(connector: Connector, alice: User, written: str) -> None:
    checks = Checks()
    with pytest.raises(NotAdmitted):
        linked_user(connector, identity(written), checks)

    assert checks.failed, "the administrator sees why"


@pytest.mark.row(23)
def test_two_users_of_one_connector_never_share_a_subject(
    connector: Connector, alice: User, make_user: UserMaker
) -> None:
    make_user("bob@acme.example", connector)
    linked_user(connector, identity("alice@acme.example", "one"), Checks())

    with pytest.raises(NotAdmitted):
        linked_user(connector, identity("bob@acme.example", "one"), Checks())
    assert Link.objects.get(user__username="bob@acme.example").subject is None


@pytest.mark.row(23)
def test_two_first_sign_ins_at_once(connector: Connector, alice: User) -> None:
    """Only one of them names the person, whatever was read before."""

    def let_the_rival_in(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith("UPDATE") and Link.objects.get().subject is None:
            with connection.cursor() as cursor:
                cursor.execute("/* rival */ UPDATE sso_connectors_link SET subject = 'rival'")
        return execute(sql, *arguments)

    with connection.execute_wrapper(let_the_rival_in), pytest.raises(NotAdmitted):
        linked_user(connector, identity("alice@acme.example", "late"), Checks())
    assert Link.objects.get().subject == "rival"


@pytest.mark.row(16)
def test_unlinked_at_the_last_moment(connector: Connector, alice: User) -> None:
    def unlink(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith('UPDATE "sso_connectors_link"'):
            Link.objects.all().delete()
        return execute(sql, *arguments)

    with connection.execute_wrapper(unlink), pytest.raises(NotAdmitted):
        linked_user(connector, identity("alice@acme.example", "one"), Checks())


@pytest.mark.row(23)
@pytest.mark.parametrize("is_test", [False, True])
@pytest.mark.parametrize(
    ("remembered", "sent", "admitted"),
    [
        (None, "", True),
        (None, "one", True),
        ("one", "", False),
        ("one", "one", True),
        ("one", "two", False),
        ("one", "ONE", False),
    ],
)
def test_first_subject_is_remembered_and_no_other_gets_in(
    connector: Connector,
    alice: User,
    remembered: str | None,
    sent: str,
    admitted: bool,
    is_test: bool,
) -> None:
    """A test judges by the same rule, and writes nothing."""
    Link.objects.update(subject=remembered)
    checks = Checks()
    try:
        linked_user(connector, identity("alice@acme.example", sent), checks, is_test=is_test)
    except NotAdmitted:
        assert [check.name for check in checks.failed] == ["subject"]
    else:
        assert not checks.failed
    assert bool(checks.failed) is not admitted
    kept = remembered if is_test else remembered or sent or None
    assert Link.objects.get().subject == kept


@pytest.mark.row(27)
@pytest.mark.parametrize("rank", ["is_staff", "is_superuser"])
def test_staff_only_where_the_connector_may_sign_staff_in(
    connector: Connector, alice: User, rank: str
) -> None:
    User.objects.update(**{rank: True})
    with pytest.raises(NotAdmitted, match="staff"):
        linked_user(connector, identity("alice@acme.example"), Checks())

    Connector.objects.update(staff_may_sign_in=True)
    assert linked_user(connector, identity("alice@acme.example"), Checks()).user == alice


@pytest.mark.row(15)
def test_one_subject_at_two_connectors(
    connector: Connector, alice: User, make_connector: ConnectorMaker
) -> None:
    other = make_connector("other")
    Link.objects.create(user=alice, connector=other)
    linked_user(connector, identity("alice@acme.example", "one"), Checks())

    assert linked_user(other, identity("alice@acme.example", "one"), Checks()).connector == other


def test_disabled_at_the_last_moment(connector: Connector, alice: User) -> None:
    Connector.objects.update(enabled=False)

    with pytest.raises(NotAdmitted, match="disabled"):
        linked_user(connector, identity("alice@acme.example"), Checks())


@pytest.mark.row(28)
def test_same_work_for_unknown_unlinked_and_inactive(
    connector: Connector, make_user: UserMaker, django_assert_num_queries: object
) -> None:
    make_user("unlinked@acme.example")
    make_user("inactive@acme.example", connector, is_active=False)
    for name in ("nobody", "unlinked", "inactive"):
        with django_assert_num_queries(1), pytest.raises(NotAdmitted):  # type: ignore[operator]
            linked_user(connector, identity(f"{name}@acme.example"), Checks())


def test_last_sign_in_is_noted(connector: Connector, alice: User) -> None:
    link = Link.objects.get()
    note_sign_in(link)
    link.refresh_from_db()
    assert link.last_sign_in_at is not None
