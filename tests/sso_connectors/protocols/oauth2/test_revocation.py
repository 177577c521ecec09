"""Whatever takes a link away ends its tokens at the vendor, and here even if the vendor says nothing."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors import as_code
from sso_connectors.models import Connector, Link, Token
from sso_connectors.operations.key_rotation import rotate
from sso_connectors.protocols.oauth2 import revocation
from sso_connectors.protocols.oauth2.revocation import (
    AT_ONCE,
    BETWEEN_TRIES,
    MAX_TRIES,
    Revoked,
    revoke_of_all_inactive,
    revoke_waiting,
)
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.code_grant import CLIENT_SECRET
from tests.vendors.hub import Hub, connect
from tests.vendors.server import Reply, Request, as_json
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row(16)]


@pytest.fixture
def connector(hub: Hub, make_connector: ConnectorMaker) -> Connector:
    return connect(hub, make_connector)


@pytest.fixture
def link(hub: Hub, connector: Connector, make_user: UserMaker) -> Link:
    """A link with tokens."""
    link = Link.objects.get(user=make_user("alice@acme.example", connector))
    hub.sign_in(link)
    return link


def away(request: Request) -> Reply:
    return as_json({"error": "server_error"}, 500)


def later(seconds: timedelta = BETWEEN_TRIES) -> time_machine.travel:
    return time_machine.travel(timezone.now() + seconds * 1.1)


def revoke_all() -> Revoked:
    return revoke_waiting(limit=1000, seconds=60)


# --- what takes a link away ---------------------------------------------------------------------


def deactivate(link: Link) -> None:
    link.user.is_active = False
    link.user.save()


WAYS: dict[str, Callable[[Link], Any]] = {
    "the link": lambda link: link.delete(),
    "links in bulk": lambda link: Link.objects.all().delete(),
    "the user": lambda link: link.user.delete(),
    "users in bulk": lambda link: User.objects.all().delete(),
    "the connector": lambda link: link.connector.delete(),
    "connectors in bulk": lambda link: Connector.objects.all().delete(),
    "the user switched off": deactivate,
    "sso_apply": lambda link: apply({"username": link.user.username, "connectors": []}),
    "sso_apply switches off": lambda link: apply({"username": link.user.username, "active": False}),
}


def apply(user: dict[str, Any]) -> None:
    as_code.apply(json.dumps({"users": [user]}), dry_run=False)


@pytest.mark.parametrize("way", WAYS)
def test_tokens_end_with_the_link(link: Link, hub: Hub, way: str) -> None:
    WAYS[way](link)

    assert hub.revoked == [True]
    assert not Token.objects.exists()


@pytest.mark.parametrize("way", ["the link", "the connector", "the user switched off"])
def test_nothing_is_asked_before_the_commit(link: Link, hub: Hub, way: str) -> None:
    with transaction.atomic():
        WAYS[way](link)
        assert hub.revoked == [False]
    assert hub.revoked == [True]


@pytest.mark.parametrize("way", ["the link", "the connector", "the user switched off"])
def test_what_is_rolled_back_ends_nothing(link: Link, hub: Hub, way: str) -> None:
    class Undo(Exception):
        pass

    linked = link.pk

    def undone() -> None:
        with transaction.atomic():
            WAYS[way](link)
            raise Undo

    with pytest.raises(Undo):
        undone()
    revoke_all()
    assert hub.revoked == [False]
    assert Token.objects.get().link_id == linked


def test_what_deactivates_by_sql_is_found_by_cleanup(link: Link, hub: Hub) -> None:
    User.objects.update(is_active=False)
    assert hub.revoked == [False]
    out = StringIO()
    call_command("sso_cleanup", stdout=out)

    assert hub.revoked == [True]
    assert "Revoked 1 tokens; 0 failed and will be tried again, 0 were given up." in out.getvalue()


def test_nothing_inactive_nothing_to_do(link: Link, hub: Hub) -> None:
    revoke_of_all_inactive()
    assert hub.revoked == [False]


def test_a_disabled_connector_keeps_its_tokens(link: Link, hub: Hub) -> None:
    link.connector.enabled = False
    link.connector.save()
    revoke_all()
    assert hub.revoked == [False]
    assert Token.objects.get().link_id == link.pk


def test_other_users_keep_theirs(link: Link, hub: Hub, make_user: UserMaker) -> None:
    other = Link.objects.get(user=make_user("bob@acme.example", link.connector))
    hub.sign_in(other)
    link.delete()

    assert hub.revoked == [True, False]
    assert Token.objects.get().link_id == other.pk


# --- many ---------------------------------------------------------------------------------------


@pytest.fixture
def crowd(link: Link, hub: Hub) -> int:
    """200 more with tokens, at one connector."""
    users = User.objects.bulk_create(
        User(username=f"agent{number}@acme.example") for number in range(200)
    )
    links = Link.objects.bulk_create(Link(user=user, connector=link.connector) for user in users)
    mine = Token.objects.get()
    Token.objects.bulk_create(
        Token(
            link=each,
            connector=link.connector,
            issuer=mine.issuer,
            client_id=mine.client_id,
            access_token=mine.access_token,
            refresh_token=mine.refresh_token,
            obtained_at=mine.obtained_at,
        )
        for each in links
    )
    return 201


@pytest.mark.parametrize("way", ["the connector", "links in bulk"])
def test_a_deletion_of_many_asks_for_a_few_only(link: Link, hub: Hub, crowd: int, way: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        WAYS[way](link)

    assert len(hub.server.asked("/revoke")) == AT_ONCE
    assert Token.objects.filter(link=None).count() == crowd - AT_ONCE
    of_tokens = [query for query in queries if '"sso_connectors_token"' in query["sql"]]
    assert len(of_tokens) < 30, "their number doesn't grow with the tokens"
    assert revoke_all().done == crowd - AT_ONCE
    assert not Token.objects.exists()


def test_no_more_is_begun_when_time_is_up(link: Link, hub: Hub) -> None:
    Token.cut_loose(link=link)
    assert revoke_waiting(limit=5, seconds=0) == Revoked()
    assert hub.revoked == [False]


def test_two_at_once_ask_once(link: Link, hub: Hub) -> None:
    Token.cut_loose(link=link)
    token = Token.objects.get()
    assert token.take_lease()
    assert revoke_all() == Revoked()
    assert hub.revoked == [False]


def test_one_that_another_takes_first_is_left_to_it(
    link: Link, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    Token.cut_loose(link=link)
    monkeypatch.setattr(Token, "take_lease", lambda token: False)
    assert revoke_all() == Revoked()
    assert hub.revoked == [False]


# --- when the vendor doesn't answer -------------------------------------------------------------


def test_a_vendor_that_is_away_is_asked_again(link: Link, hub: Hub) -> None:
    hub.fault = away
    link.delete()
    assert Token.objects.get().tries == 1
    assert revoke_all() == Revoked(), "not so soon"

    hub.fault = None
    with later():
        assert revoke_all() == Revoked(done=1)
    assert hub.revoked == [True]
    assert not Token.objects.exists()


def test_in_the_end_it_is_given_up(link: Link, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    hub.fault = away
    link.delete()
    outcomes = []
    for number in range(1, MAX_TRIES):
        with later(BETWEEN_TRIES * number * 2):
            outcomes.append(revoke_all())

    assert outcomes[:-1] == [Revoked(failed=1)] * (MAX_TRIES - 2)
    assert outcomes[-1] == Revoked(given_up=1)
    assert not Token.objects.exists()
    assert "given up" in caplog.text


def test_a_vendor_that_fails_is_asked_once_a_run(
    link: Link, hub: Hub, make_user: UserMaker
) -> None:
    hub.sign_in(Link.objects.get(user=make_user("bob@acme.example", link.connector)))
    hub.fault = away
    Token.cut_loose()

    assert revoke_all() == Revoked(failed=1)
    assert len(hub.server.asked("/revoke")) == 1


@pytest.mark.parametrize("error", ["invalid_token", "invalid_grant"])
def test_what_the_vendor_does_not_know_is_done_with(link: Link, hub: Hub, error: str) -> None:
    hub.fault = lambda request: as_json({"error": error}, 400)
    link.delete()
    assert not Token.objects.exists()


def test_a_vendor_without_a_way_to(link: Link, hub: Hub) -> None:
    hub.revocation_path = ""  # type: ignore[misc]
    link.delete()
    assert hub.revoked == [False]
    assert not Token.objects.exists()


def test_a_document_of_somebody_else(link: Link, hub: Hub) -> None:
    hub.issuer_path = "/elsewhere"  # type: ignore[misc]
    link.delete()
    assert Token.objects.get().reason != ""
    assert not hub.server.asked("/revoke")


@pytest.mark.row(33)
@pytest.mark.parametrize("way", ["the link", "the connector"])
def test_a_lost_key_deletes_nothing(link: Link, hub: Hub, settings: Any, way: str) -> None:
    keys, settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS, ["A" * 43 + "="]
    WAYS[way](link)
    token = Token.objects.get()
    assert token.reason == "secret_unreadable"
    owner = "connector hub" if token.connector_id else f"sso_connectors.Token {token.pk}"
    unreadable = [name for tally in rotate(write=True) for name in tally.unreadable]
    assert f"{owner}: refresh_token" in unreadable

    settings.FIELD_ENCRYPTION_KEYS = keys
    with later():
        assert revoke_all() == Revoked(done=1)
    assert hub.revoked == [True]


# --- as which client ----------------------------------------------------------------------------


def test_a_replaced_client_secret_is_used(link: Link, hub: Hub) -> None:
    hub.fault = away
    link.delete()
    hub.fault, hub.secret = None, "a newer secret"
    Connector.objects.update(client_secret=Secret.seal("a newer secret"))
    with later():
        assert revoke_all() == Revoked(done=1)


def test_the_client_of_a_deleted_connector_is_kept_for_it(link: Link, hub: Hub) -> None:
    hub.fault = away
    link.connector.delete()
    left = Token.objects.get()
    assert left.client_secret is not None
    assert left.client_secret.reveal() == CLIENT_SECRET

    hub.fault = None
    with later():
        assert revoke_all() == Revoked(done=1)
    assert hub.revoked == [True]


@pytest.mark.row(31)
@pytest.mark.parametrize("way", ["the link", "the connector"])
def test_nobody_else_is_shown_the_tokens(link: Link, hub: Hub, way: str) -> None:
    with Hub(host="127.0.0.2") as other:
        link.connector.options = {"issuer": other.issuer}
        link.connector.save()
        WAYS[way](link)
        assert not other.server.requests
    assert hub.revoked == [False]
    assert not Token.objects.exists()


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.row(32)
def test_only_the_reference_is_logged(
    link: Link, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    grant = Token.objects.get().grant()
    hub.fault = lambda request: as_json({"error": request.body.decode()}, 500)
    link.delete()
    said = caplog.text + " ".join(str(vars(record)) for record in caplog.records)

    assert "A token was not revoked" in said
    assert "'hub'" in said
    for secret in (grant.access_token, grant.refresh_token, CLIENT_SECRET, "alice"):
        assert secret not in said


def test_callbacks_are_one_for_each_transaction(link: Link) -> None:
    with transaction.atomic():
        for _ in range(3):
            revocation.revoke_soon()
        assert len(connection.run_on_commit) == 1
