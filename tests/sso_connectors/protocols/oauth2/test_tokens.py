"""access_token_for: always fresh, one refresh however many call, and each way in which it can't be had."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.views.debug import ExceptionReporter

from sso_connectors.models import Connector, Link, Token, token
from sso_connectors.models.token import TokenState
from sso_connectors.operations import key_rotation
from sso_connectors.protocols.oauth2 import tokens
from sso_connectors.protocols.oauth2.tokens import (
    InTransaction,
    NoToken,
    ReconnectNeeded,
    TokenUnavailable,
    TokenUnreadable,
    access_token_for,
)
from sso_connectors.results.errors import IdentityProviderError, NotAdmitted
from sso_connectors.results.identity import Grant
from sso_connectors.secrets.encryption import NoEncryptionKey, Secret
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.code_grant import CLIENT_SECRET
from tests.vendors.hub import Hub, admit, connect
from tests.vendors.server import Reply, Request, as_json
from users.models import User

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def connector(hub: Hub, make_connector: ConnectorMaker) -> Connector:
    return connect(hub, make_connector)


@pytest.fixture
def link(connector: Connector, make_user: UserMaker) -> Link:
    return Link.objects.get(user=make_user("alice@acme.example", connector))


def get(link: Link, **options: Any) -> str:
    return access_token_for(link.user, link.connector, **options).value


# --- what a sign-in brings -------------------------------------------------------------------


def test_a_login_brings_a_token_that_opens_the_vendor(link: Link, hub: Hub, agent: Agent) -> None:
    agent.bring(hub.authorize(agent.start_oauth("hub")))
    assert agent.username == "alice@acme.example"

    token = access_token_for(link.user, "HUB")
    answer = requests.get(f"{hub.url}/userinfo", headers=token.authorization, timeout=5)

    assert answer.json()["email"] == "alice@acme.example"
    assert token.scope == "email openid profile"
    assert token.expires_at is not None
    assert "access-" not in repr(token)


def test_what_is_stored_is_handed_out_while_it_lasts(link: Link, hub: Hub) -> None:
    grant = hub.issue(instance_url="https://eu.hub.example")
    hub.sign_in(link, grant)
    found = access_token_for(link.user, link.connector)

    assert (found.value, dict(found.extra)) == (grant.access_token, dict(grant.extra))
    assert hub.refreshes == 0


def test_it_takes_one_query(
    link: Link, hub: Hub, django_assert_num_queries: Callable[[int], Any]
) -> None:
    hub.sign_in(link)
    with django_assert_num_queries(1):
        get(link)


def test_a_sign_in_without_tokens_keeps_nothing(link: Link) -> None:
    admit(link, None)
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "grant",
    [
        Grant(access_token="line\nbreak"),
        Grant(access_token="null\0"),
        Grant(access_token="half a \ud800 character"),
        Grant(access_token="fine", refresh_token="ünfine"),
        Grant(access_token="fine", scope="null\0"),
        Grant(access_token="fine", extra={"instance_url": "\ud800"}),
        Grant(access_token="fine", extra={"instance_url": 5}),  # type: ignore[dict-item]
    ],
    ids=repr,
)
def test_tokens_that_are_none_end_the_login(link: Link, grant: Grant) -> None:
    with pytest.raises(IdentityProviderError):
        admit(link, grant)
    assert not Token.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_link_that_goes_during_the_login(link: Link, hub: Hub) -> None:
    Link.objects.filter(pk=link.pk).delete()
    with pytest.raises(NotAdmitted):
        admit(link, hub.issue())
    assert not Token.objects.exists()


def test_the_refresh_token_stays_where_a_sign_in_brings_none(link: Link, hub: Hub) -> None:
    hub.sign_in(link)
    second = hub.sign_in(link, refreshable=False)
    assert second.refresh_token is not None

    Token.objects.update(issuer="https://another.example")
    assert hub.sign_in(link, refreshable=False).refresh_token is None, "it is another provider's"
    hub.sign_in(link).needs_reconnect("invalid_grant")
    assert hub.sign_in(link, refreshable=False).refresh_token is None, "it is dead"


# --- a refresh ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "passed", "refreshed"),
    [
        (3600, 3600 - 301, False),
        (3600, 3600 - 299, True),
        (3600, 3600 + 10, True),
        (60, 44, False),  # of one that lives for a minute, the last quarter
        (60, 46, True),
        (None, 10**6, False),
    ],
)
def test_refreshed_ahead_of_its_end(
    link: Link, hub: Hub, life: int | None, passed: int, refreshed: bool
) -> None:
    begin = timezone.now()
    with time_machine.travel(begin, tick=False):
        old = hub.sign_in(link, lasts=life).grant()
    with time_machine.travel(begin + timedelta(seconds=passed), tick=False):
        token = access_token_for(link.user, link.connector)

    assert (token.value != old.access_token) == refreshed
    assert hub.works(token.value)
    assert hub.refreshes == refreshed


def test_what_a_refresh_leaves_out_stays(link: Link, hub: Hub) -> None:
    hub.is_rotating = False
    old = hub.sign_in(link, lasts=-1, instance_url="https://eu.hub.example").grant()
    token = access_token_for(link.user, link.connector)
    new = Token.objects.get().grant()

    assert new.refresh_token == old.refresh_token
    assert dict(token.extra) == {"instance_url": "https://eu.hub.example"}
    assert Token.objects.get().refreshed_at is not None


def test_no_other_way_out(link: Link, hub: Hub) -> None:
    hub.sign_in(link, lasts=-1)
    with refuse_any_other_way_out(but_ports={6379}):
        assert hub.works(get(link))


def test_refresh_tokens_rotate_again_and_again(link: Link, hub: Hub) -> None:
    hub.sign_in(link, lasts=-1)
    seen = set()
    for number in range(1, 6):
        Token.objects.update(expires_at=timezone.now())
        seen.add(get(link))
        assert hub.refreshes == number
    assert len(seen) == 5


def test_a_token_that_was_rejected_is_replaced(link: Link, hub: Hub) -> None:
    """Some vendors don't say when a token ends."""
    hub.sign_in(link, lasts=None)
    first = access_token_for(link.user, link.connector)
    second = access_token_for(link.user, link.connector, rejected=first)

    assert hub.refreshes == 1
    assert access_token_for(link.user, link.connector, rejected=first) == second
    assert hub.refreshes == 1, "somebody else has replaced it already"


