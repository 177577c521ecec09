"""Login attempts: found by the agent's code, never written, and whom they are about is not everybody's."""

from datetime import timedelta
from typing import Any, Final

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sso_connectors.admin.attempts.page import AttemptPage
from sso_connectors.admin.attempts.words import CAUSES, STATES
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome, Purpose
from sso_connectors.models.pending_login import LIFETIME
from sso_connectors.results.errors import STATUSES
from tests.agent import Agent
from tests.conftest import ConnectorMaker, StaffMaker, UserMaker, client_of
from tests.idp import IdP, other_key, read_redirect
from users.models import User

pytestmark = pytest.mark.django_db

LIST: Final = "/maker/sso_connectors/attempt/"
READ: Final = "sso_connectors.view_attempt"
PERSONAL: Final = "sso_connectors.view_personal"


def page_of(client: Client, attempt: Attempt) -> str:
    response = client.get(f"{LIST}{attempt.pk}/change/")
    assert response.status_code == 200
    return str(response.content.decode())


def found(client: Client, query: str = "", **more: Any) -> set[str]:
    """The codes in the list."""
    page = client.get(LIST, {"q": query, **more})
    assert page.status_code == 200, page
    return {attempt.code for attempt in page.context["cl"].result_list}


def test_sign_in(client: Client, connector: Connector, idp: IdP, **lies: Any) -> Attempt:
    """Try the connector in that browser, and return the attempt."""
    response = client.post(f"/maker/sso_connectors/connector/{connector.pk}/test/")
    asked = read_redirect(response.context["departure"].url)
    Agent(client=client).answer(idp.respond(asked, **lies))
    return Attempt.objects.latest("pk")


test_sign_in.__test__ = False  # type: ignore[attr-defined]


# --- finding ---------------------------------------------------------------------------------


def test_attempt_is_found_by_its_code(maker: Client, agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp, audience="https://<b>old</b>.example")
    attempt = Attempt.objects.get()
    assert found(maker, f" {attempt.code.lower()} ") == {attempt.code}

    page = page_of(maker, attempt)
    assert "http://localhost:8000/api/saml/metadata" in page
    assert "https://&lt;b&gt;old&lt;/b&gt;.example" in page
    assert "<b>old" not in page


