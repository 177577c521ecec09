"""The form of an OAUTH 2 connector: only the chosen method's fields count, and no secret comes back."""

import re
import sys
from collections.abc import Callable, Iterator
from html import unescape
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.test import Client
from django.views.debug import ExceptionReporter

from sso_connectors.admin.connectors.forms import ConnectorForm
from sso_connectors.models import Connector
from sso_connectors.providers import PROVIDERS
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, StaffMaker
from tests.idp import ec_key

from .test_model_admin import ADD, CHANGE, CHANGE_TRUST, LIST, VIEW, errors

pytestmark = pytest.mark.django_db

CANARY = "canary-of-the-client-5d1e"
ISSUER = "https://login.acme.example"
NEEDED = ["This is needed before the connector can be enabled."]

OAuth2Maker = Callable[..., Connector]


def form(**fields: Any) -> dict[str, Any]:
    """What the browser sends for a complete connector of generic OpenID Connect; None leaves out."""
    values = {
        "name": "Acme",
        "reference": "acme",
        "type": "oauth2",
        "authentication_method": "oidc",
        "client_id": "acme-client",
        "client_secret": CANARY,
        "option_oidc_issuer": ISSUER,
        "binding": "redirect",
        "identifier_format": "emailAddress",
        "enabled": "on",
        **fields,
    }
    return {name: value for name, value in values.items() if value is not None}


@pytest.fixture
def make_oauth2(make_connector: ConnectorMaker) -> OAuth2Maker:
    """Make a ready connector of generic OpenID Connect; any field can be given."""

    def make(reference: str = "acme", **fields: Any) -> Connector:
        return make_connector(
            reference,
            **{
                "type": "oauth2",
                "authentication_method": "oidc",
                "client_id": "acme-client",
                "client_secret": Secret.seal(CANARY),
                "options": {"issuer": ISSUER},
                "certificates": "",
                "endpoint": "",
                **fields,
            },
        )

    return make


def change(connector: Connector) -> str:
    return f"{LIST}{connector.pk}/change/"


def stored_secret() -> str:
    secret = Connector.objects.get().client_secret
    assert secret is not None
    return secret.reveal()


# --- what is taken ----------------------------------------------------------------------------


def test_complete_connector_is_ready(maker: Client) -> None:
    assert maker.post(ADD, form(option_oidc_trust_email="on")).status_code == 302

    connector = Connector.objects.get()
    assert connector.state == "ready"
    assert connector.issuer_url == ISSUER
    assert connector.options == {"issuer": ISSUER, "trust_email": True}
    assert stored_secret() == CANARY


@pytest.mark.parametrize("method", PROVIDERS)
def test_every_method_has_its_fields_and_its_words(maker: Client, method: str) -> None:
    provider = PROVIDERS[method]
    page = unescape(maker.get(ADD).content.decode())

    assert f'<option value="{method}">{provider.label}</option>' in page
    for option in provider.options:
        assert re.search(
            rf'<input[^>]* name="option_{method}_{option.name}"[^>]* data-methods="{method}"', page
        )
        if option.default:
            assert f'placeholder="{option.default}"' in page
    for words in provider.words.values():
        assert f'data-methods="{method}">{provider.label} calls it “{words}”.' in page
    if provider.register_at:
        link = (
            rf'href="{re.escape(provider.register_at)}" target="_blank" rel="noreferrer noopener"'
        )
        assert re.search(link, page)
    (able,) = re.findall(r'name="force_authn"[^>]* data-methods="([^"]*)"', page)
    assert (method in able.split()) == provider.can_ask_again


@pytest.mark.parametrize("method", ["", *PROVIDERS])
def test_steps_name_the_one_that_is_chosen(
    maker: Client, make_oauth2: OAuth2Maker, method: str
) -> None:
    """Without JavaScript too, as stored and as sent; one term through the form where there is no name."""
    stored = make_oauth2("acme", authentication_method=method, options={}, enabled=False)
    its_name = "the identity provider" if method in ("", "oidc") else str(PROVIDERS[method].label)
    for response in (
        maker.get(change(stored)),
        maker.post(ADD, form(authentication_method=method)),
    ):
        page = response.content.decode()
        shown = re.findall(r'<span data-methods="[^"]*">((?:Give|Paste) .*?)</span>', page)
        assert shown == [f"Give this to {its_name}", f"Paste these from {its_name}"]
        assert "external tool" not in page


