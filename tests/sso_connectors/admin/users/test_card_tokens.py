"""The column *tokens* on the user card."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from sso_connectors.models import Connector, Link, Token
from tests.conftest import ConnectorMaker, UserMaker
from tests.vendors.hub import Hub, connect
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def link(hub: Hub, make_connector: ConnectorMaker, make_user: UserMaker) -> Link:
    alice = make_user("alice@acme.example", connect(hub, make_connector))
    return Link.objects.get(user=alice)


def cells(maker: Client, user: User) -> list[str]:
    """The column's cells, as HTML."""
    page = maker.get(f"/maker/users/user/{user.pk}/change/").content.decode()
    parts = page.split('class="field-tokens"')[1:]
    return [part.partition("</td>")[0] for part in parts if "field-last_sign_in_at" in part]


def shown(maker: Client, link: Link) -> str:
    return cells(maker, link.user)[0]


def test_how_tokens_stand(maker: Client, link: Link, hub: Hub) -> None:
    assert "none yet" in shown(maker, link)
    hub.sign_in(link)
    assert ">ok<" in shown(maker, link)
    hub.sign_in(link, lasts=None, refreshable=False)
    Token.objects.update(refresh_token=None)
    assert ">ok<" in shown(maker, link)

    tomorrow = timezone.now() + timedelta(days=1)
    Token.objects.update(expires_at=tomorrow)
    assert f"valid until {tomorrow.day} {tomorrow:%b %Y, %H:%M} UTC" in shown(maker, link)
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "pill-expiring" in shown(maker, link)
    assert "reconnection needed" in shown(maker, link)


def test_a_dead_grant_and_a_changed_connector(maker: Client, link: Link, hub: Hub) -> None:
    hub.sign_in(link).needs_reconnect("invalid_grant")
    assert "reconnection needed" in shown(maker, link)
    hub.sign_in(link)
    assert "reconnection needed" not in shown(maker, link)
    Connector.objects.update(client_id="another")
    assert "reconnection needed" in shown(maker, link)


def test_saml_has_none(maker: Client, alice: User) -> None:
    cell = cells(maker, alice)[0]
    assert "–" in cell
    assert "pill" not in cell


def test_one_query_for_all(
    maker: Client,
    link: Link,
    hub: Hub,
    make_connector: ConnectorMaker,
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    address = f"/maker/users/user/{link.user_id}/change/"
    hub.sign_in(link)
    with django_assert_max_num_queries(100) as few:
        maker.get(address)
    for number in range(5):
        another = connect(hub, make_connector, f"hub-{number}")
        hub.sign_in(Link.objects.create(user=link.user, connector=another))
    with django_assert_max_num_queries(len(few)):
        assert maker.get(address).content.decode().count(">ok<") == 6


@pytest.mark.row(32)
def test_no_token_is_on_the_card(maker: Client, link: Link, hub: Hub) -> None:
    token = hub.sign_in(link)
    page = maker.get(f"/maker/users/user/{link.user_id}/change/").content.decode()
    assert token.access_token is not None
    for secret in (token.access_token.token, token.grant().access_token):
        assert secret not in page
