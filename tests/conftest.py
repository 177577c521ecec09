"""What most tests start from: an identity provider that really signs, a connector, a linked user."""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from pytest_django import DjangoDbBlocker

from sso_connectors import roles
from sso_connectors.models import Connector, Link
from users.models import User

from .agent import Agent
from .idp import IdP

ConnectorMaker = Callable[..., Connector]
UserMaker = Callable[..., User]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Throttles and locks count in the cache, which tests share."""
    cache.clear()
    yield
    cache.clear()


_BLOCKER: pytest.StashKey[DjangoDbBlocker] = pytest.StashKey()


@pytest.fixture(scope="session", autouse=True)
def _keep_blocker(request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker) -> None:
    request.config.stash[_BLOCKER] = django_db_blocker


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """A test with real transactions empties all tables at its end, those of migrations too."""
    try:
        return (yield)
    finally:
        marker = item.get_closest_marker("django_db")
        names = set(getattr(item, "fixturenames", ()))
        real = (marker and marker.kwargs.get("transaction")) or names & {
            "transactional_db",
            "live_server",
        }
        if real and nextitem is not None:  # else the database itself is gone
            with item.config.stash[_BLOCKER].unblock():
                ContentType.objects.clear_cache()
                roles.make_groups(apps, using="default")


@pytest.fixture(scope="session")
def idp() -> IdP:
    return IdP()


@pytest.fixture
def make_connector(db: None, idp: IdP) -> ConnectorMaker:
    """Make a ready SAML connector of `idp`; any field can be given."""

    def make(reference: str = "acme", **fields: object) -> Connector:
        connector = Connector(
            **{
                "name": reference.title(),
                "reference": reference,
                "type": "saml2",
                "enabled": True,
                "issuer_url": idp.entity_id,
                "endpoint": idp.sso_url,
                "identifier_format": "emailAddress",
                "certificates": idp.key.pem,
                **fields,
            }
        )
        connector.full_clean()
        connector.save()
        return connector

    return make


@pytest.fixture
def connector(make_connector: ConnectorMaker) -> Connector:
    return make_connector()


@pytest.fixture
def make_user(db: None) -> UserMaker:
    """Make a user linked to the connectors given."""

    def make(username: str = "alice@acme.example", *connectors: Connector, **fields: Any) -> User:
        user = User.objects.create_user(username, **fields)
        for connector in connectors:
            Link.objects.create(user=user, connector=connector)
        return user

    return make


@pytest.fixture
def alice(make_user: UserMaker, connector: Connector) -> User:
    """A user linked to `connector`."""
    return make_user("alice@acme.example", connector)


@pytest.fixture
def agent() -> Agent:
    return Agent()


def require(missing: str | None) -> None:
    """Skip a test that lacks a part of the machine, saying what; in CI that is a failure."""
    if missing is None:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
