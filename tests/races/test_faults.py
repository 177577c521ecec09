"""Workers killed, databases locked or gone, clocks that jump: no wrong session, no login stuck.

A login is three requests. Each is walked statement by statement: the fault strikes before the first
one, then after it, before the second, and so on, until the request gets through unharmed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.utils import timezone

from sso_connectors.login.sessions import MAX_SESSION
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import HANDLE_LIFETIME, PendingLogin
from tests.agent import CALLBACK, HOST, Agent
from tests.idp import IdP
from tests.rigs.process import free_port
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row(38)]

MOST_STATEMENTS: Final = 60
OUR_PAGES: Final = {500: "Something went wrong on our side", 503: "Temporarily unavailable"}
REFUSAL: Final = "You are not signed in"


# --- a browser that sees faults as agents do ---------------------------------------------------


@dataclass
class Witness(Agent):
    """An agent who gets the page of a fault, where the test client would raise its exception."""

    client: Client = field(
        default_factory=lambda: Client(
            enforce_csrf_checks=True, raise_request_exception=False, HTTP_HOST=HOST
        )
    )

    def post(self, saml_response: str) -> Any:
        stranger = Client(raise_request_exception=False, HTTP_HOST=HOST)
        form = "application/x-www-form-urlencoded"
        return stranger.post(
            CALLBACK, urlencode({"SAMLResponse": saml_response}), content_type=form
        )

    @property
    def is_in(self) -> bool:
        return self.username == "alice@acme.example"


@pytest.fixture
def witness(alice: User) -> Witness:
    return Witness()


def before_step(step: str, agent: Agent, idp: IdP) -> Callable[[], Any]:
    """Take a login to just before one of its three requests, and return that request."""
    if step == "begin":
        return agent.open
    saml_response = idp.respond(agent.start())
    if step == "answer":
        return lambda: agent.post(saml_response)
    address = agent.post(saml_response)["Location"]
    return lambda: agent.client.get(address)


def signed_in_sessions() -> list[Session]:
    return [each for each in Session.objects.all() if SESSION_KEY in each.get_decoded()]


def expect_our_page(response: Any) -> None:
    """A fault's page is ours, tells nothing of the fault, and brings no session."""
    page = response.content.decode()
    assert OUR_PAGES[response.status_code] in page
    assert response.has_header("Retry-After") == (response.status_code == 503)
    for word in ("Traceback", "Error", "locked", "sqlite", "psycopg", "django", "SELECT", "INSERT"):
        assert word not in page
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert response["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def expect_refusal(response: Any) -> None:
    assert response.status_code == 403
    assert REFUSAL in response.content.decode()
    assert settings.SESSION_COOKIE_NAME not in response.cookies


def expect_ordinary_login(agent: Witness, idp: IdP) -> None:
    """Trying again, from the login address and in the same browser, works."""
    assert agent.sign_in(idp).status_code == 302
    assert agent.is_in


def forget(agent: Witness) -> None:
    """Go back to a browser that isn't signed in, with its cookie of ours."""
    agent.client.cookies.pop(settings.SESSION_COOKIE_NAME)
    Session.objects.all().delete()


# --- a fault between each two statements ---------------------------------------------------------


@dataclass
class Fault:
    """Strikes once, before or after one statement; as an execute_wrapper it sees each of them."""

    strike: "Strike"
    at: int
    """Twice the statement's number, counted from 0; one more to strike after it."""
    done: list[str] = field(default_factory=list)
    """What was executed."""
    has_struck: bool = False
    is_cut_off: bool = False

    def __call__(self, execute: Callable[..., object], sql: str, *arguments: object) -> object:
        number = len(self.done)
        self._strike_at(2 * number)
        if self.is_cut_off:
            raise InterfaceError("the connection is closed")
        result = execute(sql, *arguments)
        self.done.append(sql)
        self._strike_at(2 * number + 1)
        return result

    def _strike_at(self, moment: int) -> None:
        if moment == self.at and not self.has_struck:
            self.has_struck = True
            self.strike(self)

    def has_done(self, verb: str, table: str) -> bool:
        return any(sql.startswith(verb) and f'"{table}"' in sql for sql in self.done)


Strike = Callable[[Fault], None]


def killed(_fault: Fault) -> None:
    """As gunicorn ends a worker: no code of ours goes on, and transactions are rolled back."""
    raise SystemExit


def answered_with_an_error(_fault: Fault) -> None:
    raise OperationalError("database is locked")


def cut_off(fault: Fault) -> None:
    """The connection is gone; whoever uses it next finds out."""
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        end_connection()
    else:
        fault.is_cut_off = True  # a file's can't be lost


def end_connection() -> None:
    """End our connection from outside, or where that can't be, behind Django's back."""
    if connection.vendor == "postgresql":
        with another_connection() as other, other.cursor() as cursor:
            pid = connection.connection.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    elif connection.connection is not None:
        connection.connection.close()


@contextmanager
def another_connection() -> Iterator[BaseDatabaseWrapper]:
    other = connections["default"].copy()
    try:
        yield other
    finally:
        other.close()


def under_fault(request: Callable[[], Any], fault: Fault) -> Any:
    """The response, or None where the worker was killed; then the next request, as servers begin it."""
    try:
        with connection.execute_wrapper(fault):
            return request()
    except SystemExit:
        return None
    finally:
        close_old_connections()


def faults(strike: Strike) -> Iterator[Fault]:
    """Fault after fault, each a moment later, until one comes too late to strike."""
    for moment in range(2 * MOST_STATEMENTS):
        fault = Fault(strike, at=moment)
        yield fault
        if not fault.has_struck:
            return
    pytest.fail("the request never got through")


STRIKES: Final = [killed, answered_with_an_error, cut_off]


@pytest.mark.parametrize("strike", STRIKES)
def test_fault_while_beginning(witness: Witness, idp: IdP, strike: Strike) -> None:
    for fault in faults(strike):
        response = under_fault(before_step("begin", witness, idp), fault)

        if response is not None and response.status_code != 302:
            expect_our_page(response)
        assert not signed_in_sessions()
        expect_ordinary_login(witness, idp)
        forget(witness)

    assert fault.has_done("INSERT", "sso_connectors_attempt")
    assert fault.has_done("INSERT", "sso_connectors_pendinglogin")


@pytest.mark.parametrize("strike", STRIKES)
def test_fault_while_answering(witness: Witness, idp: IdP, strike: Strike) -> None:
    """The answer that met a fault may be posted again: it is taken unless it had been."""
    outcomes = set()
    for fault in faults(strike):
        request = before_step("answer", witness, idp)
        response = under_fault(request, fault)

        if response is not None and response.status_code != 303:
            expect_our_page(response)
        assert not signed_in_sessions()
        taken = fault.has_done("UPDATE", "sso_connectors_pendinglogin")
        again = witness.finish(request())
        if taken:
            expect_refusal(again)
        else:
            assert again.status_code == 302
        assert len(signed_in_sessions()) == (not taken)
        expect_ordinary_login(witness, idp)
        forget(witness)
        outcomes.add(taken)

    assert outcomes == {True, False}, "it struck on both sides of what decides"


@pytest.mark.parametrize("strike", STRIKES)
def test_fault_while_finishing(witness: Witness, idp: IdP, strike: Strike) -> None:
    """A browser is in exactly when it was told so; a handle works again unless it was claimed."""
    outcomes = set()
    for fault in faults(strike):
        request = before_step("finish", witness, idp)
        response = under_fault(request, fault)

        told = response is not None and response.status_code == 302
        if response is not None and not told:
            expect_our_page(response)
        assert witness.is_in == told
        assert len(signed_in_sessions()) == told
        claimed = fault.has_done("UPDATE", "sso_connectors_pendinglogin")
        again = request()
        if claimed:
            expect_refusal(again)
        else:
            assert again.status_code == 302
        assert len(signed_in_sessions()) == (told or not claimed)
        expect_ordinary_login(witness, idp)
        forget(witness)
        outcomes.add((claimed, told))

    assert outcomes == {(False, False), (True, False), (True, True)}
    assert fault.has_done("UPDATE", "sso_connectors_attempt")
    assert fault.has_done("UPDATE", "sso_connectors_link")
    assert fault.has_done("INSERT", "django_session")


def test_killed_between_the_session_and_the_answer(
    witness: Witness, idp: IdP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one moment that leaves a session behind: nobody has its key, and it ends like any other."""
    request = before_step("finish", witness, idp)
    save = SessionStore.save

    def save_and_die(self: SessionStore, must_create: bool = False) -> None:
        save(self, must_create)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(SessionStore, "save", save_and_die)
        with pytest.raises(SystemExit):
            request()

    assert not witness.is_in
    (left,) = signed_in_sessions()
    assert left.expire_date <= timezone.now() + MAX_SESSION
    expect_refusal(request())
    expect_ordinary_login(witness, idp)


# --- a database that is locked, or not there -----------------------------------------------------


@contextmanager
def locked_database() -> Iterator[None]:
    """Somebody else holds what the product must write to, for longer than it waits."""
    with another_connection() as other, other.cursor() as cursor, connection.cursor() as mine:
        if connection.vendor == "sqlite":
            mine.execute("PRAGMA busy_timeout = 100")
            cursor.execute("BEGIN EXCLUSIVE")
        else:
            mine.execute("SET lock_timeout = '100ms'")
            cursor.execute("BEGIN")
            for model in (Attempt, PendingLogin):
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
    connection.close()


@contextmanager
def absent_database() -> Iterator[None]:
    """Nobody answers where the database should be."""
    connection.close()
    place = connection.settings_dict
    was = dict(place)
    if connection.vendor == "sqlite":
        place["NAME"] = "/nowhere/at-all.sqlite3"
    else:
        place.update(HOST="127.0.0.1", PORT=free_port())
    try:
        yield
    finally:
        connection.close()
        place.update(was)


@pytest.mark.parametrize("step", ["begin", "answer", "finish"])
@pytest.mark.parametrize("trouble", [locked_database, absent_database])
def test_database_in_trouble(
    witness: Witness, idp: IdP, step: str, trouble: Callable[[], Any]
) -> None:
    """The page of faults while it lasts; then the very step that failed goes through."""
    request = before_step(step, witness, idp)

    with trouble():
        response = request()
    expect_our_page(response)
    assert not signed_in_sessions()

    assert request().status_code == {"begin": 302, "answer": 303, "finish": 302}[step]
    expect_ordinary_login(witness, idp)
    assert Attempt.objects.filter(outcome=Outcome.SIGNED_IN).count() == 1 + (step == "finish")


def test_absent_database_signs_nobody_out(witness: Witness, idp: IdP) -> None:
    """Who is signed in meets the page of faults too, and is still signed in afterwards."""
    witness.sign_in(idp)

    with absent_database():
        expect_our_page(witness.client.get("/"))
        assert witness.client.get("/healthz").status_code == 503
        assert Client(HTTP_HOST=HOST).get("/sign-in").status_code == 200

    assert witness.is_in


@pytest.mark.parametrize("step", ["begin", "answer", "finish"])
def test_connection_cut_between_requests(witness: Witness, idp: IdP, step: str) -> None:
    """A database that was restarted meanwhile costs nobody a page."""
    request = before_step(step, witness, idp)

    connection.ensure_connection()
    end_connection()
    close_old_connections()

    assert request().status_code in {302, 303}


# --- clocks that jump ----------------------------------------------------------------------------


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize("jump", [minutes(60), minutes(11), minutes(-10), minutes(-24 * 60)])
def test_clock_jumps_before_the_answer(witness: Witness, idp: IdP, jump: timedelta) -> None:
    """An answer to a login that time has closed leads to a new one; one from the future nowhere."""
    saml_response = idp.respond(witness.start())

    with time_machine.travel(timezone.now() + jump):
        response = witness.answer(saml_response)
        if jump > timedelta(0):
            assert response.status_code == 302
            assert response["Location"].startswith(idp.sso_url)
        else:
            expect_refusal(response)
        assert not signed_in_sessions()
        expect_ordinary_login(witness, idp)


@pytest.mark.parametrize("jump", [minutes(60), minutes(-10)])
def test_clock_of_ours_alone_is_wrong(witness: Witness, idp: IdP, jump: timedelta) -> None:
    """As long as it is, nobody gets in; set right, it lets them in again."""
    right = timezone.now()
    with time_machine.travel(right + jump):
        request = witness.start()
    with time_machine.travel(right):
        saml_response = idp.respond(request)
    with time_machine.travel(right + jump):
        expect_refusal(witness.answer(saml_response))

    assert not signed_in_sessions()
    expect_ordinary_login(witness, idp)


@pytest.mark.parametrize(
    ("jump", "gets_in"),
    [
        (HANDLE_LIFETIME + timedelta(seconds=1), False),
        (minutes(60), False),
        (minutes(-10), True),
    ],
)
def test_clock_jumps_before_the_last_step(
    witness: Witness, idp: IdP, jump: timedelta, gets_in: bool
) -> None:
    """A handle is too old, or still the browser's own; back in time it opens one session as ever."""
    request = before_step("finish", witness, idp)

    with time_machine.travel(timezone.now() + jump):
        response = request()
        if gets_in:
            assert response.status_code == 302
        else:
            expect_refusal(response)
        assert len(signed_in_sessions()) == gets_in
        expect_refusal(request())
        expect_ordinary_login(witness, idp)


@pytest.mark.parametrize("jump", [minutes(0), minutes(60), minutes(-10), minutes(-24 * 60)])
def test_no_session_outlives_its_hours(witness: Witness, idp: IdP, jump: timedelta) -> None:
    """Its end is a moment, not a duration that every clock counts anew."""
    now = timezone.now()
    end = now + MAX_SESSION
    with time_machine.travel(now, tick=False):
        witness.sign_in(idp)
    with time_machine.travel(now + jump):
        assert witness.is_in

    (session,) = signed_in_sessions()
    assert session.expire_date <= end
    with time_machine.travel(end + timedelta(seconds=1)):
        assert not witness.is_in
        expect_ordinary_login(witness, idp)


def test_rows_of_a_wrong_clock_are_cleared(witness: Witness, idp: IdP) -> None:
    """A login that began in the future ends with it, and stands in nobody's way till then."""
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        witness.start()
    assert PendingLogin.objects.count() == 1

    expect_ordinary_login(witness, idp)

    with time_machine.travel(timezone.now() + timedelta(days=1, hours=1)):
        assert PendingLogin.clear_expired() == 2
