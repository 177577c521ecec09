"""An administrator in a real Chromium: from an empty Maker to an agent who is signed in.

Each screen is left as a picture in var/pictures/, to be looked at.
"""

import re

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Browser, Page, expect

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from sso_connectors.secrets.encryption import Secret
from tests.accessibility import expect_accessible, expect_no_sideways_scroll
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import default_key
from tests.rigs.process import IdentityProvider
from tests.sso_connectors import published

from .conftest import bring_in
from .pictures import look, picture
from .test_real_providers import expect_signed_in, give_password

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "correct horse battery"
_HINT_FITS = """box => {
  const style = getComputedStyle(box);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const room = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return pen.measureText(box.placeholder).width <= room;
}"""
LIST = "/maker/sso_connectors/connector/"
COPY = "Copy the login address used on INO cx"


@pytest.fixture
def administrator(page: Page, site: str, make_user: UserMaker) -> Page:
    """A page in the browser of a superuser who is signed in to the Maker."""
    root = make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    bring_in(page, site, root)
    return page


@pytest.mark.identity_provider
def test_from_nothing_to_a_signed_in_agent(
    page: Page, chromium: Browser, site: str, nano: IdentityProvider, make_user: UserMaker
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    page.goto(f"{site}/maker/")
    page.get_by_label("Username").fill("root@maker.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site}/maker/")
    picture(page, "overview")

    # The connector.
    page.goto(f"{site}{LIST}")
    picture(page, "connectors-empty")
    page.goto(f"{site}{LIST}add/")
    page.get_by_label("Name", exact=False).first.fill("Acme & Söhne")
    expect(page.get_by_label("Reference")).to_have_value("acme-sohne")
    expect(page.locator("#login-address-preview")).to_contain_text("/api/sso/login/acme-sohne")
    page.get_by_label("Issuer URL").fill(nano.entity_id)
    page.get_by_label("Endpoint").fill(nano.sso_url)
    page.get_by_label("SAML identifier format").select_option("unspecified")
    page.locator("#id_certificates").fill(nano.certificate_pem)
    picture(page, "connector-add")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".pill-ready")).to_be_visible()

    # The user, on the card.
    page.goto(f"{site}/maker/users/user/add/")
    page.get_by_label("Username").fill("alice@acme.example")
    picture(page, "user-add")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("tab", name="SSO connectors").click()
    page.get_by_text("Add another SSO connector").click()
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("acm")
    page.get_by_role("option", name="Acme & Söhne").click()
    picture(page, "user-card")
    page.get_by_role("button", name="Save", exact=True).click()

    # The login address, from the cog wheel.
    page.goto(f"{site}{LIST}")
    page.locator("details.cog summary").click()
    picture(page, "connectors-menu")
    page.get_by_role("button", name=COPY).click()
    expect(page.get_by_text("The login address of Acme & Söhne was copied.")).to_be_visible()
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == f"{site}/api/sso/login/acme-sohne"

    # The agent, on another machine.
    context = chromium.new_context()
    agent = context.new_page()
    agent.goto(address)
    give_password(agent)
    expect_signed_in(agent, site)
    picture(agent, "landing")
    context.close()


def test_clipboard_denied_shows_the_address_selected(
    administrator: Page, site: str, connector: Connector
) -> None:
    page = administrator
    page.add_init_script(
        "navigator.clipboard.writeText = () => Promise.reject(new Error('denied'))"
    )
    page.goto(f"{site}{LIST}")
    page.locator("details.cog summary").click()
    page.get_by_role("button", name=COPY).click()

    field = page.locator("dialog[open] input")
    expect(field).to_have_value(f"{site}/api/sso/login/acme")
    assert page.evaluate(
        "(() => { const f = document.querySelector('dialog[open] input');"
        " return f.value.slice(f.selectionStart, f.selectionEnd) })()"
    ) == (f"{site}/api/sso/login/acme")
    picture(page, "clipboard-denied")


