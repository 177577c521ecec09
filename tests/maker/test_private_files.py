"""What the product writes is for its own user only, whatever the umask."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker.private_files import make_database, make_folder
from tests import practice

pytestmark = pytest.mark.row(33)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _umask_of_most_machines() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def run(folder: Path, *arguments: str) -> None:
    """A command of manage.py, on a database that isn't there yet."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    code = "from maker import settings"
    subprocess.run(
        [sys.executable, *(("manage.py", *arguments) if arguments else ("-c", code))],
        cwd=ROOT,
        env={
            **kept,
            "SECRET_KEY": "x" * 60,
            "DATABASE_URL": f"sqlite:///{folder / 'new.sqlite3'}",
            "CACHE_URL": "locmemcache://",
        },
        check=True,
        timeout=100,
    )


def test_new_database_is_its_owners(tmp_path: Path) -> None:
    run(tmp_path, "migrate", "--verbosity=0")
    file = tmp_path / "new.sqlite3"
    assert file.stat().st_size > 0
    assert mode(file) == "600"
    # As a connection that is open keeps them.
    code = (
        "import sqlite3, sys, os\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('CREATE TABLE a (b)')\n"
        "print(*(f'{os.stat(sys.argv[1] + end).st_mode & 0o777:o}' for end in ('-wal', '-shm')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["600", "600"]


def test_database_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite3"
    file.write_bytes(b"")
    file.chmod(0o640)
    run(tmp_path)
    assert mode(file) == "640"
    assert file.read_bytes() == b""


def test_what_can_be_no_file_is_left_to_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        ":memory:",
        "file:a?mode=memory",
        "file:memorydb_default?mode=memory&cache=shared",
    ):
        make_database(name)
    make_database(str(tmp_path / "missing" / "a.sqlite3"))
    assert list(tmp_path.iterdir()) == []


def test_new_folder_is_its_owners(tmp_path: Path) -> None:
    make_folder(tmp_path / "var")
    make_folder(tmp_path / "var")
    assert mode(tmp_path / "var") == "700"


def test_trying_the_product_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make run`: the database, .env, keys, logs and the client secret; of an earlier run, too."""
    var = tmp_path / "var"
    earlier = [var / "maker.sqlite3", var / "maker.sqlite3-wal", tmp_path / ".env"]
    (var / "practice").mkdir(parents=True)
    for path in earlier:
        path.touch()
    monkeypatch.setattr(practice, "ROOT", tmp_path)
    monkeypatch.setattr(practice, "FOLDER", var / "practice")
    monkeypatch.setattr(practice, "ENVIRONMENT", tmp_path / ".env")
    monkeypatch.setattr(practice, "interrupt_on_signals", lambda: None)
    monkeypatch.chdir(tmp_path)

    def practise(running: object) -> None:
        (var / "practice" / "connectors.json").write_text("{}")
        (var / "practice" / "nanoidp").mkdir()
        practice.kept_client_secret()

    monkeypatch.setattr(practice, "practise", practise)
    assert practice.main() == 0
    for path in (tmp_path / ".env", *var.rglob("*")):
        assert mode(path) == ("700" if path.is_dir() else "600"), path
    assert mode(var) == "700"
