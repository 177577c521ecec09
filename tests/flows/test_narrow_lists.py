"""Lists that have no room for a table, in a real Chromium: each row is a card, and nothing is pushed aside.

Each is left as a picture in var/pictures/, to be looked at.
"""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from sso_connectors.models.attempt import Attempt
from users.models import User

from .pictures import look
from .test_maker import LIST, administrator, many
from .test_other_screens import carol, hub

__all__ = ["administrator", "carol", "hub", "many"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

PHONE: Final[ViewportSize] = {"width": 390, "height": 800}


@pytest.fixture(params=["en", "fr"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(chromium: Browser, language: str) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport=PHONE, locale=language)
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("connectors", LIST),
        ("attempts", "/maker/sso_connectors/attempt/"),
        ("users", "/maker/users/user/"),
        ("card", "/maker/users/user/{pk}/change/#sso-connectors"),
    ],
)
def test_nothing_is_pushed_aside(
    administrator: Page, site: str, language: str, many: None, carol: User, name: str, path: str
) -> None:
    page = administrator
    for link in carol.links.all():
        Attempt.objects.create(
            connector=link.connector, user=carol, outcome="failed", cause="response_refused"
        )
    page.goto(f"{site}{path.format(pk=carol.pk)}")
    expect(page.locator(".folding")).to_be_visible()
    look(page, f"narrow-{name}-{language}", widths=(768, 390))


@pytest.mark.parametrize("language", ["en"], indirect=True)
def test_all_is_told_and_can_be_done(administrator: Page, site: str, many: None) -> None:
    page = administrator
    page.goto(f"{site}{LIST}")
    row = page.get_by_role("row", name="Câble Télécom")
    row.scroll_into_view_if_needed()
    expect(row.get_by_role("rowheader", name="Câble Télécom")).to_be_visible()
    for told in (
        "Reference: customer-2.contact-centre",
        "Type: SAML v2",
        "Authentication method: –",
        "Issuer URL: https://accounts.g",
        "Endpoint: https://accounts.g",
        "SAML identifier format: emailAddress",
        "disabled",
    ):
        expect(row.get_by_role("cell", name=told)).to_be_in_viewport(ratio=1)

    row.get_by_role("checkbox").check()
    expect(page.locator(".action-counter")).to_contain_text("1 of 8 selected")
    row.locator(".cog > summary").click()
    expect(row.get_by_role("link", name="Attempts")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")

    page.get_by_role("columnheader", name="Reference").get_by_role("link").click()
    first = page.get_by_role("rowheader").first
    expect(first).to_have_text("Acme GmbH")
    page.get_by_role("columnheader", name="Reference").get_by_role("link").click()
    expect(first).to_have_text("Hotel")
