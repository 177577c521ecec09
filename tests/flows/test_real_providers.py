"""People sign in through identity providers that none of us wrote, in a real Chromium."""

import base64
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from sso_connectors.certificates.parsing import load_certificates
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from tests.conftest import ConnectorMaker, UserMaker
from tests.rigs.process import IdentityProvider, PracticeUser
from tests.rigs.simplesamlphp import NAME_ID_EMAIL, NAME_ID_PERSISTENT

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


# --- our request is unsigned, so whoever carries it may change it ----------------------------------


def go_with_changed_request(page: Page, site: str, change: Callable[[str], str]) -> None:
    """Start a login, and go to the identity provider with another request than the one we wrote."""
    departure = page.context.request.get(f"{site}/api/sso/login/acme", max_redirects=0)
    url = departure.headers["location"]
    (packed,) = parse_qs(urlsplit(url).query)["SAMLRequest"]
    ours = zlib.decompress(base64.b64decode(packed), wbits=-zlib.MAX_WBITS).decode()
    theirs = change(ours)
    assert theirs != ours
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    changed = base64.b64encode(deflate.compress(theirs.encode()) + deflate.flush()).decode()
    page.goto(f"{url.partition('?')[0]}?{urlencode({'SAMLRequest': changed})}")


@pytest.mark.row(43)
@pytest.mark.parametrize(
    "change",
    [
        lambda ours: ours.replace(NAME_ID_PERSISTENT, NAME_ID_EMAIL),
        lambda ours: re.sub("<ns0:NameIDPolicy[^>]*>", "", ours),
    ],
    ids=["another format", "no format"],
)
def test_simplesamlphp_is_asked_for_another_format(
    chromium: Browser,
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    change: Callable[[str], str],
) -> None:
    """Alice's address is Carol's now, who hides her permanent ID; also after the format was changed here."""
    provider = start_simplesamlphp(
        opaque_persistent=True,
        users=[
            PracticeUser("alice", "practice", "alice@acme.example"),
            PracticeUser("carol", "practice", "alice@acme.example"),
        ],
    )
    connect(make_connector, make_user, provider, identifier_format="persistent")
    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    expect_signed_in(page, site)
    remembered = Link.objects.get().subject
    assert remembered

    context = chromium.new_context()
    stranger = context.new_page()
    stranger.goto(f"{site}/api/sso/login/acme")
    give_password(stranger, "carol")
    stranger.wait_for_url(f"{site}/**")
    assert Attempt.objects.latest("pk").cause == "not_admitted", "she is another person"

    go_with_changed_request(stranger, site, change)  # to the session that she has there
    stranger.wait_for_url(f"{site}/**")
    assert Attempt.objects.latest("pk").cause == "response_refused"

    Connector.objects.update(identifier_format="emailAddress")
    stranger.goto(f"{site}/api/sso/login/acme")
    stranger.wait_for_url(f"{site}/**")
    attempt = Attempt.objects.latest("pk")
    assert attempt.cause == "not_admitted"
    (check,) = [check for check in attempt.checks if not check["passed"]]
    assert (check["expected"], check["received"]) == (remembered, "none sent")
    assert not stranger.get_by_text("Sign out").count()
    assert Link.objects.get().subject == remembered
    context.close()


@pytest.mark.row(43)
def test_simplesamlphp_is_not_asked_for_the_password(
    page: Page,
    site: str,
    start_simplesamlphp: ProviderStarter,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    tmp_path: Path,
) -> None:
    """ForceAuthn is taken out of our request, at a PC where somebody signed in ten minutes ago."""
    provider = start_simplesamlphp()
    connect(make_connector, make_user, provider, force_authn=True)
    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    expect_signed_in(page, site)
    page.get_by_role("button", name="Sign out").click()
    for session in (tmp_path / "simplesamlphp" / "sessions").iterdir():
        session.write_bytes(
            re.sub(
                rb'(AuthnInstant";i:)(\d+)',
                lambda found: found[1] + str(int(found[2]) - 600).encode(),
                session.read_bytes(),
            )
        )

    go_with_changed_request(page, site, lambda ours: ours.replace(' ForceAuthn="true"', ""))
    page.wait_for_url(f"{site}/**")

    assert "failed=" in page.url
    attempt = Attempt.objects.latest("pk")
    assert [check["name"] for check in attempt.checks if not check["passed"]] == [
        "authentication time"
    ]
