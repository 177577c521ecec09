"""The plain list of attempts: found by the agent's code, never written."""

import pytest
from django.test import Client

from sso_connectors.attempts import Attempt
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from users.models import User

from .conftest import StaffMaker

pytestmark = pytest.mark.django_db

LIST = "/maker/sso_connectors/attempt/"


def test_attempt_is_found_by_its_code(maker: Client, agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp, audience="https://<b>old</b>.example")
    attempt = Attempt.objects.get()
    found = maker.get(f"{LIST}?q={attempt.code}")
    assert attempt.code in found.content.decode()

    page = maker.get(f"{LIST}{attempt.pk}/change/").content.decode()
    assert "http://localhost:8000/api/saml/metadata" in page
    assert "https://&lt;b&gt;old&lt;/b&gt;.example" in page
    assert "<b>old" not in page


def test_attempts_are_found_by_any_part_and_by_whole_names(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    acme = make_connector("acme")
    for name, reference in (("al", "acme"), ("sal", "acme-eu")):
        Attempt.objects.create(
            connector=acme,
            connector_reference=reference,
            user=make_user(f"{name}@acme.example"),
            code=f"{'CD'[name == 'al']}BBB-2222",
        )

    def found(query: str) -> set[str]:
        page = maker.get(LIST, {"q": query})
        return {attempt.code for attempt in page.context["cl"].result_list}

    both = {"CBBB-2222", "DBBB-2222"}
    assert found("acme") == found("bbb-2") == found("al@") == both
    assert found("acme-e") == found("eu SAL@") == {"CBBB-2222"}
    assert found(" dbbb-2222 ") == {"DBBB-2222"}, "a code as somebody types it"
    assert found("cccc-2222") == set()
    Attempt.objects.filter(code="CBBB-2222").update(connector_reference="cccc-2222")
    assert found("cccc-2222") == {"CBBB-2222"}, "a reference that looks like a code"
    assert found("AL@Acme.example") == {"DBBB-2222"}, "a whole username, and no longer one"
    assert found("eu nobody") == set()


def test_attempts_are_read_only(maker: Client, agent: Agent) -> None:
    agent.open("nobody")
    attempt = Attempt.objects.get()

    assert maker.get(f"{LIST}add/").status_code == 403
    assert maker.post(f"{LIST}{attempt.pk}/change/", {"code": "X"}).status_code == 403
    assert maker.post(f"{LIST}{attempt.pk}/delete/", {"post": "yes"}).status_code == 403
    page = maker.get(f"{LIST}{attempt.pk}/change/").content.decode()
    assert "–" in page, "an attempt without checks shows none"


@pytest.mark.row(34)
def test_attempts_take_a_permission(make_staff: StaffMaker) -> None:
    assert make_staff().get(LIST).status_code == 403
    reader = make_staff("sso_connectors.view_attempt", username="reader@maker.example")
    assert reader.get(LIST).status_code == 200
