"""*Add this user*: only whom the identity provider proved, and nothing more of them than the username."""

import re
from typing import Any, Final

import pytest
from django.test import Client

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from tests.agent import Agent
from tests.conftest import StaffMaker, UserMaker, client_of
from tests.idp import IdP, other_key
from users.models import User

from .test_link_user import LINKER, LIST, Refused, address, refused
from .test_model_admin import test_sign_in

__all__ = ["refused"]

pytestmark = [pytest.mark.django_db, pytest.mark.row(27)]

ADD: Final = "/maker/users/user/add/"
ADDER: Final = (*LINKER, "users.add_user", "users.change_user")
CAROL: Final = "carol@acme.example"
SAVE: Final = {"username": CAROL, "full_name": "", "usable_password": "false", "_save": "Save"}


@pytest.fixture
def adder(make_staff: StaffMaker) -> Client:
    return make_staff(*ADDER)


def add_address(attempt: Attempt) -> str:
    return f"{ADD}?attempt={attempt.pk}"


def offered(client: Client, attempt: Attempt) -> bool:
    return add_address(attempt) in client.get(f"{LIST}{attempt.pk}/change/").content.decode()


def rank_of(user: User) -> tuple[bool, bool]:
    return user.is_staff, user.is_superuser


def filled_in(client: Client, path: str) -> dict[str, str]:
    """What the add form shows when it opens: each field's value, or that a box is ticked."""
    page = client.get(path)
    assert page.status_code == 200
    form = page.content.decode().split('id="user_form"')[1].split("</form>")[0]
    found = {}
    for tag in re.findall(r"<(?:input|select|textarea|option)\b[^>]*>", form):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if given.get("type") in ("checkbox", "radio") and " checked" not in tag:
            continue
        if given.get("type") not in ("submit", "hidden") and given.get("value"):
            found[given["name"]] = given["value"]
    return found


def test_unknown_person_is_added_linked_and_signs_in(
    adder: Client, refused: Refused, connector: Connector, agent: Agent, idp: IdP
) -> None:
    attempt = refused(name_id="Carol@ACME.example")
    assert offered(adder, attempt)
    assert filled_in(adder, add_address(attempt)) == {
        "username": CAROL,
        "usable_password": "false",
    }
    assert not User.objects.filter(username=CAROL).exists(), "a GET writes nothing"
    assert "the identity provider of Acme gave" in adder.get(add_address(attempt)).content.decode()

    response = adder.post(add_address(attempt), SAVE, follow=True)
    assert response.redirect_chain == [(address(attempt), 302)]
    page = response.content.decode()
    assert "carol@acme.example was added." in page
    assert "Link carol@acme.example to Acme?" in page
    carol = User.objects.get(username=CAROL)
    assert rank_of(carol) == (False, False)
    assert not carol.has_usable_password()
    assert not Link.objects.filter(user=carol).exists(), "linking is asked for by itself"
    assert not offered(adder, attempt)

    adder.post(response.request["PATH_INFO"])
    agent.sign_in(idp, name_id=CAROL)
    assert agent.username == CAROL


def test_test_of_nobody_leads_there(maker: Client, connector: Connector, idp: IdP) -> None:
    attempt = test_sign_in(maker, connector, idp, name_id=CAROL)
    assert offered(maker, attempt)
    assert maker.post(add_address(attempt), SAVE).headers["Location"] == address(attempt)


@pytest.mark.row(34)
@pytest.mark.parametrize("lacking", ADDER)
def test_adding_takes_permissions(make_staff: StaffMaker, refused: Refused, lacking: str) -> None:
    attempt = refused(name_id=CAROL)
    clerk = make_staff(*(name for name in ADDER if name != lacking))
    assert not offered(clerk, attempt)
    if lacking in ("users.add_user", "users.change_user"):
        assert clerk.get(add_address(attempt)).status_code == 403
        assert clerk.post(add_address(attempt), SAVE).status_code == 403
        assert not User.objects.filter(username=CAROL).exists()
    else:
        assert filled_in(clerk, add_address(attempt)) == {"usable_password": "false"}
        response = clerk.post(add_address(attempt), SAVE)
        assert response.headers["Location"] != address(attempt), "as any user who is added"


def test_test_of_somebody_else_names_nobody(
    adder: Client, maker: Client, connector: Connector, idp: IdP
) -> None:
    attempt = test_sign_in(maker, connector, idp, name_id=CAROL)
    assert filled_in(adder, add_address(attempt)) == {"usable_password": "false"}


def test_nobody_else_gets_there(refused: Refused, alice: User) -> None:
    attempt = refused(name_id=CAROL)
    for browser in (Client(), client_of(alice)):
        assert CAROL not in browser.get(add_address(attempt), follow=True).content.decode()
        browser.post(add_address(attempt), SAVE)
    assert not User.objects.filter(username=CAROL).exists()


