"""Certificates on the connector's form and in the list: what is said of each, and who removes one."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, Final

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors import as_code
from sso_connectors.admin.connectors import certificates
from sso_connectors.as_code.file import Refused
from sso_connectors.models import Connector, State
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import IdP, SigningKey, default_key, other_key

pytestmark = pytest.mark.django_db

LIST: Final = "/maker/sso_connectors/connector/"
VIEW: Final = "sso_connectors.view_connector"
CHANGE: Final = "sso_connectors.change_connector"
CHANGE_TRUST: Final = "sso_connectors.change_trust"


@pytest.fixture
def two(make_connector: ConnectorMaker) -> Connector:
    """The first is what sign-ins went by until 20 days ago, the second what they go by now."""
    made = make_connector(certificates=default_key().pem + other_key().pem)
    use(made, 0, days_ago=20)
    use(made, 1, days_ago=0)
    return made


def use(connector: Connector, number: int, *, days_ago: float | None) -> None:
    when = None if days_ago is None else timezone.now() - timedelta(days=days_ago, minutes=1)
    fingerprint = connector.signing_certificates[number].fingerprint
    connector.certificate_rows.filter(fingerprint=fingerprint).update(last_used_at=when)


def shown(client: Client, connector: Connector) -> list[str]:
    """The text of each certificate on the form, without its markup."""
    page = client.get(f"{LIST}{connector.pk}/change/").content.decode()
    listed = re.search(r'<ul class="certificates">(.*?)</ul>', page, re.DOTALL)
    assert listed is not None
    items = re.findall(r"<li>(.*?)</li>", listed[1], re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", item)).split()) for item in items]


def address(connector: Connector, number: int) -> str:
    fingerprint = connector.signing_certificates[number].fingerprint
    return f"{LIST}{connector.pk}/certificates/{fingerprint}/remove/"


def entries() -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(content_type__model="connector")


# --- the form ---------------------------------------------------------------------------------


def test_each_with_its_last_use(maker: Client, two: Connector) -> None:
    old, new = shown(maker, two)
    for text, item in zip((old, new), two.signing_certificates, strict=True):
        assert item.subject in text
        assert item.fingerprint in text
    assert "unused for 20 days, safe to remove" in old
    assert "safe to remove" not in new
    assert "Last use" in new


def test_new_one_is_not_used_yet(maker: Client, two: Connector) -> None:
    use(two, 0, days_ago=0)
    use(two, 1, days_ago=None)
    old, new = shown(maker, two)
    assert "not used yet" in new
    assert "safe to remove" not in old + new


def test_unused_is_no_advice_while_nobody_signs_in(maker: Client, two: Connector) -> None:
    use(two, 1, days_ago=40)
    assert "safe to remove" not in shown(maker, two)[0]


def test_uses_cost_one_query(maker: Client, make_connector: ConnectorMaker, two: Connector) -> None:
    one = make_connector("one")

    def queries(connector: Connector) -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(maker, connector)
        return len([each for each in captured if '"sso_connectors_certificate"' in each["sql"]])

    assert queries(one) == queries(two) == 1


def test_buttons_are_for_whoever_may_change_what_is_trusted(
    make_staff: StaffMaker, maker: Client, two: Connector, make_connector: ConnectorMaker
) -> None:
    reader = make_staff(VIEW, username="reader@maker.example")
    namer = make_staff(VIEW, CHANGE, username="namer@maker.example")
    trusted = make_staff(VIEW, CHANGE, CHANGE_TRUST, username="trusted@maker.example")
    for client, buttons in ((maker, 2), (trusted, 2), (namer, 0), (reader, 0)):
        page = client.get(f"{LIST}{two.pk}/change/").content.decode()
        assert page.count("/remove/") == buttons
    only = make_connector("only")
    assert "/remove/" not in maker.get(f"{LIST}{only.pk}/change/").content.decode()


# --- removing one -----------------------------------------------------------------------------


def test_one_is_removed_by_a_click(maker: Client, two: Connector) -> None:
    kept = two.signing_certificates[1]
    asked = maker.get(address(two, 0))
    assert asked.status_code == 200
    assert two.signing_certificates[0].fingerprint in asked.content.decode()
    assert len(Connector.objects.get().signing_certificates) == 2, "asking removes nothing"

    Connector.objects.update(tested_at=timezone.now())
    response = maker.post(address(two, 0))
    assert response["Location"] == f"{LIST}{two.pk}/change/"

    after = Connector.objects.get()
    assert [item.fingerprint for item in after.signing_certificates] == [kept.fingerprint]
    assert [row.fingerprint for row in after.certificate_rows.all()] == [kept.fingerprint]
    assert after.state == State.READY, "what it trusts has changed since it was tested"
    assert after.enabled


def test_removal_is_recorded(maker: Client, two: Connector) -> None:
    maker.post(address(two, 0))
    entry = entries().get()
    assert two.signing_certificates[0].fingerprint in entry.get_change_message()
    latest = two.history.latest()
    assert str(latest.history_user) == "root@maker.example"
    assert latest.certificates == two.signing_certificates[1].pem


def test_removed_by_somebody_else_in_the_same_moment(
    maker: Client, two: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, kept = certificates._found, two.signing_certificates[1]

    def found(connector: Connector, fingerprint: str) -> Any:
        item = there(connector, fingerprint)
        Connector.objects.filter(pk=connector.pk).update(certificates=kept.pem)
        return item

    monkeypatch.setattr(certificates, "_found", found)
    response = maker.post(address(two, 0), follow=True)
    assert response.redirect_chain == [(f"{LIST}{two.pk}/change/", 302)]
    assert Connector.objects.get().certificates == kept.pem
    assert not entries().exists(), "it is the other's doing"


def test_the_one_in_use_is_warned_of(maker: Client, two: Connector) -> None:
    warning = "The last sign-in was verified with this certificate"
    assert warning in maker.get(address(two, 1)).content.decode()
    assert warning not in maker.get(address(two, 0)).content.decode()


# --- its key was stolen -----------------------------------------------------------------------

STOLEN: Final = {"stolen": "1"}


def renewed_key() -> SigningKey:
    """The identity provider's own key in another certificate."""
    made: SigningKey = SigningKey._certified(
        default_key().private_key, "Renewed", None, None, ca=False, hash=None
    )
    return made


