"""Who may do what in the Maker: each role at each of its addresses and actions, by GET and by POST.

The addresses are those that are there: one that isn't in the table fails the test.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from sso_connectors import roles
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker, UserMaker, client_of
from tests.idp import IdP, other_key
from users.models import User

from .connectors.test_model_admin import form
from .users.test_card import card

pytestmark = [pytest.mark.django_db, pytest.mark.row(34)]

# Each in the order of the tables below; the last three are nobody in the Maker.
WHO: Final = (
    "superuser",
    "administrator",
    "trusted manager",  # with the extra permission to change what is trusted
    "manager",
    "support",
    "auditor",
    "staff without a group",
    "member who is no staff",
    "agent",
    "anonymous",
)
SUPERUSER: Final = frozenset(WHO[:1])
ADMINISTRATORS: Final = frozenset(WHO[:2])
TRUSTED: Final = frozenset(WHO[:3])
MANAGERS: Final = frozenset(WHO[:4])
LINKERS: Final = frozenset(WHO[:5])
READERS: Final = frozenset(WHO[:6])
GROUP_READERS: Final = ADMINISTRATORS | {"auditor"}
STAFF: Final = frozenset(WHO[:7])
OUTSIDE: Final = frozenset(WHO[7:])
EVERYBODY: Final = frozenset(WHO)
NOBODY: Final[frozenset[str]] = frozenset()

GROUP_OF: Final = {
    "administrator": "Maker administrator",
    "trusted manager": "Connector manager",
    "manager": "Connector manager",
    "support": "Support",
    "auditor": "Auditor",
    "member who is no staff": "Maker administrator",
}


@dataclass(frozen=True)
class Scene:
    idp: IdP
    connector: Connector
    alice: User
    bob: User
    attempt: Attempt
    group: Group

    @property
    def link(self) -> Link:
        return Link.objects.get(user=self.alice)

    @property
    def removable(self) -> str:
        """The fingerprint of the certificate that nothing needs."""
        return self.connector.signing_certificates[1].fingerprint

    def first_version(self, item: Connector | User) -> int:
        return int(item.history.earliest().pk)


Data = Callable[[Scene], Mapping[str, Any]]


def nothing(scene: Scene) -> dict[str, Any]:
    return {}


def sure(scene: Scene) -> dict[str, Any]:
    return {"post": "yes"}


@dataclass(frozen=True)
class View:
    """Who may GET and who may POST.

    writes: whether the POST changes something when it is allowed, which is looked at.
    """

    get: frozenset[str]
    post: frozenset[str] = NOBODY
    data: Data = nothing
    query: str = ""
    arguments: Callable[[Scene], Mapping[str, Any]] = field(default=lambda scene: {})
    writes: bool = False


def connector_id(scene: Scene) -> dict[str, Any]:
    return {"object_id": scene.connector.pk}


def alice_id(scene: Scene) -> dict[str, Any]:
    return {"object_id": scene.alice.pk}


def attempt_id(scene: Scene) -> dict[str, Any]:
    return {"object_id": scene.attempt.pk}


def group_id(scene: Scene) -> dict[str, Any]:
    return {"object_id": scene.group.pk}


def newest(item: Connector | User) -> dict[str, Any]:
    return {"newest": item.history.latest().pk}


# By the name of the address, or by the address itself where it has none.
VIEWS: Final[dict[str, View]] = {
    "index": View(STAFF, STAFF),
    "app_list": View(READERS, READERS, arguments=lambda scene: {"app_label": "sso_connectors"}),
    "login": View(OUTSIDE, EVERYBODY),  # who is in is sent on
    "logout": View(NOBODY, STAFF),
    "password_change": View(STAFF, STAFF),
    "password_change_done": View(STAFF),
    "jsi18n": View(STAFF),
    "autocomplete": View(
        READERS, query="app_label=sso_connectors&model_name=link&field_name=connector&term="
    ),
    "view_on_site": View(
        NOBODY, NOBODY, arguments=lambda scene: {"content_type_id": 1, "object_id": 1}
    ),
    "maker/(?P<url>.*)$": View(NOBODY, NOBODY, arguments=lambda scene: {"url": "nowhere"}),
    # Groups: what one holds is a superuser's to say, or staff could raise themselves.
    "auth_group_changelist": View(GROUP_READERS, GROUP_READERS),
    "auth_group_add": View(SUPERUSER, SUPERUSER, lambda scene: {"name": "Others"}, writes=True),
    "auth_group_history": View(GROUP_READERS, GROUP_READERS, arguments=group_id),
    "auth_group_delete": View(SUPERUSER, SUPERUSER, sure, arguments=group_id, writes=True),
    "auth_group_change": View(
        GROUP_READERS,
        SUPERUSER,
        lambda scene: {"name": "Renamed"},
        arguments=group_id,
        writes=True,
    ),
    "maker/auth/group/<path:object_id>/": View(STAFF, STAFF, arguments=group_id),
    # Attempts.
    "sso_connectors_attempt_changelist": View(READERS, READERS),
    "sso_connectors_attempt_add": View(NOBODY),
    "sso_connectors_attempt_history": View(READERS, READERS, arguments=attempt_id),
    "sso_connectors_attempt_delete": View(NOBODY, NOBODY, sure, arguments=attempt_id),
    "sso_connectors_attempt_change": View(READERS, NOBODY, arguments=attempt_id),
    "sso_connectors_attempt_link": View(LINKERS, LINKERS, arguments=attempt_id, writes=True),
    "maker/sso_connectors/attempt/<path:object_id>/": View(STAFF, STAFF, arguments=attempt_id),
    # Connectors.
    "sso_connectors_connector_changelist": View(READERS, READERS),
    "sso_connectors_connector_add": View(
        TRUSTED, TRUSTED, lambda scene: form(scene.idp, reference="new"), writes=True
    ),
    "sso_connectors_connector_history": View(READERS, READERS, arguments=connector_id),
    "sso_connectors_connector_delete": View(
        ADMINISTRATORS, ADMINISTRATORS, sure, arguments=connector_id, writes=True
    ),
    "sso_connectors_connector_change": View(
        READERS,
        MANAGERS,
        lambda scene: form(scene.idp, name="Renamed"),
        arguments=connector_id,
        writes=True,
    ),
    "sso_connectors_connector_return": View(
        TRUSTED,
        TRUSTED,
        lambda scene: newest(scene.connector),
        arguments=lambda scene: {
            **connector_id(scene),
            "history_id": scene.first_version(scene.connector),
        },
        writes=True,
    ),
    "sso_connectors_connector_forget_subjects": View(
        TRUSTED, TRUSTED, arguments=connector_id, writes=True
    ),
    "sso_connectors_connector_test": View(NOBODY, MANAGERS, arguments=connector_id, writes=True),
    "sso_connectors_connector_enable": View(NOBODY, TRUSTED, arguments=connector_id),
    "sso_connectors_connector_disable": View(TRUSTED, TRUSTED, arguments=connector_id, writes=True),
    "sso_connectors_connector_read": View(
        NOBODY, TRUSTED, lambda scene: {"paste": scene.idp.key.pem, "type": "saml2"}
    ),
    "sso_connectors_connector_certificate": View(
        TRUSTED,
        TRUSTED,
        arguments=lambda scene: {**connector_id(scene), "fingerprint": scene.removable},
        writes=True,
    ),
    "sso_connectors_connector_users": View(READERS, READERS, arguments=connector_id),
    "sso_connectors_connector_link": View(
        NOBODY,
        LINKERS,
        lambda scene: {"users": scene.bob.pk, "confirm": "yes"},
        arguments=connector_id,
        writes=True,
    ),
    "sso_connectors_connector_unlink": View(
        NOBODY,
        MANAGERS,
        lambda scene: {"users": scene.alice.pk, "confirm": "yes"},
        arguments=connector_id,
        writes=True,
    ),
    "sso_connectors_link_import": View(LINKERS, LINKERS),
    "sso_connectors_link_process_import": View(
        NOBODY, LINKERS, lambda scene: {"import_file_name": "no preview of mine"}
    ),
    "sso_connectors_link_export": View(READERS, READERS),
    "maker/sso_connectors/connector/<path:object_id>/": View(STAFF, STAFF, arguments=connector_id),
    # Users.
    "users_user_changelist": View(READERS, READERS),
    "users_user_add": View(
        MANAGERS,
        MANAGERS,
        lambda scene: {"username": "new@acme.example", "usable_password": "false"},
        writes=True,
    ),
    "users_user_history": View(READERS, READERS, arguments=alice_id),
    "users_user_delete": View(
        ADMINISTRATORS, ADMINISTRATORS, sure, arguments=alice_id, writes=True
    ),
    "users_user_change": View(
        READERS,
        MANAGERS,
        lambda scene: card(scene.alice, full_name="Renamed"),
        arguments=alice_id,
        writes=True,
    ),
    "users_user_return": View(
        MANAGERS,
        MANAGERS,
        lambda scene: newest(scene.alice),
        arguments=lambda scene: {**alice_id(scene), "history_id": scene.first_version(scene.alice)},
        writes=True,
    ),
    "users_user_forget_subject": View(
        MANAGERS,
        MANAGERS,
        arguments=lambda scene: {**alice_id(scene), "link_id": scene.link.pk},
        writes=True,
    ),
    "users_user_link": View(
        LINKERS,
        LINKERS,
        lambda scene: {
            "users": scene.bob.pk,
            "connector": scene.connector.pk,
            "confirm": "yes",
        },
        writes=True,
    ),
    "users_user_unlink": View(
        MANAGERS,
        MANAGERS,
        lambda scene: {
            "users": scene.alice.pk,
            "connector": scene.connector.pk,
            "confirm": "yes",
        },
        writes=True,
    ),
    "auth_user_password_change": View(
        MANAGERS,
        MANAGERS,
        lambda scene: {
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        },
        arguments=lambda scene: {"id": scene.alice.pk},
        writes=True,
    ),
    "maker/users/user/<path:object_id>/": View(STAFF, STAFF, arguments=alice_id),
}

# The lists' actions, by model.
ACTIONS: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("sso_connectors.connector", "copy_login_addresses"): READERS,
    ("sso_connectors.connector", "delete_selected"): ADMINISTRATORS,
    ("users.user", "delete_selected"): ADMINISTRATORS,
    ("users.user", "link_selected"): LINKERS,
    ("users.user", "unlink_selected"): MANAGERS,
}

# What is done to the card of somebody who is staff: a superuser's, whatever else one may.
ON_STAFF: Final = {
    "users_user_change": lambda staff: card(staff, full_name="Renamed"),
    "users_user_delete": lambda staff: {"post": "yes"},
    "auth_user_password_change": lambda staff: {
        "usable_password": "true",
        "password1": "correct horse battery",
        "password2": "correct horse battery",
    },
    "users_user_return": newest,
}

# What is done to a connector that may sign staff in, besides its form (see test_staff_connectors.py).
ON_STAFF_CONNECTOR: Final = (
    "sso_connectors_connector_delete",
    "sso_connectors_connector_return",
    "sso_connectors_connector_enable",
    "sso_connectors_connector_disable",
    "sso_connectors_connector_certificate",
)


# --- the scene -------------------------------------------------------------------------------


@pytest.fixture
def scene(make_connector: ConnectorMaker, make_user: UserMaker, idp: IdP) -> Scene:
    """A connector and a user with a past, one who isn't linked, and the attempt that says so."""
    roles.make_groups(apps, using="default")  # a flush by another test takes them away
    connector = make_connector(endpoint="https://former.example/sso")
    connector.endpoint = idp.sso_url
    connector.certificates += other_key().pem
    connector.save()
    alice = make_user("alice@acme.example", connector, full_name="Former")
    alice.full_name = "Alice"
    alice.save()
    Link.objects.update(subject="alice-for-good")
    bob = make_user("bob@acme.example")
    Agent().sign_in(idp, name_id="bob@acme.example")
    group = Group.objects.create(name="Some group")
    return Scene(idp, connector, alice, bob, Attempt.objects.get(), group)


