"""The page that asks before deleting: it counts, names a few, and asks for every permission."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import PROTECT
from django.test import Client
from django.utils import timezone

from sso_connectors.admin.users import card
from sso_connectors.models import Connector, Link, PendingLogin
from sso_connectors.models.attempt import Attempt
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker
from users.models import User

pytestmark = pytest.mark.django_db

CONNECTORS = "/maker/sso_connectors/connector/"
USERS = "/maker/users/user/"


def link_agents(connector: Connector, number: int) -> list[User]:
    agents = User.objects.bulk_create(
        User(username=f"agent-{n:02}@acme.example", password="!") for n in range(number)
    )
    Link.objects.bulk_create(Link(user=agent, connector=connector) for agent in agents)
    return agents


def delete_selected(client: Client, rows: list[User], **fields: str) -> Any:
    keys = [row.pk for row in rows]
    values = {"action": "delete_selected", "_selected_action": keys, **fields}
    return client.post(USERS, values)


def test_many_links_are_counted_and_a_few_named(maker: Client, connector: Connector) -> None:
    link_agents(connector, 45)
    page = maker.get(f"{CONNECTORS}{connector.pk}/delete/").content.decode()

    assert "Links: 45" in page
    assert "agent-00@acme.example – Acme" in page
    assert "agent-19@acme.example – Acme" in page
    assert "agent-20" not in page
    assert "and 25 more" in page
    assert f'<a href="{CONNECTORS}{connector.pk}/change/">Acme</a>' in page


def test_few_links_are_all_named(maker: Client, alice: User) -> None:
    page = maker.get(f"{USERS}{alice.pk}/delete/").content.decode()

    assert "Links: 1" in page
    assert "alice@acme.example – Acme" in page
    assert " more" not in page


def test_names_are_escaped(maker: Client, make_connector: ConnectorMaker, alice: User) -> None:
    spoilt = make_connector("spoilt", name="<script>alert(1)</script>")
    Link.objects.create(user=alice, connector=spoilt)
    for address in (f"{CONNECTORS}{spoilt.pk}/delete/", f"{USERS}{alice.pk}/delete/"):
        page = maker.get(address).content.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page


def test_deleting_a_connector_takes_links_and_pending_logins_and_leaves_the_rest(
    maker: Client, connector: Connector, make_connector: ConnectorMaker
) -> None:
    agents = link_agents(connector, 45)
    other = make_connector("other")
    Link.objects.create(user=agents[0], connector=other)
    attempt = Attempt.objects.create(connector=connector, connector_reference="acme")
    PendingLogin.objects.create(
        request_id="_1",
        connector=connector,
        attempt=attempt,
        browser_hash="0" * 64,
        expires_at=timezone.now() + timedelta(minutes=10),
    )
    response = maker.post(f"{CONNECTORS}{connector.pk}/delete/", {"post": "yes"})

    assert response.status_code == 302
    assert [each.reference for each in Connector.objects.all()] == ["other"]
    assert [link.connector for link in Link.objects.all()] == [other]
    assert not PendingLogin.objects.exists()
    assert User.objects.filter(is_staff=False).count() == 45
    attempt.refresh_from_db()
    assert (attempt.connector, attempt.connector_reference) == (None, "acme")


def test_selected_users_are_deleted_with_their_links(maker: Client, connector: Connector) -> None:
    agents = link_agents(connector, 45)
    page = delete_selected(maker, agents[:30]).content.decode()
    assert "Users: 30" in page
    assert "Links: 30" in page
    assert "and 10 more" in page

    delete_selected(maker, agents[:30], post="yes")
    assert User.objects.filter(is_staff=False).count() == 15
    assert Link.objects.count() == 15


@pytest.mark.row(27)
def test_a_superuser_hidden_among_many_is_not_deleted(
    make_staff: StaffMaker, connector: Connector, make_user: UserMaker
) -> None:
    agents = link_agents(connector, 45)
    boss = make_user("boss@maker.example", is_superuser=True)
    staff = make_staff("users.view_user", "users.change_user", "users.delete_user")

    assert "doesn’t have permission" in _text(delete_selected(staff, [*agents, boss]))
    assert delete_selected(staff, [*agents, boss], post="yes").status_code == 403
    assert User.objects.filter(pk=boss.pk).exists()
    delete_selected(staff, agents, post="yes")
    assert not User.objects.filter(pk__in=[agent.pk for agent in agents]).exists()


@pytest.mark.row(34)
def test_who_stands_in_the_log_is_not_deleted(
    make_staff: StaffMaker, maker: Client, make_user: UserMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A former colleague, no staff any more: what they did would go with them."""
    former = make_user("former@maker.example")
    alice = make_user("alice@acme.example")
    LogEntry.objects.log_actions(
        user_id=former.pk, queryset=[alice], action_flag=CHANGE, change_message="Did this."
    )
    staff = make_staff("users.view_user", "users.change_user", "users.delete_user")
    address = f"{USERS}{former.pk}/delete/"
    for client in (staff, maker):
        page = _text(client.get(address))
        assert "1 log entry by former@maker.example." in page
        assert "clear “Active”" in page
        client.post(address, {"post": "yes"})
        delete_selected(client, [former, alice], post="yes")
        assert User.objects.filter(pk__in=[former.pk, alice.pk]).count() == 2
        assert LogEntry.objects.filter(user=former).exists()

    # Nor by whoever does something between the page's look and the deletion.
    monkeypatch.setattr(card.UserCard, "get_deleted_objects", nothing_to_say)
    assert staff.post(address, {"post": "yes"}).status_code == 403
    assert LogEntry.objects.filter(user=former).exists()


def nothing_to_say(*args: Any) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
    return [], {}, set(), []


def test_what_is_protected_is_not_deleted(
    maker: Client, connector: Connector, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Link._meta.get_field("connector").remote_field, "on_delete", PROTECT)
    address = f"{CONNECTORS}{connector.pk}/delete/"

    page = _text(maker.get(address))
    assert "would require deleting the following protected related objects" in page
    assert "alice@acme.example – Acme" in page
    maker.post(address, {"post": "yes"})
    assert Connector.objects.filter(pk=connector.pk).exists()


def _text(response: Any) -> str:
    text: str = response.content.decode()
    return text.replace("&#x27;", "’").replace("'", "’")
