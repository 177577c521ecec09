"""The command that lets the first person into the Maker."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from users.models import User

pytestmark = pytest.mark.django_db

NAME = "root@acme.example"


def run(username: str = NAME) -> str:
    """What it prints: a password, or nothing."""
    out = StringIO()
    call_command("first_administrator", username, stdout=out)
    return out.getvalue().strip()


def administrator() -> User:
    return User.objects.get(username=NAME)


def test_first_run() -> None:
    password = run(" Root@ACME.example ")
    assert len(password) >= 20
    assert administrator().check_password(password)
    assert administrator().is_staff
    assert administrator().is_superuser
    assert administrator().is_active
    assert administrator().must_change_password


def test_again_before_the_password_is_changed_prints_a_new_one() -> None:
    first = run()
    second = run()
    assert second not in ("", first)
    assert administrator().check_password(second)
    assert not administrator().check_password(first)
    assert administrator().must_change_password
    assert User.objects.count() == 1


def test_again_after_the_password_is_changed_does_nothing() -> None:
    run()
    user = administrator()
    user.set_password("a passphrase of their own")
    user.save()
    assert run() == ""
    assert administrator().check_password("a passphrase of their own")
    assert not administrator().must_change_password


def test_refuses_beside_another_administrator() -> None:
    User.objects.create_superuser("other@acme.example", "a passphrase of their own")
    with pytest.raises(CommandError, match="an administrator already"):
        run()
    assert User.objects.count() == 1


def test_an_inactive_administrator_is_none() -> None:
    User.objects.create_superuser("other@acme.example", "a passphrase", is_active=False)
    password = run()
    assert administrator().check_password(password)


@pytest.mark.row(27)
def test_never_raises_or_passes_over_a_user_who_is_no_administrator() -> None:
    """Silence would say that the administrator is there; raising would hand the Maker to an agent."""
    User.objects.create_user(NAME)
    with pytest.raises(CommandError, match="is a user, and no administrator"):
        run()
    assert not administrator().is_superuser
    assert not administrator().has_usable_password()


@pytest.mark.parametrize("wrong", ["", "root", "root@localhost", "\u212aate@acme.example"])
def test_a_bad_address(wrong: str) -> None:
    with pytest.raises(CommandError, match="is not an e-mail address"):
        run(wrong)
    assert not User.objects.exists()
