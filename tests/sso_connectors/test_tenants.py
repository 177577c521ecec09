"""Whose people may sign in: required, refused at enabling, and never guessed for what older versions enabled."""

from itertools import product
from typing import Any, Final

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client as Browser

from maker.overview import Overview
from sso_connectors.admin.connectors.changelist import StateFilter
from sso_connectors.admin.connectors.paste_result import read_into
from sso_connectors.diagnosis import diagnose
from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.operations import attention
from sso_connectors.providers.oidc import GenericOpenIdConnect
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.code_grant import CLIENT_SECRET
from tests.vendors.sign_in import make_oauth2

pytestmark = [pytest.mark.django_db, pytest.mark.row(46)]

# By method: the option, its value, and the address that a connector of an older version has.
TENANTS: Final = {
    "slack": ("team", "T0123ABCD", "https://slack.com"),
    "hubspot": ("hub_id", "62515", "https://app.hubspot.com"),
    "salesforce": ("organization_id", "00D5e000000abcd", "https://login.salesforce.com"),
}
each_method = pytest.mark.parametrize("method", TENANTS)


@pytest.fixture
def old(make_connector: ConnectorMaker, method: str) -> Connector:
    """Enabled under a version that let the people of any tenant in."""
    made = make_oauth2(make_connector, method, enabled=False)
    assert made.issuer_url == ""
    Connector.objects.filter(pk=made.pk).update(enabled=True, issuer_url=TENANTS[method][2])
    return Connector.objects.get()


# --- by any path --------------------------------------------------------------------------------------


@each_method
def test_enabling_is_refused(make_connector: ConnectorMaker, method: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make_oauth2(make_connector, method)
    assert "options" in caught.value.error_dict

    made = make_oauth2(make_connector, method, enabled=False)
    assert (made.state, made.missing()) == ("draft", ["options"])
    made.enabled = True
    with pytest.raises(IntegrityError), transaction.atomic():
        made.save()


@each_method
@pytest.mark.usefixtures("old")
def test_old_one_is_marked_and_nobody_signs_in(
    agent: Agent, make_user: UserMaker, maker: Browser, method: str
) -> None:
    connector = Connector.objects.get()
    user = make_user("alice@acme.example", connector)
    Link.objects.update(subject="known since long")
    response = agent.open()

    assert response.status_code == 403
    assert (connector.state, connector.signs_in) == ("draft", False)
    attempt = Attempt.objects.get()
    option = TENANTS[method][0]
    assert attempt.detail == f"The connector is draft. It lacks the option {option}."
    assert f"Missing option: {option}. Without" in diagnose(attempt).summary
    assert connector.enabled, "nothing was switched off on its own"
    user.is_superuser = True
    (figure,) = [each for each in Overview(user).figures if "tenant" in each.label]
    listed = maker.get(figure.address)
    assert (figure.count, listed.context["cl"].result_count) == (1, 1)


@each_method
def test_filling_it_in_is_all_there_is_to_do(maker: Browser, old: Connector, method: str) -> None:
    """The secret is told to whom it was told before."""
    option, value, issuer = TENANTS[method]
    page = f"/maker/sso_connectors/connector/{old.pk}/change/"
    typed = {
        "name": "Acme",
        "reference": "acme",
        "type": "oauth2",
        "authentication_method": method,
        "client_id": old.client_id,
        "binding": "redirect",
        "identifier_format": "emailAddress",
        "enabled": "on",
    }
    field = f"option_{method}_{option}"
    refused = maker.post(page, typed).context["adminform"].form.errors
    assert list(refused) == [field]

    saved = maker.post(page, {**typed, field: value})
    assert saved.status_code == 302, saved.context["adminform"].form.errors
    old.refresh_from_db()
    assert (old.state, old.issuer_url) == ("ready", issuer)
    assert old.client_secret is not None
    assert old.client_secret.reveal() == CLIENT_SECRET
    assert old.options == {option: value}


# --- the lists ----------------------------------------------------------------------------------------


def test_lists_agree_with_the_connectors(make_connector: ConnectorMaker) -> None:
    """Whatever stands in the options, well formed or not."""
    made = make_oauth2(make_connector, "hubspot", {"hub_id": "62515"})
    connectors = {"saml": make_connector("saml")}
    values: tuple[Any, ...] = (..., "", "x")
    hosts = (..., "", "login.salesforce.com", "test.salesforce.com", "acme.my.salesforce.com")
    cases = [
        *(("slack", {"team": value}) for value in values),
        *(("hubspot", {"hub_id": value}) for value in values),
        *(
            ("salesforce", {"host": host, "organization_id": value})
            for host, value in product(hosts, values)
        ),
        ("google", {}),
    ]
    for number, (method, options) in enumerate(cases):
        made.pk, made.reference, made.authentication_method = None, f"c{number}", method
        made.options, made.enabled = {}, False
        made._state.adding = True
        made.save()
        Connector.objects.filter(pk=made.pk).update(
            options={name: value for name, value in options.items() if value is not ...},
            enabled=number % 3 != 0,
            issuer_url="https://idp.example",
            failing_cause="response_refused" if number % 2 else "",
        )
        connectors[f"c{number}"] = made
    by_state: dict[str, list[int]] = {}
    for connector in Connector.objects.all():
        by_state.setdefault(connector.state.value, []).append(connector.pk)
    for state in ("draft", "disabled", "ready", "failing"):
        chosen = StateFilter(None, {"state": [state]}, Connector, None)  # type: ignore[arg-type]
        found = chosen.queryset(None, Connector.objects.all())  # type: ignore[arg-type]
        assert sorted(found.values_list("pk", flat=True)) == sorted(by_state[state]), state
    lacking = {each.pk for each in Connector.objects.all() if each.missing_options and each.enabled}
    found = Connector.objects.filter(attention.WITHOUT_TENANT)
    assert set(found.values_list("pk", flat=True)) == lacking


# --- no way around ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer",
    [
        "https://slack.com",
        "https://slack.com/",
        "https://Slack.com:443",
        "https://login.salesforce.com",
        "https://test.salesforce.com",
        "https://accounts.google.com",
    ],
)
def test_generic_method_takes_no_issuer_of_many_tenants(issuer: str) -> None:
    with pytest.raises(ValidationError, match="Choose the authentication method"):
        GenericOpenIdConnect.clean_options({"issuer": issuer})
    assert GenericOpenIdConnect.clean_options({"issuer": "https://acme.my.salesforce.com"})


