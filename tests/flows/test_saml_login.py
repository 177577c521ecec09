"""A SAML login over HTTP, from the login address to the session: the pass, and every refusal."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.protocols.saml2.statements import OBJECT_IDENTIFIER
from tests.agent import CALLBACK, HOST, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import (
    EMAIL,
    OMIT,
    PERSISTENT,
    IdP,
    SigningKey,
    form_value,
    other_key,
    read_post_form,
)
from tests.rigs.process import free_port
from users.models import User

from .ways import refused

pytestmark = pytest.mark.django_db


# --- the pass --------------------------------------------------------------------------------


def test_agent_signs_in(agent: Agent, idp: IdP, alice: User) -> None:
    response = agent.sign_in(idp)

    assert response.status_code == 302
    assert response["Location"] == "/"
    assert agent.username == "alice@acme.example"
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.user) == (Outcome.SIGNED_IN, alice)
    assert all(check["passed"] for check in attempt.checks)
    assert Link.objects.get().last_sign_in_at is not None


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_each_way_of_signing(agent: Agent, idp: IdP, alice: User, sign: str) -> None:
    agent.sign_in(idp, sign=sign)

    assert agent.username == "alice@acme.example"


def test_username_in_any_case(agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp, name_id="Alice@ACME.example")

    assert agent.username == "alice@acme.example"


def test_request_by_post(
    agent: Agent, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    make_user("alice@acme.example", make_connector(binding="post"))

    page = agent.open()
    assert page.status_code == 200
    assert "form-action https://idp.example;" in page["Content-Security-Policy"] + ";"
    agent.answer(idp.respond(read_post_form(page.content.decode())))

    assert agent.username == "alice@acme.example"


def test_other_pages_may_post_to_us_only(agent: Agent) -> None:
    policy = agent.client.get("/sign-in")["Content-Security-Policy"]

    assert "form-action 'self'" in policy
    assert "unsafe" not in policy


def test_reference_in_any_case_and_percent_encoded(
    agent: Agent, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    connector = make_connector("Acme+2.0_x-y@z")
    make_user("alice@acme.example", connector)
    path = urlsplit(connector.login_address).path

    assert agent.client.get(path).status_code == 302
    assert agent.client.get(path.lower()).status_code == 302


def test_sign_out(agent: Agent, idp: IdP, alice: User) -> None:
    agent.sign_in(idp)
    page = agent.client.get("/")
    token = page.context["csrf_token"]

    assert agent.client.get("/sign-out").status_code == 405
    response = agent.client.post("/sign-out", {"csrfmiddlewaretoken": str(token)})

    assert response["Location"] == "/signed-out"
    assert agent.username is None
    assert agent.client.get("/")["Location"].startswith("/sign-in")


# --- the login address -----------------------------------------------------------------------


def test_unknown_reference(agent: Agent, connector: Connector) -> None:
    attempt = refused(agent.open("nobody"), "unknown_connector", 404)

    assert attempt.connector_reference == "nobody"


@pytest.mark.parametrize("fields", [{"enabled": False}, {"enabled": False, "certificates": ""}])
def test_disabled_and_draft(
    agent: Agent, make_connector: ConnectorMaker, fields: dict[str, Any]
) -> None:
    make_connector(**fields)

    refused(agent.open(), "connector_not_ready")


def test_what_is_kept_is_in_one_language(agent: Agent, make_connector: ConnectorMaker) -> None:
    make_connector(enabled=False)
    agent.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"

    assert refused(agent.open(), "connector_not_ready").detail == "The connector is disabled."


@pytest.mark.row(35)
def test_other_host_leads_to_the_public_one(agent: Agent, connector: Connector) -> None:
    response = agent.client.get("/api/sso/login/acme?next=/x", headers={"Host": "other.example"})

    assert response["Location"] == "http://localhost:8000/api/sso/login/acme?next=/x"
    assert not PendingLogin.objects.exists()


@pytest.mark.row(35)
def test_foreign_host_is_refused(agent: Agent, connector: Connector) -> None:
    assert (
        agent.client.get("/api/sso/login/acme", headers={"Host": "evil.example"}).status_code == 400
    )


@pytest.mark.row(30)
def test_expired_logins_are_cleared_by_later_ones(agent: Agent, connector: Connector) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        agent.start()
    cache.clear()  # once a minute; Redis keeps its own time
    agent.start()

    assert PendingLogin.objects.count() == 1


@pytest.mark.row(30)
def test_starts_are_throttled_by_address(
    agent: Agent, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sso_connectors.login.throttle.PER_MINUTE", 3)
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        statuses = [agent.open().status_code for _ in range(5)]
        elsewhere = agent.client.get("/api/sso/login/acme", REMOTE_ADDR="10.9.8.7")

    assert statuses == [302, 302, 302, 429, 429]
    assert elsewhere.status_code == 302
    assert Attempt.objects.count() == 4, "a throttled start stores nothing"


@pytest.mark.row(30)
def test_answers_and_last_steps_are_throttled_too(
    agent: Agent, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sso_connectors.login.throttle.PER_MINUTE", 1)
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        agent.post("x")
        assert agent.post("x").status_code == 429
        agent.client.get(f"{CALLBACK}?handle=x")
        assert agent.client.get(f"{CALLBACK}?handle=x").status_code == 429
        agent.client.get(f"{CALLBACK}?unsolicited=x")
        assert agent.client.get(f"{CALLBACK}?unsolicited=x").status_code == 429
    assert Attempt.objects.count() == 3, "what is throttled stores nothing"


@pytest.mark.row(38)
def test_logins_go_on_while_the_cache_is_away(
    agent: Agent, idp: IdP, alice: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "maker.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}/0",
        }
    }
    agent.sign_in(idp)

    assert agent.username == "alice@acme.example"
    assert "The cache did not answer" in caplog.text
    del settings.CACHES


@pytest.mark.row(39)
def test_start_does_not_grow_with_connectors(
    agent: Agent, make_connector: ConnectorMaker, django_assert_num_queries: Any
) -> None:
    make_connector("acme")
    agent.start()
    with django_assert_num_queries(3):
        agent.start()
    for number in range(20):
        make_connector(f"other-{number}")
    with django_assert_num_queries(3):
        agent.start()


# --- who gets in -----------------------------------------------------------------------------


@pytest.mark.row(14)
def test_answer_counts_for_the_connector_that_asked(
    agent: Agent, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """Two connectors of one issuer: the pending login decides, and its key verifies."""
    other = IdP(entity_id=idp.entity_id, key=other_key())
    make_connector("acme")
    make_user("alice@acme.example", make_connector("second", certificates=other.key.pem))

    request = agent.start("acme")
    refused(agent.answer(other.respond(request)), "response_refused")


@pytest.mark.row(23)
@pytest.mark.row(43)
@pytest.mark.parametrize("asked", ["emailAddress", "persistent", "none"])
def test_permanent_id_that_is_missing_later(
    agent: Agent, idp: IdP, connector: Connector, alice: User, asked: str
) -> None:
    """Whoever has alice's old address could ask their identity provider for another format than we do."""
    Connector.objects.update(identifier_format=asked)
    agent.sign_in(
        idp,
        name_id="first-person",
        name_id_format=PERSISTENT,
        attributes={"mail": ["alice@acme.example"]},
    )
    assert Link.objects.get().subject == "first-person"

    other = Agent()
    response = other.sign_in(idp, name_id="alice@acme.example", name_id_format=EMAIL)
    assert response.status_code == 403
    assert other.username is None
    name = "identifier format" if asked == "persistent" else "subject"
    (check,) = [c for c in Attempt.objects.latest("pk").checks if not c["passed"]]
    assert check["name"] == name
    assert Link.objects.get().subject == "first-person"


