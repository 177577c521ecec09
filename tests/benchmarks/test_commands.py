"""What `make commands` applies is what it says: it would else measure refusals."""

import json

import pytest

from benchmarks.commands.document import changed, document
from sso_connectors import as_code
from sso_connectors.models import Connector, Link
from users.models import User

CONNECTORS, USERS = 40, 100


@pytest.mark.django_db
def test_files_of_the_benchmark() -> None:
    first = document(connectors=CONNECTORS, users=USERS)
    made = as_code.apply(json.dumps(first), dry_run=False)
    assert len(made.changes) == CONNECTORS + 2 * USERS
    assert not made.warnings
    assert all(connector.signs_in for connector in Connector.objects.all())
    assert not as_code.apply(json.dumps(first), dry_run=False).changes

    few = as_code.apply(json.dumps(changed(first, every=20)), dry_run=False)
    renamed, promoted, moved = CONNECTORS // 20, USERS // 20, USERS // 20
    assert len(few.changes) == renamed + promoted + 2 * moved
    as_code.apply(json.dumps(changed(first, every=1)), dry_run=False)
    assert User.objects.filter(is_staff=True).count() == USERS
    assert Connector.objects.filter(name__endswith="renamed").count() == CONNECTORS
    assert Link.objects.count() == USERS