def test_attempts_are_found_by_any_part_and_by_whole_names(
    maker: Client, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    acme = make_connector("acme", name="Bell & Sons")
    for name, reference in (("al", "acme"), ("sal", "acme-eu")):
        Attempt.objects.create(
            connector=acme,
            connector_reference=reference,
            user=make_user(f"{name}@acme.example"),
            code=f"{'CD'[name == 'al']}BBB-2222",
        )
    Attempt.objects.create(code="FBBB-2222", username="Nobody@Acme.example")

    both = {"CBBB-2222", "DBBB-2222"}
    assert found(maker, "acme") == {*both, "FBBB-2222"}
    assert found(maker, "bbb-2 bell") == found(maker, "al@") == both
    assert found(maker, "acme-e") == found(maker, "eu SAL@") == {"CBBB-2222"}
    assert found(maker, " dbbb-2222 ") == {"DBBB-2222"}, "a code as somebody types it"
    assert found(maker, "cccc-2222") == set()
    Attempt.objects.filter(code="CBBB-2222").update(connector_reference="cccc-2222")
    assert found(maker, "cccc-2222") == {"CBBB-2222"}, "a reference that looks like a code"
    assert found(maker, "AL@Acme.example") == {"DBBB-2222"}, "a whole username, and no longer one"
    assert found(maker, "nobody@acme.example") == {"FBBB-2222"}, "named, and no user"
    assert found(maker, "ody@acme.example") == {"FBBB-2222"}, "the end of a username"
    assert found(maker, "eu nobody") == set()


def test_attempts_of_a_connector(maker: Client, make_connector: ConnectorMaker) -> None:
    acme, bell = make_connector("acme"), make_connector("bell", name="Bell & Sons")
    for connector, code in ((acme, "CCCC-2222"), (bell, "DDDD-2222")):
        Attempt.objects.create(connector=connector, code=code)

    assert found(maker, connector__id__exact=bell.pk) == {"DDDD-2222"}
    page = maker.get(LIST, {"connector__id__exact": bell.pk}).content.decode()
    assert "<strong>Bell &amp; Sons</strong>" in page, "the filter says which connector"
    assert "Clear all filters" in page
    for none in ("0", "99999", "x", "٣", "9" * 30):
        assert found(maker, connector__id__exact=none) == set()


def test_states(maker: Client, connector: Connector) -> None:
    now = timezone.now()
    for code, outcome, age in (
        ("CCCC-2222", Outcome.IN_PROGRESS, LIFETIME - timedelta(minutes=1)),
        ("DDDD-2222", Outcome.IN_PROGRESS, LIFETIME + timedelta(minutes=1)),
        ("FFFF-2222", Outcome.SIGNED_IN, LIFETIME + timedelta(minutes=1)),
        ("GGGG-2222", Outcome.FAILED, timedelta(0)),
    ):
        Attempt.objects.create(code=code, outcome=outcome, started_at=now - age)

    assert found(maker, outcome__exact="in_progress") == {"CCCC-2222"}
    assert found(maker, outcome__exact="never_came_back") == {"DDDD-2222"}
    assert found(maker, outcome__exact="signed_in") == {"FFFF-2222"}
    assert found(maker, outcome__exact="failed") == {"GGGG-2222"}
    assert found(maker, started_at__gte=str(now - timedelta(minutes=5))) == {"GGGG-2222"}
    page = maker.get(LIST).content.decode()
    for state in ("in_progress", "never_came_back", "signed_in", "failed"):
        assert page.count(f'pill-{state}">{STATES[state]}') == 1
    assert "never came back" in page_of(maker, Attempt.objects.get(code="DDDD-2222"))


def test_every_cause_has_words() -> None:
    assert set(CAUSES) == set(STATUSES)


def test_attempts_are_read_only(maker: Client, agent: Agent) -> None:
    agent.open("nobody")
    attempt = Attempt.objects.get()

    assert maker.get(f"{LIST}add/").status_code == 403
    assert maker.post(f"{LIST}{attempt.pk}/change/", {"code": "X"}).status_code == 403
    assert maker.post(f"{LIST}{attempt.pk}/delete/", {"post": "yes"}).status_code == 403
    page = page_of(maker, attempt)
    assert "None. Nothing was received that could be checked." in page


# --- one attempt -----------------------------------------------------------------------------


def test_page_says_what_happened_and_whose_turn_it_is(
    maker: Client, agent: Agent, idp: IdP, alice: User
) -> None:
    agent.sign_in(idp, audience="https://old.example", response_issuer="https://else.example")
    attempt = Attempt.objects.get()
    page = page_of(maker, attempt)

    assert f'data-copy="{attempt.code}"' in page
    assert "Who needs to act: <strong>" in page
    assert page.count("not verified</span>") < page.count("verified</span>"), "some is, some is not"
    for check in attempt.checks:
        assert f">{check['name']}</th>" in page
    order = [page.index(f">{check['name']}</th>") for check in attempt.checks]
    assert order == sorted(order)
    assert "Also" in page, "all that is wrong, not only the first"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-1, ""),
        (0, ""),
        (1, "after 1 second"),
        (2, "after 2 seconds"),
        (119, "after 119 seconds"),
        (120, "after 2 minutes"),
        (359, "after 5 minutes"),
    ],
)
def test_how_long_it_took(rf: RequestFactory, seconds: int | None, words: str) -> None:
    now = timezone.now()
    ended = None if seconds is None else now + timedelta(seconds=seconds)
    request = rf.get(LIST)
    request.user = AnonymousUser()
    assert AttemptPage(Attempt(started_at=now, ended_at=ended), request).took == words


def test_what_is_not_verified_is_shown_as_such(
    maker: Client, agent: Agent, idp: IdP, alice: User
) -> None:
    agent.sign_in(idp, key=other_key(), name_id="ceo@acme.example")
    attempt = Attempt.objects.get()
    page = page_of(maker, attempt)

    assert (attempt.user, attempt.username) == (None, ""), "a forgery names nobody"
    assert "No valid signature covers this value" in page
    assert "no verified value names anyone" in page
    assert found(maker, "ceo@acme.example") == set()


