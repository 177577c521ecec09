"""*Link this user*: only a user whom the identity provider proved, and never staff."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from sso_connectors.admin.attempts import link_user
from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import PERSISTENT, IdP, other_key
from users.models import User

from .test_model_admin import test_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.row(27)]

LIST: Final = "/maker/sso_connectors/attempt/"
LINKER: Final = (
    "sso_connectors.view_attempt",
    "sso_connectors.view_personal",
    "sso_connectors.view_connector",
    "sso_connectors.view_link",
    "sso_connectors.add_link",
    "users.view_user",
)
BOB: Final = "bob@acme.example"


@pytest.fixture
def bob(make_user: UserMaker, make_connector: ConnectorMaker) -> User:
    return make_user(BOB, make_connector("other", name="Bob's other company"), full_name="Bob B.")


@pytest.fixture
def linker(make_staff: StaffMaker) -> Client:
    return make_staff(*LINKER)


@pytest.fixture
def refused(agent: Agent, idp: IdP, connector: Connector) -> Callable[..., Attempt]:
    """Sign in as Bob, who isn't linked, and return the attempt."""

    def sign_in(**lies: Any) -> Attempt:
        agent.sign_in(idp, **{"name_id": BOB, **lies})
        return Attempt.objects.latest("pk")

    return sign_in


Refused = Callable[..., Attempt]


def address(attempt: Attempt) -> str:
    return f"{LIST}{attempt.pk}/link/"


def offered(client: Client, attempt: Attempt) -> bool:
    return address(attempt) in client.get(f"{LIST}{attempt.pk}/change/").content.decode()


def link_of(user: User, connector: Connector) -> Link | None:
    return Link.objects.filter(user=user, connector=connector).first()


def test_user_is_linked(
    linker: Client, refused: Refused, bob: User, connector: Connector, agent: Agent, idp: IdP
) -> None:
    attempt = refused(name_id="Bob@Acme.example")
    assert offered(linker, attempt)
    page = linker.get(address(attempt)).content.decode()
    assert "Bob&#x27;s other company" in page, "the other connectors first"
    assert "Bob B." in page
    assert link_of(bob, connector) is None, "a GET writes nothing"

    response = linker.post(address(attempt), follow=True)
    assert response.redirect_chain == [(f"{LIST}{attempt.pk}/change/", 302)]
    assert "bob@acme.example is now linked to Acme." in response.content.decode()
    link = link_of(bob, connector)
    assert link is not None
    assert link.subject is None
    version = link.history.get()
    assert version.history_change_reason == f"from attempt {attempt.code}"
    assert version.history_user.username == "staff@maker.example"
    entry = LogEntry.objects.get(object_id=str(bob.pk))
    assert attempt.code in entry.change_message

    agent.sign_in(idp, name_id=BOB)
    assert agent.username == BOB
    assert not Link.objects.exclude(user=bob).exists()


def test_test_of_nobody_leads_to_the_link(
    maker: Client, bob: User, connector: Connector, idp: IdP
) -> None:
    attempt = test_sign_in(maker, connector, idp, name_id=BOB)
    assert offered(maker, attempt)
    maker.post(address(attempt))
    assert link_of(bob, connector)