def test_a_vendor_that_answers_with_the_same_token_is_asked_once(link: Link, hub: Hub) -> None:
    old = hub.sign_in(link).grant()
    hub.fault = lambda request: as_json({"access_token": old.access_token})
    rejected = access_token_for(link.user, link.connector)

    assert get(link, rejected=rejected) == old.access_token
    assert hub.refreshes == 1


def test_without_refresh_token(link: Link, hub: Hub) -> None:
    begin = timezone.now()
    with time_machine.travel(begin, tick=False):
        hub.sign_in(link, lasts=120, refreshable=False)
    with time_machine.travel(begin + timedelta(seconds=119), tick=False):
        first = access_token_for(link.user, link.connector)
    assert hub.works(first.value), "the end is near, and nothing better to be had"

    with pytest.raises(ReconnectNeeded):
        access_token_for(link.user, link.connector, rejected=first)
    assert Token.objects.get().reason == "rejected"
    hub.sign_in(link, lasts=-1, refreshable=False)
    with pytest.raises(ReconnectNeeded):
        get(link)
    assert tokens.needs_reconnect(Token.objects.get(), link.connector) == "expired"


# --- when the provider says no ------------------------------------------------------------------


def refused(error: str, status: int) -> Callable[[Request], Reply]:
    return lambda request: as_json({"error": error}, status)


