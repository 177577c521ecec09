"""What a failed login's status tells those between us and the browser."""

import pytest

from sso_connectors.results.errors import STATUSES, LoginError


@pytest.mark.row(39)
def test_no_failed_login_is_a_server_error() -> None:
    """A load balancer that counts 5xx would take us out for one customer's identity provider."""
    assert len(STATUSES) == len(LoginError.__subclasses__())
    assert {code for code, status in STATUSES.items() if status >= 500} == set()
