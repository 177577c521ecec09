"""The front page in a real Chromium, empty and full."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from tests.conftest import ConnectorMaker, UserMaker

from .pictures import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Sign-ins and failures, today's first.
DAYS = [
    (46, 2),
    (131, 7),
    (12, 0),
    (9, 1),
    (140, 4),
    (138, 3),
    (129, 61),
    (144, 5),
    (135, 2),
    (8, 0),
]


@pytest.fixture
def administrator(page: Page, site: str, make_user: UserMaker) -> Page:
    make_user("root@maker.example", password="correct horse", is_staff=True, is_superuser=True)
    page.goto(f"{site}/maker/")
    page.get_by_label("Username").fill("root@maker.example")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site}/maker/")
    return page


@pytest.fixture
def a_busy_fortnight(make_connector: ConnectorMaker, make_user: UserMaker) -> None:
    names = ("Acme & Söhne", "Globex", "Initech", "Umbrella Versicherungsgesellschaft", "Hooli")
    made = [make_connector(f"c{number}", name=name) for number, name in enumerate(names)]
    Connector.objects.filter(pk=made[1].pk).update(failing_cause="response_refused")
    now = timezone.now()
    for connector, days in zip(made, (12, 20, -3), strict=False):
        ends = now + timedelta(days=days)
        Connector.objects.filter(pk=connector.pk).update(certificates_end=ends)
    for number in range(4):
        make_user(f"agent-{number}@acme.example", made[0])
    Link.objects.update(created_at=now - timedelta(days=9))
    Attempt.objects.bulk_create(
        Attempt(
            outcome=outcome,
            connector=made[number % (1 + number % 5)],
            connector_reference="acme",
            started_at=now - timedelta(days=ago),
        )
        for ago, counts in enumerate(DAYS)
        for outcome, count in zip((Outcome.SIGNED_IN, Outcome.FAILED), counts, strict=True)
        for number in range(count)
    )


def test_empty(administrator: Page, site: str) -> None:
    look(administrator, "overview-empty")
    administrator.get_by_role("link", name="Add a connector").click()
    expect(administrator).to_have_url(f"{site}/maker/sso_connectors/connector/add/")


@pytest.mark.usefixtures("a_busy_fortnight")
def test_full(administrator: Page, site: str) -> None:
    page = administrator
    page.reload()
    look(page, "overview-full")
    bars = page.locator(".chart-good")
    heights = [box["height"] for box in (each.bounding_box() for each in bars.all()) if box]
    assert heights[-1] < heights[-2], "today's first of the three days is lower than yesterday"
    assert min(heights) >= 0

    page.get_by_role("link", name="1 connector failing").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.get_by_role("row", name="Globex")).to_be_visible()