def test_blanks_around_a_pasted_secret(maker: Client) -> None:
    maker.post(ADD, form(client_secret=f" \t\u200b{CANARY}\ufeff\r\n"))

    assert stored_secret() == CANARY


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"client_id": ""}, {"client_id": NEEDED}),
        ({"client_secret": ""}, {"client_secret": NEEDED}),
        ({"client_secret": " \r\n"}, {"client_secret": ["This text is empty."]}),
        ({"authentication_method": ""}, {"authentication_method": NEEDED}),
        ({"option_oidc_issuer": ""}, {"option_oidc_issuer": NEEDED}),
        (
            {"option_oidc_issuer": "http://login.acme.example"},
            {
                "option_oidc_issuer": [
                    "The address starts with “http://”; it must start with “https://”."
                ]
            },
        ),
        (
            {"client_secret": "two\nlines"},
            {"client_secret": ["This text contains a line break or a control character."]},
        ),
        (
            {"client_secret": "x" * 5000},
            {"client_secret": ["This text is too long for a client secret."]},
        ),
        (
            {"authentication_method": "google", "force_authn": "on"},
            {
                "force_authn": [
                    "Google can't always ask for the password, or doesn't confirm that it did."
                ]
            },
        ),
        (
            {"client_id": "", "client_secret": "", "option_oidc_issuer": ""},
            {"client_id": NEEDED, "client_secret": NEEDED, "option_oidc_issuer": NEEDED},
        ),
    ],
    ids=str,
)
def test_errors_stand_on_their_field(
    maker: Client, changes: dict[str, str], wanted: dict[str, list[str]]
) -> None:
    found = errors(maker.post(ADD, form(**changes)))

    found.pop("__all__", None)  # the constraint may say it too
    assert found == wanted
    assert not Connector.objects.exists()


def test_unknown_method_is_refused_once(maker: Client) -> None:
    (message,) = errors(maker.post(ADD, form(authentication_method="yahoo")))[
        "authentication_method"
    ]
    assert "yahoo is not one of the available choices" in message


def test_half_known_connector_is_a_draft(maker: Client) -> None:
    values = form(client_secret="", option_oidc_issuer="", _draft="Save as draft")
    assert maker.post(ADD, values).status_code == 302

    connector = Connector.objects.get()
    assert (connector.state, connector.enabled, connector.client_secret) == ("draft", False, None)


def test_only_the_chosen_method_counts(maker: Client, make_oauth2: OAuth2Maker) -> None:
    connector = make_oauth2()
    values = form(
        client_secret="",
        option_entra_tenant="not a tenant",
        option_google_hosted_domain="not a domain",
        issuer_url="urn:posted",
        endpoint="not an address",
        certificates="no certificate",
        username_attribute="posted",
    )
    assert maker.post(change(connector), values).status_code == 302

    after = Connector.objects.get()
    assert after.options == {"issuer": ISSUER}
    assert (after.issuer_url, after.endpoint, after.username_attribute) == (ISSUER, "", "")
    assert LogEntry.objects.latest("pk").get_change_message() == "No fields changed."


def test_saml_leaves_the_client_alone(maker: Client, make_oauth2: OAuth2Maker) -> None:
    connector = make_oauth2()
    values = form(
        type="saml2",
        authentication_method="google",
        client_id="posted",
        client_secret="posted",
        option_oidc_issuer="https://posted.example",
        option_google_hosted_domain="posted.example",
        enabled=None,
    )
    assert maker.post(change(connector), values).status_code == 302

    after = Connector.objects.get()
    assert (after.type, after.authentication_method, after.client_id) == (
        "saml2",
        "oidc",
        "acme-client",
    )
    assert after.options == {"issuer": ISSUER}
    assert stored_secret() == CANARY


