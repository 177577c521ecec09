"""What sso_cleanup deletes and ends: all of it, little at a time, and nothing else."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors.admin.attempts.words import NEVER_CAME_BACK, in_state, state_of
from sso_connectors.diagnosis import diagnose
from sso_connectors.models import Connector, State
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import CLEARED_AT_ONCE, LIFETIME, PendingLogin
from sso_connectors.operations import cleanup
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import NoSuchLogin
from tests.agent import Agent
from tests.idp import IdP
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.row(30)]

OLD = timedelta(days=40)
A_WHILE = timedelta(minutes=12)


def run() -> list[str]:
    out = StringIO()
    call_command("sso_cleanup", stdout=out)
    return out.getvalue().splitlines()


def attempt(*, age: timedelta, **fields: Any) -> Attempt:
    return Attempt.objects.create(started_at=timezone.now() - age, **fields)


def pending_of(connector: Connector, record: Attempt, *, expires_in: timedelta) -> PendingLogin:
    login = PendingLogin.prepare(browser="browser", connector=connector, attempt=record)
    login.expires_at = timezone.now() + expires_in
    login.save()
    return login


# --- a little at a time ---------------------------------------------------------------------------


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "BATCH", 10)


@pytest.mark.usefixtures("_small_batches")
def test_each_batch_is_small(connector: Connector) -> None:
    now = timezone.now()
    same_moment = [now - OLD] * 15  # more than a batch of one time
    times = [*same_moment, *(now - OLD - timedelta(seconds=each) for each in range(30))]
    Attempt.objects.bulk_create(
        Attempt(started_at=each, checks=[{"name": "x" * 1000}]) for each in times
    )
    open_ends = Attempt.objects.bulk_create(Attempt(started_at=now - A_WHILE) for _ in range(25))
    for record in open_ends:
        pending_of(connector, record, expires_in=-timedelta(minutes=1))
    Session.objects.bulk_create(
        Session(session_key=str(number), expire_date=now - timedelta(1)) for number in range(25)
    )

    with CaptureQueriesContext(connection) as queries:
        assert run() == [
            "Deleted 25 pending logins and 45 attempts.",
            "Ended 25 attempts whose person never came back.",
        ]

    assert not PendingLogin.objects.exists()
    assert not Session.objects.exists()
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"never_came_back"}
    statements = [query["sql"] for query in queries]
    for table, batches in (("sso_connectors_attempt", 5), ("sso_connectors_pendinglogin", 3)):
        deletions = [each for each in statements if each.startswith("DELETE") and table in each]
        assert len(deletions) >= batches
    for each in statements:
        if each.startswith(("DELETE", "UPDATE")):
            assert each.count(",") <= 12, "the keys of a batch at most"
        elif 'FROM "sso_connectors_attempt"' in each:
            assert '"checks"' not in each, "a row holds some kilobytes, which nobody needs here"
            assert "LIMIT 10" in each or " IN (" in each, "never all at once"


@pytest.mark.usefixtures("_small_batches")
def test_batches_go_on_from_the_last_time() -> None:
    """Each would otherwise walk over all that was deleted before: for hours, of a million."""
    for number in range(30):
        attempt(age=OLD + timedelta(seconds=number))
    with CaptureQueriesContext(connection) as queries:
        run()
    looks = [
        query["sql"]
        for query in queries
        if "LIMIT 10" in query["sql"] and "sso_connectors_attempt" in query["sql"]
    ]
    assert [each for each in looks if '"started_at" >= ' in each]


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.django_db(transaction=True)
def test_each_batch_is_a_transaction_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is broken off keeps what it has done, and nobody waits for the whole of it."""
    for number in range(25):
        attempt(age=OLD + timedelta(seconds=number))
    left: list[int] = []

    def look(execute: Any, sql: str, *arguments: Any) -> Any:
        if "LIMIT 10" in sql and "sso_connectors_attempt" in sql:
            assert not connection.in_atomic_block
            left.append(Attempt.objects.filter(started_at__lt=timezone.now() - OLD / 2).count())
        return execute(sql, *arguments)

    with connection.execute_wrapper(look):
        run()
    assert left[:4] == [25, 15, 5, 0]