@pytest.mark.parametrize(
    ("error", "status"), [("invalid_grant", 400), ("invalid_code", 200), ("bad_refresh_token", 200)]
)
def test_a_dead_grant_needs_a_sign_in(link: Link, hub: Hub, error: str, status: int) -> None:
    hub.sign_in(link, lasts=-1)
    hub.fault = refused(error, status)
    for _ in range(2):
        with pytest.raises(ReconnectNeeded, match="hub"):
            get(link)
    assert hub.refreshes == 1, "a dead grant is not asked about twice"
    assert Token.objects.get().state == TokenState.RECONNECT_NEEDED

    hub.fault = None
    hub.sign_in(link)
    assert hub.works(get(link))
    assert Token.objects.get().reason == ""


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "fault",
    [
        refused("server_error", 500),
        refused("invalid_client", 401),
        refused("slow_down", 429),
        lambda request: (200, {"Content-Type": "text/html"}, b"<html>"),
        lambda request: (200, {"Content-Type": "application/json"}, b'{"access_token": "x'),
        lambda request: (302, {"Location": "http://127.0.0.1/"}, b""),
        lambda request: as_json({"access_token": "x" * 2_000_000}),
        lambda request: as_json({"access_token": "line\nbreak"}),
        lambda request: as_json({"access_token": ""}),
    ],
    ids=["500", "client", "429", "html", "cut off", "redirect", "huge", "odd", "empty"],
)
def test_any_other_failure_leaves_it_as_it_is(link: Link, hub: Hub, fault: Any) -> None:
    before = hub.sign_in(link, lasts=-1)
    hub.fault = fault
    for _ in range(3):
        with pytest.raises(TokenUnavailable, match="hub"):
            get(link)
    after = Token.objects.get()
    assert hub.refreshes == 1, "who comes right after a failure doesn't wait for another"
    assert (after.state, after.refresh_token) == (TokenState.OK, before.refresh_token)
    assert after.lease_until is None

    hub.fault = None
    with time_machine.travel(timezone.now() + token.PAUSE * 2):
        assert hub.works(get(link))


def test_a_discovery_document_of_somebody_else(link: Link, hub: Hub) -> None:
    hub.sign_in(link, lasts=-1)
    hub.issuer_path = "/elsewhere"  # type: ignore[misc]
    with pytest.raises(TokenUnavailable):
        get(link)
    assert hub.refreshes == 0


def test_the_old_one_is_served_while_it_lasts(link: Link, hub: Hub) -> None:
    begin = timezone.now()
    with time_machine.travel(begin, tick=False):
        old = hub.sign_in(link).grant()
    hub.fault = refused("server_error", 500)
    with time_machine.travel(begin + timedelta(seconds=3600 - 200), tick=False):
        assert get(link) == old.access_token
        assert get(link) == old.access_token
        assert hub.refreshes == 1
        Token.objects.update(failed_at=None, lease_until=timezone.now() + token.LEASE)
        assert get(link) == old.access_token, "somebody else refreshes it"
    with (
        time_machine.travel(begin + timedelta(seconds=3600 - 30), tick=False),
        pytest.raises(TokenUnavailable),
    ):
        get(link)


def test_what_a_lost_key_does(link: Link, hub: Hub, settings: Any) -> None:
    hub.sign_in(link, lasts=-1)
    stored = Token.objects.values().get()
    key, settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS, ["A" * 43 + "="]
    with pytest.raises(TokenUnreadable, match="hub"):
        get(link)
    assert Token.objects.values().get() == stored

    sealed = Secret.seal("the client secret, under a key that gets lost")
    Connector.objects.update(client_secret=sealed)
    settings.FIELD_ENCRYPTION_KEYS = key
    link.connector.refresh_from_db()
    with pytest.raises(TokenUnreadable, match="hub"):
        get(link)
    assert hub.refreshes == 0
    Token.objects.update(expires_at=timezone.now() + timedelta(seconds=150), failed_at=None)
    Token.objects.update(obtained_at=timezone.now() - timedelta(hours=1))
    assert hub.works(get(link)), "as long as it lasts"


# --- when there is none to be had ---------------------------------------------------------------


