"""Tokens are planted, used, refreshed, refused and revoked; then they are looked for everywhere."""

import json
import logging
from collections.abc import Iterator
from html import escape
from urllib.parse import quote, unquote_plus

import pytest
from django.test import Client

from sso_connectors.models import Link, Token
from sso_connectors.protocols.oauth2.tokens import (
    ReconnectNeeded,
    TokenUnavailable,
    access_token_for,
)
from tests.agent import HOST, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.code_grant import CLIENT_SECRET
from tests.vendors.hub import Hub, connect
from tests.vendors.server import Reply, Request, as_json
from users.models import User

from .test_canary import Places, Written, look_at_the_maker, look_at_what_operators_get

pytestmark = [pytest.mark.django_db, pytest.mark.row(32)]


@pytest.fixture
def places() -> Iterator[Places]:
    found = Places()
    handler, root = Written(found), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as vendor:
        yield vendor


def repeat(request: Request) -> Reply:
    """A vendor whose errors repeat what it was sent."""
    header, body = request.headers.get("authorization"), request.body.decode()
    said = f"{header} {body} {unquote_plus(body)} {json.dumps(body)} {quote(body)} {escape(body)}"
    return as_json({"error": said, "error_description": said}, 500)


def test_tokens(
    places: Places, hub: Hub, agent: Agent, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    link = Link.objects.get(user=make_user("alice@acme.example", connect(hub, make_connector)))
    root = User.objects.create_superuser("root@acme.example", "not looked for here")
    maker = Client(HTTP_HOST=HOST)
    maker.force_login(root, backend="sso_connectors.login.sessions.PasswordBackend")
    secrets = {"client secret": CLIENT_SECRET}

    def note(when: str) -> None:
        for number, grant in enumerate(hub.grants):
            secrets[f"access token {number} {when}"] = grant.access
            secrets[f"refresh token {number} {when}"] = grant.refresh

    landed = agent.bring(hub.authorize(agent.start_oauth("hub")))
    assert landed.status_code == 302
    places.add("pages for agents", agent.client.get("/").content.decode())
    note("signed in")

    first = access_token_for(link.user, link.connector)
    access_token_for(link.user, link.connector, rejected=first)
    note("refreshed")
    look_at_the_maker(places, maker)
    look_at_what_operators_get(places)

    Token.objects.update(expires_at=link.created_at)
    hub.fault = repeat
    with pytest.raises(TokenUnavailable) as caught:
        access_token_for(link.user, link.connector)
    places.add("errors", f"{caught.value!r} {caught.value.__cause__}")
    Token.objects.update(failed_at=None)
    hub.fault = lambda request: as_json({"error": "invalid_grant"}, 400)
    with pytest.raises(ReconnectNeeded) as caught_too:
        access_token_for(link.user, link.connector)
    places.add("errors", repr(caught_too.value))
    hub.fault = repeat
    link.delete()
    look_at_what_operators_get(places)
    look_at_the_maker(places, maker)

    # What would be missed if nothing were looked at.
    assert "A token was not refreshed" in places.texts["log"]
    assert "A token was not revoked" in places.texts["log"]
    assert "sso_connectors.token" in places.texts["dumpdata"]
    assert "alice@acme.example" in places.texts["pages of the Maker"]
    assert len(secrets) == 5
    found = {name: places.holding(secret) for name, secret in secrets.items()}
    assert {name: where for name, where in found.items() if where} == {}
