"""Forgetting what identity providers call people: one link, or a whole connector; who may; what is kept of it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sso_connectors.admin.connectors.permanent_ids import forget
from sso_connectors.history import reasons
from sso_connectors.models import Connector, Link
from tests.agent import Agent
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker
from tests.idp import PERSISTENT, IdP
from users.models import User

from .test_model_admin import form

pytestmark = pytest.mark.django_db

CONNECTORS = "/maker/sso_connectors/connector/"
USERS = "/maker/users/user/"
LINKER = ("users.view_user", "users.change_user", "sso_connectors.view_link")
MAY = (*LINKER, "sso_connectors.change_link")
TRUSTED = (
    "sso_connectors.view_connector",
    "sso_connectors.change_connector",
    "sso_connectors.change_trust",
)


def remember(user: User, subject: str = "the-subject") -> Link:
    link = user.links.get()
    link.subject = subject
    link.save()
    return link


def of_link(link: Link) -> str:
    return f"{USERS}{link.user_id}/links/{link.pk}/forget-subject/"


def of_connector(connector: Connector) -> str:
    return f"{CONNECTORS}{connector.pk}/forget-subjects/"


def test_one_link(maker: Client, alice: User) -> None:
    link = remember(alice)
    card = maker.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert of_link(link) in card
    asked = maker.get(of_link(link)).content.decode()
    assert "Reset the permanent ID of alice@acme.example at Acme?" in asked
    link.refresh_from_db()
    assert link.subject == "the-subject", "to look changes nothing"

    page = maker.post(of_link(link), follow=True).content.decode()

    link.refresh_from_db()
    assert link.subject is None
    assert "The permanent ID of alice@acme.example at Acme was reset." in page
    row = Link.history.first()
    assert row.history_change_reason == reasons.SUBJECT_RESET
    assert row.history_user.username == "root@maker.example"
    for item in (f"{USERS}{alice.pk}", f"{CONNECTORS}{link.connector_id}"):
        assert "Reset the permanent ID" in maker.get(f"{item}/history/").content.decode()


def test_nothing_to_forget(maker: Client, alice: User) -> None:
    link = alice.links.get()
    assert of_link(link) not in maker.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert "Nothing to reset" in maker.get(of_link(link)).content.decode()
    assert "Nothing to reset" in maker.get(of_connector(link.connector)).content.decode()
    maker.post(of_link(link))
    maker.post(of_connector(link.connector))

    assert Link.history.count() == 1
    assert Connector.history.count() == 1


@pytest.mark.row(23)
def test_who_was_refused_comes_in_afterwards(
    maker: Client, idp: IdP, agent: Agent, alice: User
) -> None:
    link = remember(alice, "before the identity provider was rebuilt")
    person: dict[str, Any] = {
        "name_id": "after it",
        "name_id_format": PERSISTENT,
        "attributes": {"mail": ["alice@acme.example"]},
    }
    assert agent.sign_in(idp, **person).status_code == 403

    maker.post(of_link(link))

    assert agent.sign_in(idp, **person).status_code == 302
    assert agent.username == "alice@acme.example"
    link.refresh_from_db()
    assert link.subject == "after it"


@pytest.mark.row(34)
@pytest.mark.parametrize("missing", MAY)
def test_one_link_takes_each_permission(make_staff: StaffMaker, alice: User, missing: str) -> None:
    link = remember(alice)
    client = make_staff(*(name for name in MAY if name != missing))
    if missing in ("users.view_user", "sso_connectors.view_link"):
        return  # to change includes to view; and without view_link the card merely shows no link
    assert of_link(link) not in client.get(f"{USERS}{alice.pk}/change/").content.decode()
    for response in (client.get(of_link(link)), client.post(of_link(link))):
        assert response.status_code == 403
    link.refresh_from_db()
    assert link.subject == "the-subject"


@pytest.mark.row(34)
def test_support_resets_agents_and_never_staff(
    make_staff: StaffMaker, make_user: UserMaker, connector: Connector, alice: User
) -> None:
    boss = make_user("boss@maker.example", connector, is_staff=True)
    root = make_user("root@maker.example", connector, is_superuser=True)
    support = make_staff(*MAY)
    for link in (remember(boss, "of the boss"), remember(root, "of root")):
        assert support.post(of_link(link)).status_code == 403
        link.refresh_from_db()
        assert link.subject is not None

    link = remember(alice)
    assert support.post(of_link(link)).status_code == 302
    link.refresh_from_db()
    assert link.subject is None


def test_links_of_others(maker: Client, alice: User, make_user: UserMaker) -> None:
    bob = make_user("bob@acme.example")
    link = remember(alice)

    assert maker.post(f"{USERS}{bob.pk}/links/{link.pk}/forget-subject/").status_code == 404
    assert maker.post(f"{USERS}99999/links/{link.pk}/forget-subject/").status_code == 404
    assert maker.post(f"{CONNECTORS}99999/forget-subjects/").status_code == 404
    link.refresh_from_db()
    assert link.subject == "the-subject"


def test_whole_connector(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker, connector: Connector
) -> None:
    other = make_connector("other")
    kept = remember(make_user("carol@other.example", other), "of carol")
    for name in ("alice", "bob"):
        remember(make_user(f"{name}@acme.example", connector), f"of {name}")
    make_user("dave@acme.example", connector)
    assert (
        of_connector(connector) in maker.get(f"{CONNECTORS}{connector.pk}/change/").content.decode()
    )
    asked = maker.get(of_connector(connector)).content.decode()
    assert "Reset the permanent IDs of 2 users of Acme?" in asked

    page = maker.post(of_connector(connector), follow=True).content.decode()

    assert "The permanent IDs of 2 users of Acme were reset." in page
    assert not connector.links.filter(subject__isnull=False).exists()
    kept.refresh_from_db()
    assert kept.subject == "of carol"
    history = maker.get(f"{CONNECTORS}{connector.pk}/history/").content.decode()
    assert "Reset the permanent IDs of 2 users" in history
    assert "Reset the permanent ID of alice" not in history, "one line says how many"
    alice = User.objects.get(username="alice@acme.example")
    assert (
        "Reset the permanent ID at Acme"
        in maker.get(f"{USERS}{alice.pk}/history/").content.decode()
    )
    assert Connector.history.first().history_user.username == "root@maker.example"


@pytest.mark.row(34)
@pytest.mark.parametrize("missing", TRUSTED[1:])
def test_whole_connector_takes_each_permission(
    make_staff: StaffMaker, connector: Connector, alice: User, missing: str
) -> None:
    link = remember(alice)
    client = make_staff(*(name for name in TRUSTED if name != missing))
    page = client.get(f"{CONNECTORS}{connector.pk}/change/").content.decode()
    assert of_connector(connector) not in page
    for response in (client.get(of_connector(connector)), client.post(of_connector(connector))):
        assert response.status_code == 403
    link.refresh_from_db()
    assert link.subject == "the-subject"


@pytest.mark.row(34)
def test_whole_connector_leaves_staff_to_superusers(
    make_staff: StaffMaker, maker: Client, make_user: UserMaker, connector: Connector, alice: User
) -> None:
    boss = make_user("boss@maker.example", connector, is_staff=True)
    links = [remember(alice), remember(boss, "of the boss")]
    trusted = make_staff(*TRUSTED)
    asked = trusted.get(of_connector(connector)).content.decode()
    assert "Reset the permanent ID of 1 user of Acme?" in asked
    assert "The permanent ID of 1 staff member will not be reset" in asked
    trusted.post(of_connector(connector))
    for link in links:
        link.refresh_from_db()
    assert [link.subject for link in links] == [None, "of the boss"]

    maker.post(of_connector(connector))
    links[1].refresh_from_db()
    assert links[1].subject is None


def test_thousands_are_forgotten_in_batches(connector: Connector) -> None:
    agents = User.objects.bulk_create(
        User(username=f"agent-{n}@acme.example", password="!") for n in range(1200)
    )
    Link.objects.bulk_create(
        Link(user=agent, connector=connector, subject=f"s-{n}") for n, agent in enumerate(agents)
    )
    with CaptureQueriesContext(connection) as captured:
        count = forget(connector.links.all(), by=None, reason=reasons.SUBJECT_RESET)

    assert count == 1200
    assert not Link.objects.filter(subject__isnull=False).exists()
    assert Link.history.filter(history_change_reason=reasons.SUBJECT_RESET).count() == 1200
    assert len(captured) < 60


def test_only_by_post_of_our_own(make_user: UserMaker, alice: User) -> None:
    root = make_user("root@maker.example", is_staff=True, is_superuser=True)
    browser = Client(HTTP_HOST="localhost:8000", enforce_csrf_checks=True)
    browser.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    link = remember(alice)

    assert browser.post(of_link(link)).status_code == 403
    assert browser.post(of_connector(link.connector)).status_code == 403
    link.refresh_from_db()
    assert link.subject == "the-subject"


@pytest.mark.row(43)
def test_changed_format_says_what_it_means_for_who_is_remembered(
    maker: Client, idp: IdP, alice: User
) -> None:
    connector = remember(alice).connector
    page = f"{CONNECTORS}{connector.pk}/change/"
    shown = maker.post(page, form(idp, identifier_format="persistent"), follow=True)
    text = shown.content.decode()
    assert "the permanent ID of 1 user is stored" in text
    assert f'<a href="{of_connector(connector)}">Reset permanent IDs</a>' in text
    assert "You changed the identifier format" not in maker.get(page).content.decode()


def test_nothing_is_said_where_the_format_stays_or_nobody_is_remembered(
    maker: Client, idp: IdP, alice: User
) -> None:
    connector = alice.links.get().connector
    page = f"{CONNECTORS}{connector.pk}/change/"
    for contact in ("", "it@acme.example"):
        fields = form(idp, identifier_format="persistent", contact=contact)
        text = maker.post(page, fields, follow=True).content.decode()
        assert "You changed the identifier format" not in text
        remember(alice)
