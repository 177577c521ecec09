"""Users: what the database holds to, and every way to make or find one."""

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import RequestFactory

from users.models import User, axes_username

pytestmark = pytest.mark.django_db

PASSWORD = "a passphrase for tests"


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "username",
    [
        "",
        "Alice@acme.example",
        "alice@ACME.example",
        "alice@münchen.example",
        "\u212aate@acme.example",
        "alice@acme.example\n",
        " alice@acme.example",
        "alice",
        "ali..ce@acme.example",
        '"alice"@acme.example',
        "alice@[127.0.0.1]",
        "x\nalice@acme.example",
    ],
)
def test_the_database_keeps_one_spelling_only(username: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(username=username, password="!")])

    User.objects.bulk_create([User(username="bob@acme.example", password="!")])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.update(username=username)


@pytest.mark.row(22)
def test_the_database_keeps_one_user_per_address() -> None:
    User.objects.create_user("alice@acme.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(username="alice@acme.example", password="!")])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(" ALICE@Acme.example ")
    for near in ("al.ice@acme.example", "alice+x@acme.example", "alice@sub.acme.example"):
        User.objects.create_user(near)
    assert User.objects.count() == 4


def test_create_user() -> None:
    user = User.objects.create_user("Alice@MÜNCHEN.example", full_name="Alice")
    user.refresh_from_db()
    assert user.username == "alice@xn--mnchen-3ya.example"
    assert str(user) == user.username
    assert user.is_active
    assert not user.is_staff
    assert not user.is_superuser
    assert not user.must_change_password
    assert not user.has_usable_password()
    with pytest.raises(ValidationError, match="is not an e-mail address"):
        User.objects.create_user("alice")
    assert User.objects.count() == 1


def test_create_superuser() -> None:
    user = User.objects.create_superuser("Root@Acme.example", PASSWORD)
    assert user.username == "root@acme.example"
    assert user.is_staff
    assert user.is_superuser
    assert user.check_password(PASSWORD)


def test_names_shown() -> None:
    user = User.objects.create_user("alice@acme.example")
    assert user.get_full_name() == user.get_short_name() == "alice@acme.example"
    user.full_name = "Alice Smith"
    assert user.get_full_name() == user.get_short_name() == "Alice Smith"


def test_full_clean_evens_out_and_refuses() -> None:
    user = User(username=" Alice@ACME.example", password="!")
    user.full_clean()
    assert user.username == "alice@acme.example"
    for wrong in ("", "alice", "\u212aate@acme.example"):
        with pytest.raises(ValidationError) as caught:
            User(username=wrong, password="!").full_clean()
        assert set(caught.value.message_dict) == {"username"}
    user.save()
    with pytest.raises(ValidationError, match="already"):
        User(username="ALICE@acme.example", password="!").full_clean()


def test_choosing_a_password_ends_the_duty_to_choose_one() -> None:
    user = User(username="alice@acme.example", must_change_password=True)
    user.set_password(PASSWORD)
    assert not user.must_change_password


@pytest.mark.parametrize(
    "spelt",
    [
        "alice@xn--mnchen-3ya.example",
        "ALICE@XN--MNCHEN-3YA.EXAMPLE",
        " alice@münchen.example",
        "Alice@MÜNCHEN.example\n",
    ],
)
def test_found_by_any_spelling(spelt: str) -> None:
    user = User.objects.create_user("alice@münchen.example", PASSWORD)
    assert User.objects.get_by_natural_key(spelt) == user
    assert authenticate(RequestFactory().post("/"), username=spelt, password=PASSWORD) == user
    assert axes_username(None, {"username": spelt}) == user.username


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "looks_like",
    [None, "", "kate", "\u212aate@acme.example", "kate@acme。example", "kate\0@acme.example"],
)
def test_not_found_by_what_looks_like_it(looks_like: str | None) -> None:
    User.objects.create_user("kate@acme.example", PASSWORD)
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(looks_like)


def test_failures_are_counted_per_person() -> None:
    def counted(given: Any) -> str:
        return axes_username(RequestFactory().post("/", {"username": given}), None)

    assert counted(" ALICE@acme.example ") == "alice@acme.example"
    assert counted("x" * 1000) == "x" * 254
    assert counted(" Not An Address ") == "not an address"
    assert axes_username(None) == axes_username(RequestFactory().post("/")) == ""
