"""Files that hold sessions and secrets are for the user that the product runs as, from their first moment.

The database holds sessions that are alive and the hashes of passwords; another user of the machine who
could read it would be everybody.
"""

import os
from contextlib import suppress
from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder that nobody else can enter. One that is there stays as it is: sso.W003 tells."""
    path.mkdir(mode=0o700, exist_ok=True)


def make_database(name: str) -> None:
    """Make the empty file that SQLite then fills; it gives `-wal` and `-shm` beside it the same mode.

    SQLite alone makes it by the umask, mostly readable by all. Nothing is done where there is one already,
    or where there can be none, which SQLite says better.
    """
    if ":memory:" in name or name.startswith("file:"):
        return
    with suppress(OSError):
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
