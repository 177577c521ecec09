"""Linking many users in a real Chromium, each screen left as a picture in var/pictures/."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from sso_connectors.models import Connector, Link
from tests.accessibility import expect_accessible, expect_no_sideways_scroll
from tests.conftest import ConnectorMaker, UserMaker
from users.models import User

from .pictures import picture
from .test_maker import PASSWORD, administrator

__all__ = ["administrator"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

USERS = "/maker/users/user/"
IMPORT = "/maker/sso_connectors/connector/links/import/"
FILE = (
    "username;reference;action\r\n"
    "alice@acme.example;acme;link\r\n"
    "bob@acme.example;acme;link\r\n"
    "carol@acme.example;acme;unlink\r\n"
    "dave@acme.example;acme;link\r\n"
)
WRONG = (
    "username,reference,action\n"
    "bob@acme.example,acme,link\n"
    "nobody@acme.example,acme,link\n"
    "bob@acme.example,akme,link\n"
    "bob@acme.example,acme,link\n"
)


@pytest.fixture
def people(connector: Connector, make_connector: ConnectorMaker, make_user: UserMaker) -> Connector:
    """A connector that some of its company's people are linked to."""
    make_connector("bell", name="Bell & Sons")
    make_user("alice@acme.example", connector, full_name="Alice Ashford")
    make_user("bob@acme.example", full_name="Bob Brown")
    make_user("carol@acme.example", connector, full_name="Carol Clark", is_active=False)
    make_user("dave@acme.example", full_name="Dave Dixon", is_active=False)
    make_user("boss@acme.example", connector, full_name="Bea Boss", is_staff=True)
    made = User.objects.bulk_create(
        User(username=f"agent-{n:03}@acme.example", password="!") for n in range(120)
    )
    Link.objects.bulk_create(Link(user=user, connector=connector) for user in made)
    now = timezone.now()
    for hours, link in enumerate(Link.objects.order_by("user__username")[:30]):
        Link.objects.filter(pk=link.pk).update(last_sign_in_at=now - timedelta(hours=hours))
    return connector


def tab(connector: Connector) -> str:
    return f"/maker/sso_connectors/connector/{connector.pk}/users/"


def look_up(page: Page, text: str, option: str) -> None:
    """Choose from an autocomplete."""
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill(text)
    page.get_by_role("option", name=option).click()


def csv_file(folder: Path, content: str) -> Path:
    file = folder / "links.csv"
    file.write_text(content)
    return file


def test_users_are_linked_from_the_list(administrator: Page, site: str, people: Connector) -> None:
    page = administrator
    page.goto(f"{site}{USERS}?q=b")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label="Link to an SSO connector")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Link 2 users")).to_be_visible()
    look_up(page, "acm", "Acme")
    picture(page, "link-choose")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Already linked 1")).to_be_visible()
    page.get_by_role("button", name="Link 1 user").click()

    expect(page.get_by_text("1 user is now linked to Acme.")).to_be_visible()
    assert people.links.filter(user__username="bob@acme.example").exists()


