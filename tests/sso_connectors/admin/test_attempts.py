"""The plain list of attempts: found by the agent's code, never written."""

import pytest
from django.test import Client

from sso_connectors.attempts import Attempt
from tests.agent import Agent
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
