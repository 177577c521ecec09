"""An administrator removes the old certificate after a roll-over; pictures in var/pictures/."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sso_connectors.models import Connector
from tests.accessibility import (
    expect_accessible,
    expect_accessible_in_each_theme,
    expect_no_sideways_scroll,
)
from tests.conftest import ConnectorMaker
from tests.idp import SigningKey, default_key, other_key

from .pictures import picture
from .test_maker import LIST, administrator

__all__ = ["administrator"]  # a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def rolled_over(make_connector: ConnectorMaker) -> Connector:
    """Unused for three weeks, in use, and put there ahead."""
    soon = SigningKey.ec(
        common_name="Microsoft Azure Federated SSO Certificate",
        not_after=datetime.now(UTC) + timedelta(days=12),
    )
    made = make_connector(certificates=soon.pem + default_key().pem + other_key().pem)
    for number, days in ((0, 21), (1, 0)):
        fingerprint = made.signing_certificates[number].fingerprint
        made.certificate_rows.filter(fingerprint=fingerprint).update(
            last_used_at=timezone.now() - timedelta(days=days, minutes=3)
        )
    return made


def test_old_certificate_is_removed(
    administrator: Page, site: str, rolled_over: Connector, look: str
) -> None:
    page = administrator
    page.goto(f"{site}{LIST}{rolled_over.pk}/change/")
    certificates = page.locator("ul.certificates")
    expect(certificates.get_by_text("unused for 21 days, safe to remove")).to_be_visible()
    expect(certificates.get_by_text("not used yet")).to_be_visible()
    expect_no_sideways_scroll(page)
    picture(certificates, f"certificates-{look}")
    expect_accessible(page)

    certificates.get_by_role("link", name="Remove").nth(1).click()
    expect(page.get_by_text("The last sign-in was verified with this")).to_be_visible()
    picture(page, f"certificate-remove-{look}")
    expect_no_sideways_scroll(page)
    expect_accessible(page)
    page.get_by_label("Its key was stolen").check()
    picture(page, f"certificate-stolen-{look}")
    page.get_by_role("link", name="Keep it").click()

    certificates.get_by_role("link", name="Remove").first.click()
    page.get_by_role("button", name="Remove this certificate").click()
    expect(certificates.get_by_role("listitem")).to_have_count(2)
    assert len(Connector.objects.get().signing_certificates) == 2


def test_key_was_stolen(administrator: Page, site: str, rolled_over: Connector) -> None:
    page = administrator
    old = rolled_over.signing_certificates[0]
    page.goto(f"{site}{LIST}{rolled_over.pk}/certificates/{old.fingerprint}/remove/")
    page.get_by_label("Its key was stolen").check()
    page.get_by_role("button", name="Remove this certificate").click()

    expect(page.locator(".messagelist .success")).to_contain_text(
        "The key was stolen. Sessions that began with it were ended."
    )
    assert Connector.objects.get().stolen_keys == [old.key_fingerprint]


def test_the_only_certificate_in_use_stays(
    administrator: Page, site: str, connector: Connector
) -> None:
    page = administrator
    (only,) = connector.signing_certificates
    page.goto(f"{site}{LIST}{connector.pk}/certificates/{only.fingerprint}/remove/")

    expect(page.get_by_text("this is its only certificate")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    expect(page.get_by_text("are no longer accepted for")).to_have_count(0)
    picture(page, "certificate-needed")
    expect_accessible_in_each_theme(page)
    page.get_by_role("link", name="Back to the connector").click()
    expect(page.get_by_label("Issuer URL")).to_be_visible()


def test_deletion_says_what_it_ends(administrator: Page, site: str, rolled_over: Connector) -> None:
    page = administrator
    page.goto(f"{site}{LIST}{rolled_over.pk}/delete/")

    expect(page.locator(".note")).to_contain_text("disable it instead")
    picture(page, "connector-delete")
    expect_accessible_in_each_theme(page)
    page.get_by_role("button", name="Yes, I’m sure").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert not Connector.objects.exists()
