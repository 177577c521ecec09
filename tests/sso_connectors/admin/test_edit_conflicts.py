"""Two who save at once, or one after the other: nobody gets an error page, and neither undoes what the
other did."""

import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection
from django.test import Client

from sso_connectors.login.connector_state import note_passed
from sso_connectors.models import Attempt, Connector, Link
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from tests.rivals import rival
from users.models import User

from .connectors.test_model_admin import ADD, LIST, form
from .users.test_card import USERS, card, url_of

pytestmark = pytest.mark.django_db


def faster(table: str, save: Callable[[], object]) -> Any:
    """Let a rival save right before the first row is put into the table, when the form has been judged."""
    has_begun = False

    def let_in(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        nonlocal has_begun
        if not has_begun and sql.startswith(f'INSERT INTO "{table}"'):
            has_begun = True
            save()
        result = execute(sql, *arguments)
        if has_begun and sql.startswith("ROLLBACK TO"):
            save()  # again: a rival's own transaction isn't rolled back with the form's
        return result

    return connection.execute_wrapper(let_in)


def test_one_connector_added_twice(maker: Client, idp: IdP, make_connector: ConnectorMaker) -> None:
    with faster("sso_connectors_connector", make_connector):
        response = maker.post(ADD, form(idp, reference="ACME"))

    assert "Another connector already has this reference" in response.content.decode()
    assert Connector.objects.count() == 1


def test_one_user_added_twice(maker: Client) -> None:
    values = {"username": "bob@acme.example", "usable_password": "false"}
    with faster("users_user", lambda: User.objects.create_user("bob@acme.example")):
        response = maker.post(f"{USERS}add/", values)

    assert "A user with this e-mail address already exists." in response.content.decode()
    assert User.objects.filter(username="bob@acme.example").count() == 1


def test_one_link_added_twice(maker: Client, connector: Connector, make_user: UserMaker) -> None:
    bob = make_user("bob@acme.example")
    with faster(
        "sso_connectors_link", lambda: Link.objects.get_or_create(user=bob, connector=connector)
    ):
        response = maker.post(url_of(bob), card(bob, connector))

    assert "The user is already linked to this connector." in response.content.decode()
    assert Link.objects.count() == 1


def opened(page: str) -> dict[str, str]:
    """What a page posts of how it was opened."""
    (value,) = re.findall(r'name="_opened" value="([^"]*)"', page)
    return {"_opened": unescape(value)}


def errors_at_the_top(page: str) -> list[str]:
    return [
        unescape(each)
        for found in re.findall(r'<ul class="errorlist nonfield"[^>]*>(.*?)</ul>', page, re.DOTALL)
        for each in re.findall(r"<li>(.*?)</li>", found)
    ]


@pytest.mark.row(17)
def test_a_page_that_stood_open_puts_nothing_back_unasked(
    maker: Client, idp: IdP, connector: Connector
) -> None:
    address = f"{LIST}{connector.pk}/change/"
    values = form(idp, name="Acme, Inc.")
    before = opened(maker.get(address).content.decode())
    connector.enabled = False
    connector.contact = "it@acme.example"
    connector.save()

    refused = maker.post(address, {**values, **before}).content.decode()

    (error,) = errors_at_the_top(refused)
    assert error.startswith("Changed since you opened this page: Contact and Enabled.")
    connector.refresh_from_db()
    assert (connector.enabled, connector.name) == (False, "Acme")
    # Whoever was told and saves again means it.
    assert maker.post(address, {**values, **opened(refused)}).status_code == 302
    connector.refresh_from_db()
    assert (connector.enabled, connector.name) == (True, "Acme, Inc.")


def test_what_was_read_into_an_open_page_is_no_reason_to_forget(
    maker: Client, idp: IdP, connector: Connector
) -> None:
    """Without JavaScript *Read* shows the form anew, which says nothing of what changed."""
    address = f"{LIST}{connector.pk}/change/"
    before = opened(maker.get(address).content.decode())
    Connector.objects.update(enabled=False)

    page = maker.post(address, {**form(idp), **before, "_read": "box", "paste": idp.metadata()})

    assert opened(page.content.decode()) == before


@pytest.mark.row(27)
def test_a_rank_taken_away_meanwhile_stays_away(maker: Client, make_user: UserMaker) -> None:
    bob = make_user("bob@maker.example", is_staff=True)
    support = Group.objects.get(name="Support")
    bob.groups.add(support)
    before = opened(maker.get(url_of(bob)).content.decode())
    bob.groups.clear()

    values = {**card(bob), "groups": [str(support.pk)], **before}
    page = maker.post(url_of(bob), values, HTTP_ACCEPT_LANGUAGE="fr").content.decode()

    (error,) = errors_at_the_top(page)
    assert "Groupes" in error
    assert not bob.groups.exists()


def test_nothing_changed_meanwhile_that_a_card_would_put_back(
    maker: Client, make_user: UserMaker
) -> None:
    """Neither a password, which the card only shows, nor a group's name in another language."""
    bob = make_user("bob@maker.example", is_staff=True)
    support = Group.objects.get(name="Maker administrator")
    bob.groups.add(support)
    before = opened(maker.get(url_of(bob)).content.decode())
    bob.set_password("another one, and a long one")
    bob.save()

    values = {**card(bob), "is_staff": "on", "groups": [str(support.pk)], **before}
    assert maker.post(url_of(bob), values, HTTP_ACCEPT_LANGUAGE="fr").status_code == 302


def test_nothing_changed_meanwhile(maker: Client, idp: IdP, connector: Connector) -> None:
    """What a sign-in writes is nothing that the form would put back; nor is the language of its reader."""
    address = f"{LIST}{connector.pk}/change/"
    before = opened(maker.get(address, HTTP_ACCEPT_LANGUAGE="fr").content.decode())
    note_passed(connector)

    assert maker.post(address, {**form(idp), **before}).status_code == 302


@pytest.mark.parametrize("shown", ["", "{", "[]", "7", '{"name": 1}'])
def test_what_no_page_of_ours_posts(
    maker: Client, idp: IdP, connector: Connector, shown: str
) -> None:
    page = maker.post(f"{LIST}{connector.pk}/change/", {**form(idp), "_opened": shown})

    assert page.status_code == (200 if "name" in shown else 302)


@pytest.mark.row(16)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["connector", "user"])
def test_switched_off_while_the_form_is_saved(
    maker: Client, idp: IdP, connector: Connector, alice: User, what: str
) -> None:
    """And on again, by the form: the sessions from before stay over."""
    if what == "connector":
        thing: Connector | User = connector
        address, values = f"{LIST}{connector.pk}/change/", form(idp)
    else:
        thing, address, values = alice, url_of(alice), card(alice)

    def switch_off() -> None:
        setattr(thing, "enabled" if what == "connector" else "is_active", False)
        thing.save()

    with rival(switch_off):
        assert maker.post(address, values).status_code == 302

    epoch = thing.session_epoch
    assert epoch
    thing.refresh_from_db()
    assert thing.session_epoch == epoch