def test_named_by_the_identity_provider_and_not_linked(
    maker: Client, agent: Agent, idp: IdP, alice: User
) -> None:
    agent.sign_in(idp, name_id="Bob@acme.example")
    page = page_of(maker, Attempt.objects.get())
    assert "Bob@acme.example" in page
    assert "named by the identity provider, but not signed in" in page


def test_page_of_an_attempt_whose_connector_and_user_are_gone(
    maker: Client, agent: Agent, idp: IdP, alice: User, connector: Connector
) -> None:
    agent.sign_in(idp)
    connector.delete()
    alice.delete()
    assert "acme" in page_of(maker, Attempt.objects.get())


# --- tests -----------------------------------------------------------------------------------


def test_result_of_a_test(maker: Client, connector: Connector, idp: IdP, alice: User) -> None:
    attempt = test_sign_in(maker, connector, idp)
    page = page_of(maker, attempt)

    assert attempt.outcome == Outcome.TEST_PASSED
    assert "The test passed" in page
    assert "Would have been signed in:" in page
    assert "alice@acme.example" in page
    assert "Claims received" in page
    assert "<code>NameID</code>" in page
    assert f'action="/maker/sso_connectors/connector/{connector.pk}/test/"' in page
    assert f'data-copy="{connector.login_address}"' in page
    assert f'href="/maker/sso_connectors/connector/{connector.pk}/change/"' in page


def test_result_of_a_test_that_failed(maker: Client, connector: Connector, idp: IdP) -> None:
    page = page_of(maker, test_sign_in(maker, connector, idp, audience="https://old.example"))
    assert "The test failed" in page
    assert "Copy the login address" not in page


def test_result_of_a_test_of_nobody(maker: Client, connector: Connector, idp: IdP) -> None:
    page = page_of(maker, test_sign_in(maker, connector, idp, name_id="bob@acme.example"))
    assert "this person could not sign in" in page
    assert "bob@acme.example is not a user here" in page


@pytest.mark.row(34)
def test_only_its_starter_sees_a_test(
    maker: Client, make_user: UserMaker, connector: Connector, idp: IdP, alice: User
) -> None:
    attempt = test_sign_in(maker, connector, idp)
    nobodys = Attempt.objects.create(purpose=Purpose.TEST, code="NNNN-2222")
    other = client_of(make_user("other@maker.example", is_staff=True, is_superuser=True))

    assert found(maker) == found(maker, attempt.code) == {attempt.code}
    assert found(other) == found(other, attempt.code) == set()
    for hidden in (attempt, nobodys):
        response = other.get(f"{LIST}{hidden.pk}/change/")
        assert (response.status_code, response["Location"]) == (302, "/maker/"), (
            "as if it weren't there"
        )
        assert other.get(f"{LIST}{hidden.pk}/link/").status_code == 404


@pytest.mark.row(34)
def test_who_may_test_sees_the_result(
    make_staff: StaffMaker, maker: Client, connector: Connector, idp: IdP, alice: User
) -> None:
    tester = make_staff("sso_connectors.view_connector", "sso_connectors.test_sign_in")
    attempt = test_sign_in(tester, connector, idp)
    assert "The test passed" in page_of(tester, attempt)
    assert tester.get(LIST).status_code == 403, "and nothing else"
    others = test_sign_in(maker, connector, idp)
    assert tester.get(f"{LIST}{others.pk}/change/").status_code == 403

    User.objects.get(username="staff@maker.example").user_permissions.clear()
    assert tester.get(f"{LIST}{attempt.pk}/change/").status_code == 403, "nor for good"


def test_test_sign_in_of_a_reader_offers_no_other(
    make_staff: StaffMaker, connector: Connector, idp: IdP, alice: User
) -> None:
    tester = make_staff(READ, "sso_connectors.view_connector", "sso_connectors.test_sign_in")
    attempt = test_sign_in(tester, connector, idp)
    readers = list(Permission.objects.filter(codename="view_attempt"))
    User.objects.get(username="staff@maker.example").user_permissions.set(readers)
    page = page_of(tester, attempt)
    for offer in ("Test again", "Back to the connector", "Copy the login address"):
        assert offer not in page


# --- personal data ---------------------------------------------------------------------------


