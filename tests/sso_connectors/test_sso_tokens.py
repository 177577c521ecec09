"""sso_tokens: how the tokens stand, without one of them."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sso_connectors.models import Connector, Link, Token
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.hub import Hub, connect

pytestmark = pytest.mark.django_db


@pytest.fixture
def links(hub: Hub, make_connector: ConnectorMaker, make_user: UserMaker) -> list[Link]:
    """Alice at both connectors, bob at the first."""
    first, second = connect(hub, make_connector), connect(hub, make_connector, "second")
    make_user("alice@acme.example", first, second)
    make_user("bob@acme.example", first)
    links = list(Link.objects.order_by("connector__reference", "user__username"))
    for link in links:
        hub.sign_in(link)
    return links


def run(*arguments: str) -> tuple[str, str]:
    """What it prints, and what it complains about."""
    out = StringIO()
    try:
        call_command("sso_tokens", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_all_well(links: list[Link]) -> None:
    printed, complaint = run()
    lines = printed.splitlines()

    assert [line.split()[:3] for line in lines] == [
        ["hub", "alice@acme.example", "ok"],
        ["hub", "bob@acme.example", "ok"],
        ["second", "alice@acme.example", "ok"],
    ]
    assert all("expires 20" in line and "refreshed never" in line for line in lines)
    assert complaint == ""


def test_who_must_sign_in_again(links: list[Link]) -> None:
    Token.objects.get(link=links[1]).needs_reconnect("invalid_grant")
    Connector.objects.filter(reference="second").update(client_id="another")
    printed, complaint = run()

    assert "bob@acme.example  reconnect_needed (invalid_grant)" in printed
    assert "alice@acme.example  reconnect_needed (connector_changed)" in printed
    assert complaint == "2 of 3 need the user to sign in again."


def test_as_json(links: list[Link]) -> None:
    Token.objects.get(link=links[0]).note_failure("unavailable")
    rows = json.loads(run("--json")[0])

    assert [row["user"] for row in rows] == [
        "alice@acme.example",
        "bob@acme.example",
        "alice@acme.example",
    ]
    assert rows[0].keys() == {
        "connector",
        "user",
        "state",
        "reason",
        "refreshable",
        "expires_at",
        "obtained_at",
        "refreshed_at",
    }
    assert (rows[0]["state"], rows[0]["refreshable"]) == ("ok", True)


def test_of_one_connector(links: list[Link]) -> None:
    assert len(run("--connector", "HUB")[0].splitlines()) == 2
    assert run("--connector", "nowhere") == ("", "No connector has this reference.")


def test_what_waits_to_be_revoked(links: list[Link]) -> None:
    Token.cut_loose(link=links[0])
    printed, _complaint = run()

    assert "1 whose link is gone wait to be revoked by sso_cleanup." in printed
    assert len(json.loads(run("--json")[0])) == 2


def test_the_number_of_queries_does_not_grow(
    links: list[Link], django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(2):
        run()


@pytest.mark.row(32)
def test_no_secret_is_printed(links: list[Link]) -> None:
    printed = run()[0] + run("--json")[0]
    for token in Token.objects.all():
        grant = token.grant()
        assert grant.access_token not in printed
        assert grant.refresh_token not in printed
        assert token.access_token is not None
        assert token.access_token.token not in printed