@pytest.fixture
def people(scene: Scene, make_user: UserMaker) -> dict[str, Client]:
    """A browser for each of WHO."""
    return {who: browser_of(who, make_user) for who in WHO}


def browser_of(who: str, make_user: UserMaker) -> Client:
    if who == "anonymous":
        return Client(HTTP_HOST=HOST)
    user = make_user(
        f"{who.replace(' ', '-')}@maker.example",
        is_staff=who in STAFF,
        is_superuser=who == "superuser",
    )
    if who in GROUP_OF:
        user.groups.add(Group.objects.get(name=GROUP_OF[who]))
    if who == "trusted manager":
        user.user_permissions.add(Permission.objects.get(codename="change_trust"))
    return client_of(user)


def addresses() -> dict[str, str]:
    """The Maker's addresses as patterns, by their names or by themselves."""
    found: dict[str, str] = {}

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> None:
        for each in patterns:
            whole = f"{before}{each.pattern}"
            if isinstance(each, URLResolver):
                walk(each.url_patterns, whole)
            elif whole.startswith("maker/"):
                found[each.name or whole] = whole

    walk(get_resolver().url_patterns, "")
    return found


def address_of(name: str, arguments: Mapping[str, Any]) -> str:
    """An address with its arguments filled in, by hand, since some have no name to be reversed by."""
    address = addresses()[name]
    for argument, value in arguments.items():
        for written in (
            f"<path:{argument}>",
            f"<int:{argument}>",
            f"<str:{argument}>",
            f"<{argument}>",
        ):
            address = address.replace(written, str(value))
        if argument == "app_label":
            address = f"maker/{value}/"
        elif argument == "url":
            address = f"maker/{value}"
    return f"/{address}"


