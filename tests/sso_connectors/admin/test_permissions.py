"""Groups and permissions are read in one's own language, though they are stored in English."""

import re
from typing import Final

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils.translation import override

from sso_connectors import roles
from sso_connectors.admin.permissions import permission_name, role_name
from tests.conftest import StaffMaker, UserMaker
from users.models import User

from .users.test_card import card, url_of

pytestmark = pytest.mark.django_db

GROUPS: Final = "/maker/auth/group/"
FRENCH: Final = {
    "Maker administrator": "Administrateur du Maker",
    "Connector manager": "Gestionnaire de connecteurs",
    "Support": "Assistance",
    "Auditor": "Auditeur",
}


def permission(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def named(name: str) -> Group:
    return Group.objects.get(name=name)


def address_of(group: Group) -> str:
    return f"{GROUPS}{group.pk}/change/"


def page(client: Client, address: str, language: str = "fr") -> str:
    response = client.get(address, HTTP_ACCEPT_LANGUAGE=language)
    assert response.status_code == 200
    return response.content.decode()


def choices(html: str, field: str) -> list[str]:
    """What is offered in a field of many, as it reads."""
    found = re.findall(rf'<input type="checkbox" name="{field}"[^>]*>([^<]*)</label>', html)
    return [name.strip() for name in found]


def test_every_role_has_its_name() -> None:
    assert list(FRENCH) == list(roles.ROLES)
    for stored, french in FRENCH.items():
        assert role_name(Group(name=stored)) == stored
        with override("fr"):
            assert role_name(Group(name=stored)) == french


def test_group_of_an_operator_is_called_as_they_called_it() -> None:
    with override("fr"):
        assert role_name(Group(name="Users")) == "Users"


@pytest.mark.parametrize(
    ("name", "english", "french"),
    [
        (
            "sso_connectors.change_trust",
            "Can create and enable SSO connectors and change what they trust",
            "Peut créer et activer des connecteurs SSO et modifier leurs paramètres de confiance",
        ),
        ("sso_connectors.change_connector", "SSO connector | Can change", None),
        ("sso_connectors.add_link", "Link | Can add", "Lien | Peut ajouter"),
        ("users.delete_user", "User | Can delete", "Utilisateur | Peut supprimer"),
        ("auth.view_group", "Group | Can view", "Groupe | Peut voir"),
    ],
    ids=lambda each: each.partition(".")[2] if "." in str(each) else "",
)
def test_permissions_are_named(name: str, english: str, french: str | None) -> None:
    item = permission(name)
    assert permission_name(item) == english
    with override("fr"):
        assert permission_name(item) == (french or "Connecteur SSO | Peut modifier")


def test_choices_are_french(maker: Client, make_user: UserMaker) -> None:
    html = page(maker, url_of(make_user("bob@acme.example")))
    assert set(choices(html, "groups")) == set(FRENCH.values())
    offered = choices(html, "user_permissions")
    assert "Tentative de connexion | Peut voir" in offered
    assert not [each for each in offered if re.search(r"\b(can|historical|SSO connector)\b", each)]
    assert offered == choices(page(maker, address_of(named("Support"))), "permissions")
    assert offered == choices(page(maker, f"{GROUPS}add/"), "permissions")


def test_only_what_a_role_holds_is_offered(maker: Client, make_user: UserMaker) -> None:
    wanted = {permission(name) for held in roles.ROLES.values() for name in held}
    response = maker.get(url_of(make_user("bob@acme.example")))
    field = response.context["adminform"].form.fields["user_permissions"]
    assert set(field.queryset) == wanted


def test_what_is_held_besides_stays(maker: Client, make_user: UserMaker) -> None:
    """It is seen, and saving takes nothing away that wasn't."""
    extra = permission("auth.change_group")
    bob = make_user("bob@acme.example", is_staff=True)
    bob.user_permissions.add(extra)
    auditors = named("Auditor")
    auditors.permissions.add(extra)

    assert "Group | Can change" in choices(page(maker, url_of(bob), "en"), "user_permissions")
    fields = card(bob, is_staff="on", user_permissions=[extra.pk])
    assert maker.post(url_of(bob), fields).status_code == 302
    assert set(bob.user_permissions.all()) == {extra}

    assert "Group | Can change" in choices(page(maker, address_of(auditors), "en"), "permissions")
    assert maker.post(address_of(auditors), {"name": "Auditor", "permissions": [extra.pk]})
    assert set(auditors.permissions.all()) == {extra}


def test_what_no_role_holds_cannot_be_given(maker: Client, make_user: UserMaker) -> None:
    bob = make_user("bob@acme.example")
    extra = permission("auth.change_group")
    response = maker.post(url_of(bob), card(bob, user_permissions=[extra.pk]))
    assert response.status_code == 200
    assert not bob.user_permissions.exists()


def test_pages_of_groups_are_french(maker: Client) -> None:
    """But for the field, which holds what is stored."""
    group = named("Connector manager")
    assert "Gestionnaire de connecteurs" in page(maker, GROUPS)
    html = page(maker, address_of(group))
    assert "<h1>Gestionnaire de connecteurs</h1>" in html
    assert html.count("Connector manager") == 1
    assert 'value="Connector manager"' in html
    deletion = page(maker, f"{GROUPS}{group.pk}/delete/")
    assert "«\u00a0Gestionnaire de connecteurs\u00a0»" in deletion
    assert "Connector manager" not in deletion
    history = page(maker, f"{GROUPS}{group.pk}/history/")
    assert "<h1>Gestionnaire de connecteurs</h1>" in history
    assert "Connector manager" not in history


def test_messages_about_groups_are_french(maker: Client) -> None:
    group = named("Connector manager")
    held = [each.pk for each in group.permissions.all()]
    data = {"name": group.name, "permissions": held}
    for address in (address_of(group), f"{GROUPS}{group.pk}/delete/", f"{GROUPS}add/"):
        done = maker.post(address, {**data, "post": "yes"}, HTTP_ACCEPT_LANGUAGE="fr", follow=True)
        (message,) = done.context["messages"]
        assert "Gestionnaire de connecteurs" in str(message)
        assert "Connector manager" not in done.content.decode()
    assert named("Connector manager").pk != group.pk, "stored under the same name, anew"


def test_history_of_a_group(maker: Client) -> None:
    """The newest first, and who it was."""
    added = {"name": "Night shift", "permissions": []}
    maker.post(f"{GROUPS}add/", added)
    group = named("Night shift")
    maker.post(address_of(group), {**added, "permissions": [permission("users.view_user").pk]})
    html = page(maker, f"{GROUPS}{group.pk}/history/")
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["Modification de Permissions.", "Ajout."]
    assert html.count("· root@maker.example") == 2
    assert 'start="2"' in html
    assert maker.get(f"{GROUPS}9999/history/")["Location"] == "/maker/"


def test_who_may_only_look_reads_french_too(make_staff: StaffMaker, make_user: UserMaker) -> None:
    reader = make_staff("auth.view_group", "users.view_user")
    html = page(reader, address_of(named("Auditor")))
    assert "<h1>Auditeur</h1>" in html
    assert "Tentative de connexion | Peut voir" in html
    assert "Auditor" not in html
    bob = make_user("bob@acme.example")
    assert "Administrateur du Maker" not in page(reader, url_of(bob))
    bob.groups.add(named("Maker administrator"))
    bob.user_permissions.add(permission("sso_connectors.test_sign_in"))
    html = page(reader, url_of(bob))
    assert "Administrateur du Maker" in html
    assert "Peut tester les connecteurs SSO" in html
    assert "Can test" not in html


def test_manager_sees_on_a_card_what_a_superuser_gave(
    make_staff: StaffMaker, make_user: UserMaker
) -> None:
    manager = make_staff("users.view_user", "users.change_user")
    bob = make_user("bob@acme.example")
    bob.groups.add(named("Support"))
    html = page(manager, url_of(bob))
    assert "Assistance" in html
    assert 'name="groups"' not in html
    assert manager.post(url_of(bob), card(bob, full_name="Bob")).status_code == 302
    assert User.objects.get(pk=bob.pk).groups.get() == named("Support")


def test_who_may_only_look_sees_that_there_is_none(
    make_staff: StaffMaker, make_user: UserMaker
) -> None:
    reader = make_staff("auth.view_group", "users.view_user")
    empty = Group.objects.create(name="Empty")
    for address, fields in (
        (address_of(empty), ["permissions_held"]),
        (url_of(make_user("bob@acme.example")), ["roles", "permissions_held"]),
    ):
        html = page(reader, address)
        for field in fields:
            assert re.search(rf'field-{field}">.*?<div class="readonly">–</div>', html, re.DOTALL)


def test_groups_stand_with_the_users(maker: Client, make_staff: StaffMaker) -> None:
    for app in ("auth", "users"):
        front = maker.get(f"/maker/{app}/")
        (people,) = front.context["app_list"]
        assert people["name"] == "People"
        assert {model["object_name"] for model in people["models"]} == {"Group", "User"}
    assert len(maker.get("/maker/").context["app_list"]) == 2
    for address in (
        GROUPS,
        address_of(named("Support")),
        f"{GROUPS}{named('Support').pk}/history/",
    ):
        assert '<a href="/maker/auth/">Personnes</a>' in page(maker, address)
    (own,) = make_staff("auth.view_group").get("/maker/auth/").context["app_list"]
    assert [model["object_name"] for model in own["models"]] == ["Group"]