@pytest.mark.row(23)
def test_object_identifier_of_entra_that_is_missing_later(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    attributes = {OBJECT_IDENTIFIER: ["0f6b"]}
    agent.sign_in(idp, attributes=attributes)
    assert Link.objects.get().subject == "0f6b"
    without, again = Agent(), Agent()
    assert without.sign_in(idp).status_code == 403
    assert without.username is None
    again.sign_in(idp, attributes=attributes)
    assert again.username == "alice@acme.example"


@pytest.mark.row(43)
def test_first_answer_without_the_permanent_id_that_was_asked_for(
    agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    Connector.objects.update(identifier_format="persistent")
    refused(agent.sign_in(idp, name_id_format=EMAIL), "response_refused")
    assert Link.objects.get().subject is None


# --- once, by this browser, in time ----------------------------------------------------------


@pytest.mark.row(12)
def test_replay(agent: Agent, idp: IdP, alice: User) -> None:
    saml_response = idp.respond(agent.start())
    agent.answer(saml_response)

    again = agent.answer(saml_response)
    assert again.status_code == 403
    assert Attempt.objects.get().outcome == Outcome.SIGNED_IN, "a replay spoils no record"
    thief = Agent()
    assert thief.answer(saml_response).status_code == 403
    assert thief.username is None


@pytest.mark.row(12)
def test_handle_works_once(agent: Agent, idp: IdP, alice: User) -> None:
    location = agent.post(idp.respond(agent.start()))["Location"]
    assert agent.client.get(location).status_code == 302
    agent.client.logout()

    refused(agent.client.get(location), "no_such_login")


@pytest.mark.row(24)
def test_answer_in_another_browser(agent: Agent, idp: IdP, alice: User) -> None:
    """Login CSRF: the attacker's own answer, brought to the victim's browser."""
    location = agent.post(idp.respond(agent.start()))["Location"]
    victim = Agent()
    refused(victim.client.get(location), "no_such_login")
    victim.start()
    assert victim.client.get(location).status_code == 403

    assert agent.client.get(location).status_code == 302, "a stranger burns nobody's login"


@pytest.mark.row(16)
def test_handle_expires(agent: Agent, idp: IdP, alice: User) -> None:
    location = agent.post(idp.respond(agent.start()))["Location"]

    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        refused(agent.client.get(location), "no_such_login")


def test_refused_answer_burns_nothing(agent: Agent, idp: IdP, alice: User) -> None:
    request = agent.start()
    assert agent.answer(idp.respond(request, key=other_key())).status_code == 403

    assert agent.answer(idp.respond(request)).status_code == 302
    assert Attempt.objects.get().outcome == Outcome.SIGNED_IN


@pytest.mark.row(16)
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda: Connector.objects.update(enabled=False), "connector_not_ready"),
        (lambda: Connector.objects.update(certificates=other_key().pem), "response_refused"),
        (lambda: Connector.objects.update(issuer_url="urn:new"), "response_refused"),
        (lambda: User.objects.update(is_active=False), "not_admitted"),
        (lambda: Link.objects.all().delete(), "not_admitted"),
    ],
)
def test_what_changes_under_way_counts(
    agent: Agent, idp: IdP, alice: User, change: Callable[[], object], cause: str
) -> None:
    posted = agent.post(idp.respond(agent.start()))
    change()

    refused(agent.finish(posted), cause)