def test_menu_by_keyboard(administrator: Page, site: str, connector: Connector) -> None:
    page = administrator
    page.goto(f"{site}{LIST}")
    summary = page.locator("details.cog summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=COPY)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name=COPY)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=COPY)).to_be_hidden()
    expect(summary).to_be_focused()


def test_form_shows_the_fields_of_the_type(administrator: Page, site: str) -> None:
    page = administrator
    page.goto(f"{site}{LIST}add/")
    expect(page.get_by_label("Issuer URL")).to_be_visible()
    expect(page.get_by_label("Authentication method")).to_be_hidden()

    page.get_by_label("Type").select_option("oauth2")

    expect(page.get_by_label("Issuer URL")).to_be_hidden()
    expect(page.get_by_label("Authentication method")).to_be_visible()
    picture(page, "connector-oauth2")


def test_oauth2_connector_by_clicking(administrator: Page, site: str) -> None:
    """Each method has its own fields and words, and what is typed under another is never sent."""
    page = administrator
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site}{LIST}add/")
    page.get_by_label("Name", exact=False).first.fill("Acme")
    page.get_by_label("Type").select_option("oauth2")
    tenant, issuer = page.get_by_label("Tenant"), page.get_by_label("Issuer:", exact=True)
    again = page.get_by_label("always ask for the password")
    for hidden in (tenant, issuer, again, page.get_by_label("Identity (Entity ID)")):
        expect(hidden).to_be_hidden()
    expect(page.get_by_text("Reply URL (ACS)")).to_be_hidden()

    page.get_by_label("Authentication method").select_option("entra")
    expect(tenant).to_be_visible()
    expect(issuer).to_be_hidden()
    expect(page.get_by_text("Application (client) ID")).to_be_visible()
    headings = page.locator(":is(.step-2, .step-3) > .fieldset-heading:visible")
    expect(headings).to_have_text(
        ["Give this to Microsoft Entra ID", "Paste these from Microsoft Entra ID"],
        use_inner_text=True,
    )
    register = page.get_by_role("link", name="App registrations")
    expect(register).to_have_attribute("href", "https://entra.microsoft.com/")
    expect(register).to_have_attribute("rel", "noreferrer noopener")
    tenant.fill("common")

    page.get_by_label("Authentication method").select_option("google")
    expect(again).to_be_hidden()
    page.get_by_label("Authentication method").select_option("oidc")
    expect(headings).to_have_text(
        ["Give this to the identity provider", "Paste these from the identity provider"],
        use_inner_text=True,
    )
    expect(tenant).to_be_hidden()
    expect(register).to_be_hidden()
    expect(page.get_by_text("Application (client) ID")).to_be_hidden()
    again.check()
    page.get_by_label("Client ID").fill("acme-client")
    page.get_by_label("Client secret").fill("canary-of-the-client")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This is needed before the connector can be enabled.")).to_have_count(1)
    expect(page.locator(".field-option_oidc_issuer .errorlist")).to_be_visible()
    expect(page.get_by_label("Client secret")).to_have_value("")
    issuer.fill("https://login.acme.example")
    page.get_by_label("Client secret").fill("canary-of-the-client")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".status .pill-ready")).to_be_visible()
    page.goto(f"{site}{LIST}")
    expect(page.get_by_role("row", name="Acme")).to_contain_text("generic OpenID Connect")

    page.locator("#result_list").get_by_role("link", name="Acme").click()
    expect(
        page.get_by_text(
            re.compile(r"Set on \d+ \w+ \d{4}\. Leave empty to keep the current one\.")
        )
    ).to_be_visible()
    expect(issuer).to_have_value("https://login.acme.example")
    expect(again).to_be_checked()
    page.locator(".field-redirect_address").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("The redirect URI was copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{site}/api/sso/login/oauth/callback/acme"
    page.get_by_role("button", name="Save", exact=True).click()
    connector = Connector.objects.get()
    assert connector.client_secret
    assert connector.client_secret.reveal() == "canary-of-the-client"
    assert connector.options == {"issuer": "https://login.acme.example"}
    assert connector.force_authn

    # Under another method: a tick that can't be seen isn't sent, and the secret stays with the former.
    page.goto(f"{site}{LIST}{connector.pk}/change/")
    page.get_by_label("Authentication method").select_option("google")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_have_count(1)
    expect(page.locator(".field-client_secret .errorlist")).to_contain_text(
        "is never sent to this one"
    )
    page.get_by_label("Client secret").fill("canary-of-google")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".pill-ready")).to_be_visible()
    connector.refresh_from_db()
    assert (connector.authentication_method, connector.options) == ("google", {})
    assert not connector.force_authn


