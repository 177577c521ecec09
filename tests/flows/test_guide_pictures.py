"""The pictures of the administrators' guide, in English and French, and that each shows what it must.

They are left in var/pictures/guide/; `make guide-pictures` copies them to where docs/ has them.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from sso_connectors.login import last_connector
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.token import Token, TokenState
from sso_connectors.secrets.encryption import Secret
from tests.accessibility import expect_no_sideways_scroll
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, SigningKey
from tests.sso_connectors import published
from users.models import User

from .conftest import bring_in
from .test_front_page import DAYS
from .test_maker import LIST, PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs/images/guide"
LANGUAGES: Final = {"en": "en-GB", "fr": "fr-FR"}
PAGES: Final = {"en": "administrators.md", "fr": "administrators.fr.md"}
LONGEST: Final = 120_000  # bytes of one picture: the guide is read over slow lines too
MARGIN: Final = 8  # pixels around what is shown
ADDRESS: Final = "https://sso.company.example"
USERS: Final = "/maker/users/user/"
GOOGLE: Final = "https://accounts.google.com/o/saml2/idp?idpid=C01abcd23"
OKTA: Final = "https://initech.okta.com/app/initech_inocx_1/exk1fcia6d6EM/sso/saml"
ADFS: Final = "https://fs.tyrell.example/adfs/"
IMPORT: Final = "/maker/sso_connectors/connector/links/import/"
FILE: Final = (
    "username;reference;action\r\n"
    "alice@acme.example;acme;link\r\n"
    "bob@acme.example;acme;link\r\n"
    "carol@acme.example;acme;unlink\r\n"
)

Keep = Callable[..., None]
Say = Callable[[str], str]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def say(language: str) -> Say:
    """Words as the pages have them."""

    def translated(message: str) -> str:
        with override(language):
            return gettext(message)

    return translated


@pytest.fixture
def context(chromium: Browser, language: str) -> Iterator[BrowserContext]:
    made = chromium.new_context(
        viewport={"width": 1060, "height": 800}, locale=LANGUAGES[language], color_scheme="light"
    )
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def root(make_user: UserMaker) -> User:
    return make_user("root@company.example", password=PASSWORD, is_staff=True, is_superuser=True)


@pytest.fixture
def administrator(page: Page, site: str, root: User) -> Page:
    bring_in(page, site, root)
    return page


@pytest.fixture
def keep(language: str, page: Page) -> Keep:
    """Take a picture of what reaches from the first of the places given to the last."""

    def take(name: str, *places: Locator) -> None:
        expect_no_sideways_scroll(page)
        page.evaluate("scrollTo(0, 0)")  # the boxes count from the window's corner
        boxes = [place.bounding_box() for place in places]
        assert all(boxes), name
        shown: list[Any] = [box for box in boxes if box]
        left = max(0, min(box["x"] for box in shown) - MARGIN)
        top = max(0, min(box["y"] for box in shown) - MARGIN)
        folder = Path(settings.VAR_DIR) / "pictures/guide" / language
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.png"
        page.screenshot(
            path=file,
            full_page=True,
            animations="disabled",
            caret="hide",
            clip={
                "x": left,
                "y": top,
                "width": max(box["x"] + box["width"] for box in shown) + MARGIN - left,
                "height": max(box["y"] + box["height"] for box in shown) + MARGIN - top,
            },
        )
        assert file.stat().st_size <= LONGEST, name
        assert f"{language}/{name}.png" in (ROOT / "docs" / PAGES[language]).read_text(), (
            f"the guide doesn't show {name}"
        )
        if os.environ.get("GUIDE_PICTURES"):
            (DOCS / language).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, DOCS / language / file.name)

    return take


@pytest.fixture
def acme(make_connector: ConnectorMaker, make_user: UserMaker) -> Connector:
    """A connector that works, some of whose people have signed in."""
    made = make_connector("acme", name="Acme", contact="it@acme.example")
    for hours, name in enumerate(("alice", "carol", "dora", "emil")):
        user = make_user(f"{name}@acme.example", made)
        if name != "emil":
            user.links.update(last_sign_in_at=timezone.now() - timedelta(hours=7 * hours + 1))
    make_user("bob@acme.example")
    Connector.objects.filter(pk=made.pk).update(tested_at=timezone.now() - timedelta(days=20))
    return made


@pytest.fixture
def globex(make_connector: ConnectorMaker) -> Connector:
    return make_connector(
        "globex",
        name="Globex",
        type="oauth2",
        authentication_method="hubspot",
        options={"hub_id": "62515"},
        client_id="globex-app",
        client_secret=Secret.seal("of nobody"),
    )


@pytest.fixture
def publicly(settings: Any, site: str) -> None:
    """The addresses on the pages are those of a real place, not of this machine's port."""
    settings.PUBLIC_BASE_URL = ADDRESS


