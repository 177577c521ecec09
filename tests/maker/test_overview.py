"""The front page: each number is that of the list it leads to, and of nothing that one may not see."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, Final

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from maker.chart import HEIGHT, round_up, stacked
from maker.overview import BUSIEST, DAYS, Overview
from sso_connectors.models import Connector, Link, Token
from sso_connectors.models.attempt import Attempt, Outcome, Purpose
from sso_connectors.models.token import TokenState
from sso_connectors.operations import attention
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker

pytestmark = pytest.mark.django_db

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


def page_of(client: Client) -> str:
    return str(client.get("/maker/").content.decode())


def figures(page: str) -> dict[str, tuple[int, str]]:
    """Each figure's label, with its number and where it leads."""
    found = re.findall(r'<a href="([^"]*)"><strong>(\d+)</strong>\s*<span>([^<]*)</span></a>', page)
    return {label: (int(number), unescape(address)) for address, number, label in found}


def attempt(outcome: Outcome, **fields: Any) -> Attempt:
    return Attempt.objects.create(**{"outcome": outcome, "started_at": NOON, **fields})


def test_nobody_may_view_nothing(db: None) -> None:
    overview = Overview(AnonymousUser())
    assert (overview.connectors, overview.days, overview.busiest) == (None, None, None)
    assert overview.today == []


def test_dead_tokens_are_found_without_a_look_at_the_others(db: None) -> None:
    if connection.vendor == "postgresql":  # of a table without rows it would read them all
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "token_to_reconnect" in attention.to_reconnect().explain()


def test_a_day_begins_where_the_times_are_shown(settings: Any, make_user: UserMaker) -> None:
    settings.TIME_ZONE = "Europe/Paris"
    attempt(Outcome.SIGNED_IN, started_at=datetime(2026, 11, 23, 22, 59, tzinfo=UTC))
    attempt(Outcome.SIGNED_IN, started_at=datetime(2026, 11, 23, 23, 1, tzinfo=UTC))

    with time_machine.travel(NOON):
        days = Overview(make_user("root@maker.example", is_superuser=True)).days

    assert days is not None
    assert [day.signed_in for day in days[-2:]] == [1, 1]


@pytest.fixture
def something_of_each(make_connector: ConnectorMaker, make_user: UserMaker) -> None:
    """Of each thing that wants attention some, and beside each what doesn't."""
    calm, failing, off = make_connector("calm"), make_connector("failing"), make_connector("off")
    Connector.objects.filter(pk=failing.pk).update(failing_cause="response_refused")
    Connector.objects.filter(pk=off.pk).update(failing_cause="response_refused", enabled=False)
    ends = {"ended-1": -400, "ended-2": 0, "ending-1": 1, "ending-2": 29, "ending-3": 15, "far": 30}
    for reference, days in ends.items():
        made = make_connector(reference)
        Connector.objects.filter(pk=made.pk).update(certificates_end=NOON + timedelta(days=days))
    for days in (-1, 1):
        made = make_connector(f"off-{days}")
        Connector.objects.filter(pk=made.pk).update(
            certificates_end=NOON + timedelta(days=days), enabled=False
        )
    old = NOON - timedelta(days=7, minutes=1)
    new = NOON - timedelta(days=6, hours=23)
    people: dict[str, list[tuple[Connector, datetime, datetime | None]]] = {
        "never@acme.example": [(calm, old, None)],
        "twice-never@acme.example": [(calm, old, None), (failing, old, None)],
        "new@acme.example": [(calm, new, None)],
        "used@acme.example": [(calm, old, NOON)],
    }
    for name, links in people.items():
        user = make_user(name)
        for linked, created, used in links:
            link = Link.objects.create(user=user, connector=linked, last_sign_in_at=used)
            Link.objects.filter(pk=link.pk).update(created_at=created)
    for name, state in (("used", TokenState.RECONNECT_NEEDED), ("new", TokenState.OK)):
        Token.objects.create(
            link=Link.objects.get(user__username=f"{name}@acme.example"),
            state=state,
            access_token=Secret.seal("token"),
            obtained_at=NOON,
        )
    for number in range(3):
        attempt(Outcome.SIGNED_IN, connector=calm, started_at=NOON - timedelta(hours=number))
    attempt(Outcome.SIGNED_IN, connector=calm, started_at=NOON - timedelta(hours=13))
    attempt(Outcome.FAILED, connector=failing)
    attempt(Outcome.FAILED, connector=failing)
    attempt(Outcome.FAILED, connector=calm, purpose=Purpose.TEST)
    attempt(Outcome.TEST_PASSED, connector=calm, purpose=Purpose.TEST)
    attempt(Outcome.IN_PROGRESS, connector=calm)


