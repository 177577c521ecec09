"""What an agent sees outside the Maker, and when something goes wrong on our side."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any, Final

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from tests.agent import HOST, Agent
from tests.conftest import StaffMaker
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db

SIGN_OUT: Final = "/sign-out"
FRONT_PAGE: Final = {"Home": "/"}


def leads(response: Any) -> dict[str, str]:
    """The buttons of a page, and where each leads."""
    found = re.findall(
        r'<a class="button[^"]*" href="([^"]*)">([^<]*)</a>', response.content.decode()
    )
    return {label: address for address, label in found}


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
    assert "Temporarily unavailable" in page
    assert leads(response) == {"Try again": "/api/sso/login/acme", **FRONT_PAGE}
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
    assert leads(response) == {"Try again": "/api/sso/login/acme", **FRONT_PAGE}


# --- pages that say what went wrong lead on ---------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), (f"/sign-in?{'a=&' * 1001}", 400), ("/maker/users/user/", 403)],
)
def test_what_is_no_better_next_time_leads_to_the_front_page(
    make_staff: StaffMaker, path: str, status: int
) -> None:
    response = make_staff().get(path)

    assert response.status_code == status
    assert leads(response) == FRONT_PAGE


@pytest.fixture
def stranger() -> Client:
    """Whose forms have no CSRF token."""
    return Client(HTTP_HOST=HOST, enforce_csrf_checks=True)


def test_form_that_was_not_taken_leads_back_to_its_page(stranger: Client) -> None:
    before = f"http://{HOST}/maker/users/user/?q=a&p=2"
    expected = {"Reload the previous page": "/maker/users/user/?q=a&amp;p=2", **FRONT_PAGE}

    refused = stranger.post(SIGN_OUT, HTTP_REFERER=before)
    assert refused.status_code == 403
    assert "No changes made" in refused.content.decode()
    assert leads(refused) == expected
    too_much = Client(HTTP_HOST=HOST).post(SIGN_OUT, {"a": "x" * 5_000_000}, HTTP_REFERER=before)
    assert too_much.status_code == 413
    assert leads(too_much) == expected


@pytest.mark.parametrize("error", [OperationalError("locked"), ValueError()])
def test_form_that_met_a_fault_is_not_sent_anew(settings: Any, error: Exception) -> None:
    browser = Client(HTTP_HOST=HOST, raise_request_exception=False)
    browser.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    with connection.execute_wrapper(failing(error)):
        response = browser.post(SIGN_OUT, HTTP_REFERER=f"http://{HOST}/")

    assert response.status_code in {500, 503}
    assert leads(response) == {"Reload the previous page": "/", **FRONT_PAGE}


@pytest.mark.parametrize(
    "before",
    [
        "",
        "https://evil.example/form",
        f"http://{HOST}.evil.example/form",
        f"http://{HOST}@evil.example/form",
        f"http://{HOST}//evil.example/form",
        f"http://{HOST}/\\evil.example/form",
        f"http://{HOST}",
        "http://[",
    ],
)
def test_form_of_a_stranger_is_not_led_back_to(stranger: Client, before: str) -> None:
    assert leads(stranger.post(SIGN_OUT, HTTP_REFERER=before)) == FRONT_PAGE


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
