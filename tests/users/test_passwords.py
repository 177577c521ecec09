"""Forms of passwords: the old one can't be guessed, and a one-time password isn't replaced by itself."""

from typing import Any, Final

import pytest
from axes.models import AccessAttempt
from django.test import Client

from tests.agent import HOST
from tests.conftest import UserMaker, client_of
from users.models import User

pytestmark = pytest.mark.django_db

PASSWORD: Final = "correct horse battery"
ANOTHER: Final = "quite another one"
FORM: Final = "/maker/password_change/"


@pytest.fixture
def boss(make_user: UserMaker) -> User:
    return make_user("boss@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)


def change(client: Client, old: str, new: str = ANOTHER) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post(FORM, form)


# --- guesses of the old password ---------------------------------------------------------------


@pytest.mark.row(37)
def test_the_old_password_is_not_guessed_without_limit(boss: User) -> None:
    """Somebody sits down at a PC that its user left signed in."""
    client = client_of(boss)
    answers = [change(client, f"guess {number}").status_code for number in range(10)]
    assert answers == [200] * 9 + [429]

    locked = change(client, PASSWORD)
    assert locked.status_code == 429, "the right one too"
    assert "15 minutes" in locked.content.decode()
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)


@pytest.mark.row(37)
def test_guesses_count_with_those_of_the_sign_in_page(boss: User) -> None:
    client = client_of(boss)
    for number in range(5):
        change(client, f"guess {number}")
    guesser = Client(HTTP_HOST=HOST)
    for number in range(5):
        guesser.post("/maker/login/", {"username": boss.username, "password": f"guess {number}"})

    assert change(client, PASSWORD).status_code == 429
    right = {"username": boss.username, "password": PASSWORD}
    assert guesser.post("/maker/login/", right).status_code == 429


@pytest.mark.row(37)
def test_right_password_is_no_guess(boss: User) -> None:
    client = client_of(boss)
    for number in range(9):
        change(client, f"guess {number}")

    assert change(client, PASSWORD).status_code == 302
    boss.refresh_from_db()
    assert boss.check_password(ANOTHER)


@pytest.mark.row(32)
def test_what_was_typed_is_not_kept(boss: User) -> None:
    """A wrong password is often the right one with a slip, or that of another place."""
    change(client_of(boss), "nearly correct horse")

    kept = AccessAttempt.objects.get()
    assert (kept.username, kept.failures_since_start) == (boss.username, 1)
    assert (kept.post_data, kept.get_data) == ("", "")


# --- another password --------------------------------------------------------------------------


@pytest.mark.row(37)
def test_one_time_password_is_not_replaced_by_itself(boss: User) -> None:
    boss.must_change_password = True
    boss.save()
    client = client_of(boss)
    page = change(client, PASSWORD, PASSWORD)

    assert page.context["form"].errors == {
        "new_password1": ["This is the current password. Choose another one."]
    }
    boss.refresh_from_db()
    assert boss.must_change_password
    assert client.get("/maker/")["Location"] == FORM

    assert change(client, PASSWORD).status_code == 302
    boss.refresh_from_db()
    assert not boss.must_change_password


@pytest.mark.row(37)
def test_nor_on_the_user_card(boss: User, make_user: UserMaker) -> None:
    other = make_user("other@maker.example", password=PASSWORD, is_staff=True)
    User.objects.filter(pk=other.pk).update(must_change_password=True)
    new = {"password1": PASSWORD, "password2": PASSWORD}
    form = {**new, "usable_password": "true", "set-password": ""}
    page = client_of(boss).post(f"/maker/users/user/{other.pk}/password/", form)

    assert "password1" in page.context["form"].errors
    other.refresh_from_db()
    assert other.must_change_password


@pytest.mark.row(37)
def test_form_with_another_error_tells_nothing_of_the_password(
    boss: User, make_user: UserMaker
) -> None:
    """With a wrong old password, or two that differ, it would be a place to try passwords."""
    client = client_of(boss)
    page = change(client, "wrong", PASSWORD)
    assert list(page.context["form"].errors) == ["old_password"]

    form = {"password1": PASSWORD, "password2": "something else", "usable_password": "true"}
    other = make_user("other@maker.example", password=PASSWORD, is_staff=True)
    page = client.post(f"/maker/users/user/{other.pk}/password/", {**form, "set-password": ""})
    assert list(page.context["form"].errors) == ["password2"]