def titled(page: Page) -> Locator:
    return page.locator("#content h1")


# --- outside the Maker --------------------------------------------------------------------------


def test_first_sign_in(page: Page, site: str, root: User, keep: Keep, say: Say) -> None:
    User.objects.update(must_change_password=True)
    page.goto(f"{site}/maker/")
    page.locator("#id_username").fill(root.username)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#login-form button").click()

    expect(page.locator("h1")).to_have_text(say("Choose a new password"))
    expect(page.locator(".note")).to_be_visible()
    keep("first-sign-in", page.locator(".card"))


def test_shared_device(page: Page, site: str, acme: Connector, keep: Keep, say: Say) -> None:
    Connector.objects.update(force_authn=True)
    acme.refresh_from_db()
    response = HttpResponse()
    last_connector.remember(response, acme)
    ((name, cookie),) = response.cookies.items()
    page.context.add_cookies([{"name": name, "value": cookie.value, "url": site}])
    page.goto(f"{site}/sign-in")

    expect(page.locator(".offer")).to_contain_text(
        say("You will be asked for your password, even if somebody else used this device.")
    )
    keep("shared-device", page.locator(".card"))


def test_failure(page: Page, site: str, idp: IdP, acme: Connector, keep: Keep, say: Say) -> None:
    Agent().sign_in(idp, name_id="bob@acme.example")
    code = Attempt.objects.get().code
    page.goto(f"{site}/api/sso/login/callback?failed={code}")

    expect(page.locator("h1")).to_have_text(say("You are not signed in"))
    expect(page.locator(".code code")).to_have_text(code)
    keep("failure", page.locator(".card"))


# --- a connector --------------------------------------------------------------------------------


@pytest.mark.usefixtures("publicly")
def test_new_connector(administrator: Page, site: str, keep: Keep, say: Say) -> None:
    page = administrator
    page.goto(f"{site}{LIST}add/")
    page.locator("#id_name").fill("Acme")
    expect(page.locator("#login-address-preview")).to_contain_text(f"{ADDRESS}/api/sso/login/acme")
    expect(page.locator(".step-2").first).to_contain_text(f"{ADDRESS}/api/saml/metadata")
    keep("connector", titled(page), page.locator(".step-1"), page.locator(".step-2").first)

    page.locator("#id_paste").fill(published.google())
    page.locator("button[name=_read][value=box]").click()
    understood = say("Found: this is %(provider)s") % {"provider": "Google Workspace"}
    expect(page.locator(".difference h3")).to_have_text(understood)
    expect(page.locator(".difference")).to_contain_text("https://accounts.google.com/o/saml2/idp")
    keep("paste", page.locator("#paste-heading"), page.locator(".difference"))


@pytest.mark.usefixtures("publicly")
def test_new_connector_by_oauth2(administrator: Page, site: str, keep: Keep) -> None:
    page = administrator
    page.goto(f"{site}{LIST}add/")
    page.locator("#id_name").fill("Globex")
    page.locator("#id_type").select_option("oauth2")
    page.locator("#id_authentication_method").select_option("hubspot")
    page.locator("#id_client_id").fill("3f2b8c1e-7d4a-4b0e-9a55-0c1d2e3f4a5b")

    last = page.locator(".step-3").locator("visible=true")
    expect(last).to_contain_text("Client ID", ignore_case=True)
    expect(page.locator("#id_issuer_url")).to_be_hidden()
    keep("oauth2", page.locator("fieldset.type-oauth2").first, last)