@pytest.mark.row(16)
def test_deleted_connector_under_way(agent: Agent, idp: IdP, alice: User) -> None:
    posted = agent.post(idp.respond(agent.start()))
    Connector.objects.all().delete()

    refused(agent.finish(posted), "no_such_login")


# --- answers to nothing ----------------------------------------------------------------------


def unsolicited(idp: IdP, **lies: Any) -> str:
    base = f"http://{HOST}"
    return form_value(
        idp.unsolicited(acs_url=base + CALLBACK, audience=f"{base}/api/saml/metadata", **lies)
    )


@pytest.mark.row(24)
def test_tile_starts_our_own_request(agent: Agent, idp: IdP, alice: User) -> None:
    onward = agent.answer(unsolicited(idp))

    assert onward.status_code == 302
    assert onward["Location"].startswith("https://idp.example/sso?SAMLRequest=")
    assert agent.username is None


def test_tile_that_never_names_our_request(agent: Agent, idp: IdP, alice: User) -> None:
    agent.answer(unsolicited(idp))

    attempt = refused(agent.answer(unsolicited(idp)), "unsolicited_again")
    assert "InResponseTo" in attempt.detail
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        assert agent.answer(unsolicited(idp)).status_code == 302


def test_late_answer_starts_again(agent: Agent, idp: IdP, alice: User) -> None:
    with time_machine.travel(timezone.now() - timedelta(minutes=11)):
        request = agent.start()

    onward = agent.answer(idp.respond(request))
    assert onward["Location"].startswith("https://idp.example/sso?SAMLRequest=")


def test_tile_of_several_connectors_asks(
    agent: Agent, idp: IdP, make_connector: ConnectorMaker
) -> None:
    make_connector("one")
    make_connector("two")

    page = agent.answer(unsolicited(idp))
    assert page.status_code == 200
    assert "/api/sso/login/one" in page.content.decode()
    assert "/api/sso/login/two" in page.content.decode()


