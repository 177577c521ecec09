"""The history: who changed what and when, and the return to an earlier version."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from simple_history.utils import update_change_reason

from sso_connectors import as_code
from sso_connectors.admin.attempts.link_user import FROM_ATTEMPT
from sso_connectors.admin.linking import plans
from sso_connectors.certificates.parsing import load_certificates
from sso_connectors.models import Connector, Link
from sso_connectors.secrets.encryption import Secret
from tests.agent import Agent
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import IdP, SigningKey
from users.models import User

pytestmark = pytest.mark.django_db

CONNECTORS = "/maker/sso_connectors/connector/"
USERS = "/maker/users/user/"
VIEW = "sso_connectors.view_connector"
CHANGE = "sso_connectors.change_connector"
TRUST = "sso_connectors.change_trust"
CANARY = "canary-of-the-client"
PASSWORD = "correct horse battery"


def history_of(client: Client, item: Connector | User, query: str = "") -> str:
    stem = CONNECTORS if isinstance(item, Connector) else USERS
    response = client.get(f"{stem}{item.pk}/history/{query}")
    assert response.status_code == 200
    return response.content.decode()


def first_version(item: Connector | User) -> Any:
    return item.history.order_by("history_date", "history_id").first()


def way_back(item: Connector | User, version: Any) -> str:
    stem = CONNECTORS if isinstance(item, Connector) else USERS
    return f"{stem}{item.pk}/history/{version.pk}/return/"


def newest(item: Connector | User) -> int:
    return int(item.history.order_by("history_date", "history_id").last().pk)


def go_back(client: Client, item: Connector | User, version: Any) -> Any:
    return client.post(way_back(item, version), {"newest": newest(item)}, follow=True)


def versions() -> int:
    models: tuple[Any, ...] = (Connector, Link, User)
    return sum(model.history.count() for model in models)


def sealed(text: str, at: datetime) -> Secret:
    key = Fernet(settings.FIELD_ENCRYPTION_KEYS[0])
    return Secret(key.encrypt_at_time(text.encode(), int(at.timestamp())).decode())


@pytest.fixture
def hub(make_connector: ConnectorMaker) -> Connector:
    """A connector of HubSpot with a secret."""
    return make_connector(
        "hub",
        type="oauth2",
        authentication_method="hubspot",
        options={"hub_id": "62515"},
        client_id="acme-client",
        client_secret=Secret.seal(CANARY),
        certificates="",
        endpoint="",
    )


# --- what stands there -----------------------------------------------------------------------


@pytest.mark.row(34)
def test_each_change_is_told_field_by_field(maker: Client, connector: Connector) -> None:
    connector.name, connector.force_authn, connector.binding = "Acme Ltd", True, "post"
    connector.save()
    page = history_of(maker, connector)

    for text in (
        "Created",
        "Changed",
        "the system",
        "Acme Ltd",
        "Always ask for the password",
        "HTTP-Redirect",
        "HTTP-POST",
    ):
        assert text in page
    assert page.index("<div>Acme Ltd</div>") < page.index("Created"), "newest first"


def test_author_whose_account_was_deleted_is_not_the_product(
    maker: Client, make_user: UserMaker, connector: Connector
) -> None:
    """Written singly, in bulk, and held back: each row knows who it was."""
    author = make_user("gone@maker.example", is_staff=True, is_superuser=True)
    alice, bob = make_user("alice@acme.example"), make_user("bob@acme.example", connector)
    writer = client_of(author)
    with_links = {"links-TOTAL_FORMS": 0, "links-INITIAL_FORMS": 0}
    writer.post(
        f"{USERS}{alice.pk}/change/",
        {"username": alice.username, "full_name": "Alice Liddell", **with_links},
    )
    plans.add_links([Link(user=alice, connector=connector)], by=author, reason=plans.FROM_FILE)
    gone = list(Link.objects.filter(user=bob).values_list("pk", flat=True))
    plans.remove_links(gone, by=author, reason=plans.FROM_USERS)
    assert "gone@maker.example" in history_of(maker, alice)
    assert "account deleted" not in history_of(maker, alice)
    author.delete()

    of_alice = history_of(maker, alice).split('class="entries"')[1]
    of_connector = history_of(maker, connector).split('class="entries"')[1]
    assert of_alice.count("gone@maker.example (account deleted)") == 2
    assert of_connector.count("gone@maker.example (account deleted)") == 2
    assert of_connector.count("· the system") == 2, "what was made without anybody stays so"


def test_certificates_that_cannot_be_read_any_more(maker: Client, connector: Connector) -> None:
    """Written past every validation, by hand or by an older version: the page stands all the same."""
    connector.name = "Acme Ltd"
    connector.save()
    earliest = first_version(connector)
    Connector.history.filter(pk=earliest.pk).update(certificates="-----BEGIN nothing")
    page = history_of(maker, connector)
    assert "Acme Ltd" in page
    assert "nothing" not in page
    assert "<code>" in page, "the certificates of the version that can be read"


def test_history_of_before_authors_were_kept(maker: Client, connector: Connector) -> None:
    Connector.history.update(history_user=None, history_author=None)
    assert "· the system" in history_of(maker, connector)


def test_where_a_change_came_from(
    maker: Client, make_user: UserMaker, make_connector: ConnectorMaker
) -> None:
    root, alice = User.objects.get(username="root@maker.example"), make_user("alice@acme.example")
    told = {
        plans.FROM_USERS: "· from the list of users",
        plans.FROM_CONNECTOR: "· on the connector&#x27;s “Users” tab",
        plans.FROM_FILE: "· from a CSV file",
        f"{FROM_ATTEMPT}7HKM-2CZT": "· from attempt 7HKM-2CZT",
        "ticket <7>": "· ticket &lt;7&gt;",
    }
    for number, (reason, words) in enumerate(told.items()):
        connector = make_connector(f"c{number}")
        plans.add_links([Link(user=alice, connector=connector)], by=root, reason=reason)
        assert words in history_of(maker, connector)
        assert words in history_of(maker, alice)
    alice.full_name = "Alice"
    alice.save()
    update_change_reason(alice, "asked for by mail")
    assert "· asked for by mail" in history_of(maker, alice)


def test_reason_that_is_told_already_is_not_told_twice(maker: Client, connector: Connector) -> None:
    connector.name = "Acme Ltd"
    connector.save()
    go_back(maker, connector, first_version(connector))
    page = history_of(maker, connector)
    assert "Restored to the version of" in page
    assert "· returned to" not in page


def test_who_made_the_change(maker: Client, make_user: UserMaker) -> None:
    alice = make_user("alice@acme.example")
    maker.post(
        f"{USERS}{alice.pk}/change/",
        {
            "username": alice.username,
            "full_name": "Alice Liddell",
            "links-TOTAL_FORMS": 0,
            "links-INITIAL_FORMS": 0,
        },
    )
    page = history_of(maker, alice)

    assert "root@maker.example" in page.split('class="entries"')[1]
    assert "Alice Liddell" in page
    assert "Active" in page, "switched off by the same form"


def test_certificates_are_described_and_not_printed(
    maker: Client, connector: Connector, idp: IdP
) -> None:
    other = SigningKey.rsa(common_name="the next one")
    connector.certificates += other.pem
    connector.full_clean()
    connector.save()
    page = history_of(maker, connector)
    (change,) = [part for part in page.split("<li ") if "the next one" in part]

    assert load_certificates(other.pem)[0].fingerprint in change
    assert load_certificates(idp.key.pem)[0].fingerprint not in change, "it stayed"
    assert "BEGIN CERTIFICATE" not in page


@pytest.mark.row(32)
def test_a_new_secret_is_told_without_the_secret(maker: Client, hub: Connector) -> None:
    later = timezone.now().replace(microsecond=0) + timedelta(hours=1)
    hub.client_secret = sealed("another-" + CANARY, later)
    hub.save()
    page = history_of(maker, hub)

    assert page.count("Client secret") == 2
    assert page.count("set on") == 3
    assert CANARY not in page
    assert "gAAAA" not in page
    columns = {field.name for field in hub.history.model._meta.fields}
    assert "client_secret" not in columns
    assert hub.history.first().client_secret_set_at == later


@pytest.mark.row(32)
def test_what_no_history_holds() -> None:
    models: tuple[Any, ...] = (Connector, Link, User)
    held = {field.name for model in models for field in model.history.model._meta.fields}

    assert not held & {"client_secret", "password", "last_login", "subject", "last_sign_in_at"}
    assert "issuer_url" in held


def test_options_under_the_names_that_their_method_gives_them(
    maker: Client, make_connector: ConnectorMaker
) -> None:
    desk = make_connector(
        "desk", type="oauth2", authentication_method="zendesk", enabled=False, options={}
    )
    desk.options = {"subdomain": "acme"}
    desk.full_clean()
    desk.save()
    page = history_of(maker, desk)

    assert "Subdomain: <code>acme</code>" in page
    assert "{&#x27;" not in page


def test_links_stand_in_both_histories(
    maker: Client, connector: Connector, make_user: UserMaker
) -> None:
    alice = make_user("alice@acme.example", connector)
    alice.links.get().delete()

    assert "Linked alice@acme.example" in history_of(maker, connector)
    assert "Unlinked alice@acme.example" in history_of(maker, connector)
    assert "Linked to Acme" in history_of(maker, alice)
    assert "Unlinked from Acme" in history_of(maker, alice)


def test_who_is_deleted_keeps_the_name_in_the_history(
    maker: Client, connector: Connector, alice: User
) -> None:
    maker.post(f"{USERS}{alice.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(username="alice@acme.example").exists()
    assert "Unlinked alice@acme.example" in history_of(maker, connector)


def test_what_only_the_log_knows_stands_in_the_stream(client: Client, make_user: UserMaker) -> None:
    boss = make_user("boss@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    alice = make_user("alice@acme.example")
    client.post("/maker/login/", {"username": boss.username, "password": PASSWORD})
    client.post(
        f"{USERS}{alice.pk}/password/",
        {"usable_password": "true", "password1": "a" + PASSWORD, "password2": "a" + PASSWORD},
    )

    assert "Signed in with a password." in history_of(client, boss)
    assert "Changed password." in history_of(client, alice)
    assert "Saved without any change to what the history records" in history_of(client, alice)


def test_forms_are_not_told_twice(maker: Client, connector: Connector) -> None:
    LogEntry.objects.log_actions(
        user_id=User.objects.get().pk,
        queryset=[connector],
        action_flag=2,
        change_message=[{"changed": {"fields": ["Name"]}}],
        single_object=True,
    )

    assert "Changed Name." not in history_of(maker, connector)


def test_change_of_what_is_older_than_the_history(maker: Client, connector: Connector) -> None:
    connector.history.all().delete()
    connector.name = "Acme Ltd"
    connector.save()

    assert "Changed, with no earlier version to compare with" in history_of(maker, connector)


def test_pages(maker: Client, connector: Connector) -> None:
    for number in range(35):
        connector.name = f"Name {number:02}"
        connector.save()
    first, second = history_of(maker, connector), history_of(maker, connector, "?p=2")

    assert first.count('<li class="card">') == 30
    assert second.count('<li class="card">') == 6
    assert "36 entries" in first
    assert "<div>Name 34</div>" in first
    # The last of a page is compared with a version of the next.
    assert '<td class="before">Name 04</td>' in first


def test_queries_do_not_grow_with_the_page(
    maker: Client, connector: Connector, make_user: UserMaker
) -> None:
    def grow(number: int) -> None:
        for _ in range(number):
            count = User.objects.count()
            alice = make_user(f"alice-{count}@acme.example", connector)
            Link.objects.filter(user=alice).get().delete()
            if count % 2:
                alice.delete()
                make_user(f"in-its-place-{count}@acme.example")
            connector.name = f"Name {count}"
            connector.save()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            history_of(maker, connector)
        return len(captured)

    grow(2)
    few = queries()
    grow(7)

    assert queries() == few
    assert few < 16


@pytest.mark.row(34)
def test_who_sees_it(
    make_staff: StaffMaker, connector: Connector, make_user: UserMaker, maker: Client
) -> None:
    make_user("alice@acme.example", connector)
    address = f"{CONNECTORS}{connector.pk}/history/"
    nobody = make_staff("users.view_user", username="nobody@maker.example")
    assert nobody.get(address).status_code == 403

    reader = make_staff(VIEW, username="reader@maker.example")
    page = history_of(reader, connector)
    assert "Created" in page
    assert "alice" not in page
    assert "Linked" not in page

    links = make_staff(VIEW, "sso_connectors.view_link", username="links@maker.example")
    page = history_of(links, connector)
    assert "Linked a user" in page
    assert "alice" not in page

    both = make_staff(VIEW, "sso_connectors.view_link", "users.view_user", username="b@m.example")
    assert "Linked alice@acme.example" in history_of(both, connector)
    assert maker.get(f"{CONNECTORS}999999/history/").status_code == 404


@pytest.mark.row(34)
def test_whoever_may_only_look_is_offered_no_return(
    make_staff: StaffMaker, connector: Connector
) -> None:
    version = first_version(connector)
    connector.name = "Acme Ltd"
    connector.save()
    reader = make_staff(VIEW)

    assert "Restore this version" not in history_of(reader, connector)
    assert go_back(reader, connector, version).status_code == 403
    connector.refresh_from_db()
    assert connector.name == "Acme Ltd"


# --- what writes one -------------------------------------------------------------------------


def test_a_sign_in_writes_none(agent: Agent, idp: IdP, connector: Connector, alice: User) -> None:
    before = versions()
    response = agent.sign_in(idp)

    assert response.status_code == 302
    link = alice.links.get()
    alice.refresh_from_db()
    assert link.last_sign_in_at is not None
    assert alice.last_login is not None
    assert versions() == before


def test_deletion_with_many_links_writes_their_history_at_once(
    maker: Client, connector: Connector
) -> None:
    agents = User.objects.bulk_create(
        User(username=f"agent-{n}@acme.example", password="!") for n in range(120)
    )
    Link.objects.bulk_create(Link(user=agent, connector=connector) for agent in agents)
    with CaptureQueriesContext(connection) as captured:
        maker.post(f"{CONNECTORS}{connector.pk}/delete/", {"post": "yes"})
    gone = Link.history.filter(history_type="-")

    assert gone.count() == 120
    assert {str(row.history_user) for row in gone.select_related("history_user")} == {
        "root@maker.example"
    }
    assert Connector.history.filter(history_type="-").count() == 1
    inserts = [each for each in captured if "INSERT" in each["sql"]]
    assert len([each for each in inserts if "historicallink" in each["sql"]]) < 4


def test_nobody_deletes_themselves(make_user: UserMaker, connector: Connector) -> None:
    """The log would lose its last word about it, and all else that they did."""
    root = make_user("root@maker.example", connector, is_staff=True, is_superuser=True)
    browser = client_of(root)
    selected = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    for _each in ("with a log", "without"):
        browser.post(f"{USERS}{root.pk}/delete/", {"post": "yes"})
        browser.post(USERS, selected)
        assert User.objects.filter(pk=root.pk).exists()
        assert Link.objects.filter(user=root).exists()
        LogEntry.objects.all().delete()


def applied(connectors: list[str], *, active: bool = True) -> None:
    document = {
        "connectors": [{"name": "Acme", "reference": "acme", "type": "saml2"}],
        "users": [{"username": "a@acme.example", "active": active, "connectors": connectors}],
    }
    as_code.apply(json.dumps(document), dry_run=False)


def test_connectors_as_code_write_it(maker: Client) -> None:
    applied(["acme"])
    connector, user = Connector.objects.get(), User.objects.get(username="a@acme.example")
    applied([], active=False)
    of_connector, of_user = history_of(maker, connector), history_of(maker, user)

    for text in ("Created", "Linked a@acme.example", "Unlinked a@acme.example"):
        assert text in of_connector
    for text in ("Created", "Linked to Acme", "Unlinked from Acme", "Active"):
        assert text in of_user
    assert "the system" not in of_connector + of_user
    written: tuple[Any, ...] = (Connector.history, Link.history, User.history.filter(id=user.pk))
    rows = [row for history in written for row in history.all()]
    assert {row.history_change_reason for row in rows} == {"sso_apply"}
    assert {row.history_user_id for row in rows} == {None}
    assert [row.history_type for row in written[2].order_by("pk")] == ["+", "~"]


def test_connectors_as_code_write_none_of_what_stays(db: None) -> None:
    applied(["acme"])
    before = versions()
    applied(["acme"])

    assert versions() == before


# --- return ----------------------------------------------------------------------------------


@pytest.mark.row(34)
def test_return_asks_first_and_then_does_it(maker: Client, connector: Connector) -> None:
    version = first_version(connector)
    connector.name, connector.contact = "Acme Ltd", "it@acme.example"
    connector.save()
    address = way_back(connector, version)
    assert address in history_of(maker, connector)
    asked = maker.get(address).content.decode()
    assert "Acme Ltd" in asked
    assert "it@acme.example" in asked
    connector.refresh_from_db()
    assert connector.name == "Acme Ltd", "to look changes nothing"

    page = go_back(maker, connector, version).content.decode()

    connector.refresh_from_db()
    assert (connector.name, connector.contact) == ("Acme", "")
    assert "Restored to the version of" in page
    assert connector.history.first().history_user.username == "root@maker.example"


def test_return_to_what_it_is(maker: Client, connector: Connector) -> None:
    page = go_back(maker, connector, first_version(connector)).content.decode()

    assert "There is no difference from that version any more." in page
    assert connector.history.count() == 1


def test_return_waits_for_another_look_when_somebody_else_was_quicker(
    maker: Client, connector: Connector
) -> None:
    version = first_version(connector)
    connector.name = "Acme Ltd"
    connector.save()
    seen = newest(connector)
    connector.name = "Acme Inc"
    connector.save()
    page = maker.post(way_back(connector, version), {"newest": seen}).content.decode()

    assert "It was changed in the meantime" in page
    assert "Acme Inc" in page
    connector.refresh_from_db()
    assert connector.name == "Acme Inc"


def test_return_to_a_version_that_is_not_valid_any_more(
    maker: Client, connector: Connector, make_connector: ConnectorMaker
) -> None:
    version = first_version(connector)
    connector.reference, connector.name = "acme-2", "Acme 2"
    connector.save()
    make_connector("ACME")
    page = go_back(maker, connector, version).content.decode()

    assert "That version is no longer valid" in page
    assert "Another connector already has this reference" in page
    connector.refresh_from_db()
    assert (connector.reference, connector.name) == ("acme-2", "Acme 2")


def test_versions_of_others_are_none_of_its_own(
    maker: Client, connector: Connector, make_connector: ConnectorMaker
) -> None:
    other = make_connector("other")
    address = f"{CONNECTORS}{connector.pk}/history/{first_version(other).pk}/return/"

    assert maker.get(address).status_code == 404
    assert maker.get(f"{CONNECTORS}99999/history/1/return/").status_code == 404


@pytest.mark.row(34)
@pytest.mark.parametrize(
    ("field", "value"),
    [("enabled", False), ("issuer_url", "https://evil.example"), ("binding", "post")],
)
def test_return_of_what_is_trusted_takes_its_permission(
    make_staff: StaffMaker, connector: Connector, field: str, value: object
) -> None:
    version = first_version(connector)
    setattr(connector, field, value)
    connector.save()
    manager = make_staff(VIEW, CHANGE, username="manager@maker.example")
    assert way_back(connector, version) not in history_of(manager, connector)
    assert go_back(manager, connector, version).status_code == 403
    connector.refresh_from_db()
    assert getattr(connector, field) == value

    trusted = make_staff(VIEW, CHANGE, TRUST, username="trusted@maker.example")
    assert way_back(connector, version) in history_of(trusted, connector)
    assert go_back(trusted, connector, version).status_code == 200
    connector.refresh_from_db()
    assert getattr(connector, field) != value


@pytest.mark.row(34)
def test_only_superusers_return_staff_may_sign_in(
    make_staff: StaffMaker, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    connector = make_connector(staff_may_sign_in=True)
    version = first_version(connector)
    connector.staff_may_sign_in = False
    connector.save()
    manager = make_staff(VIEW, CHANGE, TRUST)
    assert go_back(manager, connector, version).status_code == 403
    connector.refresh_from_db()
    assert not connector.staff_may_sign_in

    root = make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    values = {"newest": newest(connector), "own_password": PASSWORD}
    client_of(root).post(way_back(connector, version), values)
    connector.refresh_from_db()
    assert connector.staff_may_sign_in


def test_return_makes_untested(maker: Client, connector: Connector) -> None:
    version = first_version(connector)
    connector.issuer_url = "https://new.example"
    connector.save()
    Connector.objects.filter(pk=connector.pk).update(tested_at=timezone.now())
    page = go_back(maker, connector, version).content.decode()

    connector.refresh_from_db()
    assert connector.tested_at is None
    assert "may have changed. Test it." in page


@pytest.mark.row(33)
def test_return_to_another_provider_drops_the_secret(maker: Client, hub: Connector) -> None:
    """It was given for the provider of today, and is told to no other."""
    version = first_version(hub)
    hub.authentication_method, hub.options = "zendesk", {"subdomain": "acme"}
    hub.client_secret = Secret.seal(CANARY)
    hub.full_clean()
    hub.save()
    asked = maker.get(way_back(hub, version)).content.decode()
    assert "It will be deleted." in asked
    assert "is a draft" in asked

    go_back(maker, hub, version)

    hub.refresh_from_db()
    assert hub.authentication_method == "hubspot"
    assert hub.client_secret is None
    assert hub.enabled is False
    assert hub.state == "draft"


@pytest.mark.row(33)
def test_return_to_another_issuer_of_one_method_drops_the_secret(
    maker: Client, make_connector: ConnectorMaker
) -> None:
    desk = make_connector(
        type="oauth2",
        authentication_method="zendesk",
        client_id="acme-client",
        client_secret=Secret.seal(CANARY),
        options={"subdomain": "first"},
    )
    version = first_version(desk)
    desk.options = {"subdomain": "second"}
    desk.full_clean()
    desk.save()
    go_back(maker, desk, version)

    desk.refresh_from_db()
    assert desk.options == {"subdomain": "first"}
    assert desk.client_secret is None


def test_return_within_one_provider_keeps_the_secret_of_today(
    maker: Client, hub: Connector
) -> None:
    version = first_version(hub)
    hub.client_id = "other-client"
    hub.client_secret = sealed("another-" + CANARY, timezone.now() + timedelta(hours=1))
    hub.save()
    assert "so it can&#x27;t be restored" in maker.get(way_back(hub, version)).content.decode()
    go_back(maker, hub, version)

    hub.refresh_from_db()
    assert hub.client_id == "acme-client"
    assert hub.client_secret is not None
    assert hub.client_secret.reveal() == "another-" + CANARY
    assert hub.enabled


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ((-timedelta(days=400), -timedelta(days=30)), "expired on"),
        ((timedelta(days=30), timedelta(days=400)), "is not valid until"),
    ],
)
def test_return_to_certificates_whose_dates_say_otherwise(
    maker: Client,
    make_connector: ConnectorMaker,
    idp: IdP,
    dates: tuple[timedelta, timedelta],
    words: str,
) -> None:
    now = timezone.now()
    key = SigningKey.rsa(
        common_name="of other days", not_before=now + dates[0], not_after=now + dates[1]
    )
    connector = make_connector(certificates=key.pem)
    version = first_version(connector)
    connector.certificates = idp.key.pem
    connector.save()

    assert words in maker.get(way_back(connector, version)).content.decode()


MANAGER: tuple[str, ...] = ("users.view_user", "users.change_user")


@pytest.mark.row(43)
def test_return_to_another_identifier_format_says_who_is_remembered(
    maker: Client, connector: Connector, alice: User
) -> None:
    before = first_version(connector)
    connector.identifier_format = "persistent"
    connector.save()
    told = "permanent IDs of users are stored"
    assert told not in maker.get(way_back(connector, before)).content.decode()
    alice.links.update(subject="77f1")
    assert told in maker.get(way_back(connector, before)).content.decode()
    connector.identifier_format = before.identifier_format
    connector.save()
    assert told not in maker.get(way_back(connector, before)).content.decode()


def test_return_of_a_user(make_staff: StaffMaker, alice: User) -> None:
    version = first_version(alice)
    alice.full_name, alice.is_active = "Alice", False
    alice.save()
    epoch = alice.session_epoch
    go_back(make_staff(*MANAGER), alice, version)

    alice.refresh_from_db()
    assert (alice.full_name, alice.is_active) == ("", True)
    assert alice.session_epoch == epoch, "old sessions stay over"


def test_return_leaves_the_password_and_what_belongs_to_it(
    maker: Client, make_user: UserMaker
) -> None:
    alice = make_user("alice@acme.example", password=PASSWORD)
    alice.must_change_password = True
    alice.save()
    version = alice.history.first()
    alice.set_password("a" + PASSWORD)
    alice.full_name = "Alice"
    alice.save()
    go_back(maker, alice, version)

    alice.refresh_from_db()
    assert alice.full_name == ""
    assert alice.check_password("a" + PASSWORD)
    assert not alice.must_change_password


@pytest.mark.row(34)
@pytest.mark.parametrize("field", ["is_staff", "is_superuser"])
def test_only_superusers_return_staff(
    make_staff: StaffMaker, maker: Client, make_user: UserMaker, field: str
) -> None:
    alice = make_user("alice@acme.example", **{field: True})
    version = first_version(alice)
    setattr(alice, field, False)
    alice.save()
    manager = make_staff(*MANAGER)
    assert way_back(alice, version) not in history_of(manager, alice)
    assert go_back(manager, alice, version).status_code == 403
    alice.refresh_from_db()
    assert not getattr(alice, field)

    go_back(maker, alice, version)
    alice.refresh_from_db()
    assert getattr(alice, field)


@pytest.mark.row(34)
def test_cards_of_staff_are_returned_by_superusers_only(
    make_staff: StaffMaker, make_user: UserMaker
) -> None:
    boss = make_user("boss@maker.example", is_staff=True)
    version = first_version(boss)
    boss.full_name = "Boss"
    boss.save()

    assert go_back(make_staff(*MANAGER), boss, version).status_code == 403
    boss.refresh_from_db()
    assert boss.full_name == "Boss"


def test_return_from_another_site_is_refused(make_user: UserMaker, connector: Connector) -> None:
    root = make_user("root@maker.example", is_staff=True, is_superuser=True)
    version = first_version(connector)
    connector.name = "Acme Ltd"
    connector.save()
    browser = Client(HTTP_HOST="localhost:8000", enforce_csrf_checks=True)
    browser.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")

    assert go_back(browser, connector, version).status_code == 403