def test_nobody_else_gets_it(
    link: Link, hub: Hub, make_user: UserMaker, make_connector: ConnectorMaker
) -> None:
    hub.sign_in(link)
    bob = make_user("bob@acme.example", link.connector)
    for user, connector in (
        (bob, link.connector),
        (link.user, connect(hub, make_connector, "other")),
        (link.user, "nowhere"),
        (link.user, "null\0"),
    ):
        with pytest.raises(NoToken):
            access_token_for(user, connector)


@pytest.mark.row(16)
@pytest.mark.parametrize(
    "change",
    [
        lambda link: User.objects.filter(pk=link.user_id).update(is_active=False),
        lambda link: User.objects.filter(pk=link.user_id).update(is_staff=True),
        lambda link: Connector.objects.update(enabled=False),
        lambda link: Link.objects.all().delete(),
        lambda link: Connector.objects.all().delete(),
        lambda link: User.objects.all().delete(),
    ],
    ids=["inactive", "staff", "disabled", "unlinked", "connector deleted", "user deleted"],
)
def test_no_token_for_whom_the_link_does_not_let_in(link: Link, hub: Hub, change: Any) -> None:
    hub.sign_in(link)
    user = User.objects.get(pk=link.user_id)
    change(link)
    with pytest.raises(NoToken):
        access_token_for(user, "hub")


@pytest.mark.row(31)
@pytest.mark.parametrize("change", ["client_id", "issuer"])
def test_tokens_are_sent_to_nobody_but_whom_they_are_from(
    link: Link, hub: Hub, change: str
) -> None:
    hub.sign_in(link, lasts=-1)
    with Hub(host="127.0.0.2") as other:
        if change == "issuer":
            link.connector.options = {"issuer": other.issuer}
        else:
            link.connector.client_id = "another"
        link.connector.save()
        with pytest.raises(ReconnectNeeded):
            get(link)
        assert not other.server.requests
    assert hub.refreshes == 0


# --- many at once -------------------------------------------------------------------------------


def database_url() -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    parts = connection.settings_dict
    return f"postgres://{parts['USER']}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


def call_from_processes(link: Link, *, processes: int, callers: int) -> list[str]:
    command = [sys.executable, "-m", f"{__package__}.callers", link.user.username, "hub"]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, str(callers)],
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(processes)
        ]
        for each in running:
            stack.callback(each.kill)
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in running:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.close()
        found = [each.stdout.read() for each in running if each.stdout is not None]
    return [value for printed in found for value in json.loads(printed)]


def call_from_threads(link: Link, callers: int) -> list[str]:
    gate = threading.Barrier(callers)

    def call(number: int) -> str:
        gate.wait(timeout=20)
        try:
            return get(link)
        except tokens.TokenError as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(call, range(callers)))


