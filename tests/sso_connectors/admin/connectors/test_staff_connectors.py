"""A connector that may sign staff in is the superusers': trust, state, versions, deletion, and the flag."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.test import Client

from sso_connectors.admin import deletion
from sso_connectors.admin.connectors import certificates, enable_disable
from sso_connectors.models import Connector, Link
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import IdP, other_key
from users.models import User

from ..history.test_page import first_version, go_back, history_of, way_back
from .test_model_admin import ADD, CHANGE, CHANGE_TRUST, LIST, VIEW, errors, form

pytestmark = [pytest.mark.django_db, pytest.mark.row(42)]

PASSWORD: Final = "correct horse battery staple"


@pytest.fixture
def root(make_user: UserMaker) -> Client:
    return client_of(
        make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    )


@pytest.fixture
def trusted(make_staff: StaffMaker) -> Client:
    """Somebody with every permission on connectors."""
    return make_staff(VIEW, CHANGE, CHANGE_TRUST, "sso_connectors.delete_connector")


@pytest.fixture
def company(make_connector: ConnectorMaker, idp: IdP) -> Connector:
    """A connector that may sign staff in, with two versions and two certificates."""
    connector = make_connector(staff_may_sign_in=True)
    connector.certificates += other_key().pem
    connector.save()
    return connector


def page(connector: Connector, name: str) -> str:
    return f"{LIST}{connector.pk}/{name}/"


def trust_of(connector: Connector) -> tuple[Any, ...]:
    stored = Connector.objects.get(pk=connector.pk)
    return stored.issuer_url, stored.endpoint, stored.certificates, stored.enabled


# Each way to change what is trusted.
WAYS: Final[dict[str, Callable[[Client, Connector, IdP], Any]]] = {
    "form": lambda client, connector, idp: client.post(
        page(connector, "change"),
        form(idp, issuer_url="https://evil.example", certificates=other_key().pem),
    ),
    "form, switched off": lambda client, connector, idp: client.post(
        page(connector, "change"), form(idp, enabled=None)
    ),
    "draft": lambda client, connector, idp: client.post(
        page(connector, "change"), form(idp, _draft="Save as draft")
    ),
    "disable": lambda client, connector, idp: client.post(page(connector, "disable")),
    "certificate": lambda client, connector, idp: client.post(
        page(connector, f"certificates/{connector.signing_certificates[1].fingerprint}/remove")
    ),
    "version": lambda client, connector, idp: go_back(client, connector, first_version(connector)),
}


@pytest.mark.parametrize("way", WAYS)
def test_trust_and_state_are_a_superusers(
    trusted: Client, root: Client, company: Connector, idp: IdP, way: str
) -> None:
    before = trust_of(company)
    WAYS[way](trusted, company, idp)
    assert trust_of(company) == before

    WAYS[way](root, company, idp)
    assert trust_of(company) != before


@pytest.mark.parametrize("way", WAYS)
def test_of_another_connector_they_are_not(
    trusted: Client, company: Connector, idp: IdP, way: str
) -> None:
    Connector.objects.update(staff_may_sign_in=False)
    company.history.update(staff_may_sign_in=False)
    before = trust_of(company)
    WAYS[way](trusted, company, idp)
    assert trust_of(company) != before


def test_enabling_is_a_superusers(trusted: Client, root: Client, company: Connector) -> None:
    Connector.objects.update(enabled=False)
    assert trusted.post(page(company, "enable")).status_code == 403
    assert not Connector.objects.get().enabled
    assert page(company, "enable") not in trusted.get(LIST).content.decode()
    assert page(company, "enable") not in trusted.get(page(company, "change")).content.decode()

    assert page(company, "enable") in root.get(LIST).content.decode()
    root.post(page(company, "enable"))
    assert Connector.objects.get().enabled


def test_versions_are_a_superusers_whatever_they_differ_in(
    trusted: Client, root: Client, company: Connector
) -> None:
    Connector.objects.update(name="Renamed", certificates=company.history.earliest().certificates)
    version = first_version(company)
    assert way_back(company, version) not in history_of(trusted, company)
    assert go_back(trusted, company, version).status_code == 403
    assert Connector.objects.get().name == "Renamed"

    go_back(root, company, version)
    assert Connector.objects.get().name == "Acme"


def test_form_says_why_it_is_read_only(trusted: Client, root: Client, company: Connector) -> None:
    why = "only a superuser can change what it trusts"
    shown = trusted.get(page(company, "change")).content.decode()
    assert why in shown
    assert 'name="certificates"' not in shown
    assert "Save as draft" not in shown
    assert trusted.post(page(company, "change"), {"name": "New", "reference": "acme"})
    assert Connector.objects.get().name == "New", "the name stays theirs to change"
    assert why not in root.get(page(company, "change")).content.decode()


@pytest.mark.parametrize(
    ("module", "way"), [(enable_disable, "disable"), (certificates, "certificate")]
)
def test_flag_set_meanwhile_is_seen(
    trusted: Client,
    company: Connector,
    idp: IdP,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    way: str,
) -> None:
    """By a superuser, between the page's look and the moment when the row is held."""
    Connector.objects.update(staff_may_sign_in=False)
    before = trust_of(company)
    read = module.get_object_or_404

    def after_the_flag(*args: Any, **kwargs: Any) -> Any:
        Connector.objects.update(staff_may_sign_in=True)
        return read(*args, **kwargs)

    monkeypatch.setattr(module, "get_object_or_404", after_the_flag)
    assert WAYS[way](trusted, company, idp).status_code == 403
    assert trust_of(company) == before


