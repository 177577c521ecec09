"""A folder for metrics that is full: logins go on, and nobody dies of it. On a real file system without room."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from sso_connectors.metric_files import AllocatedDict, value_class
from tests.conftest import require

pytestmark = [pytest.mark.row(38)]

ROOT: Final = Path(__file__).resolve().parents[2]

# The process counts as a worker does that starts, signs people in at many connectors, and is asked for its numbers.
COUNTING: Final = """
import os, sys
if "unguarded" in sys.argv:
    from prometheus_client import Counter, Histogram
    from prometheus_client import values
    attempts = Counter("sso_attempts", "", ["connector", "outcome"])
    seconds = Histogram("sso_verification_seconds", "")
else:
    from sso_connectors.metrics import ATTEMPTS as attempts, VERIFICATION as seconds
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

def count():
    for number in range(2000):
        attempts.labels(f"connector-{number:060}", "signed_in").inc()
    attempts.labels("first", "signed_in").inc()
    seconds.observe(0.01)

attempts.labels("first", "signed_in").inc()
if "forked" in sys.argv and os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
count()
registry = CollectorRegistry()
MultiProcessCollector(registry, path=os.environ["PROMETHEUS_MULTIPROC_DIR"])
print(generate_latest(registry).decode())
"""


def count_in(folder: Path, *how: str, room: str = "") -> subprocess.CompletedProcess[str]:
    """Run COUNTING; with `room`, on a file system of that size which nobody else sees."""
    command = [sys.executable, "-c", COUNTING, *how]
    if room:
        command = _on_a_small_disk(folder, room, command)
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def _on_a_small_disk(folder: Path, room: str, command: list[str]) -> list[str]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return ["/bin/false"]
    own = (
        [unshare, "--mount"]
        if os.geteuid() == 0
        else [unshare, "--user", "--map-root-user", "--mount"]
    )
    script = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99; shift 2; exec "$@"'
    return [*own, "sh", "-c", script, "sh", room, str(folder), *command]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    probe = subprocess.run(
        _on_a_small_disk(tmp_path, "64k", ["true"]), capture_output=True, check=False
    )
    require(
        None
        if probe.returncode == 0
        else "No small file system can be mounted here (unshare --mount, as root): a full disk wasn't tried."
    )
    return tmp_path


@pytest.mark.parametrize("room", ["4k", "64k", "128k", "160k", "256k"])
@pytest.mark.parametrize("how", ["started", "forked"])
def test_full_folder_costs_metrics_only(folder: Path, room: str, how: str) -> None:
    done = count_in(folder, how, room=room)
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert "A metric can't be counted in its file: No space left on device" in done.stderr
    assert str(folder) not in done.stderr


def test_without_the_guard_the_worker_dies(folder: Path) -> None:
    """What is guarded against: if prometheus_client allocates by itself one day, the guard may go."""
    assert count_in(folder, "unguarded", room="64k").returncode == -signal.SIGBUS


def test_with_room_everything_is_counted(tmp_path: Path) -> None:
    done = count_in(tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'sso_attempts_total{connector="first",outcome="signed_in"} 2.0' in done.stdout
    assert done.stdout.count("sso_attempts_total{") == 2001
    assert done.stderr == ""


def test_a_file_has_all_its_blocks_before_it_is_mapped(tmp_path: Path) -> None:
    file = tmp_path / "counter_1.db"
    _make(AllocatedDict, file)
    found = file.stat()
    assert found.st_blocks * 512 >= found.st_size == 65536

    # Left by an earlier release, and a process of that number is there again.
    sparse = tmp_path / "counter_2.db"
    _make(MmapedDict, sparse)
    assert sparse.stat().st_blocks * 512 < 65536
    _make(AllocatedDict, sparse)
    assert sparse.stat().st_blocks * 512 >= 65536


def _make(kind: Any, file: Path) -> None:
    kind(str(file)).close()


def test_a_folder_that_is_gone_is_as_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    multi_process: Any = values.MultiProcessValue
    value = value_class(multi_process())("counter", "a", "a", (), (), "")
    value.inc(1)
    assert value.get() == 1
