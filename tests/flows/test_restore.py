"""A drill: back up, lose the database, restore as docs/operators.md says, and people sign in."""

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import requests
from django.db import connection

from tests.conftest import require
from tests.idp import IdP, read_redirect
from tests.races.product import REFERENCE, USERNAME, Database, Kind, own_database, served, set_up
from tests.rigs.process import free_port


def back_up_and_restore(kind: Kind, source: Database, target: Database, folder: Path) -> None:
    if kind == "sqlite":
        with closing(source.connect()) as old, closing(target.connect()) as new:
            old.backup(new)  # what the sqlite3 shell's .backup does
        return
    for program in ("pg_dump", "psql"):
        missing = f"{program} isn't installed: apt-get install postgresql-client"
        require(None if shutil.which(program) else missing)
    file = folder / "backup.sql"
    for command in (
        ["pg_dump", "--no-owner", "--file", str(file), source.url],
        ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(file), target.url],
    ):
        subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)


def sign_in(base: str, idp: IdP) -> requests.Session:
    browser = requests.Session()
    start = browser.get(f"{base}/api/sso/login/{REFERENCE}", allow_redirects=False, timeout=30)
    answer = idp.respond(read_redirect(start.headers["Location"]), name_id=USERNAME)
    posted = requests.post(
        f"{base}/api/sso/login/callback",
        data={"SAMLResponse": answer},
        allow_redirects=False,
        timeout=30,
    )
    assert browser.get(posted.headers["Location"], timeout=30).status_code == 200
    return browser


def who(base: str, browser: requests.Session) -> str:
    return browser.get(f"{base}/", timeout=30).text


def test_restored_backup_signs_people_in(idp: IdP, tmp_path: Path) -> None:
    kind: Kind = "postgres" if connection.vendor == "postgresql" else "sqlite"
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with own_database(kind, tmp_path, name="restored") as restored:
        with own_database(kind, tmp_path, name="lost") as lost:
            set_up(lost, idp=idp, port=port)
            with served(lost, port=port, folder=tmp_path, workers=1):
                before = sign_in(base, idp)
                assert USERNAME in who(base, before)
                # While it runs, as a nightly back-up does.
                back_up_and_restore(kind, lost, restored, tmp_path)
        with served(restored, port=port, folder=tmp_path, workers=1):
            assert USERNAME in who(base, before), "who was signed in still is"
            assert USERNAME in who(base, sign_in(base, idp))
