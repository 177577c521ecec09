"""What an agent sees outside the Maker, and when something goes wrong on our side."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection

from sso_connectors.attempts import Attempt
from sso_connectors.models import Connector
from tests.agent import Agent
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db


def failing(error: Exception) -> Callable[..., object]:
    """A database that answers every statement with `error`."""

    def execute(*arguments: Any) -> object:
        raise error

    return execute


@pytest.mark.row(38)
@pytest.mark.parametrize("error", [OperationalError("locked"), InterfaceError("gone")])
def test_database_away_passes_by_itself(
    agent: Agent, connector: Connector, error: Exception
) -> None:
    agent.client.raise_request_exception = False
    with connection.execute_wrapper(failing(error)):
        response = agent.open()
    page = response.content.decode()

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Try again in a moment" in page
    assert "INO cx" in page
    assert "locked" not in page
    assert "default-src 'none'" in response["Content-Security-Policy"]
    cache.clear()
    assert agent.open().status_code == 302, "trying again works"
    assert Attempt.objects.count() == 1


def test_any_other_fault(agent: Agent, connector: Connector) -> None:
    agent.client.raise_request_exception = False
    with connection.execute_wrapper(failing(ValueError("a secret"))):
        response = agent.open()

    assert response.status_code == 500
    assert "not your fault" in response.content.decode()
    assert "a secret" not in response.content.decode()


# --- outside the Maker ------------------------------------------------------------------------------


def test_landing_shows_who_is_signed_in_and_the_way_out(
    agent: Agent, idp: IdP, alice: User
) -> None:
    agent.sign_in(idp)
    page = agent.client.get("/").content.decode()

    assert "alice@acme.example" in page
    assert re.search(
        r'<form method="post" action="/sign-out">\s*<input[^>]*csrfmiddlewaretoken', page
    )
    assert 'href="/maker/' not in page, "an agent has no business there"


@pytest.mark.parametrize("contact", ["help@ino.example", ""])
def test_sign_in_page_of_a_new_device_says_what_to_do(
    agent: Agent, settings: Any, contact: str
) -> None:
    settings.SUPPORT_CONTACT = contact
    page = agent.client.get("/sign-in").content.decode()

    assert "Open your company's login address" in unescape(page)
    assert ("help@ino.example" in page) is bool(contact)
    assert "password" not in page.lower(), "the staff's form is a step behind"
    assert 'href="/maker/login/"' in page


@pytest.mark.parametrize("path", ["/sign-in", "/signed-out"])
def test_pages_outside_take_no_posts(agent: Agent, path: str) -> None:
    agent.client.handler.enforce_csrf_checks = False

    assert agent.client.post(path).status_code == 405