# --- the secret -------------------------------------------------------------------------------


def test_secret_is_kept_or_replaced(maker: Client, make_oauth2: OAuth2Maker) -> None:
    connector = make_oauth2()
    page = maker.get(change(connector)).content.decode()
    assert re.search(r"Set on \d+ \w+ \d{4}\. Leave empty to keep the current one\.", page)

    maker.post(change(connector), form(client_secret="", name="Renamed"))
    assert Connector.objects.get().client_secret == connector.client_secret
    assert LogEntry.objects.latest("pk").get_change_message() == "Changed Name."

    maker.post(change(connector), form(client_secret="another", name="Renamed"))
    assert stored_secret() == "another"
    assert LogEntry.objects.latest("pk").get_change_message() == "Changed Client secret."


@pytest.mark.row(32)
def test_refused_secret_is_not_shown_again(maker: Client) -> None:
    """Nor a private key, wherever it was pasted."""
    for fields in ({"name": ""}, {"client_secret": f"{CANARY}\nand more"}):
        page = maker.post(ADD, form(**fields)).content.decode()
        assert 'name="client_secret"' in page
        assert CANARY not in page
    pem = ec_key().private_pem
    line = pem.splitlines()[1]
    for field in ("client_secret", "client_id", "option_oidc_issuer"):
        response = maker.post(ADD, form(**{field: pem}))
        assert errors(response)[field], field
        if field != "option_oidc_issuer":
            assert "private key" in str(errors(response)[field])
            assert line not in response.content.decode()
    assert not Connector.objects.exists()


@pytest.mark.row(33)
@pytest.mark.parametrize("keys", [[], ["short"]])
def test_no_key_to_keep_a_secret_with(maker: Client, settings: Any, keys: list[str]) -> None:
    settings.FIELD_ENCRYPTION_KEYS = keys
    (message,) = errors(maker.post(ADD, form()))["client_secret"]

    assert "FIELD_ENCRYPTION_KEYS" in message
    assert "operator" in message
    assert not Connector.objects.exists()


@pytest.mark.row(33)
def test_lost_key_is_said_on_the_field(
    maker: Client, make_oauth2: OAuth2Maker, settings: Any
) -> None:
    connector = make_oauth2()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    page = unescape(maker.get(change(connector)).content.decode())
    assert "A secret is stored, but can't be read. Enter it again" in page

    maker.post(change(connector), form(client_secret="", name="Renamed"))
    assert Connector.objects.get().client_secret == connector.client_secret, "it is kept"
    maker.post(change(connector), form(client_secret="typed again"))
    assert stored_secret() == "typed again"


ANOTHER_PROVIDER: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "oidc": ("oidc", {"issuer": ISSUER}, {"issuer": "https://evil.example"}),
    "salesforce": (
        "salesforce",
        {"host": "acme.my.salesforce.com"},
        {"host": "evil.my.salesforce.com"},
    ),
    "zoho_crm": ("zoho_crm", {}, {"accounts_server": "https://accounts.zoho.eu"}),
    "zendesk": ("zendesk", {"subdomain": "acme"}, {"subdomain": "evil"}),
    "entra": ("entra", {"tenant": "acme.example"}, {"tenant": "evil.example"}),
    "okta": ("okta", {"domain": "acme.okta.com"}, {"domain": "evil.okta.com"}),
    "gitlab": ("gitlab", {}, {"host": "evil.example"}),
    "another method": ("google", {}, {}),
}


