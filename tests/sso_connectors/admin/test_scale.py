"""The Maker's pages cost the same queries whatever there is: a query per row shows here."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors.certificates.parsing import load_certificates
from sso_connectors.models import Connector, Link, PendingLogin
from sso_connectors.models.attempt import Attempt, Outcome
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db

FEW: Final = 3
MANY: Final = 60
CONNECTORS: Final = "/maker/sso_connectors/connector/"
USERS: Final = "/maker/users/user/"
ATTEMPTS: Final = "/maker/sso_connectors/attempt/"
AUTOCOMPLETE: Final = (
    "/maker/autocomplete/?app_label=sso_connectors&model_name=link&field_name=connector&term="
)

Grow = Callable[[int], None]


@pytest.fixture
def grow(maker: Client, idp: IdP) -> Grow:
    """Bring every table to that many rows; the first connector and the first user have all links."""

    def bring(number: int) -> None:
        have = Connector.objects.count()
        Connector.objects.bulk_create(
            Connector(
                name=f"Customer {n}",
                reference=f"customer-{n}",
                enabled=True,
                issuer_url=f"https://idp.customer-{n}.example/saml",
                endpoint="https://idp.example/sso",
                # The line breaks make one certificate another text, so that each is parsed once.
                certificates=idp.key.pem + "\n" * n,
            )
            for n in range(have, number)
        )
        User.objects.bulk_create(
            User(username=f"agent-{n}@customer.example", password="!") for n in range(have, number)
        )
        connectors = list(Connector.objects.order_by("pk"))
        users = list(User.objects.filter(is_staff=False).order_by("pk"))
        Link.objects.bulk_create(
            [Link(user=user, connector=connectors[0]) for user in users]
            + [Link(user=users[0], connector=each) for each in connectors[1:]],
            ignore_conflicts=True,
        )
        attempts = Attempt.objects.bulk_create(
            Attempt(
                connector=connectors[0],
                connector_reference="customer-0",
                outcome=Outcome.SIGNED_IN,
                user=users[n],
            )
            for n in range(have, number)
        )
        PendingLogin.objects.bulk_create(
            PendingLogin(
                request_id=f"_{attempt.pk}",
                connector=connectors[0],
                attempt=attempt,
                browser_hash="0" * 64,
                expires_at=timezone.now() + timedelta(minutes=10),
            )
            for attempt in attempts
        )
        root = User.objects.get(is_superuser=True)
        LogEntry.objects.bulk_create(
            LogEntry(
                user=root,
                content_type=ContentType.objects.get_for_model(row),
                object_id=str(row.pk),
                object_repr=str(row),
                action_flag=ADDITION,
            )
            for _ in range(have, number)
            for row in (connectors[0], users[0])
        )

    return bring


def first(model: type[Connector] | type[User] | type[Attempt]) -> int:
    if model is User:
        return User.objects.filter(is_staff=False).order_by("pk")[0].pk
    return model._default_manager.order_by("pk")[0].pk


PAGES: Final[dict[str, tuple[Callable[[], str], int]]] = {
    # The address, and how often it shows "ustomer" at the least, when there is much to show.
    "overview": (lambda: "/maker/", 0),
    "connectors": (lambda: CONNECTORS, 50),
    "connectors, sorted": (lambda: f"{CONNECTORS}?o=5.8.-1", 50),
    "connectors, searched": (lambda: f"{CONNECTORS}?q=customer", 50),
    "connectors, filtered": (lambda: f"{CONNECTORS}?state=ready&type__exact=saml2", 50),
    "connector": (lambda: f"{CONNECTORS}{first(Connector)}/change/", 1),
    "connector, history": (lambda: f"{CONNECTORS}{first(Connector)}/history/", 1),
    "connector, delete": (lambda: f"{CONNECTORS}{first(Connector)}/delete/", 20),
    "users": (lambda: USERS, 60),
    "users, searched": (lambda: f"{USERS}?q=customer", 60),
    "users, a username": (lambda: f"{USERS}?q=agent-0@customer.example", 1),
    "users, filtered": (lambda: f"{USERS}?is_active__exact=1", 60),
    "user": (lambda: f"{USERS}{first(User)}/change/", 60),
    "user, history": (lambda: f"{USERS}{first(User)}/history/", 1),
    "user, delete": (lambda: f"{USERS}{first(User)}/delete/", 20),
    "choice of a connector": (lambda: AUTOCOMPLETE, 20),
    "choice of a connector, searched": (lambda: f"{AUTOCOMPLETE}cust", 20),
    "attempts": (lambda: ATTEMPTS, 50),
    "attempts, searched": (lambda: f"{ATTEMPTS}?q=customer", 50),
    "attempts, a username": (lambda: f"{ATTEMPTS}?q=agent-0@customer.example", 1),
    "attempts, a code": (lambda: f"{ATTEMPTS}?q={Attempt.objects.order_by('pk')[0].code}", 1),
    "attempts, filtered": (lambda: f"{ATTEMPTS}?outcome__exact=signed_in", 50),
    "attempt": (lambda: f"{ATTEMPTS}{first(Attempt)}/change/", 1),
}


@pytest.mark.parametrize("page", PAGES)
def test_page_makes_no_query_per_row(maker: Client, grow: Grow, page: str) -> None:
    address, shown = PAGES[page]
    grow(FEW)
    few = queries(maker, address(), shown=min(shown, FEW))
    grow(MANY)
    many = queries(maker, address(), shown=shown)

    assert len(many) == len(few), "\n".join(many)


@pytest.mark.parametrize("model", [Connector, User])
def test_deleting_makes_no_query_per_row(
    maker: Client, grow: Grow, model: type[Connector] | type[User]
) -> None:
    numbers = []
    for number in (FEW, MANY):
        grow(number)
        address = f"{CONNECTORS if model is Connector else USERS}{first(model)}/delete/"
        undo = transaction.savepoint()
        with CaptureQueriesContext(connection) as captured:
            maker.post(address, {"post": "yes"})
        numbers.append(len(captured))
        assert Link.objects.count() == number - 1, "the other links are left"
        transaction.savepoint_rollback(undo)

    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("query", ["", "?o=8", "?o=-5", "?state=ready", "?q=example"])
def test_list_parses_no_certificate(maker: Client, grow: Grow, query: str) -> None:
    """It goes by the end that is stored."""
    grow(MANY)
    load_certificates.cache_clear()
    maker.get(f"{CONNECTORS}{query}")

    assert load_certificates.cache_info().misses == 0


def test_list_of_attempts_reads_no_checks(maker: Client, grow: Grow) -> None:
    grow(FEW)
    asked = queries(maker, ATTEMPTS, shown=FEW)

    assert any("sso_connectors_attempt" in sql for sql in asked)
    assert not any('"checks"' in sql for sql in asked)


@pytest.mark.parametrize("page", ["users, a username", "attempts, a username", "attempts, a code"])
def test_a_whole_name_is_looked_up_by_an_index(maker: Client, grow: Grow, page: str) -> None:
    grow(FEW)
    address, shown = PAGES[page]
    asked = queries(maker, address(), shown=shown)

    assert not any(" LIKE " in sql for sql in asked), "\n".join(asked)


def queries(client: Client, address: str, *, shown: int) -> list[str]:
    """What the page asks the database; it must show that many customers."""
    client.get(address)  # what only the first request of a process asks, content types among it
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200
    assert response.content.decode().count("ustomer") >= shown
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("query", ["", "?outcome__exact=failed"])
def test_attempts_are_counted_and_found_without_reading_them_all(
    maker: Client, grow: Grow, query: str
) -> None:
    """Each holds some 6 KB of checks."""
    grow(FEW)
    with CaptureQueriesContext(connection) as context:
        assert maker.get(ATTEMPTS + query).status_code == 200
    asked = [
        each["sql"]
        for each in context.captured_queries
        if 'FROM "sso_connectors_attempt"' in each["sql"]
    ]
    assert "COUNT(" in asked[0]
    assert "ORDER BY" in asked[1]
    # PostgreSQL plans by how many rows there are, which are few here.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for sql in asked:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                plan = str(cursor.fetchall())
                assert "attempt_in_order" in plan, plan
                assert "TEMP B-TREE" not in plan