@pytest.mark.parametrize("lies", [{"key": other_key()}, {"sign": "none"}, {"response_issuer": "x"}])
def test_unsolicited_must_be_verified(
    agent: Agent, idp: IdP, connector: Connector, lies: dict[str, Any]
) -> None:
    response = agent.answer(unsolicited(idp, **lies))

    if "response_issuer" in lies:  # the assertion is what is signed, and its issuer counts
        assert response.status_code == 302
    else:
        refused(response, "response_refused")


def test_token_of_an_unsolicited_answer_expires(
    agent: Agent, idp: IdP, connector: Connector
) -> None:
    posted = agent.post(unsolicited(idp))

    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        refused(agent.finish(posted), "no_such_login")


def test_connector_disabled_after_an_unsolicited_answer(
    agent: Agent, idp: IdP, connector: Connector
) -> None:
    posted = agent.post(unsolicited(idp))
    Connector.objects.update(enabled=False)

    refused(agent.finish(posted), "connector_not_ready")


# --- what arrives ----------------------------------------------------------------------------


@pytest.mark.row(29)
@pytest.mark.parametrize("body", ["", "%%%", "PGE+", "PGE+PC9hPg==", "A" * 400_000])
def test_broken_answers(agent: Agent, connector: Connector, body: str) -> None:
    response = agent.answer(body) if body else agent.client.post(CALLBACK)
    if not body:
        response = agent.finish(response)

    refused(response, "bad_message", 400)


@pytest.mark.row(29)
def test_form_larger_than_read(agent: Agent, connector: Connector) -> None:
    refused(agent.answer("A" * 3_000_000), "bad_message", 400)


@pytest.mark.parametrize("reference", ["a%00b", "%ff", "a%0Ab", "x" * 300, "é", ".."])
def test_strange_references(agent: Agent, connector: Connector, reference: str) -> None:
    refused(agent.client.get(f"/api/sso/login/{reference}"), "unknown_connector", 404)


@pytest.mark.parametrize("code", ["a%00b", "%ff", "' OR 1=1", "x" * 300])
def test_strange_codes(agent: Agent, connector: Connector, code: str) -> None:
    assert agent.client.get(f"{CALLBACK}?failed={code}").status_code == 403
    assert agent.client.get(f"{CALLBACK}?handle={code}").status_code == 403
    assert agent.client.get(f"{CALLBACK}?unsolicited={code}").status_code == 403


def test_callback_without_anything(agent: Agent, connector: Connector) -> None:
    refused(agent.client.get(CALLBACK), "no_such_login")
    assert agent.client.head(CALLBACK).status_code == 200
    assert agent.client.get(f"{CALLBACK}?failed=XXXX-XXXX").status_code == 403


def test_idp_says_no(agent: Agent, idp: IdP, alice: User) -> None:
    response = agent.sign_in(
        idp,
        status="urn:oasis:names:tc:SAML:2.0:status:Responder",
        sub_status="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed",
        status_message="The person gave up",
        assertions=0,
        sign="none",
    )

    attempt = refused(response, "identity_provider_error")
    assert "AuthnFailed" in attempt.detail
    assert "gave up" in attempt.detail
    assert "gave up" not in response.content.decode()


def test_attempt_shows_everything_that_is_wrong(agent: Agent, idp: IdP, alice: User) -> None:
    attempt = refused(
        agent.sign_in(idp, audience="https://old.example", recipient=OMIT), "response_refused"
    )

    failed = {check["name"]: check for check in attempt.checks if not check["passed"]}
    assert set(failed) == {"audience", "recipient"}
    assert failed["audience"]["received"] == "https://old.example"
    assert failed["audience"]["expected"] == "http://localhost:8000/api/saml/metadata"


def test_roll_over(agent: Agent, idp: IdP, alice: User, connector: Connector) -> None:
    new = SigningKey.rsa()
    connector.certificates += new.pem
    connector.full_clean()
    connector.save()

    agent.sign_in(idp)
    assert agent.username == "alice@acme.example"
    later = Agent()
    later.sign_in(idp, key=new)
    assert later.username == "alice@acme.example"


def test_csrf_and_origin_do_not_stop_the_reply_url(idp: IdP, alice: User) -> None:
    """Strict browsers send Origin: null; the answer is protected by its own checks."""
    response = Client(enforce_csrf_checks=True, HTTP_HOST=HOST).post(
        CALLBACK, {"SAMLResponse": "x"}, HTTP_ORIGIN="null"
    )

    assert response.status_code == 303
    assert parse_qs(urlsplit(response["Location"]).query).keys() == {"failed"}
