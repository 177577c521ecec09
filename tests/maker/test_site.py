"""The Maker's own manners: its name, one-time passwords, locking out guessers, strict pages."""

from typing import Any

import pytest
from django.test import Client

from tests.agent import HOST
from tests.conftest import UserMaker
from users.models import User

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def sign_in(client: Client, username: str, password: str, **extra: Any) -> Any:
    return client.post("/maker/login/", {"username": username, "password": password}, **extra)


@pytest.fixture
def boss(make_user: UserMaker) -> User:
    return make_user("boss@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)


@pytest.fixture
def browser() -> Client:
    return Client(HTTP_HOST=HOST)


def test_sign_in_by_password(browser: Client, boss: User) -> None:
    assert sign_in(browser, "Boss@Maker.example ", PASSWORD).status_code == 302
    page = browser.get("/maker/").content.decode()

    assert "Django" not in page
    assert "Maker" in page


def test_failed_sign_in_tells_nobody_who_is_there(
    browser: Client, boss: User, make_user: UserMaker
) -> None:
    make_user("agent@maker.example", password=PASSWORD)
    make_user("gone@maker.example", password=PASSWORD, is_staff=True, is_active=False)
    said = {
        (str(error), "alert" in response.content.decode())
        for username, password in (
            (boss.username, "wrong"),
            ("nobody@maker.example", PASSWORD),
            ("agent@maker.example", PASSWORD),
            ("gone@maker.example", PASSWORD),
        )
        for response in [sign_in(browser, username, password)]
        for error in response.context["form"].non_field_errors()
    }

    assert said == {
        (
            (
                "This username and password don't open the Maker. Check both: passwords are "
                "case-sensitive."
            ),
            True,
        )
    }


@pytest.mark.row(37)
def test_sign_in_by_password_is_recorded(browser: Client, boss: User) -> None:
    sign_in(browser, boss.username, PASSWORD)

    assert (
        "Signed in with a password."
        in browser.get(f"/maker/users/user/{boss.pk}/history/").content.decode()
    )


def test_one_time_password_leads_to_choosing_ones_own(browser: Client, boss: User) -> None:
    boss.must_change_password = True
    boss.save()
    sign_in(browser, boss.username, PASSWORD)
    for path in ("/maker/", "/maker/users/user/", "/maker/sso_connectors/connector/add/"):
        assert browser.get(path)["Location"] == "/maker/password_change/"
        assert browser.post(path, {})["Location"] == "/maker/password_change/"

    chosen = {"old_password": PASSWORD, "new_password1": "quite another one"}
    browser.post("/maker/password_change/", {**chosen, "new_password2": "quite another one"})

    assert browser.get("/maker/").status_code == 200
    boss.refresh_from_db()
    assert not boss.must_change_password


@pytest.mark.row(16)
@pytest.mark.parametrize("address", ["password_change", "users/user/{}/password"])
def test_a_new_password_changes_nothing_else(
    browser: Client,
    boss: User,
    make_user: UserMaker,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To hash it takes time: who is deactivated meanwhile stays so, however often they try."""
    set_password = User.set_password
    # Of one's own card only the former takes one.
    target = boss if address == "password_change" else make_user("agent@acme.example")

    def meanwhile(user: User, password: str | None) -> None:
        changed = User.objects.filter(pk=target.pk)
        changed.update(is_active=False, is_superuser=False, session_epoch=7)
        set_password(user, password)

    sign_in(browser, boss.username, PASSWORD)
    monkeypatch.setattr(User, "set_password", meanwhile)
    new = dict.fromkeys(
        ("new_password1", "new_password2", "password1", "password2"), "quite another one"
    )
    form = {**new, "old_password": PASSWORD, "usable_password": "true", "set-password": ""}
    browser.post(f"/maker/{address.format(target.pk)}/", form)

    target.refresh_from_db()
    assert target.check_password("quite another one")
    assert (target.is_active, target.is_superuser, target.session_epoch) == (False, False, 7)


@pytest.mark.row(37)
def test_guesses_lock_username_and_address_together(
    browser: Client, boss: User, make_user: UserMaker
) -> None:
    other = make_user("other@maker.example", password=PASSWORD, is_staff=True)
    spellings = [boss.username, boss.username.upper(), f" {boss.username}"]
    for number in range(10):
        sign_in(browser, spellings[number % 3], f"guess {number}")
    locked = sign_in(browser, boss.username, PASSWORD)
    assert locked.status_code == 429
    assert "15 minutes" in locked.content.decode()

    assert sign_in(browser, other.username, PASSWORD).status_code == 302, "colleagues get in"
    elsewhere = Client(HTTP_HOST=HOST, REMOTE_ADDR="10.1.2.3")
    assert sign_in(elsewhere, boss.username, PASSWORD).status_code == 302, "from their own desk"


@pytest.mark.row(37)
def test_guesses_with_a_forged_address_are_counted_together(browser: Client, boss: User) -> None:
    for number in range(10):
        sign_in(browser, boss.username, "guess", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")

    assert sign_in(browser, boss.username, PASSWORD).status_code == 429


@pytest.mark.row(37)
def test_guesses_from_one_ipv6_network_are_counted_together(browser: Client, boss: User) -> None:
    """Whoever rents one server has 2**64 addresses."""
    for number in range(10):
        sign_in(browser, boss.username, "guess", REMOTE_ADDR=f"2001:db8:0:1:{number}::{number:x}")

    last = {"REMOTE_ADDR": "2001:db8:0:1:ffff::1"}
    assert sign_in(browser, boss.username, PASSWORD, **last).status_code == 429
    neighbour = {"REMOTE_ADDR": "2001:db8:0:2::1"}
    assert sign_in(browser, boss.username, PASSWORD, **neighbour).status_code == 302


def test_password_failures_log_no_address(
    browser: Client, boss: User, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(browser, boss.username, "wrong")

    assert boss.username not in caplog.text


@pytest.mark.row(22)
def test_look_alike_of_a_username_is_nobody(browser: Client, boss: User) -> None:
    assert sign_in(browser, "ｂoss@maker.example", PASSWORD).status_code == 200
    assert sign_in(browser, "boss@maker.example", PASSWORD).status_code == 302


@pytest.mark.row(36)
@pytest.mark.parametrize(
    "path",
    ["/", "/sign-in", "/signed-out", "/maker/login/", "/maker/", "/api/sso/login/x", "/nothing"],
)
def test_every_page_is_strict(browser: Client, boss: User, path: str) -> None:
    if path == "/maker/":
        sign_in(browser, boss.username, PASSWORD)
    response = browser.get(path, follow=path == "/")

    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert "no-store" in response["Cache-Control"]
    assert b"style=" not in response.content
    assert b"onclick" not in response.content


@pytest.mark.row(36)
@pytest.mark.parametrize("path", ["/sign-in", "/maker/login/"])
def test_no_script_reads_our_cookies(browser: Client, boss: User, path: str) -> None:
    """A script that got onto a page could otherwise send forms in the person's name from elsewhere."""
    browser.get(path)
    sign_in(browser, boss.username, PASSWORD)

    assert {"csrftoken", "sessionid"} <= set(browser.cookies)
    for name in ("csrftoken", "sessionid"):
        cookie = browser.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name


def test_staff_sign_out_of_the_maker(browser: Client, boss: User) -> None:
    sign_in(browser, boss.username, PASSWORD)

    assert browser.post("/maker/logout/").status_code in {200, 302}
    assert browser.get("/maker/").status_code == 302


def test_sign_in_page_keeps_next(browser: Client) -> None:
    response = browser.get("/")

    assert response["Location"] == "/sign-in?next=/"
    assert "Staff sign-in" in browser.get("/sign-in?next=/maker/").content.decode()
