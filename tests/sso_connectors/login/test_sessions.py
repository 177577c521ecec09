"""Sessions live no longer than the link that admitted them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
import time_machine
from django.contrib import auth
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from sso_connectors import as_code
from sso_connectors.models import Connector, Link
from tests.agent import HOST, Agent
from tests.conftest import UserMaker
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db

PASSWORD: Final = "correct horse battery"


def relink(alice: User) -> None:
    connector = Connector.objects.get()
    Link.objects.all().delete()
    Link.objects.create(user=alice, connector=connector)


def change_password(alice: User) -> None:
    alice.set_password("a new one that is long")
    alice.save()


@pytest.mark.row(16)
@pytest.mark.parametrize(
    "change",
    [
        lambda alice: Link.objects.all().delete(),
        relink,
        lambda alice: Connector.objects.update(enabled=False),
        lambda alice: Connector.objects.all().delete(),
        lambda alice: User.objects.update(is_active=False),
        lambda alice: User.objects.update(is_staff=True),
        change_password,
    ],
)
def test_session_ends_with_what_admitted_it(
    agent: Agent, idp: IdP, alice: User, change: Callable[[User], object]
) -> None:
    agent.sign_in(idp)
    assert agent.username == "alice@acme.example"

    change(alice)

    assert agent.username is None
    assert not Session.objects.exists(), "it is over for good, not only hidden"


def switch(thing: Connector | User, field: str) -> None:
    for value in (False, True):
        setattr(thing, field, value)
        thing.save(update_fields=[field])


@pytest.mark.row(16)
@pytest.mark.parametrize("by", ["connector", "user", "command"])
def test_session_does_not_come_back_to_life(
    agent: Agent, idp: IdP, alice: User, connector: Connector, by: str
) -> None:
    """Switched off and on again while the session's browser was away."""
    agent.sign_in(idp)
    if by == "connector":
        switch(connector, "enabled")
    elif by == "user":
        switch(alice, "is_active")
    else:
        for active in (False, True):
            as_code.apply(
                json.dumps({"users": [{"username": alice.username, "active": active}]}),
                dry_run=False,
            )

    assert agent.username is None
    agent.sign_in(idp)
    assert agent.username == "alice@acme.example"


@pytest.mark.row(16)
def test_session_by_password_does_not_come_back_to_life(agent: Agent, make_user: UserMaker) -> None:
    staff = make_user("staff@acme.example", is_staff=True)
    agent.client.force_login(staff, backend="sso_connectors.login.sessions.PasswordBackend")
    assert agent.username == "staff@acme.example"

    switch(staff, "is_active")

    assert agent.username is None


@pytest.mark.row(37)
def test_who_has_a_connector_has_no_password(
    agent: Agent, connector: Connector, make_user: UserMaker
) -> None:
    """The company's own sign-in would otherwise have a second door beside it."""
    password = "correct horse battery"
    credentials = {"username": "boss@acme.example", "password": password}
    boss = make_user("boss@acme.example", connector, password=password, is_staff=True)
    assert auth.authenticate(HttpRequest(), **credentials) == boss, "the connector takes no staff"

    Connector.objects.update(staff_may_sign_in=True)
    assert auth.authenticate(HttpRequest(), **credentials) is None

    Connector.objects.update(enabled=False)
    assert auth.authenticate(HttpRequest(), **credentials) == boss, "or nobody could get in"
    Connector.objects.update(enabled=True)
    User.objects.update(is_superuser=True)
    assert auth.authenticate(HttpRequest(), **credentials) == boss, "break-glass"
    assert auth.authenticate(HttpRequest(), username=boss.username, password="no") is None


@pytest.mark.row(27)
def test_session_of_staff_ends_when_their_connector_may_no_longer_sign_staff_in(
    agent: Agent, idp: IdP, connector: Connector, make_user: UserMaker
) -> None:
    make_user("boss@acme.example", connector, is_staff=True)
    Connector.objects.update(staff_may_sign_in=True)
    agent.sign_in(idp, name_id="boss@acme.example")
    assert agent.username == "boss@acme.example"

    Connector.objects.update(staff_may_sign_in=False)

    assert agent.username is None


@pytest.mark.row(16)
def test_session_lasts_twelve_hours_at_most_however_busy(
    agent: Agent, idp: IdP, alice: User
) -> None:
    """And however long the identity provider would have it."""
    start = timezone.now()
    agent.sign_in(idp, session_not_on_or_after=start + timedelta(days=2))
    with time_machine.travel(start + timedelta(hours=11, minutes=59)):
        assert agent.username == "alice@acme.example"
    with time_machine.travel(start + timedelta(hours=12, minutes=1)):
        assert agent.username is None


