"""A new administrator in a real Chromium, with an identity provider that is not ours.

From an empty database to a passed test sign-in without the docs: what the hands do is counted, since
a clock would measure the machine.
"""

import pytest
from playwright.sync_api import Page, expect

from sso_connectors.attempts import Attempt, Outcome
from sso_connectors.models import Connector
from tests.rigs.process import IdentityProvider, fetch

from .test_maker import LIST, picture
from .test_maker import administrator as administrator
from .test_real_providers import give_password

pytestmark = [
    pytest.mark.browser,
    pytest.mark.identity_provider,
    pytest.mark.django_db(transaction=True),
]


class Hands:
    """Counts what a person does: clicks and fields filled."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.done = 0

    def press(self, name: str) -> None:
        self.done += 1
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.done += 1
        self.page.get_by_role("link", name=name, exact=True).click()

    def fill(self, label: str, text: str) -> None:
        self.done += 1
        self.page.get_by_label(label).fill(text)


@pytest.mark.parametrize("pasted", ["address", "text"])
def test_from_an_empty_database_to_a_passed_test_sign_in(
    administrator: Page, site: str, nano: IdentityProvider, pasted: str
) -> None:
    page, hands = administrator, Hands(administrator)
    address = f"{nano.base_url}/saml/metadata"

    page.goto(f"{site}{LIST}")
    hands.follow("Add the first SSO connector")
    hands.fill("Name:", "Acme")
    hands.fill("Paste anything", address if pasted == "address" else fetch(address))
    hands.press("Read")
    expect(page.get_by_role("heading", name="Understood")).to_be_visible()
    expect(page.locator(".difference")).to_contain_text(nano.sso_url)
    picture(page, "set-up-read")
    assert not Connector.objects.exists(), "nothing is saved by reading"
    hands.press("Use these")
    expect(page.get_by_label("Issuer URL")).to_have_value(nano.entity_id)
    expect(page.get_by_label("Endpoint")).to_have_value(nano.sso_url)
    picture(page, "set-up-used")
    hands.press("Save")
    expect(page.locator(".status .pill-ready")).to_be_visible()
    expect(page.get_by_text("Not tested yet. You can share it all the same.")).to_be_visible()
    picture(page, "set-up-saved")

    hands.press("Test sign-in")
    give_password(page)
    attempt = Attempt.objects.get()
    expect(page).to_have_url(f"{site}/maker/sso_connectors/attempt/{attempt.pk}/change/")
    picture(page, "set-up-result")
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.username) == (Outcome.TEST_PASSED, "alice@acme.example")
    assert Connector.objects.get().state == "tested"

    page.goto(f"{site}{LIST}{Connector.objects.get().pk}/change/")
    expect(page.locator(".status .pill-tested")).to_be_visible()
    expect(page.get_by_text("A sign-in passed on")).to_be_visible()
    picture(page, "set-up-tested")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    hands.press("Copy the login address")
    expect(page.get_by_text("is in the clipboard")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{site}/api/sso/login/acme"
    assert hands.done == 8