def test_pasted_document_of_slack_leads_to_its_own_method() -> None:
    address = "https://slack.com/.well-known/openid-configuration"
    differences = read_into({"paste": address, "type": "oauth2"}).differences
    read = {each.name: each.value for each in differences}
    assert read == {"type": "oauth2", "authentication_method": "slack"}


@pytest.mark.parametrize(
    "issuer",
    [
        "https://slack.com",
        "https://slack.com/",
        "https://login.salesforce.com",
        "https://test.salesforce.com/",
        "https://accounts.google.com",
    ],
)
def test_generic_one_at_an_issuer_of_everybody(
    make_connector: ConnectorMaker, agent: Agent, maker: Browser, issuer: str
) -> None:
    """An older version took such issuers; whoever runs another workspace could have named anybody."""
    made = make_oauth2(make_connector, "oidc", {"issuer": "https://idp.example"}, enabled=False)
    Connector.objects.filter(pk=made.pk).update(
        enabled=True, options={"issuer": issuer}, issuer_url=issuer
    )
    connector = Connector.objects.get()

    assert (connector.state, connector.signs_in) == ("draft", False)
    assert agent.open().status_code == 403
    assert Connector.objects.filter(attention.WITHOUT_TENANT).get() == connector
    assert maker.get("/maker/sso_connectors/connector/?state=draft").context["cl"].result_count == 1


def test_generic_one_elsewhere_is_complete(make_connector: ConnectorMaker) -> None:
    for number, issuer in enumerate(
        ("https://slack.com.idp.example", "https://idp.example/slack.com", "https://xslack.com")
    ):
        make_oauth2(make_connector, "oidc", {"issuer": issuer}, reference=f"o{number}")
    assert not Connector.objects.filter(attention.WITHOUT_TENANT).exists()