def test_action_on_selected_rows(
    administrator: Page, site: str, make_connector: ConnectorMaker
) -> None:
    page = administrator
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    make_connector("one")
    make_connector("two")
    page.goto(f"{site}{LIST}")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label=COPY)
    page.get_by_role("button", name="Go").click()
    picture(page, "login-addresses")
    page.get_by_role("button", name="Copy all").click()
    expect(page.locator("[aria-live]").first).not_to_be_empty()

    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"One\t{site}/api/sso/login/one" in copied
    assert f"Two\t{site}/api/sso/login/two" in copied


def test_failure_code_leads_the_administrator_to_the_cause(
    administrator: Page, chromium: Browser, site: str, connector: Connector
) -> None:
    context = chromium.new_context()
    agent = context.new_page()
    agent.goto(f"{site}/api/sso/login/nobody")
    picture(agent, "failure-404")
    Connector.objects.update(enabled=False)
    agent.goto(f"{site}/api/sso/login/acme")
    picture(agent, "failure")
    code = agent.locator(".code code").inner_text()
    context.close()

    page = administrator
    page.goto(f"{site}/maker/sso_connectors/attempt/")
    page.locator("#searchbar").fill(code)
    page.keyboard.press("Enter")
    picture(page, "attempts")
    page.get_by_role("link", name=code).click()
    expect(page.get_by_text("The connector is disabled.")).to_be_visible()
    picture(page, "attempt")


LONG = "https://accounts.google.com/o/saml2/idp?idpid=C01abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def many(make_connector: ConnectorMaker) -> None:
    for number, name in enumerate(("Acme GmbH", "Bell & Sons", "Câble Télécom", "Delta Airways")):
        make_connector(
            f"customer-{number}.contact-centre",
            name=name,
            issuer_url=LONG,
            endpoint=LONG,
            identifier_format="windowsDomainQualifiedName" if number == 1 else "emailAddress",
            enabled=number != 2,
        )
    make_connector("draft", name="Epsilon", certificates="", enabled=False)
    Connector.objects.create(
        name="Foxtrot", reference="foxtrot", type="oauth2", authentication_method="salesforce"
    )
    Connector.objects.create(
        name="Golf", reference="golf", type="oauth2", authentication_method="entra"
    )
    make_connector(
        "hotel",
        type="oauth2",
        authentication_method="oidc",
        client_id="0oa1b2c3d4e5f6g7h8i9.apps.login.hotel.example",
        client_secret=Secret.seal("canary-of-the-hotel"),
        options={"issuer": "https://login.hotel.example/oauth2/default", "trust_email": True},
    )


def test_screens_fit(
    administrator: Page,
    site: str,
    many: None,
    alice: object,
    look: str,
) -> None:
    """No horizontal scroll on any screen, in either theme, on a desk or on a phone."""
    page = administrator
    Attempt.objects.create(connector_reference="acme", cause="unknown_connector", outcome="failed")
    paths = {
        "overview": "/maker/",
        "connectors": LIST,
        "connector": f"{LIST}{Connector.objects.get(name='Acme GmbH').pk}/change/",
        "connector-add": f"{LIST}add/",
        "connector-oidc": f"{LIST}{Connector.objects.get(reference='hotel').pk}/change/",
        "connector-entra": f"{LIST}{Connector.objects.get(reference='golf').pk}/change/",
        "users": "/maker/users/user/",
        "attempts": "/maker/sso_connectors/attempt/",
        "password": "/maker/password_change/",
        "sign-in": "/sign-in",
        "signed-out": "/signed-out",
        "landing": "/",
    }
    for name, path in paths.items():
        page.goto(f"{site}{path}")
        picture(page, f"{name}-{look}")
        expect_no_sideways_scroll(page)
        for hint in page.locator("#searchbar").all():
            assert hint.evaluate(_HINT_FITS), f"of {name}"
            assert hint.get_attribute("aria-label") == "Search"


