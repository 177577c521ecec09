"""A provider and its vendor's double; `known` says which, in each file that asks for the others."""

from collections.abc import Iterator

import pytest

from sso_connectors.models import Connector
from tests.conftest import ConnectorMaker
from tests.vendors.code_grant import CodeGrantVendor
from tests.vendors.every import Known
from tests.vendors.sign_in import make_oauth2


@pytest.fixture
def vendor(known: Known, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeGrantVendor]:
    """The double, where the provider's constants lead."""
    with known.double() as double:
        known.point_at(double, monkeypatch)
        yield double


@pytest.fixture
def connector(make_connector: ConnectorMaker, known: Known, vendor: CodeGrantVendor) -> Connector:
    return make_oauth2(make_connector, known.method, known.options(vendor))
