"""The redirect URI on the form: it follows the choice and the reference, with and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import UserMaker

from .conftest import bring_in
from .pictures import look

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/maker/sso_connectors/connector/add/"


@pytest.fixture
def administrator(page: Page, site: str, make_user: UserMaker) -> Page:
    root = make_user(
        "root@maker.example", password="correct horse", is_staff=True, is_superuser=True
    )
    bring_in(page, site, root)
    return page


def test_it_follows_the_choice_and_what_is_typed(administrator: Page, site: str) -> None:
    page = administrator
    page.goto(f"{site}{ADD}")
    page.locator("#id_name").fill("Globex Sales")
    page.locator("#id_type").select_option("oauth2")
    page.locator("#id_authentication_method").select_option("hubspot")
    shown = page.locator("#redirect-address")

    expect(shown.locator("code")).to_have_text(f"{site}/api/sso/login/oauth/callback/globex-sales")
    look(page, "redirect-uri")
    page.locator("#id_reference").fill("globex@emea")
    expect(shown.locator("code")).to_have_text(f"{site}/api/sso/login/oauth/callback/globex%40emea")
    expect(shown.locator("[data-copy]")).to_have_attribute(
        "data-copy", f"{site}/api/sso/login/oauth/callback/globex%40emea"
    )
    for choice in ("callback", "oauth/callback"):
        page.locator(f"input[name=redirect_uri][value='{choice}']").check()
        expect(shown.locator("code")).to_have_text(f"{site}/api/sso/login/{choice}")