PRIVILEGED: Final = {
    "is_staff": "on",
    "is_superuser": "on",
    "is_active": "",
    "groups": "1",
    "user_permissions": "1,2,3",
    "password": "secret",
    "password1": "Long-enough-77",
    "password2": "Long-enough-77",
    "usable_password": "true",
    "must_change_password": "",
    "username": "mallory@evil.example",
    "full_name": "Mallory",
    "session_epoch": "7",
    "attempt": "1 or 1=1",
}


def test_address_fills_in_nothing_but_whom_its_attempt_is_of(
    maker: Client, adder: Client, refused: Refused
) -> None:
    """A link that somebody is sent must not add staff, nor a password that its sender knows."""
    attempt = refused(name_id=CAROL)
    for client in (maker, adder):
        for name, value in PRIVILEGED.items():
            shown = filled_in(client, f"{ADD}?{name}={value}")
            assert shown == {"usable_password": "false"}, name
        rest = "&".join(
            f"{name}={value}" for name, value in PRIVILEGED.items() if name != "attempt"
        )
        query = f"{add_address(attempt)}&{rest}"
        assert filled_in(client, query) == {"username": CAROL, "usable_password": "false"}
        client.post(query, SAVE)
        carol = User.objects.get(username=CAROL)
        assert rank_of(carol) == (False, False)
        assert not carol.has_usable_password()
        assert carol.is_active
        assert carol.full_name == ""
        assert not carol.groups.exists()
        assert not carol.user_permissions.exists()
        carol.delete()


def test_form_judges_what_was_filled_in(adder: Client, refused: Refused) -> None:
    attempt = refused(name_id=CAROL)
    User.objects.create_user(CAROL)
    response = adder.post(add_address(attempt), SAVE)
    assert "A user with this e-mail address already exists." in response.content.decode()
    response = adder.post(add_address(attempt), {**SAVE, "username": "carol"})
    assert "is not an e-mail address" in response.content.decode()


@pytest.mark.parametrize(
    ("username", "button"),
    [("caroline@acme.example", "_save"), (CAROL, "_addanother"), (CAROL, "_continue")],
)
def test_goes_on_to_the_link_of_that_person_only(
    adder: Client, refused: Refused, username: str, button: str
) -> None:
    """And where another button was pressed, where that one leads."""
    attempt = refused(name_id=CAROL)
    sent = {"username": username, "full_name": "", "usable_password": "false", button: "1"}
    response = adder.post(add_address(attempt), sent)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/maker/users/user/")


def test_never_goes_on_to_an_address_that_somebody_wrote(adder: Client, refused: Refused) -> None:
    attempt = refused(name_id=CAROL)
    evil = "https://evil.example/"
    path = f"{add_address(attempt)}&next={evil}&_changelist_filters={evil}"
    response = adder.post(path, {**SAVE, "next": evil})
    assert response.headers["Location"] == address(attempt)
    for number in (
        evil,
        "//evil.example",
        "9" * 30,
        "9" * 5000,
        "-1",
        "1/../2",
        "\0",
        "1&attempt=x",
    ):
        User.objects.filter(username=CAROL).delete()
        response = adder.post(f"{ADD}?attempt={number}", SAVE)
        assert response.status_code == 302
        assert re.fullmatch(r"/maker/users/user/\d+/change/(\?.*)?", response.headers["Location"])


@pytest.mark.parametrize(
    "lies",
    [
        {"key": other_key()},
        {"audience": "https://old.example"},
        {"in_response_to": "_other"},
        {"name_id": "carol"},
        {"name_id": '"><script>alert(1)</script>@acme.example'},
        {"name_id": "carоl@acme.example"},  # a Cyrillic о
        {"name_id": "carol@acme.example\n.evil"},
        {"name_id": f"{'c' * 250}@acme.example"},
        {"name_id": "carol@acme.example&is_staff=on"},
    ],
    ids=lambda lies: "another key" if "key" in lies else str(lies),
)
def test_hostile_text_is_no_user_to_add(
    adder: Client, refused: Refused, lies: dict[str, Any]
) -> None:
    attempt = refused(**{"name_id": CAROL, **lies})
    page = adder.get(f"{LIST}{attempt.pk}/change/").content.decode()
    assert ADD not in page
    assert "<script>alert" not in page
    assert filled_in(adder, add_address(attempt)) == {"usable_password": "false"}


def test_unusual_address_is_shown_as_it_is(adder: Client, refused: Refused) -> None:
    odd = "o'neil&sons={%}@acme.example"
    attempt = refused(name_id=odd)
    assert offered(adder, attempt)
    assert (
        filled_in(adder, add_address(attempt))["username"]
        == "o&#x27;neil&amp;sons={%}@acme.example"
    )
    adder.post(add_address(attempt), {**SAVE, "username": odd})
    assert User.objects.filter(username=odd).exists()


def test_who_is_a_user_is_not_to_be_added(
    adder: Client, refused: Refused, make_user: UserMaker
) -> None:
    attempt = refused(name_id=CAROL)
    carol = make_user(CAROL)
    for fields in ({}, {"is_active": False}, {"is_staff": True}):
        User.objects.filter(pk=carol.pk).update(**fields)
        assert not offered(adder, attempt)
