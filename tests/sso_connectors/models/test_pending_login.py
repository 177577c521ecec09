"""A pending login is answered once and claimed once, whoever else is trying."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from sso_connectors.models.pending_login import (
    UNSOLICITED_PAUSE,
    PendingLogin,
    PendingState,
    digest,
)
from sso_connectors.results.checks import Checks
from tests.agent import Agent
from tests.idp import IdP
from tests.rivals import rival
from users.models import User

Result = TypeVar("Result")

KEPT = {"username": "alice@acme.example", "subject": "for-good"}


@pytest.fixture
def pending(connector: Connector) -> PendingLogin:
    attempt = Attempt.objects.create(connector=connector)
    pending = PendingLogin.prepare(browser="browser", connector=connector, attempt=attempt)
    pending.save()
    return pending


def answered(pending: PendingLogin) -> str:
    handle = pending.answer_with(KEPT, Checks(verified=True))
    assert handle is not None
    return handle


def test_what_was_proved_survives_storage(pending: PendingLogin) -> None:
    claimed = PendingLogin.claim(handle=answered(pending), browser="browser")

    assert claimed is not None
    assert claimed.kept == KEPT
    assert claimed.checks == Checks()


def test_nothing_of_use_is_stored(pending: PendingLogin) -> None:
    """Who reads the table can't finish a login, and a claimed row names nobody."""
    handle = answered(pending)
    pending.refresh_from_db()
    assert pending.handle_hash == digest(handle)
    assert pending.browser_hash == digest("browser")

    PendingLogin.claim(handle=handle, browser="browser")
    pending.refresh_from_db()
    assert pending.answer == {}


def test_called_by_its_request(pending: PendingLogin) -> None:
    assert str(pending) == pending.request_id


@pytest.mark.row(12)
def test_answered_once(pending: PendingLogin) -> None:
    answered(pending)

    assert pending.answer_with(KEPT, Checks()) is None


@pytest.mark.row(12)
def test_answer_comes_too_late(pending: PendingLogin) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        assert PendingLogin.find(pending.request_id) is None
        assert pending.answer_with(KEPT, Checks()) is None


@pytest.mark.row(24)
@pytest.mark.parametrize(
    ("handle", "browser", "later"),
    [("wrong", "browser", 0), (None, "another", 0), (None, "browser", 61), (None, "browser", 601)],
)
def test_claim_needs_all_that_must_be_true(
    pending: PendingLogin, handle: str | None, browser: str, later: int
) -> None:
    real = answered(pending)
    with time_machine.travel(timezone.now() + timedelta(seconds=later)):
        assert PendingLogin.claim(handle=handle or real, browser=browser) is None

    pending.refresh_from_db()
    assert pending.state == PendingState.ANSWERED, "a failed claim burns nothing"


@pytest.mark.row(24)
def test_only_an_answer_to_nothing_in_this_browser_is_remembered(pending: PendingLogin) -> None:
    """Or whoever has just begun here by themselves would be told that their provider is set up wrongly."""
    here: dict[str, Any] = {"browser": "browser", "connector_id": pending.connector_id}
    assert not PendingLogin.began_unsolicited(**here)

    PendingLogin.objects.update(unsolicited=True)
    assert PendingLogin.began_unsolicited(**here)
    assert not PendingLogin.began_unsolicited(**{**here, "browser": "another"})
    assert not PendingLogin.began_unsolicited(**{**here, "connector_id": 0})
    with time_machine.travel(timezone.now() + UNSOLICITED_PAUSE + timedelta(seconds=1)):
        assert not PendingLogin.began_unsolicited(**here)


def test_clear_expired_keeps_what_is_under_way(pending: PendingLogin) -> None:
    assert PendingLogin.clear_expired() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert PendingLogin.clear_expired() == 1


def at_once(count: int, act: Callable[[], Result]) -> list[Result]:
    """Run `act` in `count` threads that start together, each with a database connection of its own."""
    barrier = Barrier(count)

    def run(_number: int) -> Result:
        try:
            barrier.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.row(12)
def test_rival_between_reading_and_claiming(pending: PendingLogin) -> None:
    """The UPDATE's row count decides, whatever was read before it."""
    handle = answered(pending)
    rivals: list[PendingLogin | None] = []

    def let_the_rival_in(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith("UPDATE") and not rivals:
            rivals.append(None)
            rivals[0] = PendingLogin.claim(handle=handle, browser="browser")
        return execute(sql, *arguments)

    with connection.execute_wrapper(let_the_rival_in):
        assert PendingLogin.claim(handle=handle, browser="browser") is None
    assert rivals != [None]


def by_handle(pending: PendingLogin) -> Callable[[], PendingLogin | None]:
    handle = answered(pending)
    return lambda: PendingLogin.claim(handle=handle, browser="browser")


def by_request(pending: PendingLogin) -> Callable[[], PendingLogin | None]:
    return lambda: PendingLogin.claim_with(
        KEPT,
        request_id=pending.request_id,
        connector_type=pending.connector.type,
        browser="browser",
    )


@pytest.mark.row(12)
@pytest.mark.row(19)
@pytest.mark.parametrize("way", [by_handle, by_request])
@pytest.mark.django_db(transaction=True)
def test_rival_commits_while_the_claim_waits_for_it(
    pending: PendingLogin, way: Callable[[PendingLogin], Callable[[], PendingLogin | None]]
) -> None:
    """What the UPDATE asks is asked of the row as the rival left it, not as it stood before."""
    claim = way(pending)
    firsts: list[PendingLogin | None] = []

    with rival(lambda: firsts.append(claim())):
        assert claim() is None
    assert [first and first.pk for first in firsts] == [pending.pk]


@pytest.mark.row(12)
@pytest.mark.django_db(transaction=True)
def test_parallel_claims(pending: PendingLogin) -> None:
    handle = answered(pending)

    results = at_once(8, lambda: PendingLogin.claim(handle=handle, browser="browser"))

    assert sum(result is not None for result in results) == 1


@pytest.mark.row(12)
@pytest.mark.django_db(transaction=True)
def test_parallel_replays_over_http(idp: IdP, alice: User) -> None:
    """One response posted by eight at once, each going on to the last step: one session."""
    agent = Agent()
    saml_response = idp.respond(agent.start())
    cookie = agent.client.cookies["sso-browser"].value

    def replay() -> int:
        rival = Agent()
        rival.client.cookies["sso-browser"] = cookie
        return int(rival.answer(saml_response).status_code)

    statuses = at_once(8, replay)

    assert sorted(statuses) == [302] + [403] * 7
    assert Session.objects.count() == 1