@pytest.mark.row(34)
def test_attempts_take_a_permission(make_staff: StaffMaker) -> None:
    assert make_staff().get(LIST).status_code == 403
    reader = make_staff(READ, username="reader@maker.example")
    assert reader.get(LIST).status_code == 200


@pytest.mark.row(34)
def test_people_take_a_permission_of_its_own(
    make_staff: StaffMaker, agent: Agent, idp: IdP, alice: User, make_user: UserMaker
) -> None:
    agent.sign_in(idp)
    agent.sign_in(idp, name_id="bob@acme.example", session_index="canary-session")
    agent.sign_in(idp, name_id="carol@acme.example", audience="https://old.example")
    reader = make_staff(READ, username="reader@maker.example")
    seer = make_staff(READ, PERSONAL, username="seer@maker.example")
    names = ("alice@", "bob@", "carol@")

    assert all(name not in reader.get(LIST).content.decode() for name in names)
    assert "alice@acme.example" in (listed := seer.get(LIST).content.decode())
    assert "bob@acme.example" in listed
    for attempt in Attempt.objects.all():
        hidden, seen = page_of(reader, attempt), page_of(seer, attempt)
        assert all(name not in hidden for name in names)
        if attempt.outcome == Outcome.SIGNED_IN or attempt.cause == "not_admitted":
            assert any(name in seen for name in names)
            assert "The person's name is hidden" in hidden
        if attempt.detail:
            assert attempt.detail not in hidden


@pytest.mark.row(34)
def test_claims_of_ones_own_test_are_personal_too(
    make_staff: StaffMaker, connector: Connector, idp: IdP, alice: User
) -> None:
    tester = make_staff(READ, "sso_connectors.test_sign_in")
    attempt = test_sign_in(tester, connector, idp)
    page = page_of(tester, attempt)
    assert attempt.claims
    assert "Claims received" not in page
    assert "alice@acme.example" not in page


@pytest.mark.row(34)
@pytest.mark.parametrize(
    "asked",
    [
        {"q": "alice@acme.example"},
        {"q": "alice"},
        {"username__startswith": "a"},
        {"user__username__startswith": "a"},
        {"user__id__exact": "1"},
        {"user__isnull": "False"},
        {"detail__contains": "alice"},
        {"claims__NameID__contains": "alice"},
        {"checks__0__received": "alice"},
        {"starter__isnull": "False"},
        {"o": "7"},
    ],
    ids=str,
)
def test_nobody_is_found_by_who_may_not_see_them(
    make_staff: StaffMaker, agent: Agent, idp: IdP, alice: User, asked: dict[str, str]
) -> None:
    """Asking the list for a name, letter by letter, would tell it as well."""
    agent.sign_in(idp)
    reader = make_staff(READ, username="reader@maker.example")
    answers = []
    for name in ("alice@acme.example", "bob@acme.example"):
        User.objects.filter(pk=alice.pk).update(username=name)
        Attempt.objects.update(username=name, detail=name, claims={"NameID": [name]})
        response = reader.get(LIST, asked)
        cl = response.context["cl"] if response.context and "cl" in response.context else None
        listed = [each.code for each in cl.result_list] if cl is not None else None
        answers.append((response.status_code, listed))
    assert answers[0] == answers[1]


def test_attempts_of_a_person(make_staff: StaffMaker, agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp)
    seer = make_staff(READ, PERSONAL)
    assert found(seer, user__id__exact=alice.pk) == {Attempt.objects.get().code}
    assert found(seer, user__id__exact=alice.pk + 1) == set()


# --- what it costs ---------------------------------------------------------------------------


def test_attempt_costs_one_insert_and_one_update(agent: Agent, idp: IdP, alice: User) -> None:
    """And another where the answer was refused without being verified: when its browser has come back."""
    agent.sign_in(idp)  # the first makes the connector tested, and knows the subject
    for lies, updates in (
        ({}, 1),
        ({"name_id": "nobody@acme.example"}, 1),
        ({"audience": "https://other.example"}, 1),
        ({"key": other_key()}, 2),
    ):
        with CaptureQueriesContext(connection) as captured:
            agent.sign_in(idp, **lies)
        written = [
            query["sql"].split()[0]
            for query in captured
            if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
            and '"sso_connectors_attempt"' in query["sql"]
        ]
        assert written == ["INSERT", *["UPDATE"] * updates], lies