@pytest.mark.row(16)
def test_sessions_that_began_with_a_stolen_key_end(
    maker: Client, two: Connector, idp: IdP, make_user: UserMaker
) -> None:
    for name in ("alice", "bob"):
        make_user(f"{name}@acme.example", two)
    old, new = Agent(), Agent()
    old.sign_in(idp)
    new.sign_in(IdP(key=other_key()), name_id="bob@acme.example")
    assert (old.username, new.username) == ("alice@acme.example", "bob@acme.example")

    page = maker.post(address(two, 0), STOLEN, follow=True).content.decode()

    assert "The key was stolen. Sessions that began with it were ended." in page
    assert old.username is None
    assert new.username == "bob@acme.example"
    assert Connector.objects.get().enabled


@pytest.mark.row(16)
def test_removal_alone_ends_no_session(
    maker: Client, two: Connector, idp: IdP, make_user: UserMaker
) -> None:
    """A roll-over at noon signs nobody out."""
    make_user("alice@acme.example", two)
    agent = Agent()
    agent.sign_in(idp)
    maker.post(address(two, 0))
    assert agent.username == "alice@acme.example"


@pytest.mark.row(16)
@pytest.mark.parametrize("kept", [None, "absent"])
def test_session_that_does_not_know_its_key_ends_too(
    maker: Client, two: Connector, make_user: UserMaker, kept: str | None
) -> None:
    """It began before sessions kept their key, or while the certificate was being removed."""
    make_user("bob@acme.example", two)
    agent = Agent()
    agent.sign_in(IdP(key=other_key()), name_id="bob@acme.example")
    session = agent.client.session
    if kept is None:
        session["sso_key"] = None
    else:
        del session["sso_key"]
    session.save()
    assert agent.username == "bob@acme.example"

    maker.post(address(two, 0), STOLEN)

    assert agent.username is None


