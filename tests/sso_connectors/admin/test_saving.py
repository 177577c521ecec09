"""Two who save at once: nobody gets an error page, and neither undoes what the other did."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from sso_connectors.models import Connector, Link
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from users.models import User

from .test_connectors import ADD, LIST, form
from .test_user_card import USERS, card, url_of

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

    assert "Another connector has this reference" in response.content.decode()
    assert Connector.objects.count() == 1


def test_one_user_added_twice(maker: Client) -> None:
    values = {"username": "bob@acme.example", "usable_password": "false"}
    with faster("users_user", lambda: User.objects.create_user("bob@acme.example")):
        response = maker.post(f"{USERS}add/", values)

    assert "There is a user with this e-mail address already." in response.content.decode()
    assert User.objects.filter(username="bob@acme.example").count() == 1


def test_one_link_added_twice(maker: Client, connector: Connector, make_user: UserMaker) -> None:
    bob = make_user("bob@acme.example")
    with faster(
        "sso_connectors_link", lambda: Link.objects.get_or_create(user=bob, connector=connector)
    ):
        response = maker.post(url_of(bob), card(bob, connector))

    assert "The user is linked to this connector already." in response.content.decode()
    assert Link.objects.count() == 1


@pytest.mark.row(16)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["connector", "user"])
def test_switched_off_while_the_form_is_saved(
    maker: Client, idp: IdP, connector: Connector, alice: User, what: str
) -> None:
    """And on again, by the form: the sessions from before stay over."""
    is_off, is_waited_for = Event(), Event()
    if what == "connector":
        thing: Connector | User = connector
        address, values = f"{LIST}{connector.pk}/change/", form(idp)
    else:
        thing, address, values = alice, url_of(alice), card(alice)

    def switch_off() -> None:
        try:
            with transaction.atomic():
                setattr(thing, "enabled" if what == "connector" else "is_active", False)
                thing.save()
                is_off.set()
                is_waited_for.wait(10)
                time.sleep(0.3)  # until the form stands before the lock
        finally:
            connection.close()

    def tell(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith(("BEGIN", "UPDATE")) or "FOR UPDATE" in sql:
            is_waited_for.set()
        return execute(sql, *arguments)

    with ThreadPoolExecutor(1) as pool:
        rival = pool.submit(switch_off)
        assert is_off.wait(10)
        with connection.execute_wrapper(tell):
            assert maker.post(address, values).status_code == 302
        rival.result()

    epoch = thing.session_epoch
    assert epoch
    thing.refresh_from_db()
    assert thing.session_epoch == epoch