@pytest.mark.django_db(transaction=True)
def test_fifty_callers_in_threads_cause_one_refresh(link: Link, hub: Hub) -> None:
    hub.seconds = 0.3
    hub.sign_in(link, lasts=-1)
    found = call_from_threads(link, 50)

    assert len(found) == 50
    assert len(set(found)) == 1
    assert hub.works(found[0])
    assert hub.refreshes == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_callers_in_processes_cause_one_refresh(link: Link, hub: Hub) -> None:
    hub.seconds = 0.5
    hub.sign_in(link, lasts=-1)
    found = call_from_processes(link, processes=4, callers=13)

    assert len(found) == 52
    assert len(set(found)) == 1
    assert hub.works(found[0])
    assert hub.refreshes == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_condition_of_the_lease_many_refresh(
    link: Link, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test of the test above."""
    monkeypatch.setattr(Token, "take_lease", lambda token: True)
    hub.seconds = 0.3
    hub.sign_in(link, lasts=-1)
    call_from_threads(link, 20)

    assert hub.refreshes > 1


@pytest.mark.django_db(transaction=True)
def test_fifty_callers_hear_of_a_failure_together(link: Link, hub: Hub) -> None:
    hub.seconds, hub.fault = 0.3, refused("server_error", 500)
    hub.sign_in(link, lasts=-1)

    assert set(call_from_threads(link, 50)) == {"TokenUnavailable"}
    assert hub.refreshes == 1


def test_who_waits_does_not_wait_for_ever(
    link: Link, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE", 0.3)
    token = hub.sign_in(link, lasts=-1)
    assert token.take_lease()
    began = time.monotonic()
    with pytest.raises(TokenUnavailable):
        get(link)
    assert 0.3 <= time.monotonic() - began < 3
    assert hub.refreshes == 0


def test_the_lease_of_one_who_died_passes_on(link: Link, hub: Hub) -> None:
    assert hub.sign_in(link, lasts=-1).take_lease()
    with time_machine.travel(timezone.now() + token.LEASE + timedelta(seconds=1)):
        assert hub.works(get(link))
    assert Token.objects.get().lease_until is None


def test_one_lease_at_a_time(link: Link, hub: Hub) -> None:
    hub.sign_in(link)
    first, second = Token.objects.get(), Token.objects.get()
    assert first.take_lease()
    assert not second.take_lease()
    assert not Token.objects.get().take_lease()


def test_who_was_too_slow_gives_nobody_elses_lease_back(link: Link, hub: Hub) -> None:
    slow = hub.sign_in(link)
    assert slow.take_lease()
    with time_machine.travel(timezone.now() + token.LEASE + timedelta(seconds=1)):
        assert Token.objects.get().take_lease()
        slow.note_failure("timeout")
        assert not Token.objects.get().take_lease()


# --- what happens meanwhile ---------------------------------------------------------------------


def meanwhile(hub: Hub, act: Callable[[], Any]) -> None:
    """Let something happen while the vendor is being asked."""

    def fault(request: Request) -> None:
        hub.fault = None
        _elsewhere(act)

    hub.fault = fault


def _elsewhere(act: Callable[[], Any]) -> None:
    """In another thread, and so by another connection to the database."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_during_a_refresh_wins(link: Link, hub: Hub) -> None:
    hub.sign_in(link, lasts=-1)
    newer = hub.issue()
    meanwhile(hub, lambda: hub.sign_in(link, newer))

    assert get(link) == newer.access_token
    assert Token.objects.get().grant().refresh_token == newer.refresh_token


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_during_a_refresh_that_is_refused_wins(link: Link, hub: Hub) -> None:
    hub.sign_in(link, lasts=-1)
    newer = hub.issue()

    def fault(request: Request) -> Reply:
        _elsewhere(lambda: hub.sign_in(link, newer))
        return as_json({"error": "invalid_grant"}, 400)

    hub.fault = fault
    with pytest.raises(ReconnectNeeded):
        get(link)
    hub.fault = None
    assert get(link) == newer.access_token, "what was refused is not what is stored now"


@pytest.mark.django_db(transaction=True)
def test_nothing_is_handed_out_when_the_link_goes_during_a_refresh(link: Link, hub: Hub) -> None:
    """And what is revoked afterwards is the pair that works."""
    hub.sign_in(link, lasts=-1)

    def deactivate() -> None:
        user = User.objects.get(pk=link.user_id)
        user.is_active = False
        user.save()

    meanwhile(hub, deactivate)
    with pytest.raises(NoToken):
        get(link)
    (grant,) = hub.grants
    orphan = Token.objects.get(link=None).grant()
    assert orphan.refresh_token == grant.refresh
    assert not grant.is_over


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_vendor_is_asked(link: Link, hub: Hub) -> None:
    """Another connection writes meanwhile, on SQLite too."""
    hub.sign_in(link, lasts=-1)
    meanwhile(hub, lambda: User.objects.create_user("bob@acme.example"))

    assert hub.works(get(link))
    assert User.objects.filter(username="bob@acme.example").exists()


@pytest.mark.django_db(transaction=True)
def test_not_inside_a_transaction(link: Link, hub: Hub) -> None:
    hub.sign_in(link)
    with transaction.atomic(), pytest.raises(InTransaction):
        get(link)
    assert hub.works(get(link))


@pytest.mark.django_db(transaction=True)
def test_the_new_pair_is_written_again_when_the_database_fails(
    link: Link, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.sign_in(link, lasts=-1)
    replace, failures = Token.replace, [OperationalError("gone"), OperationalError("still gone")]

    def unreliable(token: Token, grant: Grant) -> None:
        if failures:
            raise failures.pop()
        replace(token, grant)

    monkeypatch.setattr(Token, "replace", unreliable)
    assert hub.works(get(link))
    assert hub.refreshes == 1


def test_a_database_that_stays_away_is_a_fault(
    link: Link, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.sign_in(link, lasts=-1)
    monkeypatch.setattr(tokens, "_WRITE_AGAIN", ())

    def fail(token: Token, grant: Grant) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Token, "replace", fail)
    with pytest.raises(OperationalError):
        get(link)


# --- secrets ------------------------------------------------------------------------------------


@pytest.mark.row(33)
def test_keys_of_tokens_are_rotated(link: Link, hub: Hub, settings: Any) -> None:
    old = hub.sign_in(link).grant()
    settings.FIELD_ENCRYPTION_KEYS = ["A" * 43 + "=", *settings.FIELD_ENCRYPTION_KEYS]
    stale = {tally.kind: tally.stale for tally in key_rotation.rotate(write=True)}
    settings.FIELD_ENCRYPTION_KEYS = ["A" * 43 + "="]

    assert stale["token, access token"] == stale["token, refresh token"] == 1
    assert Token.objects.get().grant() == old


@pytest.mark.row(33)
def test_a_token_under_a_lost_key_is_named_by_its_connector(
    link: Link, hub: Hub, settings: Any
) -> None:
    hub.sign_in(link)
    settings.FIELD_ENCRYPTION_KEYS = ["A" * 43 + "="]
    unreadable = [name for tally in key_rotation.rotate(write=True) for name in tally.unreadable]

    assert "connector hub: access_token" in unreadable


@pytest.mark.row(32)
def test_nothing_secret_is_logged_or_raised(
    link: Link, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    grant = hub.sign_in(link, lasts=-1).grant()

    def repeat(request: Request) -> Reply:
        words = {"error": "invalid_grant", "error_description": request.body.decode()}
        return as_json(words, 400)

    hub.fault = repeat
    with pytest.raises(ReconnectNeeded) as caught:
        get(link)
    said = f"{caught.value} {caught.value!r} {caplog.text} " + " ".join(
        str(vars(record)) for record in caplog.records
    )
    assert "A token was not refreshed" in said
    for secret in (grant.access_token, grant.refresh_token, "alice"):
        assert secret not in said


@pytest.mark.row(32)
def test_no_secret_stands_on_the_page_of_a_fault(
    link: Link, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor in the mail that Django would send of it: each frame's variables are there."""
    old = hub.sign_in(link, lasts=-1).grant()
    monkeypatch.setattr(tokens, "_WRITE_AGAIN", ())

    def fail(token: Token, grant: Grant) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Token, "replace", fail)
    with pytest.raises(OperationalError) as caught:
        get(link)
    page = ExceptionReporter(None, caught.type, caught.value, caught.tb).get_traceback_html()

    assert "_refresh" in page
    (new,) = hub.grants
    for secret in (old.access_token, old.refresh_token, new.access, new.refresh, CLIENT_SECRET):
        assert secret not in page


@pytest.mark.row(32)
def test_no_secret_stands_on_the_page_of_a_fault_at_the_sealing(
    link: Link, hub: Hub, settings: Any
) -> None:
    token = hub.sign_in(link)
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(NoEncryptionKey) as caught:
        token.replace(Grant(access_token="at-in-clear", refresh_token="rt-in-clear"))
    (_ours, *within) = caught.traceback
    reporter = ExceptionReporter(None, caught.type, caught.value, within[0]._rawentry)
    page = reporter.get_traceback_html()

    assert "_columns" in page
    assert "in-clear" not in page