@pytest.mark.usefixtures("publicly")
def test_certificates(
    administrator: Page, site: str, make_connector: ConnectorMaker, keep: Keep, say: Say
) -> None:
    page = administrator
    old = SigningKey.rsa(
        common_name="Acme sign-in 2024",
        not_before=datetime.now(UTC) - timedelta(days=718),
        not_after=datetime.now(UTC) + timedelta(days=12),
    )
    new = SigningKey.rsa(common_name="Acme sign-in 2026")
    made = make_connector("acme", certificates=old.pem + new.pem)
    for certificate, days in zip(made.signing_certificates, (21, 0), strict=True):
        made.certificate_rows.filter(fingerprint=certificate.fingerprint).update(
            last_used_at=timezone.now() - timedelta(days=days, minutes=3)
        )
    page.goto(f"{site}{LIST}{made.pk}/change/")

    unused = say("unused for %(days)d days, safe to remove") % {"days": 21}
    expect(page.locator("ul.certificates li").first).to_contain_text(unused)
    keep("certificates", page.locator("ul.certificates"))


def test_test_sign_in(
    administrator: Page, site: str, idp: IdP, acme: Connector, root: User, keep: Keep, say: Say
) -> None:
    page = administrator
    Agent().sign_in(idp, name_id="alice@acme.example")
    Attempt.objects.update(
        purpose="test",
        starter=root,
        outcome=Outcome.TEST_PASSED,
        claims={"NameID": ["alice@acme.example"]},
    )
    attempt = Attempt.objects.get()
    page.goto(f"{site}/maker/sso_connectors/attempt/{attempt.pk}/change/")

    verdict = page.locator(".verdict")
    expect(verdict.locator("h2")).to_have_text(say("The test passed"))
    expect(verdict).to_contain_text(say("Would have been signed in:"))
    keep("test", titled(page), verdict, page.locator("section[aria-labelledby=facts]"))


def test_attempt(
    administrator: Page, site: str, idp: IdP, acme: Connector, keep: Keep, say: Say
) -> None:
    page = administrator
    Agent().sign_in(idp, name_id="bob@acme.example")
    attempt = Attempt.objects.get()
    page.goto(f"{site}/maker/sso_connectors/attempt/?q={attempt.code}")
    page.get_by_role("link", name=attempt.code).click()

    verdict = page.locator(".verdict")
    expect(verdict.locator(".turn")).to_contain_text(say("the administrator"))
    expect(verdict.get_by_role("link", name=say("Link this user…"))).to_be_visible()
    keep("attempt", titled(page), verdict, page.locator("section[aria-labelledby=facts]"))


def test_history(
    administrator: Page, site: str, acme: Connector, root: User, keep: Keep, say: Say
) -> None:
    page = administrator
    for field, value in {
        "endpoint": "https://login.acme.example/sso",
        "contact": "help@acme.example",
    }.items():
        page.goto(f"{site}{LIST}{acme.pk}/change/")
        page.locator(f"#id_{field}").fill(value)
        page.locator("input.default[name=_save]").click()
        expect(page.locator(".messagelist .success")).to_be_visible()
    page.goto(f"{site}{LIST}{acme.pk}/history/")

    entries = page.locator(".entries > li")
    expect(entries.nth(0)).to_contain_text("help@acme.example")
    expect(entries.nth(1)).to_contain_text("https://login.acme.example/sso")
    expect(entries.nth(1)).to_contain_text(say("Restore this version"))
    keep("history", titled(page), entries.nth(0), entries.nth(1))


# --- lists --------------------------------------------------------------------------------------


@pytest.fixture
def companies(acme: Connector, globex: Connector, make_connector: ConnectorMaker) -> None:
    """One connector in each state."""
    now = timezone.now()
    okta = {"issuer_url": "http://www.okta.com/exk1fcia6d6EM", "endpoint": OKTA}
    google = {"issuer_url": GOOGLE.replace("/idp", ""), "endpoint": GOOGLE}
    adfs = {"issuer_url": f"{ADFS}services/trust", "endpoint": f"{ADFS}ls/"}
    states: dict[str, dict[str, Any]] = {
        "Acme": google,
        "Hooli": {**okta, "certificates": "", "enabled": False},
        "Initech": {**okta, "tested_at": now, "failing_cause": "response_refused"},
        "Soylent": {**google, "enabled": False},
        "Tyrell": {**adfs, "tested_at": now, "certificates_end": now + timedelta(days=12)},
    }
    for name, fields in states.items():
        made = acme if name == "Acme" else make_connector(name.lower(), name=name)
        Connector.objects.filter(pk=made.pk).update(**fields)


