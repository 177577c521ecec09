"""What most tests start from: an identity provider that really signs, a connector, a linked user."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from pytest_django import DjangoDbBlocker

from sso_connectors import roles
from sso_connectors.models import Connector, Link
from users.models import User

from .agent import HOST, Agent
from .idp import IdP
from .openid import OpenIdProvider

ConnectorMaker = Callable[..., Connector]
UserMaker = Callable[..., User]
StaffMaker = Callable[..., Client]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Throttles and locks count in the cache, which tests share."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _default_language() -> None:
    """A page in French leaves its language with the thread, for the next test."""
    translation.deactivate()


LONG: Final = ("flows", "races", "benchmarks", "admin")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the files, those that take long go first.

    Else one is left alone with the last of them while cores are idle. Within a file, and in a
    single process, the order stays random.
    """
    if not hasattr(config, "workerinput"):
        return
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.parent.name not in LONG, -tests[item.path]))


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
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


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


def client_of(user: User) -> Client:
    """The browser of somebody who is signed in to the Maker by password."""
    client = Client(HTTP_HOST=HOST)
    client.force_login(user, backend="sso_connectors.login.sessions.PasswordBackend")
    return client


@pytest.fixture
def maker(make_user: UserMaker) -> Client:
    """A superuser's browser."""
    return client_of(make_user("root@maker.example", is_staff=True, is_superuser=True))


@pytest.fixture
def make_staff(make_user: UserMaker) -> StaffMaker:
    """The browser of staff with just these permissions, as app.codename."""

    def make(*permissions: str, username: str = "staff@maker.example") -> Client:
        user = make_user(username, is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        return client_of(user)

    return make


def require(missing: str | None) -> None:
    """Skip a test that lacks a part of the machine, saying what; in CI that is a failure."""
    if missing is None:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
