"""What the history keeps beside the fields: when a secret was set, and a beginning for what is older."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from sso_connectors.history import reasons
from sso_connectors.models import Connector, Link
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker
from users.models import User

pytestmark = pytest.mark.django_db

MODELS: tuple[Any, ...] = (Connector, Link, User)


@pytest.mark.row(32)
def test_time_of_a_secret() -> None:
    secret = Secret.seal("canary")

    assert reasons.time_of(secret) == secret.sealed_at
    assert reasons.time_of(None) is None
    assert reasons.time_of(Secret("gAAAAA damaged")) is None


def test_the_history_of_what_is_older_begins(alice: User, make_connector: ConnectorMaker) -> None:
    secret = Secret.seal("canary")
    make_connector("hub", type="oauth2", client_secret=secret, enabled=False, certificates="")
    make_connector("damaged", type="oauth2", client_secret=Secret.seal("x"), enabled=False)
    Connector.objects.filter(reference="damaged").update(client_secret=Secret("gAAAAA damaged"))
    for model in MODELS:
        model.history.all().delete()
    migration = import_module("sso_connectors.migrations.0007_history_begins")
    migration.begin(apps, None)
    migration.begin(apps, None)  # what has begun doesn't begin again

    for model in MODELS:
        assert model.history.count() == model.objects.count() > 0
    assert User.history.get().username == "alice@acme.example"
    assert Connector.history.get(reference="acme").certificates
    assert Connector.history.get(reference="hub").client_secret_set_at == secret.sealed_at
    assert Connector.history.get(reference="damaged").client_secret_set_at is None
    assert {row.history_change_reason for row in Link.history.all()} == {reasons.BEGINNING}