def test_login_clears_no_more_than_it_has_time_for(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CLEARED_AT_ONCE < 10_000
    monkeypatch.setattr("sso_connectors.models.pending_login.CLEARED_AT_ONCE", 3)
    for number in range(5):
        pending_of(connector, attempt(age=A_WHILE), expires_in=-timedelta(seconds=5 - number))
    assert PendingLogin.clear_expired() == 3
    assert PendingLogin.clear_expired() == 2
    assert PendingLogin.clear_expired() == 0


# --- attempts that nobody ended ---------------------------------------------------------------------


def test_who_never_came_back_is_written_down(connector: Connector) -> None:
    gone = attempt(age=A_WHILE, connector=connector)
    expired = attempt(age=A_WHILE, connector=connector)
    pending_of(connector, expired, expires_in=-timedelta(minutes=2))
    under_way = attempt(age=timedelta(minutes=9), connector=connector)
    can_be_finished = attempt(age=A_WHILE, connector=connector)  # by a clock that was put on
    pending_of(connector, can_be_finished, expires_in=timedelta(seconds=30))
    failed = attempt(age=A_WHILE, connector=connector, outcome=Outcome.FAILED, cause="declined")

    before = diagnose(gone).summary
    assert run()[1:] == ["Ended 2 attempts whose person never came back."]

    for record in (gone, expired):
        record.refresh_from_db()
        assert record.outcome == Outcome.NEVER_CAME_BACK
        assert record.ended_at == record.started_at + LIFETIME
        assert state_of(record) == NEVER_CAME_BACK
        assert diagnose(record).summary == before, "it reads the same as before it was written"
    for record, outcome in ((under_way, "in_progress"), (can_be_finished, "in_progress")):
        record.refresh_from_db()
        assert record.outcome == outcome
    failed.refresh_from_db()
    assert (failed.outcome, failed.cause) == (Outcome.FAILED, "declined")
    assert run()[1:] == []


def test_the_list_finds_both_what_is_written_and_what_is_not_yet() -> None:
    written = attempt(age=A_WHILE, outcome=Outcome.NEVER_CAME_BACK)
    not_yet = attempt(age=A_WHILE)
    under_way = attempt(age=timedelta(0))
    assert set(Attempt.objects.filter(in_state(NEVER_CAME_BACK))) == {written, not_yet}
    assert set(Attempt.objects.filter(in_state("in_progress"))) == {under_way}


def test_page_of_an_attempt_that_was_ended_so(maker: Client) -> None:
    record = attempt(age=A_WHILE, outcome=Outcome.NEVER_CAME_BACK)
    page = maker.get(f"/maker/sso_connectors/attempt/{record.pk}/change/").content.decode()
    assert 'pill-never_came_back">never came back' in page


def test_end_that_comes_at_the_same_moment_stays(alice: User) -> None:
    """Between the look and the UPDATE the login ends; the UPDATE asks again."""
    record = attempt(age=A_WHILE)

    def sign_in(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "outcome" in sql and not ended:
            ended.append(1)
            record.succeed(alice, Checks())
        return execute(sql, *arguments)

    ended: list[int] = []
    with connection.execute_wrapper(sign_in):
        assert cleanup.close_attempts() == 0
    record.refresh_from_db()
    assert record.outcome == Outcome.SIGNED_IN


def test_late_end_is_kept(alice: User) -> None:
    late, later = attempt(age=A_WHILE), attempt(age=A_WHILE)
    cleanup.close_attempts()
    late.fail(NoSuchLogin("It has expired."), Checks())
    later.succeed(alice, Checks())
    assert [Attempt.objects.get(pk=each.pk).outcome for each in (late, later)] == [
        Outcome.FAILED,
        Outcome.SIGNED_IN,
    ]


def test_who_never_came_back_heals_no_connector(
    idp: IdP, connector: Connector, alice: User
) -> None:
    """Five failures make it failing; that others gave up in between is neither a failure nor a success."""
    agents = [Agent(), Agent()]
    for number in range(4):
        agents[number % 2].sign_in(idp, audience="https://other.example")
    attempt(age=A_WHILE, connector=connector)
    Attempt.objects.filter(outcome=Outcome.IN_PROGRESS).update(
        outcome=Outcome.NEVER_CAME_BACK, started_at=timezone.now()
    )
    agents[0].sign_in(idp, audience="https://other.example")
    connector.refresh_from_db()
    assert connector.state == State.FAILING