@pytest.mark.row(17)
@pytest.mark.django_db(transaction=True)
def test_enabled_while_it_becomes_a_draft(maker: Client, make_connector: ConnectorMaker) -> None:
    connector = make_connector(enabled=False)

    def make_draft() -> None:
        connector.certificates = ""
        connector.save()

    with rival(make_draft):
        page = maker.post(f"{LIST}{connector.pk}/enable/", follow=True).content.decode()

    assert "A required field is missing" in page
    connector.refresh_from_db()
    assert not connector.enabled


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "action",
    ["enable", "disable", "certificates/{fingerprint}/remove", "history/{version}/return"],
)
def test_changed_while_it_is_deleted(
    maker: Client, idp: IdP, make_connector: ConnectorMaker, action: str
) -> None:
    connector = make_connector(enabled=action == "disable")
    version = connector.history.get().pk
    action = action.format(fingerprint=idp.key.fingerprint, version=version)
    address = f"{LIST}{connector.pk}/{action}/"
    with rival(connector.delete):
        assert maker.post(address).status_code == 404


@pytest.mark.row(16)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("many", [False, True])
def test_deleted_while_logins_begin(maker: Client, connector: Connector, many: bool) -> None:
    begun: list[Future[None]] = []

    def begin() -> None:
        try:
            with suppress(IntegrityError):  # see login/flow.py, where it is a page like any other
                Attempt.objects.create(connector=connector)
        finally:
            connection.close()

    def let_in(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith('DELETE FROM "sso_connectors_connector"'):
            begun.append(pool.submit(begin))
            time.sleep(0.3)
        return execute(sql, *arguments)

    address, form = f"{LIST}{connector.pk}/delete/", {"post": "yes"}
    if many:
        address, form = (
            LIST,
            {**form, "action": "delete_selected", "_selected_action": str(connector.pk)},
        )
    with ThreadPoolExecutor(1) as pool, connection.execute_wrapper(let_in):
        assert maker.post(address, form).status_code == 302
        begun.pop().result()

    assert not Connector.objects.exists()