def test_users_are_linked_and_unlinked_on_the_tab(
    administrator: Page, site: str, people: Connector
) -> None:
    page = administrator
    page.goto(f"{site}/maker/sso_connectors/connector/{people.pk}/change/")
    page.get_by_role("navigation", name="Pages of this connector").get_by_text("Users").click()
    expect(page).to_have_url(f"{site}{tab(people)}")
    page.get_by_text("Link users", exact=True).click()
    look_up(page, "dave", "dave@acme.example")
    page.get_by_label("or their e-mail addresses").fill(
        "Bob@ACME.example\nnobody@acme.example\nalice@acme.example\nrubbish"
    )
    picture(page, "link-users-form")
    page.get_by_role("button", name="Preview").click()
    for title in ("Will be linked 2", "Already linked 1", "Unknown 1", "Not an e-mail address 1"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.get_by_role("button", name="Link 2 users").click()
    expect(page.get_by_text("2 users are now linked to Acme.")).to_be_visible()

    page.get_by_label("Search by e-mail address or name").fill("bob")
    page.keyboard.press("Enter")
    page.get_by_label("bob@acme.example").check()
    page.get_by_role("button", name="Unlink selected users").click()
    picture(page, "unlink-preview")
    page.get_by_role("button", name="Unlink 1 user").click()
    expect(page.get_by_text("1 user was unlinked from Acme.")).to_be_visible()
    assert not people.links.filter(user__username="bob@acme.example").exists()


def test_links_come_by_csv(
    administrator: Page, site: str, people: Connector, tmp_path: Path
) -> None:
    page = administrator
    page.goto(f"{site}{tab(people)}")
    page.get_by_role("link", name="Import CSV").click()
    page.get_by_label("CSV file").set_input_files(csv_file(tmp_path, WRONG))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("3 lines have mistakes.")).to_be_visible()
    expect(page.get_by_role("button", name="Apply these changes")).to_have_count(0)

    page.get_by_label("CSV file").set_input_files(csv_file(tmp_path, FILE))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("4 lines were read")).to_be_visible()
    page.get_by_role("button", name="Apply these changes").click()
    expect(page.get_by_text("2 users were linked.")).to_be_visible()
    names = set(people.links.values_list("user__username", flat=True))
    assert {"bob@acme.example", "dave@acme.example"} <= names
    assert "carol@acme.example" not in names

    page.goto(f"{site}{tab(people)}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert "bob@acme.example,acme," in download.value.path().read_text()


def test_screens_fit(
    administrator: Page,
    site: str,
    people: Connector,
    tmp_path: Path,
    look: str,
) -> None:
    page = administrator

    def keep(name: str) -> None:
        picture(page, f"{name}-{look}")
        expect_no_sideways_scroll(page)
        expect_accessible(page)

    page.goto(f"{site}{USERS}")
    keep("link-user-list")
    page.goto(f"{site}{tab(people)}")
    keep("link-users")
    page.get_by_text("Link users", exact=True).click()
    page.get_by_label("or their e-mail addresses").fill(
        "boss@acme.example\ndave@acme.example\nbob@acme.example\nnobody@acme.example\nrubbish"
    )
    keep("link-users-form")
    page.get_by_role("button", name="Preview").click()
    keep("link-preview")
    page.goto(f"{site}{tab(people)}?p=3")
    page.locator("input[name=selected]").first.check()
    keep("link-users-last")
    page.goto(f"{site}{IMPORT}")
    keep("link-import")
    page.get_by_label("CSV file").set_input_files(csv_file(tmp_path, "hello"))
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".errorlist")).to_be_visible()
    keep("link-import-refused")
    for name, content in (("wrong", WRONG), ("preview", FILE)):
        page.get_by_label("CSV file").set_input_files(csv_file(tmp_path, content))
        page.get_by_role("button", name="Preview").click()
        keep(f"link-import-{name}")
    page.locator("[name=import_file_name]").evaluate("field => field.value = 'x'")
    page.get_by_role("button", name="Apply these changes").click()
    expect(page.get_by_role("alert")).to_be_visible()
    keep("link-import-not-confirmed")
    page.goto(f"{site}/maker/sso_connectors/connector/{people.pk}/change/")
    keep("link-connector-tabs")
    Link.objects.all().delete()
    page.goto(f"{site}{tab(people)}")
    keep("link-users-empty")


def test_works_without_javascript(
    chromium: Browser, site: str, make_user: UserMaker, people: Connector
) -> None:
    make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/maker/")
    page.get_by_label("Username").fill("root@maker.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.goto(f"{site}{USERS}?q=bob")
    page.locator("input[name=_selected_action]").check()
    page.locator("select[name=action]").select_option(label="Link to an SSO connector")
    page.get_by_role("button", name="Go").click()
    page.get_by_label("or its reference").fill("acme")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Link 1 user").click()
    assert people.links.filter(user__username="bob@acme.example").exists()

    page.goto(f"{site}{tab(people)}")
    page.get_by_text("Link users", exact=True).click()
    page.get_by_label("or their e-mail addresses").fill("dave@acme.example")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Link 1 user").click()
    assert people.links.filter(user__username="dave@acme.example").exists()
    context.close()