def test_a_second_click_is_no_fault(
    linker: Client,
    refused: Refused,
    bob: User,
    connector: Connector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt = refused()
    linker.post(address(attempt))
    assert (
        "The user is now linked to this connector." in linker.get(address(attempt)).content.decode()
    )
    response = linker.post(address(attempt), follow=True)
    assert "The user is now linked to this connector." in response.content.decode()

    # Both clicks looked before either had written.
    monkeypatch.setattr(link_user, "obstacle", lambda user, connector: "")
    assert linker.post(address(attempt)).status_code == 302
    assert Link.objects.filter(user=bob, connector=connector).count() == 1


def test_linking_takes_a_token_of_our_own_page(
    make_user: UserMaker, refused: Refused, bob: User, connector: Connector
) -> None:
    attempt = refused()
    browser = Client(HTTP_HOST=HOST, enforce_csrf_checks=True)
    root = make_user("root@maker.example", is_staff=True, is_superuser=True)
    browser.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    assert browser.post(address(attempt)).status_code == 403
    assert link_of(bob, connector) is None

    browser.get(address(attempt))
    token = browser.cookies["csrftoken"].value
    assert browser.post(address(attempt), {"csrfmiddlewaretoken": token}).status_code == 302
    assert link_of(bob, connector)


@pytest.mark.row(34)
@pytest.mark.parametrize("lacking", LINKER)
def test_linking_takes_permissions(
    make_staff: StaffMaker, refused: Refused, bob: User, connector: Connector, lacking: str
) -> None:
    attempt = refused()
    clerk = make_staff(*(name for name in LINKER if name != lacking))
    page = clerk.get(f"{LIST}{attempt.pk}/change/")
    assert address(attempt) not in page.content.decode()
    assert clerk.get(address(attempt)).status_code == 403
    assert clerk.post(address(attempt)).status_code == 403
    assert link_of(bob, connector) is None


def test_nobody_else_gets_there(refused: Refused, bob: User, connector: Connector) -> None:
    attempt = refused()
    for browser in (Client(HTTP_HOST=HOST), client_of(bob)):
        assert browser.post(address(attempt)).status_code == 302, "to the sign-in"
    assert link_of(bob, connector) is None


@pytest.mark.parametrize("rank", ["is_staff", "is_superuser"])
def test_staff_are_never_linked_from_here(
    linker: Client, maker: Client, refused: Refused, bob: User, connector: Connector, rank: str
) -> None:
    attempt = refused()
    User.objects.filter(pk=bob.pk).update(**{rank: True})
    Connector.objects.update(staff_may_sign_in=True)
    for browser in (linker, maker):
        assert not offered(browser, attempt)
        page = browser.get(address(attempt)).content.decode()
        assert "only a superuser links staff, on the user card" in page
        response = browser.post(address(attempt), follow=True)
        assert "only a superuser links staff, on the user card" in response.content.decode()
    assert link_of(bob, connector) is None


def test_user_must_be_there_and_active(
    linker: Client, refused: Refused, bob: User, connector: Connector
) -> None:
    attempt = refused()
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert not offered(linker, attempt)
    linker.post(address(attempt))
    assert link_of(bob, connector) is None
    bob.delete()
    assert not offered(linker, attempt)
    assert "Add the user first" in linker.get(address(attempt)).content.decode()
    linker.post(address(attempt))
    assert not User.objects.filter(username=BOB).exists(), "nobody is created"


@pytest.mark.parametrize(
    "lies",
    [
        {"key": other_key()},
        {"audience": "https://old.example"},
        {"in_response_to": "_other"},
        {"name_id": "no address"},
    ],
    ids=lambda lies: next(iter(lies)),
)
def test_everything_else_must_have_passed(
    linker: Client, refused: Refused, bob: User, connector: Connector, lies: dict[str, Any]
) -> None:
    refuse_all(linker, refused(**lies), bob, connector)


def refuse_all(linker: Client, attempt: Attempt, bob: User, connector: Connector) -> None:
    assert not offered(linker, attempt)
    assert linker.get(address(attempt)).status_code == 404
    assert linker.post(address(attempt)).status_code == 404
    assert link_of(bob, connector) is None


def test_name_that_nothing_verified_is_nobodys(
    linker: Client, refused: Refused, bob: User, connector: Connector
) -> None:
    """Only what was proved is kept as the attempt's username; its checks hold what anybody sent."""
    attempt = refused()
    Attempt.objects.update(username="")
    refuse_all(linker, attempt, bob, connector)
    Attempt.objects.update(username="alice@acme.example")
    refuse_all(linker, attempt, bob, connector)


def test_link_must_be_all_that_lacks(
    linker: Client, refused: Refused, bob: User, connector: Connector
) -> None:
    attempt = refused()
    attempt.checks.append({**attempt.checks[0], "name": "another", "passed": False})
    attempt.save()
    refuse_all(linker, attempt, bob, connector)


def test_other_refusals_are_no_missing_link(
    linker: Client, refused: Refused, bob: User, connector: Connector, agent: Agent, idp: IdP
) -> None:
    """Linked and inactive, linked with another subject, or signed in: a link is not what lacks."""
    link = Link.objects.create(user=bob, connector=connector, subject="somebody else")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    attempts = [refused()]
    User.objects.filter(pk=bob.pk).update(is_active=True)
    attempts += [refused(name_id="x", name_id_format=PERSISTENT, attributes={"mail": [BOB]})]
    Link.objects.filter(pk=link.pk).update(subject=None)
    attempts += [refused()]
    link.delete()
    for attempt in attempts:
        refuse_all(linker, attempt, bob, connector)


def test_attempt_of_a_connector_that_is_gone(
    linker: Client, refused: Refused, bob: User, connector: Connector
) -> None:
    attempt = refused()
    connector.delete()
    assert linker.get(address(attempt)).status_code == 404
    assert linker.post(address(attempt)).status_code == 404
    assert linker.get(f"{LIST}999/link/").status_code == 404


def test_attempt_under_way_links_nobody(
    linker: Client, refused: Refused, bob: User, connector: Connector
) -> None:
    attempt = refused()
    Attempt.objects.update(outcome="in_progress")
    refuse_all(linker, attempt, bob, connector)
