"""Whose attempts are counted together."""

import pytest
import time_machine
from django.test import RequestFactory
from django.utils import timezone

from sso_connectors.login import throttle
from sso_connectors.login.throttle import brake, counted_as
from sso_connectors.results.errors import TooManyStarts


@pytest.mark.row(30)
@pytest.mark.row(37)
@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        # All of IPv4 is in one /64 of these.
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.8", "192.0.2.8"),
        # A Unix socket has none.
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_address_that_counts(address: str, counted: str) -> None:
    assert counted_as(address) == counted


@pytest.mark.row(30)
def test_starts_from_one_ipv6_network_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "PER_MINUTE", 3)

    def start(address: str) -> None:
        brake(RequestFactory().get("/", REMOTE_ADDR=address), what="start")

    with time_machine.travel(timezone.now(), tick=False):  # all of it in one minute
        for number in range(3):
            start(f"2001:db8:0:1:{number}::1")
        with pytest.raises(TooManyStarts):
            start("2001:db8:0:1:ffff::1")
        start("2001:db8:0:2::1")
