"""People at the Maker."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.agent import HOST
from tests.conftest import UserMaker
from users.models import User

StaffMaker = Callable[..., Client]


def client_of(user: User) -> Client:
    client = Client(HTTP_HOST=HOST)
    client.force_login(user, backend="sso_connectors.backends.PasswordBackend")
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
