"""Every main screen in a French Chromium: no English is left on it, and it fits a desk and a phone.

Each screen is left as a picture in var/pictures/, to be looked at.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from maker import views
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from sso_connectors.secrets.encryption import Secret
from tests.accessibility import expect_accessible, expect_no_sideways_scroll
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, other_key
from tests.sso_connectors import published
from users.models import User

from .pictures import picture
from .test_front_page import a_busy_fortnight
from .test_linking_pages import FILE, WRONG, csv_file
from .test_maker import LIST, PASSWORD

__all__ = ["a_busy_fortnight"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

# Words that French hasn't got, and one of which stands in nearly every English text of ours.
ENGLISH: Final = re.compile(
    r"\b(the|and|of|is|are|was|were|has|have|with|your|you|this|that|these|for|from|by|to|not|it|its"
    r"|sign|signed|save|saved|add|added|search|delete|changed|read|copy|back|name|password|username|error"
    r"|settings|set|view|history|home|overview|people|users?|connectors?|attempts?|links?|linked|failed"
    r"|certificates|passed|tested|draft|ready|never|none|yes|today|days?|hours?|filter|select|please"
    r"|groups|log|welcome|time|issuer|status)\b",
    re.IGNORECASE,
)
# Names, and what is quoted: the words on other people's screens.
QUOTED: Final = re.compile(
    r"« [^»]* »|\S+@\S+|\S*/\S+|urn:\S+|user principal name|Single Sign-On|\(Status\)|link;|unlink;|BEGIN CERTIFICATE"
)
# What the page says: its texts, and what is kept for a screen reader, a hint or a script. Not the way
# through a vendor's screens to where our redirect URI belongs.
TEXTS: Final = """() => {
  const found = [document.title];
  const isOurs = (element) =>
    !element.closest("code, pre, script, style, textarea, [lang]:not(html), .field-redirect_address [data-methods]");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, textContent } = walker.currentNode;
    if (textContent.trim() && isOurs(parentElement)) found.push(textContent.trim());
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (!isOurs(element)) continue;
    for (const { name, value } of element.attributes) {
      if (/^(title|placeholder|alt|aria-label|aria-description|data-(copied|busy|used|label|too-long|denied))$/.test(name))
        found.push(value);
      if (name === "value" && /^(submit|button|reset)$/.test(element.type) && element.localName === "input")
        found.push(value);
    }
  }
  return found.map((text) => text.replace(/\\s+/g, " "));
}"""

Keep = Callable[[str], None]


def english_on(page: Page) -> set[str]:
    return {text for text in page.evaluate(TEXTS) if ENGLISH.search(QUOTED.sub("", text))}


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(locale="fr-FR")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture(
    params=[("light", 1280), ("light", 390), ("dark", 1280)],
    ids=lambda each: f"{each[0]}-{each[1]}",
)
def keep(page: Page, request: pytest.FixtureRequest) -> Iterator[Keep]:
    """Take a picture of the page as it is; at the end, say what was English on which."""
    scheme, width = request.param
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    english: dict[str, set[str]] = {}
    too_wide = []

    def look(name: str) -> None:
        page.wait_for_load_state()
        assert page.locator("html").get_attribute("lang") == "fr"
        picture(page, f"fr-{name}-{scheme}-{width}")
        try:
            expect_no_sideways_scroll(page)
        except AssertionError:
            too_wide.append(name)
        if found := english_on(page):
            english[name] = found

    yield look
    told = "\n".join(f"{name}: {text}" for name, texts in english.items() for text in texts)
    assert not english, told
    assert not too_wide


@pytest.fixture
def administrator(keep: Keep, page: Page, site: str, make_user: UserMaker) -> Page:
    """A page on which a superuser has signed in to the French Maker by password."""
    make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    page.goto(f"{site}/maker/")
    page.get_by_label("Nom d’utilisateur").fill("root@maker.example")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    keep("login")
    page.get_by_role("button", name="Se connecter").click()
    expect(page).to_have_url(f"{site}/maker/")
    return page


def test_overview(administrator: Page, keep: Keep, request: pytest.FixtureRequest) -> None:
    keep("overview-empty")
    request.getfixturevalue("a_busy_fortnight")
    administrator.reload()
    keep("overview")


def test_connectors(
    administrator: Page, keep: Keep, site: str, make_connector: ConnectorMaker, idp: IdP
) -> None:
    page = administrator
    page.goto(f"{site}{LIST}")
    keep("connectors-empty")
    acme = make_connector()
    make_connector("cable", name="Câble Télécom", certificates="", enabled=False)
    hotel = make_connector(
        "hotel",
        type="oauth2",
        authentication_method="oidc",
        client_id="0oa1b2c3d4e5f6g7h8i9.apps.login.hotel.example",
        client_secret=Secret.seal("canary-of-the-hotel"),
        options={"issuer": "https://login.hotel.example/oauth2/default"},
    )
    Connector.objects.filter(pk=hotel.pk).update(failing_cause="response_refused")
    for method in ("entra", "zoho_crm", "hubspot"):
        Connector.objects.create(
            name=method, reference=method, type="oauth2", authentication_method=method
        )
    page.goto(f"{site}{LIST}")
    page.locator("details.cog summary").first.click()
    keep("connectors")
    for name, path in (
        ("connector-add", "add/"),
        ("connector-saml", f"{acme.pk}/change/"),
        ("connector-oauth2", f"{hotel.pk}/change/"),
        ("connector-entra", f"{Connector.objects.get(reference='entra').pk}/change/"),
        ("connector-disable", f"{acme.pk}/disable/"),
        ("connector-delete", f"{acme.pk}/delete/"),
    ):
        page.goto(f"{site}{LIST}{path}")
        keep(name)
    page.goto(f"{site}{LIST}{acme.pk}/change/")
    page.get_by_label("URL de l’émetteur").fill("")
    page.locator("#id_certificates").fill("hello")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(page.locator(".errorlist").first).to_be_visible()
    keep("connector-errors")
    page.goto(f"{site}{LIST}")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("copy_login_addresses")
    page.locator("button[name=index]").click()
    expect(page.locator("#content .copy").first).to_be_visible()
    keep("login-addresses")


def test_paste(administrator: Page, keep: Keep, site: str, connector: Connector) -> None:
    page = administrator
    page.goto(f"{site}{LIST}{connector.pk}/change/")
    page.locator("#id_paste").fill("hello")
    page.locator("button[name=_read]").click()
    expect(page.locator("#reading .errorlist")).to_be_visible()
    keep("paste-refused")
    page.locator("#id_paste").fill(published.google())
    page.locator("button[name=_read]").click()
    expect(page.locator(".difference")).to_be_visible()
    keep("paste-read")
    page.locator("button[name=_use]").click()
    expect(page.locator(".field-endpoint")).to_contain_text("Google Workspace")
    keep("paste-used")


def test_people(
    administrator: Page,
    keep: Keep,
    site: str,
    connector: Connector,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    tmp_path: Path,
) -> None:
    page = administrator
    make_connector("bell", name="Bell & Sons")
    alice = make_user("alice@acme.example", connector, full_name="Alice Ashford")
    make_user("bob@acme.example", full_name="Bob Brown")
    make_user("carol@acme.example", connector, is_active=False)
    make_user("dave@acme.example", is_active=False)
    make_user("boss@acme.example", connector, full_name="Bea Boss", is_staff=True)
    seen = timezone.now() - timedelta(hours=3)
    alice.links.update(last_sign_in_at=seen, subject="0c1f4e-88a2")
    card = f"/maker/users/user/{alice.pk}"
    for name, path in (
        ("users", "/maker/users/user/"),
        ("user-add", "/maker/users/user/add/"),
        ("user-card", f"{card}/change/"),
        ("user-delete", f"{card}/delete/"),
        ("user-password", f"{card}/password/"),
        ("user-history", f"{card}/history/"),
        ("connector-users", f"{LIST}{connector.pk}/users/"),
        ("link-import", f"{LIST}links/import/"),
        ("password-change", "/maker/password_change/"),
    ):
        page.goto(f"{site}{path}")
        keep(name)
    page.goto(f"{site}{card}/change/")
    page.get_by_role("tab", name="Connecteurs SSO").click()
    keep("user-card-connectors")
    page.get_by_role("link", name="Réinitialiser l’identifiant permanent").first.click()
    keep("forget-subject")
    page.goto(f"{site}{LIST}links/import/")
    for name, content in (("wrong", WRONG), ("preview", FILE)):
        page.locator("input[type=file]").set_input_files(csv_file(tmp_path, content))
        page.locator("#content button.default[type=submit]").last.click()
        expect(page.locator("#content table").first).to_be_visible()
        keep(f"link-import-{name}")
    page.goto(f"{site}{LIST}{connector.pk}/users/")
    page.locator("details summary").filter(has_text="Lier").first.click()
    page.locator("#content textarea:visible").fill(
        "boss@acme.example\ndave@acme.example\nalice@acme.example\nnobody@acme.example\nrubbish"
    )
    keep("link-users")
    page.get_by_role("button", name="Aperçu").click()
    keep("link-preview")
    expect_accessible(page)


def test_roles(administrator: Page, keep: Keep, site: str) -> None:
    page = administrator
    page.goto(f"{site}/maker/auth/group/")
    expect(page.get_by_role("link", name="Gestionnaire de connecteurs")).to_be_visible()
    keep("roles")
    role = f"{site}/maker/auth/group/{Group.objects.get(name='Connector manager').pk}"
    page.goto(f"{role}/change/")
    expect(page.get_by_label("Tentative de connexion | Peut voir")).to_be_checked()
    keep("role")
    page.goto(f"{role}/history/")
    keep("role-history")
    page.goto(f"{role}/delete/")
    keep("role-delete")


def test_attempts(administrator: Page, keep: Keep, site: str, idp: IdP, alice: User) -> None:
    page = administrator
    made = dict(_attempts(idp))
    page.goto(f"{site}/maker/sso_connectors/attempt/")
    keep("attempts")
    page.goto(f"{site}/maker/sso_connectors/attempt/?q=QQQQ")
    keep("attempts-none")
    for name, key in made.items():
        page.goto(f"{site}/maker/sso_connectors/attempt/{key}/change/")
        keep(f"attempt-{name}")


def _attempts(idp: IdP) -> Iterator[tuple[str, int]]:
    """One of each kind that looks different, with its key."""
    test: Mapping[str, Any] = {
        "purpose": "test",
        "starter": User.objects.get(is_superuser=True),
        "outcome": "test_passed",
        "claims": {"NameID": ["alice@acme.example"], "groups": ["Agents"]},
        "cause": "",
        "detail": "",
    }
    for name, lies, fields in (
        ("signed-in", {}, {}),
        ("refused", {"audience": "https://old.example/a-rather-long-identity/metadata"}, {}),
        ("forged", {"key": other_key(), "name_id": "ceo@acme.example"}, {}),
        ("nobody", {"name_id": "nobody@acme.example"}, {}),
        ("test-passed", {}, test),
        ("test-of-nobody", {"name_id": "bob@acme.example"}, test),
    ):
        Agent().sign_in(idp, **lies)
        attempt = Attempt.objects.latest("pk")
        Attempt.objects.filter(pk=attempt.pk).update(**fields)
        yield name, attempt.pk
    Agent().open("nobody")
    yield "unknown", Attempt.objects.latest("pk").pk


def test_history(
    administrator: Page, keep: Keep, site: str, connector: Connector, make_user: UserMaker
) -> None:
    page = administrator
    make_user("alice@acme.example", connector).links.get().delete()
    page.goto(f"{site}{LIST}{connector.pk}/change/")
    page.get_by_label("Point d’accès").fill("https://login.acme.example/sso/a/rather/long/path")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.goto(f"{site}{LIST}{connector.pk}/history/")
    keep("history")
    page.get_by_role("link", name="Restaurer cette version").last.click()
    keep("history-return")
    page.get_by_role("button", name="Restaurer cette version").click()
    keep("history-returned")


def test_outside(administrator: Page, keep: Keep, site: str, connector: Connector) -> None:
    """What an agent sees."""
    page = administrator
    for name, path in (("landing", "/"), ("signed-out", "/signed-out"), ("sign-in", "/sign-in")):
        page.goto(f"{site}{path}")
        keep(name)
    page.goto(f"{site}/api/sso/login/nobody")
    keep("failure-404")
    Connector.objects.update(enabled=False)
    page.goto(f"{site}/api/sso/login/acme")
    keep("failure")
    page.goto(f"{site}/maker/nowhere/")
    keep("not-found")


def test_when_something_goes_wrong(
    page: Page, keep: Keep, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{site}/sign-in?{'a=&' * 1001}")
    keep("bad-request")
    for name, error in (("fault", ValueError()), ("database-away", OperationalError())):
        with monkeypatch.context() as broken:
            broken.setattr(views, "_offer", Mock(side_effect=error))
            page.goto(f"{site}/sign-in")
        expect(page.get_by_role("link", name="Réessayer")).to_be_visible()
        keep(name)
    again = page.get_by_role("link", name="Recharger la page précédente")
    for name, change in (
        ("wrong-password", "() => {}"),
        ("form-too-large", "field => field.value = 'x'.repeat(3000000)"),
        ("form-not-trusted", "field => field.form.csrfmiddlewaretoken.value = 'x'"),
    ):
        page.goto(f"{site}/maker/login/")
        page.get_by_label("Nom d’utilisateur").fill("root@maker.example")
        page.get_by_label("Mot de passe").fill("wrong")
        page.locator("#login-form [name=next]").evaluate(change)
        page.get_by_role("button", name="Se connecter").click()
        expect(again if name.startswith("form") else page.get_by_role("alert")).to_be_visible()
        keep(name)
