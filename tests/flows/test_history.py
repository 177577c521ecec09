"""The history, a return, and the forgetting of identifiers, by clicking in a real Chromium.

Each screen is left as a picture in var/pictures/, to be looked at.
"""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sso_connectors import as_code
from sso_connectors.models import Connector
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import SigningKey
from users.models import User

from .pictures import look, picture
from .test_maker import administrator

__all__ = ["administrator"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

CONNECTORS = "/maker/sso_connectors/connector/"


def test_return_to_an_earlier_version(
    administrator: Page, site: str, connector: Connector, make_user: UserMaker
) -> None:
    page = administrator
    make_user("alice@acme.example", connector).links.get().delete()
    as_code.apply(
        '{"connectors": [{"name": "Acme Ltd", "reference": "acme", "type": "saml2"}],'
        ' "users": [{"username": "bob@acme.example", "connectors": ["acme"]}]}',
        dry_run=False,
    )
    page.goto(f"{site}{CONNECTORS}{connector.pk}/change/")
    page.get_by_label("Endpoint").fill("https://login.acme.example/sso/a/rather/long/path/to/it")
    page.get_by_label("Contact:").fill("it@acme.example")
    new = SigningKey.rsa(common_name="Acme's next certificate").pem
    page.locator("#id_certificates").fill(connector.certificates + new)
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"{site}{CONNECTORS}{connector.pk}/history/")
    for told in (
        "Linked alice@acme.example",
        "Unlinked alice@acme.example",
        "Acme Ltd",
        "sso_apply",
    ):
        expect(page.locator(".entries")).to_contain_text(told)
    look(page, "history")

    page.get_by_role("link", name="Restore this version").last.click()
    expect(page.locator(".differences")).to_contain_text("it@acme.example")
    look(page, "history-return")
    page.get_by_role("button", name="Restore this version").click()
    expect(page.locator(".messagelist")).to_contain_text("Acme was restored to the version of")
    expect(page.locator(".entries")).to_contain_text("Restored to the version of")

    connector.refresh_from_db()
    assert (connector.name, connector.contact) == ("Acme", "")
    assert connector.enabled


def test_return_that_can_not_be_and_one_that_costs_the_secret(
    administrator: Page, site: str, make_connector: ConnectorMaker
) -> None:
    page = administrator
    hub = make_connector(
        "hub",
        type="oauth2",
        authentication_method="hubspot",
        options={"hub_id": "62515"},
        client_id="acme-client",
        client_secret=Secret.seal("given to HubSpot"),
        certificates="",
    )
    version = hub.history.get()
    hub.reference, hub.authentication_method = "desk", "zendesk"
    hub.options, hub.client_secret = {"subdomain": "acme"}, Secret.seal("given to Zendesk")
    hub.full_clean()
    hub.save()
    make_connector("HUB")
    page.goto(f"{site}{CONNECTORS}{hub.pk}/history/{version.pk}/return/")
    expect(page.get_by_role("alert")).to_contain_text(
        "Another connector already has this reference"
    )
    expect(page.get_by_text("It will be deleted.")).to_be_visible()
    expect(page.get_by_role("button", name="Restore this version")).to_have_count(0)
    look(page, "history-return-refused")


def test_forget_identifiers(
    administrator: Page, site: str, connector: Connector, alice: User, make_user: UserMaker
) -> None:
    page = administrator
    bob = make_user("bob@acme.example", connector)
    for user in (alice, bob):
        user.links.update(
            subject=f"{user.pk}0c1f4e-88a2-4d1b-9c55",
            last_sign_in_at=timezone.now() - timedelta(days=2),
        )
    page.goto(f"{site}/maker/users/user/{alice.pk}/change/")
    page.get_by_role("tab", name="SSO connectors").click()
    picture(page, "card-with-subject")
    page.get_by_role("link", name="Reset permanent ID").click()
    look(page, "forget-one")
    page.get_by_role("button", name="Reset permanent ID").click()
    expect(page.locator(".messagelist")).to_contain_text(
        "The permanent ID of alice@acme.example at Acme was reset."
    )
    assert alice.links.get().subject is None

    page.goto(f"{site}{CONNECTORS}{connector.pk}/change/")
    picture(page, "connector-with-tools")
    page.get_by_role("link", name="Reset all permanent IDs").click()
    expect(page.get_by_text("Reset the permanent ID of 1 user of Acme?")).to_be_visible()
    look(page, "forget-all")
    page.get_by_role("button", name="Reset all permanent IDs").click()
    expect(page.locator(".messagelist")).to_contain_text(
        "The permanent ID of 1 user of Acme was reset."
    )
    assert bob.links.get().subject is None
