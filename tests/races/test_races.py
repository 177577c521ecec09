"""A short race in every test run; `make races` runs the long ones."""

from pathlib import Path

import pytest
from django.conf import settings

from .product import Kind
from .replay import racers_at, run, table


@pytest.mark.row(12)
def test_once_means_once(tmp_path: Path) -> None:
    engine = settings.DATABASES["default"]["ENGINE"]
    kind: Kind = "postgres" if engine == "django.db.backends.postgresql" else "sqlite"
    with racers_at(kind, posts=20, workers=2, folder=tmp_path) as racers:
        tallies = run(racers, 10)

    assert not [each for tally in tallies.values() for each in tally.troubles], table(tallies)
    assert sum(tally.faults for tally in tallies.values()) == 0, racers.product.server.last_lines()
    assert sum(tally.sessions for tally in tallies.values()) == 13, "three rounds have two tabs"
