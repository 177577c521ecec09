"""Whoever is made staff or superuser: no password that somebody else chose comes along."""

import json
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from sso_connectors import as_code
from tests.conftest import StaffMaker, UserMaker, client_of
from tests.sso_connectors.admin.users.test_card import card
from users.models import User
from users.passwords import GivenPasswordForm

pytestmark = [pytest.mark.django_db, pytest.mark.row(27)]

PASSWORD: Final = "correct horse battery staple"
GIVEN: Final = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
USERS: Final = "/maker/users/user/"
REMOVED: Final = (
    "The password of {} was removed, because somebody else had chosen it. Set a new one"
)


def given_by_manager(make_staff: StaffMaker, user: User) -> None:
    manager = make_staff("users.view_user", "users.change_user")
    manager.post(f"{USERS}{user.pk}/password/", GIVEN)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("rank", ["is_staff", "is_superuser"])
def test_a_managers_password_goes(
    maker: Client, make_staff: StaffMaker, make_user: UserMaker, rank: str
) -> None:
    alice = make_user("alice@acme.example")
    given_by_manager(make_staff, alice)
    epoch = alice.session_epoch
    response = maker.post(f"{USERS}{alice.pk}/change/", card(alice, **{rank: "on"}), follow=True)

    alice.refresh_from_db()
    assert getattr(alice, rank)
    assert not alice.has_usable_password()
    assert alice.session_epoch == epoch + 1
    assert REMOVED.format(alice) in response.content.decode()


def test_from_staff_to_superuser_too(maker: Client, make_user: UserMaker) -> None:
    boss = make_user("boss@maker.example", password=PASSWORD, is_staff=True)
    values = card(boss, is_staff="on", is_superuser="on")
    maker.post(f"{USERS}{boss.pk}/change/", values)
    boss.refresh_from_db()
    assert boss.is_superuser
    assert not boss.has_usable_password()


def test_ones_own_stays(maker: Client, make_user: UserMaker) -> None:
    boss = make_user("boss@maker.example", password=PASSWORD, is_staff=True)
    new = {
        "old_password": PASSWORD,
        "new_password1": "a" + PASSWORD,
        "new_password2": "a" + PASSWORD,
    }
    client_of(boss).post("/maker/password_change/", new)
    maker.post(f"{USERS}{boss.pk}/change/", card(boss, is_staff="on", is_superuser="on"))
    boss.refresh_from_db()
    assert boss.is_superuser
    assert boss.check_password("a" + PASSWORD)


def test_ones_own_no_longer_is_after_somebody_sets_another(
    make_staff: StaffMaker, make_user: UserMaker
) -> None:
    alice = make_user("alice@acme.example", password_is_own=True)
    User.objects.update(password_is_own=True)
    given_by_manager(make_staff, alice)
    assert not alice.password_is_own


def test_nor_after_the_card_became_another_persons(
    make_staff: StaffMaker, make_user: UserMaker
) -> None:
    """A former colleague's card, renamed to the address of somebody who is about to be staff."""
    former = make_user("former@acme.example", password=PASSWORD)
    User.objects.update(password_is_own=True)
    manager = make_staff("users.view_user", "users.change_user")
    manager.post(f"{USERS}{former.pk}/change/", card(former, username="new@acme.example"))
    user = User.objects.get(pk=former.pk)
    assert (user.username, user.password_is_own) == ("new@acme.example", False)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    user.refresh_from_db()
    assert not user.has_usable_password()


def test_return_to_a_version_as_staff(maker: Client, make_user: UserMaker) -> None:
    boss = make_user("boss@maker.example", password=PASSWORD, is_staff=True)
    boss.is_staff = False
    boss.save()
    address = f"{USERS}{boss.pk}/history/{boss.history.earliest().pk}/return/"
    newest = {"newest": boss.history.latest().pk}
    response = maker.post(address, newest, follow=True)
    boss.refresh_from_db()
    assert boss.is_staff
    assert not boss.has_usable_password()
    assert REMOVED.format(boss) in response.content.decode()


def test_file_that_makes_staff(make_user: UserMaker) -> None:
    given = make_user("given@acme.example", password=PASSWORD)
    own = make_user("own@acme.example", password=PASSWORD)
    User.objects.filter(pk=own.pk).update(password_is_own=True)
    users = [{"username": user.username, "staff": True} for user in (given, own)]
    result: Any = as_code.apply(json.dumps({"users": users}), dry_run=False)
    assert "user given@acme.example: changed; password removed" in result.changes
    given.refresh_from_db()
    own.refresh_from_db()
    assert (given.is_staff, given.has_usable_password()) == (True, False)
    assert (own.is_staff, own.has_usable_password()) == (True, True)
    assert given.session_epoch == own.session_epoch == 1


def test_what_is_no_rise_takes_nothing(maker: Client, make_user: UserMaker) -> None:
    boss = make_user("boss@maker.example", password=PASSWORD, is_staff=True)
    maker.post(f"{USERS}{boss.pk}/change/", card(boss, full_name="Boss", is_staff="on"))
    boss.refresh_from_db()
    assert boss.full_name == "Boss"
    assert boss.has_usable_password()
    maker.post(f"{USERS}{boss.pk}/change/", card(boss, is_staff=""))
    boss.refresh_from_db()
    assert boss.has_usable_password()


@pytest.mark.row(34)
def test_a_member_adds_nothing_to_their_own_group(make_staff: StaffMaker, maker: Client) -> None:
    """Also where an operator's own role holds the permissions on groups."""
    group = Group.objects.create(name="Ours")
    member = make_staff(
        "auth.view_group", "auth.add_group", "auth.change_group", "auth.delete_group"
    )
    User.objects.get(username="staff@maker.example").groups.add(group)
    trust = Permission.objects.get(codename="change_trust")
    values = {"name": "Ours", "permissions": trust.pk}
    address = f"/maker/auth/group/{group.pk}/"
    assert member.post(f"{address}change/", values).status_code == 403
    assert member.post("/maker/auth/group/add/", values | {"name": "New"}).status_code == 403
    assert member.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert not group.permissions.exists()
    maker.post(f"{address}change/", values)
    assert group.permissions.get() == trust


def test_a_password_set_while_somebody_rises_does_not_come_after(
    make_staff: StaffMaker, make_user: UserMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manager's form, judged before, is written after a superuser has made the person staff."""
    alice = make_user("alice@acme.example")
    write = GivenPasswordForm.set_password_and_save

    def after_the_rise(form: Any, user: User, *args: Any, **kwargs: Any) -> User:
        User.objects.filter(pk=user.pk).update(is_staff=True)
        return write(form, user, *args, **kwargs)

    monkeypatch.setattr(GivenPasswordForm, "set_password_and_save", after_the_rise)
    manager = make_staff("users.view_user", "users.change_user")
    assert manager.post(f"{USERS}{alice.pk}/password/", GIVEN).status_code == 403
    alice.refresh_from_db()
    assert not alice.has_usable_password()