# --- the numbers ------------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
@pytest.mark.usefixtures("something_of_each")
def test_each_number_is_that_of_its_list(maker: Client) -> None:
    found = figures(page_of(maker))

    assert {label: number for label, (number, _) in found.items()} == {
        "connector failing": 1,
        "certificates have expired": 2,
        "certificates expire within 30 days": 3,
        "connectors need their own redirect URI": 0,
        "users with a link never used": 2,
        "user needs reconnection": 1,
        "signed in": 3,
        "failed": 2,
    }
    for label, (number, address) in found.items():
        listed = maker.get(address)
        assert listed.status_code == 200, (label, address)
        assert listed.context["cl"].result_count == number, label
        assert listed.context["cl"].has_active_filters, label


@time_machine.travel(NOON, tick=False)
@pytest.mark.usefixtures("something_of_each")
def test_most_used_connectors(maker: Client) -> None:
    page = page_of(maker)
    rows = re.findall(
        r'connector/\d+/change/">([^<]*)</a>\s*</th>\s*<td>\s*<a href="([^"]*)">(\d+)</a>', page
    )

    assert [(name, int(number)) for name, _, number in rows] == [("Calm", 5), ("Failing", 2)]
    for _, address, number in rows:
        listed = maker.get(unescape(address))
        assert listed.context["cl"].result_count == int(number)


@time_machine.travel(NOON, tick=False)
def test_only_the_busiest_and_only_lately(maker: Client, make_connector: ConnectorMaker) -> None:
    for number in range(BUSIEST + 1):
        connector = make_connector(f"c{number}")
        for _ in range(number + 1):
            attempt(Outcome.SIGNED_IN, connector=connector)
    first = Connector.objects.get(reference="c0")
    for _ in range(20):
        attempt(Outcome.SIGNED_IN, connector=first, started_at=NOON - timedelta(days=31))
        attempt(Outcome.FAILED, connector_reference="nobody")
    page = page_of(maker)

    assert re.findall(r'/change/">(C\d)</a>', page) == ["C5", "C4", "C3", "C2", "C1"]


@time_machine.travel(NOON, tick=False)
def test_days(maker: Client, connector: Connector) -> None:
    midnight = NOON.replace(hour=0)
    moments = {
        "today": [midnight, NOON],
        "yesterday": [midnight - timedelta(seconds=1)],
        "first day": [midnight - timedelta(days=DAYS - 1)],
        "before": [midnight - timedelta(days=DAYS - 1, seconds=1)],
    }
    for days in moments.values():
        for moment in days:
            attempt(Outcome.SIGNED_IN, started_at=moment)
    attempt(Outcome.FAILED, started_at=midnight - timedelta(hours=1))
    overview = maker.get("/maker/").context["overview"]

    assert len(overview.days) == DAYS
    assert [(day.signed_in, day.failed) for day in overview.days] == [
        (1, 0),
        *[(0, 0)] * (DAYS - 3),
        (1, 1),
        (2, 0),
    ]
    assert overview.days[-1].date == NOON.date()


@time_machine.travel(NOON, tick=False)
def test_chart_says_the_same_to_a_screen_reader(maker: Client, connector: Connector) -> None:
    attempt(Outcome.SIGNED_IN)
    attempt(Outcome.FAILED, started_at=NOON - timedelta(days=1))
    page = page_of(maker)
    (drawing,) = re.findall(r'<svg viewBox="0 0 560 120".*?</svg>', page, re.DOTALL)

    assert re.search(r'role="img"\s+aria-labelledby="chart-title chart-text"', drawing)
    assert '<title id="chart-title">' in drawing
    assert '<desc id="chart-text">' in drawing
    assert "style" not in drawing
    assert "<script" not in drawing
    rows = re.findall(
        r'<th scope="row">(\d+ November 2026)</th>\s*<td>(\d+)</td>\s*<td>(\d+)</td>', page
    )
    assert len(rows) == DAYS
    assert rows[-2:] == [("23 November 2026", "0", "1"), ("24 November 2026", "1", "0")]


# --- who sees what ----------------------------------------------------------------------------------

CONNECTOR_FIGURES: Final = {
    "connector failing",
    "certificates have expired",
    "certificates expire within 30 days",
    "connectors need their own redirect URI",
}
LINK_FIGURES: Final = {"users with a link never used", "user needs reconnection"}
ATTEMPT_FIGURES: Final = {"signed in", "failed"}


