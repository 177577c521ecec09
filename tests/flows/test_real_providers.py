"""People sign in through identity providers that none of us wrote, in a real Chromium."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sso_connectors.attempts import Attempt, Outcome
from sso_connectors.certificates import load_certificates
from sso_connectors.models import Connector, Link
from tests.conftest import ConnectorMaker, UserMaker
from tests.rigs.process import IdentityProvider

from .conftest import ProviderStarter

pytestmark = [
    pytest.mark.browser,
    pytest.mark.identity_provider,
    pytest.mark.django_db(transaction=True),
]


def give_password(page: Page, login: str = "alice", password: str = "practice") -> None:
    """Fill in the identity provider's own form."""
    page.locator("input[name=username]").fill(login)
    page.locator("input[type=password]").fill(password)
    page.locator("input[type=password]").press("Enter")


def expect_signed_in(page: Page, site: str, username: str = "alice@acme.example") -> None:
    expect(page).to_have_url(f"{site}/")
    expect(page.get_by_text(username)).to_be_visible()


def connect(
    make_connector: ConnectorMaker, make_user: UserMaker, provider: IdentityProvider, **fields: Any
) -> None:
    """A connector to the provider, with alice linked."""
    connector = make_connector(
        **{
            "issuer_url": provider.entity_id,
            "endpoint": provider.sso_url,
            "certificates": provider.certificate_pem,
            **fields,
        }
    )
    make_user("alice@acme.example", connector)


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_simplesamlphp(
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    sign: str,
) -> None:
    provider = start_simplesamlphp(sign=sign)
    connect(make_connector, make_user, provider)

    page.goto(f"{site}/api/sso/login/acme")
    assert provider.base_url in page.url
    give_password(page)

    expect_signed_in(page, site)
    attempt = Attempt.objects.get()
    assert attempt.outcome == Outcome.SIGNED_IN
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/signed-out")
    page.goto(f"{site}/")
    assert "/sign-in" in page.url


@pytest.mark.parametrize(
    ("identifier_format", "subject"),
    [("persistent", True), ("unspecified", False), ("none", False)],
)
def test_simplesamlphp_identifier_formats(
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    identifier_format: str,
    subject: bool,
) -> None:
    provider = start_simplesamlphp(opaque_persistent=True)
    connect(make_connector, make_user, provider, identifier_format=identifier_format)

    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)

    expect_signed_in(page, site)
    assert (Link.objects.get().subject is not None) == subject


def test_simplesamlphp_request_by_post_with_the_password_asked_again(
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    """The page that posts our request may leave the site; the second time asks for the password."""
    provider = start_simplesamlphp()
    connect(
        make_connector,
        make_user,
        provider,
        binding="post",
        endpoint=provider.sso_post_url,
        force_authn=True,
    )
    for _ in range(2):
        page.goto(f"{site}/api/sso/login/acme?next=/sign-in")
        give_password(page)
        expect(page).to_have_url(f"{site}/sign-in")


def test_simplesamlphp_key_roll_over(
    chromium: Browser,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    """A drill: both certificates known, the key changes, nobody notices; one unknown, it is said."""

    def sign_in() -> str:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{site}/api/sso/login/acme")
        give_password(page)
        page.wait_for_url(f"{site}/**")
        text = page.inner_text("body")
        context.close()
        return text

    old_provider = start_simplesamlphp(key=1)
    port = int(old_provider.base_url.rpartition(":")[2].partition("/")[0])
    old = old_provider.certificate_pem
    old_provider.stop()
    new_provider = start_simplesamlphp(key=2, port=port)
    new = new_provider.certificate_pem
    new_provider.stop()
    old_provider = start_simplesamlphp(key=1, port=port)
    connect(make_connector, make_user, old_provider, certificates=old + new)
    assert "alice@acme.example" in sign_in()
    old_provider.stop()
    start_simplesamlphp(key=2, port=port)
    assert "alice@acme.example" in sign_in()

    connector = Connector.objects.get()
    connector.certificates = old
    connector.full_clean()
    connector.save()
    assert "You are not signed in" in sign_in()
    check = next(
        check
        for check in Attempt.objects.latest("pk").checks
        if check["name"] == "signature" and not check["passed"]
    )
    assert fingerprint(old) in check["expected"]
    assert fingerprint(new) in check["received"]


def fingerprint(pem: str) -> str:
    (certificate,) = load_certificates(pem)
    return certificate.fingerprint


def test_nanoidp(
    page: Page,
    site: str,
    nano: IdentityProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    connect(make_connector, make_user, nano, identifier_format="unspecified")

    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)

    expect_signed_in(page, site)


def test_stranger_meets_the_failure_page(
    page: Page,
    site: str,
    nano: IdentityProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    connect(make_connector, make_user, nano, contact="it@acme.example")

    page.goto(f"{site}/api/sso/login/acme")
    give_password(page, "carol")

    code = Attempt.objects.get().code
    assert re.fullmatch(r"[2-9B-Z]{4}-[2-9B-Z]{4}", code)
    expect(page.get_by_text(code)).to_be_visible()
    expect(page.get_by_text("it@acme.example")).to_be_visible()
    expect(page.get_by_text("carol")).to_have_count(0)


@pytest.mark.row(24)
def test_somebody_signed_in_keeps_their_session_when_a_stranger_posts(
    page: Page,
    site: str,
    nano: IdentityProvider,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    """The cross-site POST carries no cookie, and must not replace the one that is there."""
    connect(make_connector, make_user, nano)
    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    expect_signed_in(page, site)

    page.goto(nano.base_url)
    page.evaluate(
        """action => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = action;
            form.innerHTML = '<input name="SAMLResponse" value="bm9uc2Vuc2U=">';
            document.body.append(form);
            form.submit();
        }""",
        f"{site}/api/sso/login/callback",
    )
    page.wait_for_url(f"{site}/api/sso/login/callback?failed=*")

    page.goto(f"{site}/")
    expect_signed_in(page, site)


def test_late_answer_goes_round_by_itself(
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
) -> None:
    """The sign-in page was left open overnight: our own new request is answered without a word."""
    provider = start_simplesamlphp()
    connect(make_connector, make_user, provider)
    page.goto(f"{site}/api/sso/login/acme")
    Attempt.objects.all().delete()  # and with it the pending login

    give_password(page)

    expect_signed_in(page, site)