def test_reading_a_paste(
    administrator: Page, site: str, make_connector: ConnectorMaker, look: str
) -> None:
    """What is read is shown, refused, taken over; the words of its provider stand at each field."""
    page = administrator
    make_connector()
    page.goto(f"{site}{LIST}{Connector.objects.get().pk}/change/")
    box = page.get_by_label("Paste anything")
    read = page.get_by_role("button", name="Read", exact=True)

    box.fill("hello")
    read.click()
    expect(page.locator("#reading .errorlist")).to_contain_text(
        "Nothing was recognised in this text."
    )
    picture(page, f"paste-refused-{look}")
    expect_accessible(page)
    box.fill("x" * 1_100_000)
    read.click()
    expect(page.locator("#reading")).to_contain_text("This is longer than 1048576 characters.")

    federation = published.entities(*(entity(name) for name in ("one", "two")))
    box.fill(federation)
    expect(page.locator("#reading")).to_be_empty()
    read.click()
    page.get_by_label("Which one?").select_option("https://two.example/saml")
    picture(page, f"paste-several-{look}")
    page.get_by_role("button", name="Read this one").click()
    expect(page.locator(".difference")).to_contain_text("https://two.example/saml")

    box.fill(published.google())
    read.click()
    expect(page.get_by_role("heading", name="this is Google Workspace")).to_be_visible()
    picture(page, f"paste-read-{look}")
    expect_no_sideways_scroll(page)
    expect_accessible(page)
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_label("Which identity provider?")).to_have_value("google")
    expect(page.locator(".field-endpoint")).to_contain_text("Google Workspace calls it “SSO URL”.")
    expect(page.locator(".field-endpoint")).not_to_contain_text(
        "Okta calls it", use_inner_text=True
    )
    expect(page.locator(".field-identity")).to_contain_text("calls it “Entity ID”.")
    picture(page, f"paste-used-{look}")
    page.get_by_label("Which identity provider?").select_option("adfs")
    expect(page.locator(".field-endpoint .vendor:visible")).to_have_text(
        re.compile(r"In AD FS: https://")
    )

    page.get_by_label("Endpoint").fill("https://acme.okta.com/home/acme/0oa1/aln1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field-endpoint .errorlist")).to_contain_text("starts a sign-in from")
    picture(page, f"connector-errors-{look}")
    expect_accessible(page)


def entity(name: str) -> str:
    role = published.role(
        published.key() + published.service("HTTP-Redirect", f"https://{name}.example/sso")
    )
    return published.entity(role, f"https://{name}.example/saml")


def test_an_openid_address_turns_the_form_into_one_of_oauth2(
    administrator: Page, site: str
) -> None:
    page = administrator
    page.goto(f"{site}{LIST}add/")
    page.get_by_label("Paste anything").fill(
        "https://login.acme.example/.well-known/openid-configuration"
    )
    page.get_by_role("button", name="Read", exact=True).click()
    picture(page, "paste-openid")
    page.get_by_role("button", name="Use these").click()

    issuer = page.get_by_label("Issuer:", exact=True)
    expect(issuer).to_have_value("https://login.acme.example")
    expect(page.get_by_label("Client secret")).to_be_visible()
    picture(page, "paste-openid-used")
    look(page, "form-openid-box")

    # A discovery address in the field itself is read with the box empty.
    issuer.fill("https://login.beta.example/.well-known/openid-configuration")
    page.get_by_role("button", name="Read", exact=True).click()
    page.get_by_role("button", name="Use these").click()
    expect(issuer).to_have_value("https://login.beta.example")
    page.get_by_label("Authentication method").select_option("hubspot")
    expect(page.get_by_label("Paste anything")).to_be_hidden()


def test_a_file_is_chosen_or_dropped(administrator: Page, site: str) -> None:
    page = administrator
    page.goto(f"{site}{LIST}add/")
    chosen = page.get_by_label("Or choose a file")
    der = default_key().certificate.public_bytes(Encoding.DER)
    chosen.set_input_files({"name": "raw.cer", "mimeType": "", "buffer": der})
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".difference")).to_contain_text(default_key().fingerprint[:11])
    expect(page.locator(".reading-missing")).to_contain_text("Issuer URL, Endpoint")
    look(page, "paste-file")
    page.get_by_role("button", name="Use these").click()
    expect(page.locator("#id_certificates")).to_have_value(default_key().pem)
    assert chosen.evaluate("file => file.files.length") == 0

    dropped = page.evaluate_handle(
        """text => {
          const held = new DataTransfer();
          held.items.add(new File([text], "metadata.xml"));
          return held;
        }""",
        published.google(),
    )
    page.dispatch_event("#paste", "drop", {"dataTransfer": dropped})
    expect(page.get_by_role("heading", name="this is Google Workspace")).to_be_visible()
    page.get_by_label("Paste anything").fill("hello")
    assert chosen.evaluate("file => file.files.length") == 0, "one of the two is read"

    chosen.set_input_files({"name": "x.xml", "mimeType": "", "buffer": b"x" * 2_200_000})
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#reading .errornote")).to_contain_text(
        "This file is larger than 2097152 bytes."
    )