# --- setting the flag ------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "wrong", None])
def test_setting_the_flag_needs_ones_own_password(
    root: Client, connector: Connector, idp: IdP, typed: str | None
) -> None:
    address = page(connector, "change")
    response = root.post(address, form(idp, staff_may_sign_in="on", own_password=typed))
    assert errors(response).keys() == {"own_password"}
    assert not Connector.objects.get().staff_may_sign_in

    root.post(address, form(idp, staff_may_sign_in="on", own_password=PASSWORD))
    assert Connector.objects.get().staff_may_sign_in


def test_so_does_creating_with_it_set(root: Client, idp: IdP) -> None:
    assert "own_password" in errors(root.post(ADD, form(idp, staff_may_sign_in="on")))
    assert not Connector.objects.exists()
    root.post(ADD, form(idp, staff_may_sign_in="on", own_password=PASSWORD))
    assert Connector.objects.get().staff_may_sign_in


def test_so_does_returning_to_a_version_with_it(root: Client, company: Connector) -> None:
    version = first_version(company)
    company.staff_may_sign_in = False
    company.save()
    address = way_back(company, version)
    assert 'name="own_password"' in root.get(address).content.decode()
    newest = {"newest": company.history.latest().pk}
    for typed in ({}, {"own_password": "wrong"}):
        shown = root.post(address, newest | typed).content.decode()
        assert "This isn&#x27;t your password" in shown
        assert not Connector.objects.get().staff_may_sign_in
    root.post(address, newest | {"own_password": PASSWORD})
    assert Connector.objects.get().staff_may_sign_in


def test_what_is_set_needs_no_password_again(root: Client, company: Connector, idp: IdP) -> None:
    root.post(page(company, "change"), form(idp, name="New", staff_may_sign_in="on"))
    assert Connector.objects.get().name == "New"


def test_who_has_no_password_is_told(maker: Client, connector: Connector, idp: IdP) -> None:
    values = form(idp, staff_may_sign_in="on", own_password="anything")
    (why,) = errors(maker.post(page(connector, "change"), values))["own_password"]
    assert "You have no password" in why


def test_wrong_ones_count_against_the_lock(root: Client, connector: Connector, idp: IdP) -> None:
    address = page(connector, "change")
    for number in range(10):
        root.post(address, form(idp, staff_may_sign_in="on", own_password=f"wrong {number}"))
    guesses = AccessAttempt.objects.get()
    assert guesses.username == "root@maker.example"
    # What was typed nearby, in the form or as the password itself, is written down nowhere.
    assert "wrong" not in f"{guesses.post_data}{guesses.get_data}"
    assert "idp" not in guesses.post_data
    root.post(address, form(idp, staff_may_sign_in="on", own_password=PASSWORD))
    assert not Connector.objects.get().staff_may_sign_in, "locked, and the right one says nothing"


def test_password_is_kept_nowhere(root: Client, connector: Connector, idp: IdP) -> None:
    address = page(connector, "change")
    refused = root.post(address, form(idp, name="", staff_may_sign_in="on", own_password=PASSWORD))
    assert PASSWORD not in refused.content.decode()
    root.post(address, form(idp, staff_may_sign_in="on", own_password=PASSWORD))
    log = LogEntry.objects.get(content_type__model="connector")
    assert "assword" not in log.change_message
    assert PASSWORD not in str(list(connector.history.values()))


def test_a_new_password_on_ones_own_card_needs_the_old(root: Client) -> None:
    """Or a session left open would choose one there, and let staff in by it."""
    me = User.objects.get()
    new = {"usable_password": "true", "password1": "a" + PASSWORD, "password2": "a" + PASSWORD}
    response = root.post(f"/maker/users/user/{me.pk}/password/", new)
    assert response["Location"] == "/maker/password_change/"
    me.refresh_from_db()
    assert me.check_password(PASSWORD)


# --- deletion --------------------------------------------------------------------------------


@pytest.mark.row(27)
@pytest.mark.parametrize("cause", ["flag", "is_staff", "is_superuser"])
def test_deletion_is_a_superusers(
    trusted: Client, root: Client, connector: Connector, make_user: UserMaker, cause: str
) -> None:
    if cause == "flag":
        Connector.objects.update(staff_may_sign_in=True)
    else:
        Link.objects.create(
            user=make_user("boss@maker.example", **{cause: True}), connector=connector
        )
    address = page(connector, "delete")
    assert "only a superuser can delete" in trusted.get(address).content.decode()
    assert trusted.post(address, {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": connector.pk, "post": "yes"}
    trusted.post(LIST, selected)
    assert Connector.objects.exists()

    assert "only a superuser" not in root.get(address).content.decode()
    root.post(address, {"post": "yes"})
    assert not Connector.objects.exists()


@pytest.mark.row(27)
def test_whoever_is_made_staff_while_it_is_deleted_is_seen(
    trusted: Client, connector: Connector, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the page's look and the deletion itself."""
    hold = deletion._hold

    def raised_meanwhile(*args: Any) -> None:
        User.objects.filter(pk=alice.pk).update(is_staff=True)
        hold(*args)

    monkeypatch.setattr(deletion, "_hold", raised_meanwhile)
    assert trusted.post(page(connector, "delete"), {"post": "yes"}).status_code == 403
    assert Connector.objects.exists()
