"""The pages of a user, in words about people and not about Django."""

import re
from typing import Final

import pytest
from django.test import Client

from tests.conftest import StaffMaker, UserMaker

pytestmark = pytest.mark.django_db

USERS: Final = "/maker/users/user/"
PASSWORD: Final = "correct horse battery"
JARGON: Final = re.compile(
    r"authenticat|backend|LDAP|algorithm|\bsalt\b|\bhash\b|Raw password|Designates|explicit|granted|Specific",
    re.IGNORECASE,
)


def words(client: Client, address: str) -> str:
    """What a page says, without its tags."""
    response = client.get(address)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def test_no_page_of_a_user_speaks_of_django(
    maker: Client, make_staff: StaffMaker, make_user: UserMaker
) -> None:
    agent = make_user("bob@acme.example")
    staff = make_user("boss@acme.example", password=PASSWORD, is_staff=True)
    addresses = [f"{USERS}add/"]
    addresses += [
        f"{USERS}{user.pk}/{page}/" for user in (agent, staff) for page in ("change", "password")
    ]
    for address in addresses:
        assert not JARGON.findall(words(maker, address)), address
    reader = make_staff("users.view_user")
    assert not JARGON.findall(words(reader, f"{USERS}{staff.pk}/change/"))


def test_card_says_whether_there_is_a_password(maker: Client, make_user: UserMaker) -> None:
    agent = make_user("bob@acme.example")
    staff = make_user("boss@acme.example", password=PASSWORD)
    assert "No password is set. Set a password Staff use it to enter the Maker." in words(
        maker, f"{USERS}{agent.pk}/change/"
    )
    card = maker.get(f"{USERS}{staff.pk}/change/").content.decode()
    assert "A password is set." in card
    assert staff.password.rpartition("$")[2][:6] not in card


def test_card_says_what_each_rank_may_do(
    maker: Client, make_staff: StaffMaker, make_user: UserMaker
) -> None:
    """Also to whom may only look."""
    address = f"{USERS}{make_user('bob@acme.example').pk}/change/"
    rank = "Can do everything in the Maker. Only superusers can make users staff"
    assert rank in words(maker, address)
    assert "everything that each of their groups allows" in words(maker, address)
    assert rank in words(make_staff("users.view_user"), address)


def test_password_is_set_changed_and_removed(maker: Client, make_user: UserMaker) -> None:
    user = make_user("bob@acme.example")
    address = f"{USERS}{user.pk}/password/"
    assert 'name="usable_password"' not in maker.get(address).content.decode()

    given = {"password1": PASSWORD, "password2": PASSWORD, "set-password": "Set a password"}
    assert maker.post(address, given).status_code == 302
    user.refresh_from_db()
    assert user.check_password(PASSWORD)

    assert re.findall(r"form-row field-(\w+)", maker.get(address).content.decode()) == [
        "usable_password",
        "password1",
        "password2",
    ]
    refused = maker.post(address, {**given, "usable_password": "true", "password2": "another"})
    assert "errorlist" in refused.content.decode()

    removed = maker.post(
        address, {"usable_password": "false", "unset-password": "Remove the password"}, follow=True
    )
    assert [str(each) for each in removed.context["messages"]] == [("The password was removed.")]
    user.refresh_from_db()
    assert not user.has_usable_password()
