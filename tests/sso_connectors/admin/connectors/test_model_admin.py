"""The connector list and form: what is shown, what is accepted, who may."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.contrib.admin.models import LogEntry
from django.test import Client

from sso_connectors.models import Connector
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import IdP, SigningKey

pytestmark = pytest.mark.django_db

LIST = "/maker/sso_connectors/connector/"
ADD = f"{LIST}add/"
CHANGE_TRUST = "sso_connectors.change_trust"
VIEW = "sso_connectors.view_connector"
CHANGE = "sso_connectors.change_connector"
PASSWORD = "correct horse battery staple"


def form(idp: IdP, **fields: Any) -> dict[str, Any]:
    """What the browser sends for a complete connector; None leaves a field out."""
    values = {
        "name": "Acme",
        "reference": "acme",
        "type": "saml2",
        "issuer_url": idp.entity_id,
        "endpoint": idp.sso_url,
        "identifier_format": "emailAddress",
        "certificates": idp.key.pem,
        "binding": "redirect",
        "enabled": "on",
        **fields,
    }
    return {name: value for name, value in values.items() if value is not None}


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, "the form comes back with its errors"
    return {k: list(v) for k, v in response.context["adminform"].form.errors.items()}


# --- the form --------------------------------------------------------------------------------


def test_complete_connector_is_ready(maker: Client, idp: IdP) -> None:
    assert maker.post(ADD, form(idp)).status_code == 302

    assert Connector.objects.get().state == "ready"
    assert LogEntry.objects.filter(content_type__model="connector").count() == 1, (
        "who added it is recorded"
    )


def test_form_shows_what_to_give_to_the_identity_provider(maker: Client) -> None:
    page = maker.get(ADD).content.decode()

    assert 'data-copy="http://localhost:8000/api/saml/metadata"' in page
    assert 'data-copy="http://localhost:8000/api/sso/login/callback"' in page


@pytest.mark.parametrize("missing", ["issuer_url", "endpoint", "identifier_format", "certificates"])
def test_required_to_be_enabled(maker: Client, idp: IdP, missing: str) -> None:
    response = maker.post(ADD, form(idp, **{missing: ""}))

    assert errors(response).keys() == {missing}
    assert not Connector.objects.exists()


def test_half_known_connector_is_saved_as_a_draft(maker: Client, idp: IdP) -> None:
    values = form(idp, certificates="", endpoint="", enabled="on", _draft="Save as draft")
    assert maker.post(ADD, values).status_code == 302

    connector = Connector.objects.get()
    assert (connector.state, connector.enabled) == ("draft", False)


def test_draft_button_switches_off(maker: Client, idp: IdP, connector: Connector) -> None:
    maker.post(f"{LIST}{connector.pk}/change/", form(idp, _draft="Save as draft"))

    connector.refresh_from_db()
    assert connector.state == "disabled"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "required"),
        ("reference", "a b", "letters, digits"),
        ("reference", "...", "at least one letter or digit"),
        ("reference", "CallBack", "reserved for the reply URL"),
        ("reference", "x" * 101, "100"),
        ("type", "ldap", "not one of the available choices"),
        ("endpoint", "http://idp.example/sso", "must start with “https://”"),
        ("endpoint", "idp.example/sso", "looks like https://"),
        ("endpoint", "javascript:alert(1)", "looks like https://"),
        ("identifier_format", "transient", "not one of the available choices"),
        ("certificates", "hello", "own signing certificate here"),
        ("contact", "nobody", "email"),
    ],
)
def test_wrong_value_gets_an_error_on_its_field(
    maker: Client, idp: IdP, field: str, value: str, says: str
) -> None:
    found = errors(maker.post(ADD, form(idp, **{field: value})))

    messages = " ".join(found.get(field) or found["__all__"])
    assert says in messages
    assert not Connector.objects.exists()


def test_reference_is_unique_without_case(maker: Client, idp: IdP, connector: Connector) -> None:
    found = errors(maker.post(ADD, form(idp, reference="ACME")))

    assert "Another connector already has this reference" in str(found)


def test_only_the_chosen_type_is_validated(maker: Client, idp: IdP) -> None:
    values = form(
        idp,
        type="oauth2",
        authentication_method="hubspot",
        endpoint="not an address",
        certificates="no certificate",
        enabled=None,
    )
    assert maker.post(ADD, values).status_code == 302

    connector = Connector.objects.get()
    assert (connector.authentication_method, connector.endpoint) == ("hubspot", "")
    assert connector.state == "draft"


def test_private_key_is_neither_stored_nor_repeated(
    maker: Client, idp: IdP, caplog: pytest.LogCaptureFixture
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    bare = "".join(pem.split("-----")[2].split())
    for field, pasted in (("certificates", pem), ("certificates", bare), ("name", pem[:90])):
        response = maker.post(ADD, form(idp, **{field: pasted}))

        assert "private key" in str(errors(response)[field])
        page = unescape(response.content.decode())
        assert bare[50:90] not in page.replace("\n", "").replace("\r", "")
        assert "BEGIN PRIVATE" not in page
    assert bare[50:90] not in caplog.text
    assert not Connector.objects.exists()
    assert not LogEntry.objects.filter(content_type__model="connector").exists()


def test_expired_certificate_is_a_warning_to_confirm(maker: Client, idp: IdP) -> None:
    now = datetime.now(UTC)
    old = SigningKey.rsa(not_before=now - timedelta(days=400), not_after=now - timedelta(days=2))
    response = maker.post(ADD, form(idp, certificates=old.pem))
    assert "expired on" in str(errors(response)["certificates"])
    assert 'type="checkbox" name="confirm_validity"' in response.content.decode()

    saved = maker.post(ADD, form(idp, certificates=old.pem, confirm_validity="on"), follow=True)
    assert Connector.objects.get().state == "ready"
    assert "expires on" in saved.content.decode()
    again = form(idp, certificates=old.pem, name="Renamed")
    assert maker.post(f"{LIST}{Connector.objects.get().pk}/change/", again).status_code == 302


def test_certificate_is_shown_as_understood(maker: Client, idp: IdP, connector: Connector) -> None:
    page = maker.get(f"{LIST}{connector.pk}/change/").content.decode()

    assert idp.key.fingerprint in page
    assert "CN=idp.example" in page


@pytest.mark.parametrize(
    ("begins", "ends", "shown"),
    [(-400, -2, "expired"), (2, 400, "not yet valid"), (-400, 20, "expires within 30 days")],
)
def test_validity_is_shown_where_it_matters(
    maker: Client, make_connector: ConnectorMaker, begins: int, ends: int, shown: str
) -> None:
    now = datetime.now(UTC)
    key = SigningKey.rsa(
        not_before=now + timedelta(days=begins), not_after=now + timedelta(days=ends)
    )
    connector = make_connector(certificates=key.pem)

    assert shown in maker.get(f"{LIST}{connector.pk}/change/").content.decode()
    assert ("pill-expiring" in maker.get(LIST).content.decode()) == (ends < 30)


# --- the list --------------------------------------------------------------------------------


def test_list_shows_its_columns_and_the_menu(maker: Client, connector: Connector) -> None:
    page = maker.get(LIST).content.decode()

    columns = re.findall(r'class="(?:sortable )?column-(\w+)', page)
    assert columns == [
        "name",
        "reference",
        "type",
        "method",
        "issuer",
        "endpoint_address",
        "identifier",
        "state",
        "menu",
    ]
    assert "Copy the login address used on INO cx" in page
    assert 'data-copy="http://localhost:8000/api/sso/login/acme"' in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=second", ["second"]),
        ("q=idp.example", ["draft", "off", "second"]),
        ("q=SECOND.example", ["second"]),
        ("state=draft", ["draft"]),
        ("state=disabled", ["off"]),
        ("state=ready", ["second"]),
        ("state=bogus", ["draft", "off", "second"]),
        ("type__exact=oauth2", []),
        ("authentication_method__exact=google", ["google"]),
    ],
)
def test_search_and_filters(
    maker: Client, make_connector: ConnectorMaker, query: str, found: list[str]
) -> None:
    make_connector("second", contact="it@second.example")
    make_connector("off", enabled=False)
    make_connector("draft", enabled=False, certificates="")
    if "authentication_method" in query:
        make_connector("google", enabled=False, type="oauth2", authentication_method="google")
        make_connector("okta", enabled=False, type="oauth2", authentication_method="okta")

    response = maker.get(f"{LIST}?{query}")
    assert sorted(c.reference for c in response.context["cl"].result_list) == found


def test_every_column_sorts(maker: Client, make_connector: ConnectorMaker) -> None:
    make_connector("b", name="One")
    make_connector("a", name="Two")
    for column in range(1, 9):
        assert maker.get(f"{LIST}?o={column}").status_code == 200
    response = maker.get(f"{LIST}?o=2")
    assert [c.reference for c in response.context["cl"].result_list] == ["a", "b"]


def test_list_makes_no_query_per_row(
    maker: Client, make_connector: ConnectorMaker, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        make_connector(f"c{number}")
    with django_assert_max_num_queries(6):
        maker.get(LIST)


def test_action_shows_the_addresses_of_the_selected(
    maker: Client, make_connector: ConnectorMaker
) -> None:
    chosen = [make_connector("one").pk, make_connector("two").pk]
    make_connector("three")
    response = maker.post(LIST, {"action": "copy_login_addresses", "_selected_action": chosen})

    page = response.content.decode()
    assert 'data-copy="http://localhost:8000/api/sso/login/one"' in page
    assert "/api/sso/login/two" in page
    assert "/api/sso/login/three" not in page


# --- who may ---------------------------------------------------------------------------------


@pytest.mark.row(34)
def test_without_permission_nothing_is_seen(make_staff: StaffMaker, connector: Connector) -> None:
    staff = make_staff()
    for path in (LIST, ADD, f"{LIST}{connector.pk}/change/", f"{LIST}{connector.pk}/delete/"):
        assert staff.get(path).status_code == 403
        assert staff.post(path, {"action": "copy_login_addresses"}).status_code == 403


@pytest.mark.row(34)
def test_viewer_reads_and_copies_only(
    make_staff: StaffMaker, idp: IdP, connector: Connector
) -> None:
    staff = make_staff(VIEW)
    assert staff.get(LIST).status_code == 200
    shown = staff.post(LIST, {"action": "copy_login_addresses", "_selected_action": connector.pk})
    assert "/api/sso/login/acme" in shown.content.decode()
    url = f"{LIST}{connector.pk}/change/"
    assert staff.get(url).status_code == 200
    assert staff.post(url, form(idp, name="Mine")).status_code == 403
    assert staff.get(ADD).status_code == 403


@pytest.mark.row(34)
def test_what_is_trusted_takes_a_permission_of_its_own(
    make_staff: StaffMaker, idp: IdP, make_connector: ConnectorMaker
) -> None:
    connector = make_connector(enabled=False)
    other = SigningKey.rsa()
    staff = make_staff(VIEW, CHANGE, "sso_connectors.add_connector")
    assert staff.get(ADD).status_code == 403
    url = f"{LIST}{connector.pk}/change/"
    assert staff.get(url).status_code == 200
    evil = form(
        idp,
        name="Renamed",
        issuer_url="urn:evil",
        endpoint="https://evil.example",
        certificates=other.pem,
        username_attribute="evil",
        identifier_format="none",
        force_authn="",
        binding="post",
        type="oauth2",
        authentication_method="google",
        client_id="evil",
        client_secret="evil-evil-evil",
        option_google_hosted_domain="evil.example",
    )
    assert staff.post(url, evil).status_code == 302

    after = Connector.objects.get()
    assert after.name == "Renamed"
    for field in ("authentication_method", "client_id", "client_secret", "options"):
        assert getattr(after, field) == getattr(connector, field), field
    for field in ("issuer_url", "endpoint", "certificates", "username_attribute", "enabled"):
        assert getattr(after, field) == getattr(connector, field), field
    for field in ("identifier_format", "binding", "type"):
        assert getattr(after, field) == getattr(connector, field), field


@pytest.mark.row(27)
def test_only_a_superuser_lets_a_connector_sign_staff_in(
    make_staff: StaffMaker, make_user: UserMaker, idp: IdP, connector: Connector
) -> None:
    url = f"{LIST}{connector.pk}/change/"
    staff = make_staff(VIEW, CHANGE, CHANGE_TRUST)
    assert staff.post(url, form(idp, staff_may_sign_in="on")).status_code == 302
    assert not Connector.objects.get().staff_may_sign_in

    root = make_user("boss@maker.example", password=PASSWORD, is_staff=True, is_superuser=True)
    values = form(idp, staff_may_sign_in="on", own_password=PASSWORD)
    client_of(root).post(url, values)
    assert Connector.objects.get().staff_may_sign_in


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("endpoint", "https://acme.okta.com/home/acme/0oa1/aln1", "starts a sign-in from"),
        ("endpoint", "http://localhost:8000/api/sso/login/callback", "our own address"),
        (
            "endpoint",
            "https://idp.example/FederationMetadata.xml",
            "address of the identity provider's metadata",
        ),
        ("issuer_url", "https://accounts.google.com/o/saml2/idp?idpid=C01", "“Entity ID”"),
        ("issuer_url", "https://sts.windows.net/{tenant}/", "placeholder"),
    ],
)
def test_mistake_gets_its_cure_on_the_field(
    maker: Client, idp: IdP, field: str, value: str, says: str
) -> None:
    found = errors(maker.post(ADD, form(idp, **{field: value})))

    assert found.keys() == {field}
    assert says in found[field][0]


def test_doubt_is_saved_and_said(maker: Client, idp: IdP, connector: Connector) -> None:
    response = maker.post(ADD, form(idp, reference="second"), follow=True)

    assert Connector.objects.get(reference="second").state == "ready"
    assert (
        "Other connectors with this issuer: “Acme”. If this is intended, no action is needed."
        in unescape(response.content.decode())
    )


# --- where it stands -------------------------------------------------------------------------


def status(response: Any) -> str:
    (card,) = re.findall(
        r'<section class="card status".*?</section>', response.content.decode(), re.DOTALL
    )
    return " ".join(unescape(card).split())


def stages(card: str) -> list[str]:
    return re.findall(r'class="stage stage-(\w+)"', card)


def test_saving_leads_to_the_page_with_the_next_step(maker: Client, idp: IdP) -> None:
    assert 'class="card status"' not in maker.get(ADD).content.decode()
    response = maker.post(ADD, form(idp), follow=True)
    connector = Connector.objects.get()
    assert response.redirect_chain == [(f"{LIST}{connector.pk}/change/", 302)]
    again = maker.post(f"{LIST}{connector.pk}/change/", form(idp, name="New"), follow=True)
    assert again.redirect_chain == [(f"{LIST}{connector.pk}/change/", 302)]

    card = status(again)
    assert stages(card) == ["done", "next", "later", "later"]
    assert f'<form method="post" action="{LIST}{connector.pk}/test/">' in card
    assert "Not tested yet. You can still share it." in card
    assert 'data-copy="http://localhost:8000/api/sso/login/acme"' in card


def test_draft_says_what_is_missing(maker: Client, make_connector: ConnectorMaker) -> None:
    draft = make_connector("draft", enabled=False, certificates="", endpoint="")
    card = status(maker.get(f"{LIST}{draft.pk}/change/"))

    assert "Still missing: endpoint, certificate." in card
    assert stages(card)[0] == "next"
    assert "/test/" not in card
    assert "data-copy" not in card
    hub = make_connector(
        "hub",
        type="oauth2",
        authentication_method="zendesk",
        client_id="x",
        enabled=False,
        issuer_url="",
        endpoint="",
        certificates="",
    )
    assert "Still missing: client secret, Subdomain." in status(
        maker.get(f"{LIST}{hub.pk}/change/")
    )


def test_tested_linked_connector_is_to_be_shared(
    maker: Client, connector: Connector, alice: object
) -> None:
    Connector.objects.update(tested_at=datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    card = status(maker.get(f"{LIST}{connector.pk}/change/"))

    assert stages(card) == ["done", "done", "done", "next"]
    assert "A sign-in passed on 4 Mar 2026, 05:06 UTC." in card
    assert "You can still share it" not in card


def test_card_offers_what_its_reader_may_do(make_staff: StaffMaker, connector: Connector) -> None:
    Connector.objects.update(enabled=False)
    card = status(make_staff(VIEW).get(f"{LIST}{connector.pk}/change/"))

    for path in ("/test/", "/users/", "/enable/"):
        assert path not in card
    assert "Copy the login address" in card


# --- the cog wheel ---------------------------------------------------------------------------


def menu(response: Any) -> str:
    (items,) = re.findall(r'<div class="cog-menu">(.*?)</div>', response.content.decode())
    return unescape(items)


def test_menu_has_what_its_reader_may_do(
    maker: Client, make_staff: StaffMaker, connector: Connector
) -> None:
    page = f"{LIST}{connector.pk}"
    items = menu(maker.get(LIST))
    assert re.findall(r">([^<>]+)</", items) == [
        "Copy the login address used on INO cx",
        "Test sign-in",
        "Attempts",
        "Users",
        "Disable…",
    ]
    assert f'<button type="submit" formaction="{page}/test/">' in items
    assert f'href="/maker/sso_connectors/attempt/?connector__id__exact={connector.pk}"' in items
    assert f'href="{page}/users/"' in items
    assert maker.get(f"/maker/sso_connectors/attempt/?connector__id__exact={connector.pk}").context[
        "cl"
    ]

    items = menu(make_staff(VIEW).get(LIST))
    assert re.findall(r">([^<>]+)</", items) == ["Copy the login address used on INO cx"]


def test_disable_asks_and_ends_sessions(
    maker: Client, connector: Connector, alice: object, agent: Any, idp: IdP
) -> None:
    agent.sign_in(idp)
    assert agent.username == "alice@acme.example"
    url = f"{LIST}{connector.pk}/disable/"
    page = maker.get(url).content.decode()
    assert "signed out immediately" in page
    assert "1 user is linked to it." in " ".join(page.split())
    connector.refresh_from_db()
    assert connector.enabled, "a link that is only opened changes nothing"

    assert maker.post(url)["Location"] == f"{LIST}{connector.pk}/change/"
    connector.refresh_from_db()
    assert connector.state == "disabled"
    assert agent.username is None
    entry = LogEntry.objects.get(content_type__model="connector")
    assert entry.get_change_message() == "Changed Enabled."
    latest = connector.history.first()
    assert latest is not None
    assert (latest.enabled, str(latest.history_user)) == (False, "root@maker.example")

    items = menu(maker.get(LIST))
    assert f'formaction="{LIST}{connector.pk}/enable/"' in items
    assert maker.get(f"{LIST}{connector.pk}/enable/").status_code == 405
    maker.post(f"{LIST}{connector.pk}/enable/")
    connector.refresh_from_db()
    assert connector.state == "tested"
    assert agent.username is None, "the session that ended stays so"


def test_draft_is_not_enabled(maker: Client, make_connector: ConnectorMaker) -> None:
    draft = make_connector(enabled=False, certificates="")
    assert "Enable" not in menu(maker.get(LIST))
    response = maker.post(f"{LIST}{draft.pk}/enable/", follow=True)

    assert "can't be enabled" in unescape(response.content.decode())
    draft.refresh_from_db()
    assert not draft.enabled


def test_switching_takes_the_permission(make_staff: StaffMaker, connector: Connector) -> None:
    for number, permissions in enumerate(([VIEW], [VIEW, CHANGE], [VIEW, CHANGE_TRUST])):
        staff = make_staff(*permissions, username=f"staff-{number}@maker.example")
        for way in ("enable", "disable"):
            assert staff.post(f"{LIST}{connector.pk}/{way}/").status_code == 403
    connector.refresh_from_db()
    assert connector.enabled
    staff = make_staff(VIEW, CHANGE, CHANGE_TRUST)
    assert staff.post(f"{LIST}{connector.pk}/disable/").status_code == 303
    assert staff.post(f"{LIST}4711/disable/").status_code == 404