@pytest.mark.row(16)
def test_key_is_known_in_each_of_its_certificates(
    maker: Client, make_connector: ConnectorMaker, idp: IdP, make_user: UserMaker
) -> None:
    """A renewal may keep the key, and the thief has it."""
    renewed = renewed_key()
    connector = make_connector(certificates=default_key().pem + renewed.pem + other_key().pem)
    make_user("alice@acme.example", connector)
    agent = Agent()
    agent.sign_in(idp)

    maker.post(address(connector, 1), STOLEN)

    assert Connector.objects.get().certificates == other_key().pem
    assert agent.username is None
    assert Agent().sign_in(idp).status_code == 403


@pytest.mark.row(17)
def test_stolen_key_of_all_that_is_left_stays_until_there_is_another(
    maker: Client, make_connector: ConnectorMaker
) -> None:
    renewed = renewed_key()
    connector = make_connector(certificates=default_key().pem + renewed.pem)
    page = maker.post(address(connector, 0), STOLEN, follow=True).content.decode()

    assert "has no certificate with another key" in page
    after = Connector.objects.get()
    assert (len(after.signing_certificates), after.stolen_keys) == (2, [])
    assert not entries().exists()


@pytest.mark.row(16)
def test_stolen_key_is_not_added_again(maker: Client, two: Connector) -> None:
    """By a return to an earlier version, by a file that is older, by a slip."""
    before = two.history.latest()
    maker.post(address(two, 0), STOLEN)

    after = Connector.objects.get()
    renewed = renewed_key()
    for pasted in (default_key().pem, other_key().pem + renewed.pem):
        after.certificates = pasted
        with pytest.raises(ValidationError, match="was reported stolen"):
            after.full_clean()
    address_of_return = f"{LIST}{two.pk}/history/{before.pk}/return/"
    assert "was reported stolen" in maker.get(address_of_return).content.decode()
    maker.post(address_of_return)
    entry = {
        "reference": "acme",
        "name": "Acme",
        "type": "saml2",
        "certificates": [two.certificates],
    }
    with pytest.raises(Refused):
        as_code.apply(json.dumps({"connectors": [entry]}), dry_run=False)
    assert Connector.objects.get().certificates == other_key().pem


def test_theft_is_recorded(maker: Client, two: Connector) -> None:
    maker.post(address(two, 0), STOLEN)

    message = entries().get().get_change_message()
    assert "The key was stolen" in message
    assert two.signing_certificates[0].fingerprint in message
    page = maker.get(f"{LIST}{two.pk}/history/").content.decode()
    assert "the key was stolen, and sessions that began with it were ended" in page


@pytest.mark.row(34)
def test_who_may_not_change_what_is_trusted_ends_no_session(
    make_staff: StaffMaker, two: Connector
) -> None:
    assert make_staff(VIEW, CHANGE).post(address(two, 0), STOLEN).status_code == 403
    assert Connector.objects.get().stolen_keys == []


@pytest.mark.row(17)
def test_the_last_of_an_enabled_connector_stays(maker: Client, connector: Connector) -> None:
    page = maker.get(address(connector, 0)).content.decode()
    assert "this is its only certificate" in page
    assert 'value="Remove' not in page
    response = maker.post(address(connector, 0), follow=True)
    assert "has only this certificate" in unescape(response.content.decode())
    assert len(Connector.objects.get().signing_certificates) == 1
    assert not entries().exists()


def test_the_last_of_a_disabled_connector_may_go(
    maker: Client, make_connector: ConnectorMaker
) -> None:
    connector = make_connector(enabled=False)
    maker.post(address(connector, 0))
    assert Connector.objects.get().state == State.DRAFT


