"""A private key pasted for a certificate, in a real Chromium: refused, and in no box any more."""

import pytest
from playwright.sync_api import Browser, Page, expect

from sso_connectors.models import Connector
from tests.accessibility import expect_accessible
from tests.conftest import UserMaker
from tests.idp import default_key

from .conftest import bring_in
from .pictures import picture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.row(32)]

ADD = "/maker/sso_connectors/connector/add/"
SAYS = (
    "This text contained a private key, which was not stored. "
    "The person who sent it to you should replace it"
)


@pytest.mark.parametrize("with_script", [True, False])
@pytest.mark.parametrize("with_lines", [True, False])
def test_refused_and_the_box_emptied(
    chromium: Browser, site: str, make_user: UserMaker, with_script: bool, with_lines: bool
) -> None:
    pem = default_key().private_pem
    key = pem if with_lines else "".join(pem.splitlines()[1:-1])
    context = chromium.new_context(
        java_script_enabled=with_script, viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    bring_in(page, site, make_user("root@maker.example", is_staff=True, is_superuser=True))
    page.goto(f"{site}{ADD}")
    name, box = page.get_by_label("Name:"), page.get_by_label("Paste anything")
    certificate = page.locator("#id_certificates")
    name.fill("Acme")
    box.fill(key)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#reading .errorlist")).to_contain_text(SAYS)
    expect(box).to_have_value("")
    expect(name).to_have_value("Acme")
    if with_script:
        picture(page, "private-key-read")
        expect_accessible(page)

    page.goto(f"{site}{ADD}")
    name.fill("Acme")
    page.get_by_label("Reference").fill("acme")
    box.fill(key)
    certificate.fill(key)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote ~ .errorlist")).to_contain_text(SAYS)
    expect(page.locator(".field-certificates .errorlist")).to_contain_text(SAYS)
    expect(box).to_have_value("")
    expect(certificate).to_have_value("")
    expect(name).to_have_value("Acme")
    if with_script:
        picture(page, "private-key-saved")
    assert "".join(key.split())[40:80] not in "".join(page.content().split())

    page.go_back()
    expect(name).to_have_value("Acme")
    expect(box).to_have_value("")
    expect(certificate).to_have_value("")
    context.close()
    assert not Connector.objects.exists()


def test_a_reload_does_not_send_it_again(page: Page, site: str, make_user: UserMaker) -> None:
    """A browser keeps what it sent, even on its disk, as long as a reload would send it."""
    bring_in(page, site, make_user("root@maker.example", is_staff=True, is_superuser=True))
    page.goto(f"{site}{ADD}")
    page.get_by_label("Name:").fill("Acme")
    page.locator("#id_certificates").fill(default_key().private_pem)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field-certificates .errorlist")).to_contain_text(SAYS)

    # It is missing too, and the first mistake of a long form.
    expect(page.get_by_label("Issuer URL")).to_be_focused()

    with page.expect_request(f"{site}{ADD}") as reloaded:
        page.reload()
    assert reloaded.value.method == "GET"