@time_machine.travel(NOON, tick=False)
@pytest.mark.usefixtures("something_of_each")
@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["sso_connectors.view_connector"], CONNECTOR_FIGURES),
        (["sso_connectors.change_connector"], CONNECTOR_FIGURES),
        (["sso_connectors.view_attempt"], ATTEMPT_FIGURES),
        (["sso_connectors.view_link", "users.view_user"], LINK_FIGURES),
        (["sso_connectors.view_link"], set()),
        (["users.view_user"], set()),
        (["sso_connectors.view_connector", "sso_connectors.view_attempt"],
         CONNECTOR_FIGURES | ATTEMPT_FIGURES),
    ],
)  # fmt: skip
def test_only_what_one_may_view(
    make_staff: StaffMaker, permissions: list[str], expected: set[str]
) -> None:
    client = make_staff(*permissions)
    page = page_of(client)
    found = figures(page)

    assert found.keys() == expected
    for _, address in found.values():
        assert client.get(address).status_code == 200
    names_connectors = expected == CONNECTOR_FIGURES | ATTEMPT_FIGURES
    assert ("Most used connectors" in page) is names_connectors
    assert ("Calm" in page) is names_connectors
    assert ("<svg viewBox" in page.partition("content-main")[2]) is (expected >= ATTEMPT_FIGURES)


def test_nothing_open(make_staff: StaffMaker, connector: Connector) -> None:
    page = page_of(make_staff())

    assert "You don't have access to anything yet" in page
    assert not figures(page)


# --- at first, and when all is well -----------------------------------------------------------------


def test_empty_maker_says_what_to_do_first(maker: Client) -> None:
    page = page_of(maker)

    assert "Start with a connector" in page
    assert re.search(r'href="/maker/sso_connectors/connector/add/">\s*Add a connector', page)
    assert not figures(page)


def test_empty_maker_of_somebody_who_may_not_add(make_staff: StaffMaker) -> None:
    page = page_of(make_staff("sso_connectors.view_connector", "sso_connectors.add_connector"))

    assert "Start with a connector" in page
    assert "Add a connector" not in page
    assert "You can't add one yourself. Ask an administrator of the Maker." in page


def test_all_is_well(maker: Client, connector: Connector) -> None:
    page = page_of(maker)

    assert "Nothing needs attention." in page
    assert {number for number, _ in figures(page).values()} == {0}
    assert "figure-failing" not in page
    assert "Most used connectors" not in page


def test_one_apps_page_is_a_list_of_its_models(maker: Client, connector: Connector) -> None:
    page = str(maker.get("/maker/sso_connectors/").content.decode())

    assert not figures(page)
    assert "Start with a connector" not in page


# --- what it costs ----------------------------------------------------------------------------------


def test_queries_are_the_same_few_whatever_there_is(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    def grow(to: int) -> None:
        for number in range(Connector.objects.count(), to):
            connector = make_connector(f"c{number}")
            user = make_user(f"agent-{number}@acme.example", connector)
            for days in range(to):
                moment = timezone.now() - timedelta(days=days)
                attempt(Outcome.SIGNED_IN, connector=connector, user=user, started_at=moment)

    grow(1)
    page_of(maker)
    with CaptureQueriesContext(connection) as few:
        page_of(maker)
    grow(12)
    with CaptureQueriesContext(connection) as many:
        page_of(maker)

    # Session and user; connectors; links twice; days; the busiest and their names.
    assert len(few) == len(many) == 8


# --- the drawing ------------------------------------------------------------------------------------


def test_bars_stand_on_each_other_inside_the_drawing() -> None:
    drawing = stacked([(0, 0), (10, 0), (0, 10), (6, 4), (10_000, 1), (1, 10_000)])

    assert drawing.top == 20_000
    assert drawing.width == 240
    for bar in drawing.bars:
        assert bar.upper_y + bar.upper_height == bar.lower_y
        assert bar.lower_y + bar.lower_height == HEIGHT
        assert bar.upper_y >= 0
    empty, *others = drawing.bars
    assert (empty.lower_height, empty.upper_height) == (0, 0)
    assert [bar.lower_height > 0 for bar in others] == [True, False, True, True, True]
    assert [bar.upper_height > 0 for bar in others] == [False, True, True, True, True]


def test_a_full_bar_with_a_little_on_it_stays_inside() -> None:
    (bar,) = stacked([(1999, 1)]).bars

    assert bar.upper_y == 0
    assert bar.upper_height == HEIGHT - bar.lower_height


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (5, 10), (10, 10), (11, 20), (21, 40), (41, 100), (101, 200)],
)
def test_round_up(value: int, top: int) -> None:
    assert round_up(value) == top
    assert round_up(value) % 2 == 0