@pytest.mark.row(34)
@pytest.mark.parametrize("permissions", [(), (VIEW,), (VIEW, CHANGE), (VIEW, CHANGE_TRUST)])
def test_who_may_not_change_what_is_trusted_removes_nothing(
    make_staff: StaffMaker, two: Connector, permissions: tuple[str, ...]
) -> None:
    client = make_staff(*permissions)
    assert client.get(address(two, 0)).status_code == 403
    assert client.post(address(two, 0)).status_code == 403
    assert len(Connector.objects.get().signing_certificates) == 2


@pytest.mark.row(34)
def test_another_site_removes_nothing(two: Connector, make_user: UserMaker) -> None:
    root = make_user("root@maker.example", is_staff=True, is_superuser=True)
    client = Client(HTTP_HOST=HOST, enforce_csrf_checks=True)
    client.cookies = client_of(root).cookies
    assert client.post(address(two, 0)).status_code == 403
    assert len(Connector.objects.get().signing_certificates) == 2


@pytest.mark.parametrize(
    "path",
    ["1/certificates/AA:BB/remove/", "999/certificates/AA:BB/remove/", "x/certificates/y/remove/"],
)
def test_unknown_certificate_or_connector(maker: Client, two: Connector, path: str) -> None:
    path = path.replace("1/", f"{two.pk}/", 1)
    assert maker.post(f"{LIST}{path}").status_code in {302, 404}
    assert len(Connector.objects.get().signing_certificates) == 2


def test_two_who_remove_one_each_leave_one(
    maker: Client, two: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has read the connector before the first wrote."""
    look = certificates._found
    second = address(two, 1)

    def meanwhile(connector: Connector, fingerprint: str) -> Any:
        monkeypatch.setattr(certificates, "_found", look)
        found = look(connector, fingerprint)
        maker.post(second)
        return found

    monkeypatch.setattr(certificates, "_found", meanwhile)
    maker.post(address(two, 0))
    left = Connector.objects.get().signing_certificates
    assert [item.pem for item in left] == [default_key().pem], (
        "what the other removed stays removed"
    )


# --- the list ---------------------------------------------------------------------------------


@pytest.fixture
def of_each_state(make_connector: ConnectorMaker) -> list[str]:
    """References in the order in which they need somebody."""
    soon = SigningKey.ec(not_after=datetime.now(UTC) + timedelta(days=9)).pem
    make_connector("draft", enabled=False, endpoint="")
    make_connector("disabled", enabled=False, certificates=soon)
    make_connector("tested")
    make_connector("ready")
    make_connector("expiring", certificates=soon)
    make_connector("failing")
    Connector.objects.filter(reference="tested").update(tested_at=timezone.now())
    Connector.objects.filter(reference="failing").update(failing_cause="response_refused")
    return ["failing", "expiring", "ready", "tested", "disabled", "draft"]


def listed(client: Client, **query: Any) -> list[str]:
    page = client.get(LIST, query)
    assert page.status_code == 200
    return [connector.reference for connector in page.context["cl"].result_list]


def test_list_sorts_by_who_needs_somebody(maker: Client, of_each_state: list[str]) -> None:
    assert listed(maker, o="8") == of_each_state
    assert listed(maker, o="-8") == of_each_state[::-1]


def test_list_filters_by_certificates(maker: Client, of_each_state: list[str]) -> None:
    assert listed(maker, certificates="ending") == ["expiring"]
    Connector.objects.filter(reference="expiring").update(certificates_end=timezone.now())
    assert listed(maker, certificates="ended") == ["expiring"]


def test_pill_goes_by_the_stored_end(maker: Client, connector: Connector) -> None:
    """Nothing is parsed for a row."""
    assert "pill-expiring" not in maker.get(LIST).content.decode()
    Connector.objects.update(certificates_end=timezone.now() + timedelta(days=29))
    assert "pill-expiring" in maker.get(LIST).content.decode()
    Connector.objects.update(type="oauth2", enabled=False)
    assert "pill-expiring" not in maker.get(LIST).content.decode()