def is_allowed(response: Any) -> bool:
    """Whether it was answered, and not with a refusal or the way to the sign-in."""
    if response.status_code in (403, 404, 405):
        return False
    if response.status_code in (301, 302, 303):
        onward = str(response["Location"])
        return "/login/" not in onward and onward != "/maker/"
    assert response.status_code == 200, response.status_code
    return True


def snapshot() -> dict[str, list[Any]]:
    """All that is stored, but for what every request may write."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
        if model is not Session
    }


def who_gets(
    people: dict[str, Client], ask: Callable[[Client], Any], *, writes: bool = False
) -> set[str]:
    """Whom the request is answered; the others must have changed nothing by it."""
    allowed = set()
    before = snapshot()
    for who, browser in people.items():
        with transaction.atomic():
            response = ask(browser)
            after = snapshot()
            transaction.set_rollback(True)
        if is_allowed(response):
            allowed.add(who)
            assert not writes or after != before, f"{who}: the request did nothing"
        else:
            assert after == before, f"{who}: refused, and something changed"
    return allowed


# --- the walk --------------------------------------------------------------------------------


def test_every_address_is_in_the_table() -> None:
    assert set(VIEWS) == set(addresses())


@pytest.mark.parametrize("name", VIEWS)
def test_who_may(people: dict[str, Client], scene: Scene, name: str) -> None:
    view = VIEWS[name]
    address = f"{address_of(name, view.arguments(scene))}?{view.query}".rstrip("?")
    data = view.data(scene)

    assert who_gets(people, lambda browser: browser.get(address)) == view.get
    asked = who_gets(people, lambda browser: browser.post(address, data), writes=view.writes)
    assert asked == view.post


def test_every_action_is_in_the_table(rf: RequestFactory, make_user: UserMaker) -> None:
    request = rf.get("/maker/")
    request.user = make_user("root@maker.example", is_staff=True, is_superuser=True)
    found = {
        (model._meta.label_lower, action)
        for model, model_admin in admin.site._registry.items()
        for action in model_admin.get_actions(request)
    }
    assert found == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids="-".join)
def test_who_may_take_an_action(
    people: dict[str, Client], scene: Scene, action: tuple[str, str]
) -> None:
    label, name = action
    model = apps.get_model(label)
    row = {Connector: scene.connector, User: scene.alice}[model]
    address = f"/maker/{label.replace('.', '/')}/"
    data = {"action": name, "_selected_action": row.pk, "post": "yes"}

    done = set()
    before = snapshot()
    for who, browser in people.items():
        with transaction.atomic():
            response = browser.post(address, data)
            after = snapshot()
            transaction.set_rollback(True)
        # A deletion is seen by what is gone, and the others show a page of their own.
        is_list = response.status_code != 200 or "cl" in (response.context or {})
        if after != before or not is_list:
            done.add(who)
    assert done == ACTIONS[action]


@pytest.mark.row(27)
@pytest.mark.parametrize("name", ON_STAFF)
@pytest.mark.parametrize("rank", ["is_staff", "is_superuser"])
def test_cards_of_staff_are_a_superusers(
    people: dict[str, Client], scene: Scene, name: str, rank: str
) -> None:
    view = VIEWS[name]
    User.objects.filter(pk=scene.alice.pk).update(**{rank: True})
    scene.alice.refresh_from_db()
    address = address_of(name, view.arguments(scene))
    data = ON_STAFF[name](scene.alice)
    assert who_gets(people, lambda browser: browser.post(address, data)) == SUPERUSER


@pytest.mark.row(27)
@pytest.mark.parametrize(
    "name",
    [
        "users_user_link",
        "users_user_unlink",
        "users_user_forget_subject",
        "sso_connectors_connector_link",
        "sso_connectors_connector_unlink",
        "sso_connectors_connector_forget_subjects",
        "sso_connectors_attempt_link",
    ],
)
def test_links_of_staff_are_a_superusers(
    people: dict[str, Client], scene: Scene, name: str
) -> None:
    view = VIEWS[name]
    User.objects.filter(pk__in=[scene.alice.pk, scene.bob.pk]).update(is_staff=True)
    address = address_of(name, view.arguments(scene))
    data = view.data(scene)

    def links() -> list[Any]:
        return list(Link.objects.order_by("pk").values_list("user", "connector", "subject"))

    before = links()
    for who, browser in people.items():
        if who != "superuser":
            browser.post(address, data)
            assert links() == before, who


@pytest.mark.row(42)
@pytest.mark.parametrize("name", ON_STAFF_CONNECTOR)
def test_connectors_that_sign_staff_in_are_a_superusers(
    people: dict[str, Client], scene: Scene, name: str
) -> None:
    view = VIEWS[name]
    Connector.objects.update(staff_may_sign_in=True)
    if name.endswith("_enable"):
        Connector.objects.update(enabled=False)
    address = address_of(name, view.arguments(scene))
    data = view.data(scene)
    assert who_gets(people, lambda browser: browser.post(address, data)) == SUPERUSER


@pytest.mark.row(27)
@pytest.mark.parametrize("who", [who for who in WHO if who not in SUPERUSER])
def test_nobody_raises_anybody(people: dict[str, Client], scene: Scene, who: str) -> None:
    rank = {
        "is_staff": "on",
        "is_superuser": "on",
        "groups": Group.objects.get(name="Maker administrator").pk,
        "user_permissions": Permission.objects.get(codename="change_trust").pk,
    }
    own = User.objects.filter(username__startswith=who.replace(" ", "-")).first() or scene.bob
    for user in (scene.bob, own):
        before = ranks(user)
        people[who].post(f"/maker/users/user/{user.pk}/change/", card(user, **rank))
        assert ranks(User.objects.get(pk=user.pk)) == before


def ranks(user: User) -> tuple[Any, ...]:
    groups = set(user.groups.values_list("name", flat=True))
    permissions = set(user.user_permissions.values_list("codename", flat=True))
    return user.is_staff, user.is_superuser, groups, permissions


def test_manager_changes_nothing_that_is_trusted(people: dict[str, Client], scene: Scene) -> None:
    address = f"/maker/sso_connectors/connector/{scene.connector.pk}/change/"
    data = form(scene.idp, name="Renamed", endpoint="https://evil.example/sso")
    people["manager"].post(address, data)
    scene.connector.refresh_from_db()
    assert (scene.connector.name, scene.connector.endpoint) == ("Renamed", scene.idp.sso_url)


def test_who_sees_whom_attempts_are_about(people: dict[str, Client], scene: Scene) -> None:
    address = f"/maker/sso_connectors/attempt/{scene.attempt.pk}/change/"
    seen = {
        who
        for who, browser in people.items()
        if "bob@acme.example" in browser.get(address).content.decode()
    }
    assert seen == LINKERS


def test_who_sees_which_attempt_somebody_was_linked_from(
    people: dict[str, Client], scene: Scene
) -> None:
    """Its code beside a name tells whom the attempt is about."""
    people["support"].post(f"/maker/sso_connectors/attempt/{scene.attempt.pk}/link/")
    assert Link.objects.filter(user=scene.bob).exists()
    for address in (
        f"/maker/users/user/{scene.bob.pk}/history/",
        f"/maker/sso_connectors/connector/{scene.connector.pk}/history/",
    ):
        seen = {
            who
            for who, browser in people.items()
            if scene.attempt.code in browser.get(address).content.decode()
        }
        assert seen == LINKERS, address


# --- the groups ------------------------------------------------------------------------------


def held(name: str) -> set[str]:
    permissions = Group.objects.get(name=name).permissions.select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in permissions}


def test_groups_hold_what_the_roles_say(scene: Scene) -> None:
    for name, permissions in roles.ROLES.items():
        assert held(name) == set(permissions)


def test_nothing_that_an_operator_did_is_undone(scene: Scene) -> None:
    support = Group.objects.get(name="Support")
    extra = Permission.objects.get(codename="test_sign_in")
    support.permissions.set([extra])
    Group.objects.get(name="Auditor").delete()
    roles.make_groups(apps, using="default")
    assert held("Support") == {"sso_connectors.test_sign_in"}
    assert held("Auditor") == set(roles.ROLES["Auditor"])

    scene.bob.groups.add(Group.objects.get(name="Connector manager"))
    roles.remove_groups(apps, using="default")
    left = set(Group.objects.filter(name__in=roles.ROLES).values_list("name", flat=True))
    assert left == {"Support", "Connector manager"}, "changed by somebody, or in use"


MIGRATION: Final = "0010_roles"


@pytest.fixture
def before_the_groups(transactional_db: None) -> Iterator[None]:
    """The database as it was before the migration that makes the groups."""
    executor = MigrationExecutor(connection)
    migration = executor.loader.get_migration("sso_connectors", MIGRATION)
    (before,) = (name for app, name in migration.dependencies if app == "sso_connectors")
    call_command("migrate", "sso_connectors", before, verbosity=0)
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_migration_makes_the_groups_and_takes_them_back(before_the_groups: None) -> None:
    """Also where no permission is there yet, as on a new database."""
    assert not Group.objects.filter(name__in=roles.ROLES).exists()
    Permission.objects.all().delete()
    call_command("migrate", "sso_connectors", MIGRATION, verbosity=0)
    for name, permissions in roles.ROLES.items():
        assert held(name) == set(permissions)


@pytest.mark.django_db
def test_apps_stay_apps_with_models() -> None:
    """Without its module of models an app is left out of dumps, and of much else."""
    before = {config.label: config.models_module for config in apps.get_app_configs()}
    roles.make_groups(apps, using="default")
    assert {config.label: config.models_module for config in apps.get_app_configs()} == before
