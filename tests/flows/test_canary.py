"""Secrets are planted wherever they pass, and then looked for wherever somebody else might see them."""

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin import site
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse

from maker.log import JsonFormatter
from sso_connectors.models import Connector
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker
from tests.idp import IdP, other_key
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.row(32)]

NAME = "alice@acme.example"
IN_THE_ASSERTION = "canary-in-an-attribute-9f3b"
PRIVATE_KEY = (
    "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5LWluLWEtcHJpdmF0ZS1rZXk\n-----END PRIVATE KEY-----"
)
PASSPHRASE = "canary passphrase of the administrator"


@dataclass
class Places:
    """Where somebody who is not meant to see a secret may look: name -> everything that is there."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        self.texts[name] = self.texts.get(name, "") + "\n" + text

    def holding(self, secret: str) -> list[str]:
        return [name for name, text in self.texts.items() if secret in text]


class Written(logging.Handler):
    """Every record of every logger at every level, as the product would write it."""

    def __init__(self, places: Places) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self._places = places

    def emit(self, record: logging.LogRecord) -> None:
        self._places.add("log", self.format(record))


@pytest.fixture
def places() -> Iterator[Places]:
    found = Places()
    handler = Written(found)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(before)


def look_at_the_maker(places: Places, client: Client) -> None:
    """Every list, form, history and deletion of every registered model, and every search."""
    for model in site._registry:
        stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for query in ("", "?q=a"):
            page = client.get(reverse(f"{stem}_changelist") + query)
            places.add("pages of the Maker", page.content.decode())
        for row in model._default_manager.all():
            for view in ("change", "history", "delete"):
                page = client.get(reverse(f"{stem}_{view}", args=[row.pk]))
                places.add("pages of the Maker", page.content.decode())
    for name in ("admin:index", "landing", "sign-in", "signed-out"):
        places.add("pages of the Maker", client.get(reverse(name)).content.decode())


def look_at_what_operators_get(places: Places) -> None:
    for command, options in (
        ("dumpdata", {"exclude": ["sessions"]}),  # Django keeps keys of sessions as they are
        ("sso_export", {}),
        ("sso_cleanup", {}),
    ):
        out = StringIO()
        call_command(command, stdout=out, **options)
        places.add(command, out.getvalue())
    with override_settings(METRICS_ALLOWED=["127.0.0.1"]):
        metrics = Client().get("/metrics").content.decode()
    assert "sso_attempts_total" in metrics
    places.add("/metrics", metrics)


def query_of(response: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(response["Location"]).query)


@pytest.fixture
def administrator(db: None) -> Client:
    User.objects.create_superuser("root@acme.example", PASSPHRASE)
    client = Client(HTTP_HOST=HOST)
    response = client.post(
        "/maker/login/", {"username": "root@acme.example", "password": PASSPHRASE}
    )
    assert response.status_code == 302
    return client


def test_saml(
    places: Places, administrator: Client, agent: Agent, idp: IdP, connector: Connector, alice: User
) -> None:
    """A sign-in, a replay, a forgery, a lie, and a private key pasted into the form."""
    said: dict[str, Any] = {"attributes": {"secret": [IN_THE_ASSERTION]}}
    secrets = {"in the assertion": IN_THE_ASSERTION, "private key": PRIVATE_KEY.split("\n")[1]}

    for lies in ({"key": other_key()}, {"audience": "urn:other"}, {"name_id": "eve@acme.example"}):
        failed = agent.post(idp.respond(agent.start(), **said, **lies))
        places.add("pages for agents", agent.client.get(failed["Location"]).content.decode())
    answer = idp.respond(agent.start(), **said)
    response = agent.post(answer)
    (handle,) = query_of(response)["handle"]
    secrets |= {"answer": answer[:200], "assertion": base64.b64decode(answer).decode()[200:400]}
    secrets |= {"handle": handle, "browser": agent.client.cookies["sso-browser"].value}
    agent.finish(response)
    secrets["key of the session"] = agent.client.cookies["sessionid"].value
    places.add("pages for agents", agent.client.get("/").content.decode())
    places.add("pages for agents", agent.client.get(response["Location"]).content.decode())
    replayed = agent.post(answer)
    places.add("pages for agents", agent.client.get(replayed["Location"]).content.decode())

    form = {"name": "New", "reference": "new", "type": "saml2", "certificates": PRIVATE_KEY}
    page = administrator.post("/maker/sso_connectors/connector/add/", form)
    places.add("pages of the Maker", page.content.decode())
    secrets["passphrase"] = PASSPHRASE

    look_at_the_maker(places, administrator)
    look_at_what_operators_get(places)

    # What would be missed if nothing were looked at.
    assert "Signed in" in places.texts["log"]
    assert NAME in places.texts["pages of the Maker"]
    assert connector.reference in places.texts["sso_export"]
    found = {name: places.holding(secret) for name, secret in secrets.items()}
    assert {name: where for name, where in found.items() if where} == {}
    # Nor do log lines name people.
    assert NAME not in places.texts["log"]


def test_fault_in_the_middle_of_a_login(
    places: Places,
    agent: Agent,
    idp: IdP,
    connector: Connector,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is written of a fault: the log with its traceback, and the page."""

    def break_down(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    answer = idp.respond(agent.start(), attributes={"secret": [IN_THE_ASSERTION]})
    monkeypatch.setattr("sso_connectors.login.flow.linked_user", break_down)
    agent.client.raise_request_exception = False
    response = agent.post(answer)
    page = agent.client.get(response["Location"])
    assert page.status_code == 500
    places.add("page", page.content.decode())
    assert "a fault of ours" in places.texts["log"]
    for secret in (IN_THE_ASSERTION, answer[:200]):
        assert places.holding(secret) == []


def test_canary_is_found_where_it_is(places: Places) -> None:
    """Or the tests above could not fail."""
    logging.getLogger("anybody").debug("this is %s", IN_THE_ASSERTION)
    logging.getLogger("anybody").info("that", extra={"also": PRIVATE_KEY})
    places.add("page", json.dumps({"token": PASSPHRASE}))
    assert places.holding(IN_THE_ASSERTION) == ["log"]
    assert places.holding("Y2FuYXJ5LWluLWEtcHJpdmF0ZS1rZXk") == ["log"]
    assert places.holding(PASSPHRASE) == ["page"]


def test_maker_is_looked_at_whole(places: Places, make_connector: ConnectorMaker) -> None:
    """Each model that the Maker shows is one of those whose pages are searched."""
    assert {model.__name__ for model in site._registry} >= {"User", "Connector", "Attempt"}
