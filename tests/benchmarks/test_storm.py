"""A storm of twenty in every run on PostgreSQL and Redis; `make storm` sends thousands."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_END = 60


def test_everybody_gets_in_as_themselves() -> None:
    cache = settings.CACHES["default"]["BACKEND"]
    if connection.vendor != "postgresql" or not cache.endswith("RedisCache"):
        pytest.skip("a storm needs PostgreSQL and Redis, which make test-postgres brings")
    storm = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.storm", "--only", "product", "--rounds", "1"),
            *("--agents", "20", "--connectors", "2", "--concurrency", "4"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        report, troubles = storm.communicate(timeout=SECONDS_TO_END)
    finally:
        storm.terminate()  # so that it stops its gunicorn, were it still running
        storm.wait()

    assert storm.returncode == 0, troubles
    row = next(line for line in report.splitlines() if line.startswith("| **the product** |"))
    logins, lost, wrong = (cell.strip() for cell in row.split("|")[2:5])
    assert (logins, lost, wrong) == ("20", "0", "0")
