"""Linking many: from the list of users, and from the Users tab of a connector."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sso_connectors.admin.linking import plans
from sso_connectors.admin.linking.plans import Verb
from sso_connectors.history.bulk import history_together
from sso_connectors.models import Connector, Link, Token
from sso_connectors.results.identity import Grant
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db

USERS = "/maker/users/user/"
SEE = ("sso_connectors.view_link", "sso_connectors.view_connector", "users.view_user")
LINKER = (*SEE, "sso_connectors.add_link")
UNLINKER = (*SEE, "sso_connectors.delete_link")


def tab(connector: Connector, verb: str = "") -> str:
    return f"/maker/sso_connectors/connector/{connector.pk}/users/{verb}"


def ids(*users: User) -> str:
    return ",".join(str(user.pk) for user in users)


def linked(connector: Connector) -> set[str]:
    return set(connector.links.values_list("user__username", flat=True))


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


@pytest.fixture
def bob(make_user: UserMaker) -> User:
    return make_user("bob@acme.example")


@pytest.fixture
def boss(make_user: UserMaker) -> User:
    return make_user("boss@acme.example", is_staff=True)


# --- from the list of users ---------------------------------------------------------------------


def test_selected_users_are_linked_after_a_preview(
    maker: Client, connector: Connector, alice: User, bob: User, make_user: UserMaker
) -> None:
    gone = make_user("gone@acme.example", is_active=False)
    chosen = {"action": "link_selected", "_selected_action": [alice.pk, bob.pk, gone.pk]}
    page = maker.post(USERS, chosen)
    assert page.context["form"]["users"].value() == ids(alice, bob, gone)

    fields = {"users": ids(alice, bob, gone), "connector": connector.pk}
    page = maker.post(f"{USERS}link/", fields)
    plan = page.context["plan"]
    assert (plan.ready, plan.settled, plan.inactive) == ([bob, gone], [alice], 1)
    assert linked(connector) == {alice.username}, "a preview writes nothing"

    response = maker.post(f"{USERS}link/", {**fields, "confirm": "yes"}, follow=True)
    assert "2 users are now linked to Acme." in said(response)
    assert linked(connector) == {alice.username, bob.username, gone.username}


def test_selected_users_are_unlinked(
    maker: Client, connector: Connector, alice: User, bob: User
) -> None:
    fields = {"users": ids(alice, bob), "connector": connector.pk}
    plan = maker.post(f"{USERS}unlink/", fields).context["plan"]
    assert (plan.ready, plan.settled) == ([alice], [bob])

    response = maker.post(f"{USERS}unlink/", {**fields, "confirm": "yes"}, follow=True)
    assert "1 user was unlinked from Acme." in said(response)
    assert not Link.objects.exists()


def test_connector_is_named_by_its_reference_where_nothing_can_be_looked_up(
    maker: Client, connector: Connector, bob: User
) -> None:
    page = maker.post(f"{USERS}link/", {"users": ids(bob), "reference": "ACME"})
    assert page.context["plan"].connector == connector

    page = maker.post(f"{USERS}link/", {"users": ids(bob), "reference": "other"})
    assert page.context["form"].errors["reference"]
    page = maker.post(f"{USERS}link/", {"users": ids(bob)})
    assert page.context["form"].errors["connector"]


def test_more_users_than_one_request_can_link_are_refused(
    maker: Client, connector: Connector, bob: User, alice: User, monkeypatch: Any
) -> None:
    monkeypatch.setattr("sso_connectors.admin.users.link_selected.MOST", 1)
    chosen = {"action": "link_selected", "_selected_action": [alice.pk, bob.pk]}
    response = maker.post(USERS, chosen, follow=True)

    assert "sso_apply" in said(response)


@pytest.mark.parametrize("users", ["x", "1,", "1,-2", "1" * 30, "1," * 5_001 + "1", "²", ""])
def test_tampered_choice_is_an_error_on_the_page(
    maker: Client, connector: Connector, users: str
) -> None:
    fields = {"users": users, "connector": connector.pk, "confirm": "yes"}
    page = maker.post(f"{USERS}link/", fields)

    assert page.status_code == 200
    assert page.context["form"].errors["users"]


def test_users_who_are_gone_by_now_are_left_out(
    maker: Client, connector: Connector, bob: User
) -> None:
    fields = {"users": f"{bob.pk},999999", "connector": connector.pk, "confirm": "yes"}
    maker.post(f"{USERS}link/", fields)

    assert linked(connector) == {bob.username}


def test_kept_page_leads_back_to_the_list(maker: Client) -> None:
    assert maker.get(f"{USERS}link/")["Location"] == USERS


# --- from the connector -------------------------------------------------------------------------


def test_tab_lists_searches_and_pages(
    maker: Client, connector: Connector, make_user: UserMaker
) -> None:
    users = [make_user(f"agent-{n:02}@acme.example", connector) for n in range(53)]
    User.objects.filter(pk=users[7].pk).update(full_name="Zoë Doe")
    make_user("elsewhere@acme.example")

    def rows(**query: str) -> list[str]:
        return [str(row["user"]) for row in maker.get(tab(connector), query).context["rows"]]

    assert rows() == [user.username for user in users[:50]]
    assert rows(p="2") == [user.username for user in users[50:]]
    assert rows(p="rubbish") == rows()
    assert rows(q="agent-5") == [user.username for user in users[50:]]
    assert rows(q="zoë") == rows(q=" AGENT-07@acme.example") == [users[7].username]
    assert rows(q="elsewhere@acme.example") == rows(q="a\0b") == []


def test_tab_stands_beside_the_form(maker: Client, connector: Connector) -> None:
    form = maker.get(f"/maker/sso_connectors/connector/{connector.pk}/change/").content.decode()
    assert f'href="{tab(connector)}"' in form

    page = maker.get(tab(connector)).content.decode()
    for address in ("change", "history"):
        assert f"/maker/sso_connectors/connector/{connector.pk}/{address}/" in page
    attempts = f"/maker/sso_connectors/attempt/?connector__id__exact={connector.pk}"
    assert attempts in page
    assert maker.get(attempts).status_code == 200


def test_pasted_addresses_are_looked_up_and_nobody_is_created(
    maker: Client, connector: Connector, alice: User, bob: User, make_user: UserMaker
) -> None:
    carol = make_user("carol@xn--mnchen-3ya.example")
    pasted = (
        " Bob@ACME.example,\r\n\r\nbob@acme.example\r\nCarol@München.example;\r\n"
        "alice@acme.example\nnobody@acme.example\nrubbish\n"
    )
    number = User.objects.count()
    page = maker.post(tab(connector, "link/"), {"addresses": pasted, "chosen": [alice.pk]})
    plan = page.context["plan"]
    assert (plan.ready, plan.settled) == ([bob, carol], [alice])
    assert (plan.unknown, plan.malformed) == (["nobody@acme.example"], ["rubbish"])
    assert "nobody@acme.example" in page.content.decode()

    maker.post(tab(connector, "link/"), {"users": plan.ids, "confirm": "yes"})
    assert linked(connector) == {"alice@acme.example", bob.username, carol.username}
    assert User.objects.count() == number


def test_a_thousand_pasted_addresses_and_not_one_more(maker: Client, connector: Connector) -> None:
    lines = [f"agent-{n}@acme.example" for n in range(1_001)]
    page = maker.post(tab(connector, "link/"), {"addresses": "\n".join(lines[:1_000])})
    assert len(page.context["plan"].unknown) == 1_000

    page = maker.post(tab(connector, "link/"), {"addresses": "\n".join(lines)})
    assert "1001" in str(page.context["form"].errors["addresses"])


def test_nothing_chosen_says_so(maker: Client, connector: Connector, alice: User) -> None:
    page = maker.post(tab(connector, "link/"), {"addresses": " \n"})
    assert page.context["form"].errors["chosen"]
    assert maker.post(tab(connector, "unlink/"))["Location"] == tab(connector)
    assert "No user is selected." in maker.get(tab(connector)).content.decode()
    assert linked(connector) == {alice.username}


def test_ticked_users_are_unlinked_after_a_confirmation(
    maker: Client, connector: Connector, make_connector: ConnectorMaker, alice: User, bob: User
) -> None:
    other = make_connector("other")
    Link.objects.create(user=alice, connector=other)
    Link.objects.create(user=bob, connector=connector)
    page = maker.post(tab(connector, "unlink/"), {"selected": [alice.pk]})
    assert page.context["plan"].ready == [alice]
    assert linked(connector) == {alice.username, bob.username}

    maker.post(tab(connector, "unlink/"), {"users": ids(alice), "confirm": "yes"})
    assert linked(connector) == {bob.username}
    assert linked(other) == {alice.username}


def test_unknown_connector_is_404(maker: Client) -> None:
    assert maker.get("/maker/sso_connectors/connector/999/users/").status_code == 404


# --- what a removal takes along -----------------------------------------------------------------


@pytest.mark.row(16)
def test_unlinking_many_ends_their_sessions(
    maker: Client, connector: Connector, alice: User, agent: Agent, idp: IdP
) -> None:
    agent.sign_in(idp)
    assert agent.username == alice.username

    maker.post(tab(connector, "unlink/"), {"users": ids(alice), "confirm": "yes"})
    assert agent.username is None


def test_unlinking_many_leaves_the_tokens_to_be_revoked(
    maker: Client, connector: Connector, alice: User
) -> None:
    link = Link.objects.get()
    grant = Grant(access_token="a", refresh_token="r", expires_at=None, scope="", extra={})
    Token.keep(link_id=link.pk, connector_id=connector.pk, issuer="i", client_id="c", grant=grant)
    maker.post(tab(connector, "unlink/"), {"users": ids(alice), "confirm": "yes"})

    assert Token.to_revoke().count() == 1


def test_history_says_who_and_from_where(
    maker: Client, connector: Connector, alice: User, bob: User
) -> None:
    root = User.objects.get(is_superuser=True)
    maker.post(tab(connector, "link/"), {"users": ids(bob), "confirm": "yes"})
    fields = {"users": ids(alice, bob), "connector": connector.pk, "confirm": "yes"}
    maker.post(f"{USERS}unlink/", fields)

    added = Link.history.get(user=bob, history_type="+")
    assert (added.history_user, added.history_change_reason) == (root, plans.FROM_CONNECTOR)
    removed = Link.history.filter(history_type="-").order_by("user__username")
    assert [row.user for row in removed] == [alice, bob]
    assert {(row.history_user, row.history_change_reason, row.connector) for row in removed} == {
        (root, plans.FROM_USERS, connector)
    }
    assert added.id == removed[1].id


def test_history_of_a_failed_removal_is_not_kept(connector: Connector, alice: User) -> None:
    root = User.objects.create_superuser("root@maker.example")

    def fail() -> None:
        with history_together(by=root, reason=""):
            Link.objects.all().delete()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert Link.objects.exists()
    assert not Link.history.filter(history_type="-").exists()
    Link.objects.all().delete()
    assert Link.history.filter(history_type="-").count() == 1, "one by one again"


def test_somebody_else_was_faster(
    maker: Client, connector: Connector, bob: User, monkeypatch: Any
) -> None:
    """The link is made between our look and our writing: nothing is written, and nothing breaks."""
    plan = plans.plan

    def slow(*args: Any, **kwargs: Any) -> plans.Plan:
        made = plan(*args, **kwargs)
        Link.objects.create(user=bob, connector=connector)
        return made

    monkeypatch.setattr(plans, "plan", slow)
    fields = {"users": ids(bob), "confirm": "yes"}
    response = maker.post(tab(connector, "link/"), fields, follow=True)

    assert "Somebody else" in said(response)
    assert Link.objects.count() == 1


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.row(27)
@pytest.mark.parametrize("kind", ["is_staff", "is_superuser"])
def test_only_a_superuser_links_and_unlinks_staff(
    maker: Client,
    make_staff: StaffMaker,
    connector: Connector,
    make_user: UserMaker,
    bob: User,
    kind: str,
) -> None:
    boss = make_user("boss@acme.example", **{kind: True})
    me = make_staff(*LINKER, "sso_connectors.delete_link")
    myself = User.objects.get(username="staff@maker.example")
    for address, fields in (
        (f"{USERS}link/", {"connector": connector.pk}),
        (tab(connector, "link/"), {}),
    ):
        chosen = {"users": ids(boss, bob, myself), "confirm": "yes"}
        response = me.post(address, {**chosen, **fields}, follow=True)
        assert "were not changed: only a superuser can link staff." in said(response)
        assert linked(connector) == {bob.username}
        Link.objects.all().delete()
    pasted = me.post(tab(connector, "link/"), {"addresses": boss.username}).context["plan"]
    assert (pasted.ready, pasted.forbidden) == ([], [boss])

    maker.post(tab(connector, "link/"), {"users": ids(boss), "confirm": "yes"})
    assert linked(connector) == {boss.username}
    me.post(tab(connector, "unlink/"), {"users": ids(boss), "confirm": "yes"})
    assert linked(connector) == {boss.username}
    assert f'value="{boss.pk}"' not in me.get(tab(connector)).content.decode()


Send = Callable[[Client, Connector, User], Any]

PERMISSIONS: dict[str, tuple[tuple[str, ...], Send]] = {
    "tab": (SEE, lambda staff, connector, user: staff.get(tab(connector))),
    "link on the tab": (
        LINKER,
        lambda staff, connector, user: staff.post(tab(connector, "link/"), {"users": user.pk}),
    ),
    "unlink on the tab": (
        UNLINKER,
        lambda staff, connector, user: staff.post(tab(connector, "unlink/"), {"users": user.pk}),
    ),
    "link from the list": (
        LINKER,
        lambda staff, connector, user: staff.post(
            f"{USERS}link/", {"users": user.pk, "connector": connector.pk}
        ),
    ),
    "unlink from the list": (
        UNLINKER,
        lambda staff, connector, user: staff.post(
            f"{USERS}unlink/", {"users": user.pk, "connector": connector.pk}
        ),
    ),
}


@pytest.mark.row(34)
@pytest.mark.parametrize("page", PERMISSIONS)
def test_each_page_needs_each_of_its_permissions(
    make_staff: StaffMaker, connector: Connector, bob: User, page: str
) -> None:
    needed, send = PERMISSIONS[page]
    assert send(make_staff(*needed), connector, bob).status_code == 200
    for number, missing in enumerate(needed):
        others = [name for name in needed if name != missing]
        staff = make_staff(*others, username=f"staff-{number}@maker.example")
        assert send(staff, connector, bob).status_code == 403, missing
    assert send(client_of(bob), connector, bob).status_code == 302
    assert send(Client(HTTP_HOST=HOST), connector, bob).status_code == 302


@pytest.mark.row(34)
def test_actions_are_offered_to_whom_they_are_open(
    make_staff: StaffMaker, connector: Connector, bob: User
) -> None:
    def offered(*permissions: str, username: str) -> set[str]:
        page = make_staff(*permissions, username=username).get(USERS)
        form = page.context["action_form"]
        names = {name for name, _ in form.fields["action"].choices} if form else set()
        return names & {"link_selected", "unlink_selected"}

    assert offered(*SEE, username="a@maker.example") == set()
    assert offered(*LINKER, username="b@maker.example") == {"link_selected"}
    assert offered(*UNLINKER, username="c@maker.example") == {"unlink_selected"}

    page = make_staff(*SEE, username="d@maker.example").get(tab(connector)).content.decode()
    assert "Preview" not in page
    assert "Unlink selected users" not in page


@pytest.mark.row(27)
@pytest.mark.parametrize("verb", ["link", "unlink"])
def test_links_are_written_by_no_other_site(
    connector: Connector, alice: User, bob: User, verb: str
) -> None:
    root = User.objects.create_superuser("root@maker.example")
    client = Client(HTTP_HOST=HOST, enforce_csrf_checks=True)
    client.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    fields = {"users": ids(alice, bob), "connector": str(connector.pk), "confirm": "yes"}
    for address in (f"{USERS}{verb}/", tab(connector, f"{verb}/")):
        assert client.post(address, fields).status_code == 403
        assert client.get(address, fields).status_code in {302, 405}

    assert linked(connector) == {alice.username}


# --- how much it costs --------------------------------------------------------------------------


def bulk_users(number: int) -> list[User]:
    have = User.objects.count()
    return User.objects.bulk_create(
        User(username=f"agent-{n}@customer.example", password="!")
        for n in range(have, have + number)
    )


def test_tab_makes_no_query_per_user(
    maker: Client, make_connector: ConnectorMaker, connector: Connector
) -> None:
    numbers = []
    for count in (3, 40):
        for user in bulk_users(count):
            link = Link.objects.create(user=user, connector=connector)
            grant = Grant(access_token="a", refresh_token="", expires_at=None, scope="", extra={})
            Token.keep(
                link_id=link.pk, connector_id=connector.pk, issuer="i", client_id="c", grant=grant
            )
        Connector.objects.update(type="oauth2", enabled=False)
        maker.get(tab(connector))
        with CaptureQueriesContext(connection) as captured:
            page = maker.get(tab(connector))
        assert page.content.decode().count("reconnection needed") >= count
        numbers.append(len(captured))

    assert numbers[0] == numbers[1]


def test_five_thousand_are_linked_and_unlinked_in_seconds(connector: Connector) -> None:
    root = User.objects.create_superuser("root@maker.example")
    users = bulk_users(5_000)
    began = time.monotonic()
    for verb, number in ((Verb.LINK, 5_000), (Verb.UNLINK, 0)):
        with CaptureQueriesContext(connection) as captured:
            made = plans.plan(verb, connector, users, by=root)
            plans.carry_out(made, by=root, reason="")
        assert Link.objects.count() == number
        assert len(captured) < 200, "some for each five hundred, and none for each"
    assert time.monotonic() - began < 20
    assert Link.history.count() == 10_000