def test_enter_saves_and_reads_nothing(
    administrator: Page, site: str, connector: Connector
) -> None:
    page = administrator
    page.goto(f"{site}{LIST}{connector.pk}/change/")
    page.get_by_label("Name:").fill("Renamed")
    page.keyboard.press("Enter")

    expect(page.get_by_text("was changed successfully")).to_be_visible()
    connector.refresh_from_db()
    assert connector.name == "Renamed"


def test_test_and_switch_from_the_menu(
    administrator: Page, site: str, connector: Connector
) -> None:
    page = administrator
    page.route("https://idp.example/**", lambda route: route.fulfill(body="the IdP"))
    page.goto(f"{site}{LIST}")
    page.locator("details.cog summary").press("Enter")
    for name in (COPY, "Test sign-in", "Attempts", "Users", "Disable…"):
        page.keyboard.press("ArrowDown")
        expect(page.locator(".cog-menu :focus")).to_have_text(name)
    picture(page, "connectors-menu-whole")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Disable Acme?")).to_be_visible()
    picture(page, "connector-disable")
    expect_accessible(page)
    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".status .pill-disabled")).to_be_visible()
    picture(page, "connector-disabled")
    page.get_by_role("button", name="Enable").click()
    expect(page.locator(".status .pill-ready")).to_be_visible()

    page.goto(f"{site}{LIST}")
    page.locator("details.cog summary").click()
    page.get_by_role("button", name="Test sign-in").click()
    expect(page).to_have_url(re.compile(r"https://idp\.example/sso\?SAMLRequest="))
    assert Attempt.objects.get().is_test


def test_works_without_javascript(
    chromium: Browser, site: str, make_user: UserMaker, connector: Connector
) -> None:
    make_user("root@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/maker/")
    page.get_by_label("Username").fill("root@maker.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{site}{LIST}{connector.pk}/change/")
    page.get_by_label("Endpoint").fill("http://insecure.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("must start with “https://”")).to_be_visible()
    page.get_by_label("Endpoint").fill("https://other.example/sso")
    page.get_by_role("button", name="Save", exact=True).click()
    connector.refresh_from_db()
    assert connector.endpoint == "https://other.example/sso"

    page.get_by_label("Paste anything").fill(published.google())
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_role("heading", name="this is Google Workspace")).to_be_visible()
    picture(page, "paste-without-javascript")
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_label("Endpoint")).to_have_value(re.compile("accounts.google.com"))
    expect(page.get_by_text("Google Workspace calls it “SSO URL”.")).to_be_visible()
    connector.refresh_from_db()
    assert connector.endpoint == "https://other.example/sso"

    page.goto(f"{site}{LIST}add/")
    page.get_by_label("Name:").fill("Hub")
    page.get_by_label("Reference").fill("hub")
    page.get_by_label("Type").select_option("oauth2")
    page.get_by_label("Authentication method").select_option("google")
    page.get_by_label("Client ID").fill("hub-client")
    page.get_by_label("Client secret").fill("canary-of-the-hub")
    page.get_by_label("Hosted domain").fill("no domain")
    page.get_by_label("Tenant").fill("no tenant, and not Google's business")
    page.get_by_label("always ask for the password").check()
    types = page.locator(".step-2 > .fieldset-heading").evaluate_all(
        "headings => headings.map((each) => getComputedStyle(each, '::after').content)"
    )
    assert types == ['" SAML v2"', '" OAUTH 2"']
    picture(page, "connector-without-javascript")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field-force_authn .errorlist")).to_contain_text(
        "Google can't always ask for the password"
    )
    expect(page.locator(".field-option_google_hosted_domain .errorlist")).to_be_visible()
    expect(page.locator(".errorlist")).to_have_count(2)
    page.get_by_label("always ask for the password").uncheck()
    page.get_by_label("Hosted domain").fill("Acme.example")
    page.get_by_label("Client secret").fill("canary-of-the-hub")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".status .pill-ready")).to_be_visible()
    assert Connector.objects.get(reference="hub").options == {"hosted_domain": "acme.example"}
    context.close()