@pytest.mark.row(16)
def test_session_ends_when_the_identity_provider_says(agent: Agent, idp: IdP, alice: User) -> None:
    now = timezone.now()
    agent.sign_in(idp, session_not_on_or_after=now + timedelta(minutes=30))
    with time_machine.travel(now + timedelta(minutes=29)):
        assert agent.username == "alice@acme.example"
    with time_machine.travel(now + timedelta(minutes=31)):
        assert agent.username is None


@pytest.mark.row(16)
def test_who_does_not_look_at_the_link_gets_nobody(agent: Agent, idp: IdP, alice: User) -> None:
    """Code that asks Django itself for the session's user fails closed."""
    agent.sign_in(idp)
    request = HttpRequest()
    request.session = agent.client.session

    assert auth.get_user(request).is_anonymous
    assert auth.authenticate(request, username=alice.username, password="x") is None


def test_password_sessions_are_not_touched(agent: Agent, make_user: UserMaker) -> None:
    staff = make_user("staff@acme.example", is_staff=True)
    agent.client.force_login(staff, backend="sso_connectors.login.sessions.PasswordBackend")

    assert agent.username == "staff@acme.example"


def test_session_is_one_query(
    agent: Agent, idp: IdP, alice: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    agent.sign_in(idp)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        assert agent.client.get("/").status_code == 200


# --- sessions by password ----------------------------------------------------------------------


STAFF: Final = "staff@acme.example"


@pytest.fixture
def desk(make_user: UserMaker) -> Agent:
    """A browser in which one of the staff has signed in by password."""
    make_user(STAFF, password=PASSWORD, is_staff=True, is_superuser=True)
    desk = Agent(Client(HTTP_HOST=HOST))
    sign_in_by_password(desk)
    return desk


def sign_in_by_password(desk: Agent) -> None:
    response = desk.client.post("/maker/login/", {"username": STAFF, "password": PASSWORD})
    assert response.status_code == 302


def leave_a_message(client: Client) -> None:
    """As any action does that says what it did: the session is stored again."""
    form = {"name": "New group", "_continue": "1"}
    assert client.post("/maker/auth/group/add/", form).status_code == 302


@pytest.mark.row(16)
def test_session_by_password_lasts_twelve_hours_at_most_however_busy(desk: Agent) -> None:
    start = timezone.now()
    with time_machine.travel(start + timedelta(hours=11, minutes=30)):
        leave_a_message(desk.client)
        assert desk.username == STAFF
    cookie = desk.client.cookies["sessionid"]
    assert int(cookie["max-age"]) <= 12 * 60 * 60
    ends = Session.objects.get().expire_date
    assert ends <= start + timedelta(hours=12, minutes=1), "stored again, and not prolonged"
    with time_machine.travel(start + timedelta(hours=12, minutes=1)):
        assert desk.username is None


@pytest.mark.row(16)
def test_new_password_does_not_prolong_the_session(desk: Agent) -> None:
    start = timezone.now()
    before = desk.client.session.session_key
    with time_machine.travel(start + timedelta(hours=11)):
        new = dict.fromkeys(("new_password1", "new_password2"), "quite another one")
        form = {**new, "old_password": PASSWORD}
        assert desk.client.post("/maker/password_change/", form).status_code == 302
        assert desk.username == STAFF
    assert desk.client.session.session_key != before
    with time_machine.travel(start + timedelta(hours=12, minutes=1)):
        assert desk.username is None


@pytest.mark.row(16)
def test_cookie_that_is_replayed_later_opens_nothing(desk: Agent) -> None:
    """A browser forgets its cookie in time; who copied it doesn't, and rows may be put back or outlive."""
    start = timezone.now()
    key = desk.client.cookies["sessionid"].value
    with time_machine.travel(start + timedelta(hours=11)):
        leave_a_message(desk.client)
    Session.objects.update(expire_date=start + timedelta(days=30))
    thief = Agent()
    thief.client.cookies["sessionid"] = key
    with time_machine.travel(start + timedelta(hours=12, minutes=1)):
        assert thief.username is None
        assert not Session.objects.exists()


@pytest.mark.row(16)
def test_session_without_a_last_moment_is_over(desk: Agent) -> None:
    """As those are that began before sessions by password had one: nobody knows when."""
    session = desk.client.session
    del session["_session_expiry"]
    session.save()

    assert desk.username is None


@pytest.mark.row(16)
def test_signing_in_anew_begins_anew(desk: Agent) -> None:
    start = timezone.now()
    with time_machine.travel(start + timedelta(hours=11)):
        sign_in_by_password(desk)
    with time_machine.travel(start + timedelta(hours=22)):
        assert desk.username == STAFF
    with time_machine.travel(start + timedelta(hours=24)):
        assert desk.username is None
