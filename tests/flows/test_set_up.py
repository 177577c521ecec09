"""A new administrator in a real Chromium, with an identity provider that is not ours.

From an empty database to a passed test sign-in without the docs, in so many clicks and fields.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.providers import PROVIDERS
from sso_connectors.secrets.encryption import Secret
from tests.accessibility import (
    expect_accessible,
    expect_accessible_in_each_theme,
    expect_no_sideways_scroll,
)
from tests.conftest import ConnectorMaker, UserMaker
from tests.rigs.process import IdentityProvider, fetch

from .hands import Hands
from .pictures import picture
from .test_maker import LIST
from .test_maker import administrator as administrator
from .test_real_providers import give_password

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.identity_provider
@pytest.mark.parametrize("pasted", ["address", "text"])
def test_from_an_empty_database_to_a_passed_test_sign_in(
    administrator: Page, site: str, nano: IdentityProvider, pasted: str
) -> None:
    page, hands = administrator, Hands(administrator)
    address = f"{nano.base_url}/saml/metadata"

    page.goto(f"{site}{LIST}")
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect_accessible_in_each_theme(page)
    hands.follow("Add the first SSO connector")
    hands.fill("Name:", "Acme")
    hands.fill("Paste anything", address if pasted == "address" else fetch(address))
    hands.press("Read")
    expect(page.get_by_role("heading", name="Found")).to_be_visible()
    expect(page.locator(".difference")).to_contain_text(nano.sso_url)
    picture(page, "set-up-read")
    expect_accessible_in_each_theme(page)
    assert not Connector.objects.exists(), "nothing is saved by reading"
    hands.press("Use these")
    expect(page.get_by_label("Issuer URL")).to_have_value(nano.entity_id)
    expect(page.get_by_label("Endpoint")).to_have_value(nano.sso_url)
    picture(page, "set-up-used")
    expect_accessible_in_each_theme(page)
    hands.press("Save")
    expect(page.locator(".status .pill-ready")).to_be_visible()
    expect(page.get_by_text("Not tested yet. You can still share it.")).to_be_visible()
    picture(page, "set-up-saved")
    expect_accessible_in_each_theme(page)

    hands.press("Test sign-in")
    give_password(page)
    attempt = Attempt.objects.get()
    expect(page).to_have_url(f"{site}/maker/sso_connectors/attempt/{attempt.pk}/change/")
    picture(page, "set-up-result")
    expect_accessible_in_each_theme(page)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.username) == (Outcome.TEST_PASSED, "alice@acme.example")
    assert Connector.objects.get().state == "tested"

    page.goto(f"{site}{LIST}{Connector.objects.get().pk}/change/")
    expect(page.locator(".status .pill-tested")).to_be_visible()
    expect(page.get_by_text("A sign-in passed on")).to_be_visible()
    picture(page, "set-up-tested")
    expect_accessible_in_each_theme(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    hands.press("Copy the login address")
    expect(page.get_by_text("The login address of Acme was copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{site}/api/sso/login/acme"
    assert hands.done == 8


def test_form_can_be_used_by_everybody_in_all_its_shapes(
    administrator: Page, site: str, make_connector: ConnectorMaker
) -> None:
    page = administrator
    page.goto(f"{site}{LIST}add/")
    page.locator("summary", has_text="Advanced").click()
    expect(page.get_by_label("Request binding")).to_be_visible()
    _look(page, "form-saml2")

    page.get_by_label("Type").select_option("oauth2")
    for method, provider in PROVIDERS.items():
        page.get_by_label("Authentication method").select_option(method)
        for option in provider.options:
            expect(page.locator(f"#id_option_{method}_{option.name}")).to_be_visible()
        picture(page, f"form-{method}")
        expect_accessible(page)

    page.get_by_label("Name:").fill("Acme")
    page.get_by_label("Authentication method").select_option("okta")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_have_count(3)
    _look(page, "form-errors")

    stored = make_connector(
        "hotel",
        type="oauth2",
        authentication_method="oidc",
        client_id="0oa1b2c3d4e5f6g7h8i9.apps.login.hotel.example",
        client_secret=Secret.seal("canary-of-the-hotel"),
        options={"issuer": "https://login.hotel.example/oauth2/default", "trust_email": True},
    )
    page.goto(f"{site}{LIST}{stored.pk}/change/")
    expect(page.get_by_text("Leave empty to keep the current one.")).to_be_visible()
    _look(page, "form-stored")


def _look(page: Page, name: str) -> None:
    """On a desk and on a phone; in both themes."""
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        picture(page, f"{name}-{width}")
        expect_no_sideways_scroll(page)
    expect_accessible_in_each_theme(page)


def test_status_says_what_comes_next(
    administrator: Page, site: str, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    page, now = administrator, timezone.now()
    tested = {"tested_at": now}
    states: dict[str, tuple[dict[str, Any], str, list[str]]] = {
        "draft": ({"certificates": "", "enabled": False}, "Still missing: certificate.", []),
        "disabled": ({"enabled": False}, "agents can't sign in", ["Test sign-in"]),
        "ready": ({}, "these settings have not been tested yet", ["Test sign-in"]),
        "tested": (tested, "A sign-in passed on", ["Copy the login address"]),
        "failing": (tested | {"failing_cause": "x"}, "all failed", ["Copy the login address"]),
        "expiring": (
            tested | {"certificates_end": now + timedelta(days=12)},
            "A sign-in passed. The connector works.",
            ["Copy the login address"],
        ),
    }
    for state, (columns, words, comes_next) in states.items():
        connector = make_connector(state)
        make_user(f"agent-of-{state}@acme.example", connector)
        Connector.objects.filter(pk=connector.pk).update(**columns)
        page.goto(f"{site}{LIST}{connector.pk}/change/")
        card = page.locator(".status")
        expect(card.locator(f".pill-{state}")).to_be_visible()
        expect(card).to_contain_text(words)
        expect(card.locator(".stage-next").get_by_role("button")).to_have_text(comes_next)
        _look(page, f"status-{state}")

    page.goto(f"{site}{LIST}{Connector.objects.get(reference='disabled').pk}/change/")
    page.get_by_role("button", name="Enable").click()
    expect(page.locator(".status .pill-ready")).to_be_visible()
    failing = Connector.objects.get(reference="failing")
    for outcome in (Outcome.FAILED, Outcome.SIGNED_IN):
        Attempt.objects.create(connector=failing, outcome=outcome)
    page.goto(f"{site}{LIST}{failing.pk}/change/")
    page.get_by_role("link", name="See what failed").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list .pill-failed")).to_be_visible()
