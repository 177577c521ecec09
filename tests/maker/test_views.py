"""What an agent sees when something goes wrong on our side."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection

from sso_connectors.attempts import Attempt
from sso_connectors.models import Connector
from tests.agent import Agent

pytestmark = pytest.mark.django_db


def failing(error: Exception) -> Callable[..., object]:
    """A database that answers every statement with `error`."""

    def execute(*arguments: Any) -> object:
        raise error

    return execute


@pytest.mark.row(38)
@pytest.mark.parametrize("error", [OperationalError("locked"), InterfaceError("gone")])
def test_database_away_passes_by_itself(
    agent: Agent, connector: Connector, error: Exception
) -> None:
    agent.client.raise_request_exception = False
    with connection.execute_wrapper(failing(error)):
        response = agent.open()
    page = response.content.decode()

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Try again in a moment" in page
    assert "INO cx" in page
    assert "locked" not in page
    assert "default-src 'none'" in response["Content-Security-Policy"]
    cache.clear()
    assert agent.open().status_code == 302, "trying again works"
    assert Attempt.objects.count() == 1


def test_any_other_fault(agent: Agent, connector: Connector) -> None:
    agent.client.raise_request_exception = False
    with connection.execute_wrapper(failing(ValueError("a secret"))):
        response = agent.open()

    assert response.status_code == 500
    assert "not your fault" in response.content.decode()
    assert "a secret" not in response.content.decode()
