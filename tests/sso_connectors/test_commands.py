"""sso_cleanup; and the commands as an operator runs them: exit codes, output, and no traceback."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt
from sso_connectors.models.pending_login import LIFETIME, UNSOLICITED_PAUSE, PendingLogin
from tests.idp import default_key
from users.models import User

ROOT = Path(__file__).resolve().parents[2]


# --- sso_cleanup ------------------------------------------------------------------------------


def cleanup() -> str:
    out = StringIO()
    call_command("sso_cleanup", stdout=out)
    return out.getvalue().strip()


def attempt(connector: Connector, *, days_ago: float) -> Attempt:
    started = timezone.now() - timedelta(days=days_ago)
    return Attempt.objects.create(connector=connector, started_at=started)


def pending(connector: Connector, *, expired_for: timedelta) -> PendingLogin:
    login = PendingLogin.prepare(
        browser="browser", connector=connector, attempt=attempt(connector, days_ago=0)
    )
    login.expires_at = timezone.now() - expired_for
    login.save()
    return login


@pytest.mark.row(30)
def test_cleanup_deletes_what_has_served_its_time(
    connector: Connector, alice: User, settings: Any
) -> None:
    settings.ATTEMPT_DAYS = 7
    kept = [attempt(connector, days_ago=0), attempt(connector, days_ago=6.9)]
    attempt(connector, days_ago=7.1)
    attempt(connector, days_ago=400)
    fresh = pending(connector, expired_for=-LIFETIME)
    pending(connector, expired_for=timedelta(seconds=1))
    assert LIFETIME > UNSOLICITED_PAUSE, (
        "else one that an unsolicited answer must remember would go"
    )
    now = timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(1))

    assert cleanup().splitlines() == [
        "Deleted 1 pending logins and 2 attempts.",
        "Ended 1 attempts whose person never came back.",
    ]
    assert set(PendingLogin.objects.all()) == {fresh}
    assert set(kept) < set(Attempt.objects.all())
    assert Session.objects.get().session_key == "new"
    assert Connector.objects.exists()
    assert Link.objects.filter(user=alice).exists()
    assert cleanup() == "Deleted 0 pending logins and 0 attempts."


@pytest.mark.django_db
def test_cleanup_of_nothing() -> None:
    assert cleanup() == "Deleted 0 pending logins and 0 attempts."


# --- as an operator runs them -----------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a migrated database of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('commands') / 'maker.sqlite3'}"
    done = run("migrate", "--verbosity=0", database=url)
    assert done.returncode == 0, done.stderr
    return url


def run(
    *arguments: str, database: str, text: str = "", keys: str = ""
) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={
            **kept,
            "SECRET_KEY": "x" * 60,
            "DATABASE_URL": database,
            "CACHE_URL": "locmemcache://",
            "FIELD_ENCRYPTION_KEYS": keys,
        },
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_exit_codes_and_output(database: str, tmp_path: Path) -> None:
    document = {
        "connectors": [
            {
                "name": "Ünï 日本",
                "reference": "acme",
                "type": "saml2",
                "enabled": True,
                "issuer_url": "urn:example:idp",
                "endpoint": "https://idp.example/",
                "certificates": [default_key().pem],
            }
        ],
        "users": [{"username": "alice@acme.example", "connectors": ["acme"]}],
    }
    text = json.dumps(document)
    dry = run("sso_apply", "-", "--dry-run", database=database, text=text)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.endswith("Dry run: nothing was changed.\n")
    done = run("sso_apply", "-", database=database, text=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "connector acme: created",
        "user alice@acme.example: created",
        "user alice@acme.example: linked to acme",
    ]
    exported = run("sso_export", database=database)
    assert (exported.returncode, exported.stderr) == (0, "")
    file = tmp_path / "export.json"
    file.write_text(exported.stdout)
    again = run("sso_apply", str(file), database=database)
    assert (again.returncode, again.stdout, again.stderr) == (0, "Nothing to change.\n", "")


@pytest.mark.parametrize(
    ("arguments", "text", "code", "says"),
    [
        (["sso_apply", "missing.json"], "", 1, "missing.json can't be read: No such file"),
        (["sso_apply", "-"], "{", 1, "line 1, column 2: this is not JSON"),
        (["sso_apply", "-"], '{"users": [{"username": "\\ud800"}]}', 1, "is not an e-mail address"),
        (["sso_apply"], "", 2, "required: file"),
        (["first_administrator", "root"], "", 1, "“root” is not an e-mail address"),
    ],
)
def test_failures(database: str, arguments: list[str], text: str, code: int, says: str) -> None:
    done = run(*arguments, database=database, text=text)
    assert done.returncode == code
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_first_administrator_is_made_once(database: str) -> None:
    first = run("first_administrator", "root@acme.example", database=database)
    assert (first.returncode, first.stderr) == (0, "")
    assert len(first.stdout.strip()) >= 20
    other = run("first_administrator", "other@acme.example", database=database)
    assert (other.returncode, other.stdout) == (1, "")
    assert "There is an administrator already" in other.stderr


def test_cleanup_as_cron_runs_it(database: str) -> None:
    done = run("sso_cleanup", database=database)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Deleted 0 pending logins and 0 attempts.\n"


@pytest.mark.row(33)
def test_keys_are_rotated_as_an_operator_does(database: str) -> None:
    older, newer = (Fernet.generate_key().decode() for _ in range(2))
    now = timezone.now().isoformat()
    fields = {
        "name": "Hub",
        "reference": "hub",
        "type": "oauth2",
        "client_secret": Fernet(older).encrypt(b"canary-of-the-hub").decode(),
        "created_at": now,
        "updated_at": now,
    }
    dump = json.dumps([{"model": "sso_connectors.connector", "pk": 77, "fields": fields}])
    loaded = run("loaddata", "-", "--format=json", "--verbosity=0", database=database, text=dump)
    assert (loaded.returncode, loaded.stderr) == (0, "")

    for keys in ("", newer):
        lost = run("sso_rotate_keys", database=database, keys=keys)
        assert lost.returncode == 1
        assert "SSO connector, client secret: 0 current, 0 re-encrypted\n" in lost.stdout
        assert "connector hub: client_secret can't be read" in lost.stderr
        assert "Traceback" not in lost.stderr
    for arguments, keys, code in (
        (["--check"], f"{newer},{older}", 1),
        ([], f"{newer},{older}", 0),
        (["--check"], newer, 0),
        ([], newer, 0),
        (["--check"], older, 1),
        ([], f"{newer},short", 1),
    ):
        done = run("sso_rotate_keys", *arguments, database=database, keys=keys)
        assert done.returncode == code, done.stderr
        assert (done.stderr == "") == (code == 0)
        for text in ("Traceback", "canary", older, newer, "gAAAAA"):
            assert text not in done.stdout + done.stderr
