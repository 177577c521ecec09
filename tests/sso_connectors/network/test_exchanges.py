"""Places for those who ask one identity provider: counted over threads and processes, freed by whoever dies."""

import signal
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from sso_connectors.network.exchanges import (
    IN_ALL,
    PER_HOST,
    PER_HOST_WITHOUT_THREADS,
    HostBusy,
    under_way,
)

pytestmark = [pytest.mark.row(44)]

SLOW: Final = "slow.example"


def places_of(*hosts: str, most: int = 100) -> int:
    """How many may ask at once: that many are let in, and one more is not."""
    with ExitStack() as held:
        for number in range(most):
            try:
                held.enter_context(under_way(hosts[number % len(hosts)]))
            except HostBusy:
                return number
    return most


def in_a_thread(ask: Any, *hosts: str) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(ask(*hosts)))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EXCHANGES_DIR = tmp_path / "places"
    return tmp_path / "places"


def test_most_at_once() -> None:
    assert in_a_thread(places_of, SLOW) == PER_HOST
    assert places_of(SLOW) == PER_HOST_WITHOUT_THREADS, (
        "a worker without threads serves in its main one"
    )


def test_other_hosts_have_places_of_their_own() -> None:
    with under_way(SLOW), under_way(SLOW), pytest.raises(HostBusy), under_way(SLOW):
        pass
    with under_way(SLOW), under_way(SLOW), under_way("other.example"):
        pass


def test_many_slow_hosts_leave_a_part_to_others() -> None:
    hosts = [f"slow{number}.example" for number in range(10)]
    assert in_a_thread(places_of, *hosts) == IN_ALL


def test_nobody_asked_needs_no_place() -> None:
    assert places_of("", most=IN_ALL + 1) == IN_ALL + 1


def test_place_is_free_again_after_a_failure() -> None:
    for _ in range(PER_HOST_WITHOUT_THREADS + 1):
        with pytest.raises(ZeroDivisionError), under_way(SLOW):
            raise ZeroDivisionError


HOLDING: Final = """
import sys, time
from django.conf import settings
settings.configure(EXCHANGES_DIR=sys.argv[1])
from sso_connectors.network.exchanges import under_way
with under_way(sys.argv[2]), under_way(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_processes_share_the_places_and_the_dead_hold_none(folder: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(folder), SLOW]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert places_of(SLOW) == 0
        other.send_signal(signal.SIGKILL)
    assert places_of(SLOW) == PER_HOST_WITHOUT_THREADS


def test_the_folder_is_ours_alone(folder: Path) -> None:
    with under_way(SLOW):
        modes = {stat.S_IMODE(each.stat().st_mode) for each in [folder, *folder.iterdir()]}
    assert modes == {0o700, 0o600}


def test_without_a_folder_nobody_is_kept_out(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("no folder")
    assert places_of(SLOW, most=20) == 20
    assert "Exchanges are not limited" in caplog.text
    assert str(folder) not in caplog.text
