"""A few logins beside two faults in every run on PostgreSQL and Redis; `make isolation` measures them all."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_END = 120


def test_others_get_in_beside_a_fault() -> None:
    cache = settings.CACHES["default"]["BACKEND"]
    if connection.vendor != "postgresql" or not cache.endswith("RedisCache"):
        pytest.skip("it needs PostgreSQL and Redis, which make test-postgres brings")
    measuring = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.isolation", "--only", "ing "),
            *("--seconds", "2", "--rate", "2", "--agents", "40"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        report, troubles = measuring.communicate(timeout=SECONDS_TO_END)
    finally:
        measuring.terminate()  # so that it stops its gunicorn, were it still running
        measuring.wait()

    # How long they took is for `make isolation` to judge, on a quiet machine.
    rows = [line.split("|") for line in report.splitlines() if line.startswith("| ")]
    lost = {cells[1].strip(): cells[-2].strip() for cells in rows[2:]}
    assert lost == {"none": "0", "hanging identity provider": "0", "hanging Redis": "0"}, troubles