@pytest.mark.usefixtures("companies")
def test_list(administrator: Page, site: str, acme: Connector, keep: Keep, say: Say) -> None:
    page = administrator
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{site}{LIST}")
    for state in ("draft", "disabled", "ready", "tested", "failing", "expiring"):
        expect(page.locator(f"#result_list .pill-{state}").first).to_be_visible()
    keep("states", page.locator("#result_list"))

    row = page.get_by_role("row", name="Tyrell")
    row.locator("details.cog summary").click()
    copy = say("Copy the login address used on %(product)s") % {"product": "INO cx"}
    expect(row.get_by_role("button", name=copy)).to_be_visible()
    keep("list", titled(page), page.locator("#result_list"), row.locator(".cog-menu"))


@pytest.mark.usefixtures("companies")
def test_overview(administrator: Page, site: str, acme: Connector, keep: Keep, say: Say) -> None:
    page = administrator
    now = timezone.now()
    connectors = list(Connector.objects.filter(enabled=True).order_by("name"))
    Attempt.objects.bulk_create(
        Attempt(
            outcome=outcome,
            connector=connectors[number % (1 + number % len(connectors))],
            started_at=now - timedelta(days=ago),
        )
        for ago, counts in enumerate(DAYS)
        for outcome, count in zip((Outcome.SIGNED_IN, Outcome.FAILED), counts, strict=True)
        for number in range(count)
    )
    Link.objects.update(created_at=now - timedelta(days=9))
    page.goto(f"{site}/maker/")

    expect(page.locator("#attention")).to_have_text(say("Needs attention"))
    expect(page.locator(".figures").first).to_contain_text(say("connector failing"))
    keep("overview", titled(page), page.locator("section[aria-labelledby=busiest]"))


# --- users --------------------------------------------------------------------------------------


def test_users_tab(administrator: Page, site: str, acme: Connector, keep: Keep, say: Say) -> None:
    page = administrator
    page.goto(f"{site}/maker/sso_connectors/connector/{acme.pk}/users/")
    page.locator("details.more summary").click()
    page.locator("#id_addresses").fill("bob@acme.example\nfrank@acme.example")

    expect(page.locator("details.more summary")).to_have_text(say("Link users"))
    expect(page.locator("table")).to_contain_text("alice@acme.example")
    keep("users", titled(page), page.locator("#content-main"))


def test_import(
    administrator: Page, site: str, acme: Connector, tmp_path: Path, keep: Keep, say: Say
) -> None:
    page = administrator
    file = tmp_path / "links.csv"
    file.write_text(FILE)
    page.goto(f"{site}{IMPORT}")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name=say("Preview")).click()

    expect(page.get_by_role("button", name=say("Apply these changes"))).to_be_visible()
    expect(page.locator("table.lines tbody tr")).to_have_count(3)
    assert not Link.objects.filter(user__username="bob@acme.example").exists()
    keep("import", titled(page), page.locator("#content-main"))


def test_user_card(
    administrator: Page, site: str, acme: Connector, globex: Connector, keep: Keep, say: Say
) -> None:
    page = administrator
    now = timezone.now()
    alice = User.objects.get(username="alice@acme.example")
    alice.links.update(subject="60c1f4e-88a2-4d1b-9c55", last_sign_in_at=now)
    link = Link.objects.create(user=alice, connector=globex)
    Token.objects.create(
        link=link,
        connector=globex,
        issuer=globex.issuer_url,
        client_id=globex.client_id,
        access_token=Secret.seal("of nobody"),
        obtained_at=now,
        state=TokenState.RECONNECT_NEEDED,
        reason="invalid_grant",
    )
    page.goto(f"{site}{USERS}{alice.pk}/change/#sso-connectors")
    page.get_by_role("tab", name=re.compile("SSO")).click()

    tab = page.locator("#sso-connectors")
    expect(tab).to_contain_text(say("Reset permanent ID"))
    expect(tab).to_contain_text(say("reconnection needed"))
    keep("user-card", titled(page), tab)
