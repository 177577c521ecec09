"""The user card and its SSO connectors tab: who may link whom."""

from typing import Any

import pytest
from django.test import Client

from sso_connectors.models import Connector, Link
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from users.models import User

pytestmark = pytest.mark.django_db

USERS = "/maker/users/user/"
LINKER = (
    "users.view_user",
    "users.change_user",
    "sso_connectors.view_connector",
    "sso_connectors.view_link",
    "sso_connectors.add_link",
    "sso_connectors.change_link",
    "sso_connectors.delete_link",
)


def card(user: User, *connectors: Connector, **fields: Any) -> dict[str, Any]:
    """What the browser sends for a card on which these connectors are added."""
    values: dict[str, Any] = {
        "username": user.username,
        "full_name": user.full_name,
        "is_active": "on",
        "links-TOTAL_FORMS": len(connectors),
        "links-INITIAL_FORMS": 0,
        "links-MIN_NUM_FORMS": 0,
        "links-MAX_NUM_FORMS": 1000,
        **fields,
    }
    for number, connector in enumerate(connectors):
        values[f"links-{number}-id"] = ""
        values[f"links-{number}-user"] = user.pk
        values[f"links-{number}-connector"] = connector.pk
    return values


def url_of(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


def test_administrator_links_on_the_card(
    maker: Client, connector: Connector, make_user: UserMaker
) -> None:
    bob = make_user("bob@acme.example")
    assert maker.post(url_of(bob), card(bob, connector)).status_code == 302

    assert Link.objects.get().user == bob


def test_a_link_that_is_there_by_now_is_an_error_of_the_form(
    maker: Client, connector: Connector, alice: User
) -> None:
    """The page was opened before somebody else linked them."""
    response = maker.post(url_of(alice), card(alice, connector))

    assert "The user is already linked to this connector." in response.content.decode()
    assert Link.objects.count() == 1


def test_card_has_a_tab_and_never_lists_all_connectors(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    bob = make_user("bob@acme.example", make_connector("linked"))
    for number in range(20):
        make_connector(f"unlinked-{number}")
    page = maker.get(url_of(bob)).content.decode()

    assert 'data-tab="SSO connectors"' in page
    assert "admin-autocomplete" in page
    assert "Linked" in page
    assert "Unlinked-3" not in page


def test_autocomplete_finds_connectors(maker: Client, make_connector: ConnectorMaker) -> None:
    make_connector("second")
    make_connector("third")
    found = maker.get(
        "/maker/autocomplete/",
        {
            "term": "sec",
            "app_label": "sso_connectors",
            "model_name": "link",
            "field_name": "connector",
        },
    ).json()

    assert [item["text"] for item in found["results"]] == ["Second"]


def test_users_are_found_by_any_part_and_by_whole_names(
    maker: Client, make_user: UserMaker
) -> None:
    for name in ("al@xn--mnchen-3ya.example", "sal@xn--mnchen-3ya.example"):
        make_user(name, full_name="Sal Doe" if name.startswith("s") else "Al Doe")

    def found(query: str) -> int:
        page = maker.get(USERS, {"q": query})
        return len(page.context["cl"].result_list)

    assert found("al@") == found("DOE") == 2
    assert found("sal d") == 1
    assert found(" Al@MÜNCHEN.example") == 1, "a whole username, as people write it"
    assert found("nobody@acme.example") == 0


def test_card_makes_no_query_per_link(
    maker: Client,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    django_assert_max_num_queries: Any,
) -> None:
    bob = make_user("bob@acme.example", *(make_connector(f"c{n}") for n in range(2)))
    maker.get(url_of(bob))
    with django_assert_max_num_queries(16):
        maker.get(url_of(bob))
    for number in range(10):
        Link.objects.create(user=bob, connector=make_connector(f"more-{number}"))
    with django_assert_max_num_queries(16):
        maker.get(url_of(bob))


def test_new_user_needs_no_password(maker: Client) -> None:
    response = maker.post(
        f"{USERS}add/",
        {"username": "New@MÜNCHEN.example", "full_name": "", "usable_password": "false"},
    )

    assert response.status_code == 302
    user = User.objects.get(username="new@xn--mnchen-3ya.example")
    assert not user.has_usable_password()


@pytest.mark.parametrize("username", ["", "bob", "bob@", "ｂob@acme.example", "a b@acme.example"])
def test_wrong_username_gets_an_error_on_its_field(maker: Client, username: str) -> None:
    response = maker.post(f"{USERS}add/", {"username": username, "usable_password": "false"})

    assert "username" in response.context["adminform"].form.errors


def test_username_of_another_user_is_refused(maker: Client, alice: User) -> None:
    response = maker.post(
        f"{USERS}add/", {"username": "ALICE@acme.example", "usable_password": "false"}
    )

    assert "already" in str(response.context["adminform"].form.errors["username"])


@pytest.mark.row(27)
def test_support_links_agents(
    make_staff: StaffMaker, connector: Connector, make_user: UserMaker
) -> None:
    bob = make_user("bob@acme.example")
    staff = make_staff(*LINKER)

    assert staff.post(url_of(bob), card(bob, connector)).status_code == 302
    assert Link.objects.filter(user=bob).exists()


@pytest.mark.row(27)
@pytest.mark.parametrize("kind", ["is_staff", "is_superuser"])
def test_only_a_superuser_touches_staff(
    make_staff: StaffMaker, connector: Connector, make_user: UserMaker, kind: str
) -> None:
    boss = make_user("boss@acme.example", **{kind: True})
    staff = make_staff(*LINKER, "users.delete_user", "users.add_user")

    assert staff.post(url_of(boss), card(boss, connector)).status_code == 403
    assert staff.post(f"{USERS}{boss.pk}/password/", {}).status_code == 403
    assert staff.post(f"{USERS}{boss.pk}/delete/", {"post": "yes"}).status_code == 403
    staff.post(USERS, {"action": "delete_selected", "_selected_action": boss.pk, "post": "yes"})

    assert User.objects.filter(pk=boss.pk).exists()
    assert not Link.objects.exists()


@pytest.mark.row(27)
def test_who_may_only_look_sees_no_password(make_staff: StaffMaker, make_user: UserMaker) -> None:
    boss = make_user("boss@acme.example", password="correct horse battery", is_superuser=True)
    page = make_staff(*LINKER).get(url_of(boss)).content.decode()

    assert "boss@acme.example" in page
    assert "password/" not in page
    assert "md5" not in page


@pytest.mark.row(27)
def test_staff_do_not_raise_themselves_or_others(
    make_staff: StaffMaker, make_user: UserMaker
) -> None:
    bob = make_user("bob@acme.example")
    staff = make_staff(*LINKER, "users.add_user")
    raised = {"is_staff": "on", "is_superuser": "on", "must_change_password": ""}
    staff.post(url_of(bob), card(bob, **raised))
    me = User.objects.get(username="staff@maker.example")
    assert staff.post(url_of(me), card(me, **raised)).status_code == 403
    staff.post(f"{USERS}add/", {"username": "new@x.example", "usable_password": "false", **raised})

    assert not User.objects.filter(is_superuser=True).exists()
    assert User.objects.filter(is_staff=True).count() == 1


def test_link_is_deleted_on_the_card_but_never_moved(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """A moved link would take the remembered subject and the sessions along."""
    other = make_connector("other")
    bob = make_user("bob@acme.example", make_connector("acme"))
    link = Link.objects.get()
    row = {
        "links-TOTAL_FORMS": 1,
        "links-INITIAL_FORMS": 1,
        "links-0-id": link.pk,
        "links-0-user": bob.pk,
        "links-0-connector": other.pk,
    }
    maker.post(url_of(bob), card(bob, **row))
    assert Link.objects.get().connector.reference == "acme"

    maker.post(url_of(bob), card(bob, **row, **{"links-0-DELETE": "on"}))
    assert not Link.objects.exists()


@pytest.mark.row(34)
def test_without_link_permission_the_tab_is_not_writable(
    make_staff: StaffMaker, connector: Connector, make_user: UserMaker
) -> None:
    bob = make_user("bob@acme.example")
    staff = make_staff("users.view_user", "users.change_user", "sso_connectors.view_connector")
    staff.post(url_of(bob), card(bob, connector))

    assert not Link.objects.exists()


@pytest.mark.row(34)
def test_user_without_staff_never_sees_the_maker(alice: User) -> None:
    client = client_of(alice)
    for path in ("/maker/", USERS, "/maker/sso_connectors/connector/"):
        assert client.get(path).status_code == 302