@pytest.mark.row(32)
@pytest.mark.parametrize("case", ANOTHER_PROVIDER)
def test_stored_secret_is_told_to_no_other_provider(
    maker: Client, make_oauth2: OAuth2Maker, case: str
) -> None:
    """Or whoever may change a connector could have it sent to a server of their own, and read it."""
    method, before, after = ANOTHER_PROVIDER[case]
    connector = make_oauth2(
        authentication_method="github" if case == "another method" else method, options=before
    )
    values = form(
        authentication_method=method,
        client_secret="",
        **{
            "option_oidc_issuer": None,
            **{f"option_{method}_{name}": value for name, value in after.items()},
        },
    )
    (message,) = errors(maker.post(change(connector), values))["client_secret"]
    assert "is never sent to this one" in message
    assert Connector.objects.get().issuer_url == connector.issuer_url

    draft = maker.post(change(connector), {**values, "_draft": "1"}, follow=True)
    assert "and was deleted" in draft.content.decode()
    assert Connector.objects.get().client_secret is None

    maker.post(change(connector), {**values, "client_secret": "the new one"})
    assert stored_secret() == "the new one"


@pytest.mark.row(32)
def test_canary_is_nowhere(
    maker: Client,
    make_staff: StaffMaker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Set through the form, looked for wherever somebody may look."""
    caplog.set_level("DEBUG")
    maker.post(ADD, form(name=""))
    maker.post(ADD, form())
    connector = Connector.objects.get()
    maker.post(change(connector), form(client_secret=f"{CANARY}-2"))
    stem = f"{LIST}{connector.pk}"
    pages = [
        browser.get(path).content.decode()
        for browser in (maker, make_staff(VIEW, CHANGE))
        for path in (
            LIST,
            f"{LIST}?q=canary",
            *(f"{stem}/{view}/" for view in ("change", "history")),
        )
    ]
    pages.append(maker.get(f"{stem}/delete/").content.decode())
    pages.append(
        maker.post(
            LIST, {"action": "copy_login_addresses", "_selected_action": connector.pk}
        ).content.decode()
    )
    for command in ("dumpdata", "sso_export"):
        out = StringIO()
        call_command(command, stdout=out)
        assert "acme-client" in out.getvalue()
        pages.append(out.getvalue())
    pages += [caplog.text, *(entry.change_message for entry in LogEntry.objects.all())]

    assert stored_secret() == f"{CANARY}-2"
    assert any("acme-client" in page for page in pages)
    assert [page for page in pages if CANARY in page] == []
    token = connector.client_secret.token if connector.client_secret else ""
    assert token
    for page in pages[:-1]:
        assert "gAAAA" not in page or '"client_secret"' in page, "only dumpdata holds it, encrypted"


@pytest.fixture
def reports(maker: Client) -> Iterator[list[str]]:
    """What a fault's reports say, mailed or logged: what was posted, and the variables of each frame."""
    found: list[str] = []

    def report(request: HttpRequest, **_: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        found.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    maker.raise_request_exception = False
    got_request_exception.connect(report)
    yield found
    got_request_exception.disconnect(report)


def break_down(*_: Any, **__: Any) -> None:
    raise RuntimeError("a fault of ours")


@pytest.mark.row(32)
def test_report_of_a_fault_leaves_the_secret_out(
    maker: Client, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connector, "save", break_down)
    assert maker.post(ADD, form()).status_code == 500

    assert len(reports) == 2
    for text in reports:
        assert "a fault of ours" in text
        assert "acme-client" in text
        assert CANARY not in text


@pytest.mark.row(42)
def test_report_of_a_fault_leaves_ones_own_password_out(
    maker: Client, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConnectorForm, "clean", break_down)
    assert maker.post(ADD, form(own_password=CANARY)).status_code == 500

    assert len(reports) == 2
    assert all("a fault of ours" in text for text in reports)
    assert CANARY not in "".join(reports)


@pytest.mark.row(32)
def test_report_of_a_fault_leaves_a_private_key_out(
    maker: Client, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was pasted for a certificate, where the fault came before it was refused."""
    monkeypatch.setattr(ConnectorForm, "clean", break_down)
    key = ec_key().private_pem
    posted = {"type": "saml2", "certificates": key, "paste": key}
    assert maker.post(ADD, posted).status_code == 500

    assert len(reports) == 2
    assert all("a fault of ours" in text for text in reports)
    assert not [line for line in key.splitlines()[1:-1] if line in "".join(reports)]


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.row(34)
@pytest.mark.parametrize("permissions", [(VIEW,), (VIEW, CHANGE), (VIEW, CHANGE_TRUST)])
def test_others_read_without_the_secret(
    make_staff: StaffMaker, make_oauth2: OAuth2Maker, permissions: tuple[str, ...]
) -> None:
    connector = make_oauth2(options={"issuer": ISSUER, "trust_email": True})
    page = make_staff(*permissions).get(change(connector)).content.decode()

    names = set(re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', page))
    assert not names & {"authentication_method", "client_id", "client_secret", "force_authn"}
    assert not [name for name in names if name.startswith("option_")]
    assert "acme-client" in page
    assert ISSUER in page
    assert "Trust its e-mail addresses: <code>yes</code>" in page
    assert re.search(r"Set on \d+ \w+ \d{4}\.", page)
    assert len(re.findall(r"<label>Client secret:?</label>", page)) == 1
    assert "gAAAA" not in page
    assert CANARY not in page


@pytest.mark.row(34)
def test_a_change_of_the_client_takes_the_permission(
    make_staff: StaffMaker, make_oauth2: OAuth2Maker
) -> None:
    connector = make_oauth2()
    evil = form(
        name="Renamed",
        authentication_method="google",
        client_id="evil",
        client_secret="evil-evil-evil",
        option_oidc_issuer="https://evil.example",
        option_oidc_trust_email="on",
        option_google_hosted_domain="evil.example",
        force_authn="on",
        enabled=None,
        _draft="1",
    )
    staff = make_staff(VIEW, CHANGE)
    assert staff.post(change(connector), evil).status_code == 302

    after = Connector.objects.get()
    assert after.name == "Renamed"
    for field in (
        *("authentication_method", "client_id", "client_secret", "options"),
        *("issuer_url", "force_authn", "enabled", "type"),
    ):
        assert getattr(after, field) == getattr(connector, field), field
    viewer = make_staff(VIEW, CHANGE_TRUST, username="viewer@maker.example")
    assert viewer.post(change(connector), evil).status_code == 403


def test_error_of_a_field_that_one_has_not(
    make_staff: StaffMaker, make_oauth2: OAuth2Maker
) -> None:
    """A connector that became invalid by itself, saved by somebody who can't mend it."""
    connector = make_oauth2()
    Connector.objects.update(authentication_method="google", force_authn=True)
    found = errors(make_staff(VIEW, CHANGE).post(change(connector), form()))

    assert "can't always ask for the password" in str(found["__all__"])


# --- the list ---------------------------------------------------------------------------------


def test_list_shows_what_is_trusted(maker: Client, make_oauth2: OAuth2Maker) -> None:
    make_oauth2(endpoint="https://of-another-time.example/", certificates="")
    page = maker.get(LIST).content.decode()

    def cell(name: str) -> str:
        (found,) = re.findall(rf'class="field-{name}[^"]*">(.*?)</td>', page)
        return re.sub("<[^>]+>", "", found)

    assert cell("method") == "generic OpenID Connect"
    assert (cell("issuer"), cell("endpoint_address"), cell("identifier")) == ("–", "–", "–")


def test_state_and_its_filter_agree(maker: Client, make_oauth2: OAuth2Maker) -> None:
    """The filter asks the database, the pill the connector itself."""
    for field, nothing in (
        ("client_id", ""),
        ("client_secret", None),
        ("options", {}),
        ("authentication_method", ""),
    ):
        more: dict[str, Any] = {"options": {}} if field == "authentication_method" else {}
        make_oauth2(f"no-{field}", enabled=False, **{field: nothing}, **more)
    make_oauth2("off", enabled=False)
    make_oauth2("on")
    gone = make_oauth2("gone", enabled=False)
    Connector.objects.filter(pk=gone.pk).update(authentication_method="yahoo", issuer_url="")

    seen = 0
    for state in ("draft", "disabled", "ready"):
        result = maker.get(f"{LIST}?state={state}").context["cl"].result_list
        assert {str(connector.state) for connector in result} == {state}
        seen += len(result)
    assert seen == 7
