"""From an agent's failure code to the cause and its cure, in a real Chromium.

Each screen is left as a picture in var/pictures/, to be looked at.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from tests.accessibility import (
    expect_accessible,
    expect_accessible_in_each_theme,
    expect_no_sideways_scroll,
)
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, other_key
from tests.openid import OpenIdProvider
from users.models import User

from .conftest import bring_in
from .hands import Hands
from .pictures import picture
from .test_maker import administrator

__all__ = ["administrator"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

LIST = "/maker/sso_connectors/attempt/"


def test_from_an_agents_failure_code_to_the_cause_and_its_cure(
    administrator: Page,
    chromium: Browser,
    site: str,
    idp: IdP,
    connector: Connector,
    make_user: UserMaker,
    make_connector: ConnectorMaker,
) -> None:
    """What the agent reads out, a search, a click: the sentence says what to do, and it can be done there."""
    make_user("bob@acme.example", make_connector("other", name="Bob's other company"))
    failed = Agent()
    failed.sign_in(idp, name_id="bob@acme.example")
    code = Attempt.objects.get().code
    context = chromium.new_context()
    agent = context.new_page()
    agent.goto(f"{site}/api/sso/login/callback?failed={code}")
    assert agent.locator(".code code").inner_text() == code
    context.close()

    page, hands = administrator, Hands(administrator)
    page.goto(f"{site}/maker/")
    hands.follow("Login attempts")
    hands.search(code.lower())
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text("not linked, or not allowed to sign in")
    picture(page, "attempt-found")
    hands.follow(code)

    expect(page.locator(".sentence")).to_contain_text(
        "bob@acme.example is not a user here, or is not linked to this connector."
    )
    expect(page.locator(".turn")).to_contain_text("the administrator")
    picture(page, "attempt-not-linked")
    assert hands.done == 4, "to the cause"
    hands.follow("Link this user…")
    expect(page.get_by_text("Bob's other company")).to_be_visible()
    picture(page, "attempt-link")
    hands.press("Link this user")
    expect(page.locator(".messagelist")).to_contain_text("bob@acme.example is now linked to Acme.")
    picture(page, "attempt-linked")
    assert hands.done == 6, "to the cure"
    assert Link.objects.filter(user__username="bob@acme.example", connector=connector).exists()
    assert failed.sign_in(idp, name_id="bob@acme.example").status_code == 302


def test_person_who_is_no_user_is_added_linked_and_signs_in(
    administrator: Page, site: str, idp: IdP, connector: Connector, look: str
) -> None:
    """Three clicks from the attempt, each page leading to the next."""
    agent = Agent()
    agent.sign_in(idp, name_id="Carol@acme.example")
    attempt = Attempt.objects.get()
    page, hands = administrator, Hands(administrator)
    page.goto(f"{site}{LIST}{attempt.pk}/change/")
    expect(page.locator(".verdict")).to_contain_text("No user here has this username.")
    look_at(page, f"attempt-add-{look}")
    hands.follow("Add this user…")
    expect(page.get_by_label("Username")).to_have_value("carol@acme.example")
    assert "carol" not in page.url.lower(), "or it would stand in every log on the way"
    look_at(page, f"attempt-add-form-{look}")
    hands.press("Save")
    expect(page.locator(".messagelist")).to_contain_text("carol@acme.example was added.")
    look_at(page, f"attempt-add-link-{look}")
    hands.press("Link this user")
    expect(page.locator(".messagelist")).to_contain_text(
        "carol@acme.example is now linked to Acme."
    )
    assert hands.done == 3
    agent.sign_in(idp, name_id="Carol@acme.example")
    assert agent.username == "carol@acme.example"


def look_at(page: Page, name: str) -> None:
    picture(page, name)
    expect_no_sideways_scroll(page)
    expect_accessible(page)


def test_page_by_clicking(administrator: Page, site: str, idp: IdP, alice: User) -> None:
    page = administrator
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    Agent().sign_in(idp, audience="https://old.example")
    code = Attempt.objects.get().code
    page.goto(f"{site}{LIST}")
    page.locator("summary", has_text=re.compile("State", re.IGNORECASE)).click()
    page.get_by_role("link", name="failed", exact=True).click()
    page.get_by_role("link", name=code).click()

    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Code copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == code
    page.locator(".facts").get_by_role("link", name="Acme").click()
    expect(page.get_by_label("Issuer URL")).to_be_visible()


@pytest.fixture
def attempts(
    administrator: Page,
    site: str,
    idp: IdP,
    alice: User,
    connector: Connector,
    make_connector: ConnectorMaker,
) -> dict[str, Attempt]:
    """One of each kind that looks different."""
    made: dict[str, Attempt] = {}

    def keep(name: str, **fields: Any) -> None:
        attempt = Attempt.objects.latest("pk")
        Attempt.objects.filter(pk=attempt.pk).update(**fields)
        attempt.refresh_from_db()
        made[name] = attempt

    Agent().sign_in(idp)
    keep("signed-in")
    Agent().sign_in(
        idp,
        audience="https://old.example/a-rather-long-identity-of-a-former-product/saml/metadata",
        response_issuer="https://else.example",
    )
    keep("refused")
    Agent().sign_in(idp, key=other_key(), name_id="ceo@acme.example")
    keep("forged")
    Agent().sign_in(idp, name_id="nobody@acme.example")
    keep("nobody")
    Agent().start()
    keep("under-way")
    Agent().start()
    keep("never-came-back", started_at=timezone.now() - timedelta(hours=3))
    Agent().open("nobody")
    keep("unknown")
    root = User.objects.get(is_superuser=True)
    claims = {
        "NameID": ["alice@acme.example"],
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": [
            "alice@acme.example"
        ],
        "groups": ["Agents", "Team leaders", "Everybody"],
    }
    test = {
        "purpose": "test",
        "starter": root,
        "outcome": "test_passed",
        "claims": claims,
        "cause": "",
        "detail": "",
    }
    Agent().sign_in(idp)
    keep("test-passed", **test)
    Agent().sign_in(idp, name_id="bob@acme.example")
    keep("test-of-nobody", **test)
    Agent().sign_in(idp, audience="https://old.example")
    keep("test-failed", purpose="test", starter=root)
    Agent().sign_in(idp)
    disabled = make_connector("disabled", name="Soylent", enabled=False)
    keep("test-of-disabled", connector=disabled, connector_reference="disabled", **test)
    with OpenIdProvider() as provider:
        make_connector("hotel", **{**provider.connector(), "name": "Hotel"})
        provider.redirect_uri = f"{site}/api/sso/login/oauth/callback/hotel"
        agent = Agent()
        agent.bring(provider.decline(agent.start_oauth("hotel")))
        keep("without-id-token")
    return made


def test_screens_fit(
    administrator: Page,
    site: str,
    attempts: dict[str, Attempt],
    make_user: UserMaker,
    look: str,
) -> None:
    page = administrator
    make_user("nobody@acme.example")
    paths = {"attempts": LIST, "attempts-none": f"{LIST}?q=QQQQ"}
    for name, attempt in attempts.items():
        paths[f"attempt-{name}"] = f"{LIST}{attempt.pk}/change/"
    paths["attempt-confirm"] = f"{LIST}{attempts['nobody'].pk}/link/"
    for name, path in paths.items():
        page.goto(f"{site}{path}")
        picture(page, f"{name}-{look}")
        expect_no_sideways_scroll(page)
        if "1280" in look:
            expect_accessible(page)


def test_without_the_permission_for_people(
    page: Page, site: str, idp: IdP, alice: User, make_user: UserMaker
) -> None:
    Agent().sign_in(idp, name_id="nobody@acme.example")
    attempt = Attempt.objects.get()
    support = make_user("support@maker.example", is_staff=True)
    support.user_permissions.set(Permission.objects.filter(codename="view_attempt"))
    bring_in(page, site, support)
    page.goto(f"{site}{LIST}{attempt.pk}/change/")

    expect(page.get_by_text("The person's name is hidden.")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("nobody@acme.example")
    expect(page.locator(".sentence")).to_contain_text(
        "The person named is not a user here, or is not linked"
    )
    picture(page, "attempt-hidden")
    expect_accessible_in_each_theme(page)
