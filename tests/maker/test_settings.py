"""The settings as an operator meets them: the environment in, a started product or an error out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "k3Jx9QvT2mZr7Lw5Yb8Nc4Hd6Gf1Ps0A-only-for-tests-and-long-enough"
PRODUCTION = {
    "SECRET_KEY": SECRET_KEY,
    "FIELD_ENCRYPTION_KEYS": "dGhlLW5ld2VyLWtleS1vbmx5LWZvci10ZXN0cy4uLi4=,dGhlLW9sZGVyLWtleS1vbmx5LWZvci10ZXN0cy4uLi4=",
    "PUBLIC_BASE_URL": "https://maker.company.example",
    "DATABASE_URL": "postgres://maker:p%40ss@db.company.example:5433/sso?sslmode=require",
    "CACHE_URL": "redis://cache.company.example:6380/2",
    "EMAIL_URL": "smtp+tls://mail%40company.example:secret@smtp.company.example:587",
    "TRUSTED_PROXIES": "10.0.0.5,10.1.0.0/16,unix",
}
# A developer's .env must not decide what these tests see.
WITHOUT_DOTENV = "import environ; environ.Env.read_env = lambda *args, **options: None\n"
SHOW = """
import json
from maker import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()}, default=str))
"""
CHECK = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "maker.settings"
from django.conf import settings
from django.core.management import execute_from_command_line
settings.ENV_FILE = "/nowhere/.env"
execute_from_command_line(["manage.py", "check", *sys.argv[1:]])
"""


def run(
    code: str, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_DOTENV + code, *arguments],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def settings_from(**environment: str) -> Any:
    done = run(SHOW, {"SECRET_KEY": SECRET_KEY, **environment})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run(CHECK, environment, "--deploy", "--fail-level", "WARNING")


@pytest.fixture(scope="module")
def production() -> Any:
    return settings_from(**PRODUCTION)


@pytest.fixture(scope="module")
def defaults() -> Any:
    return settings_from()


def test_the_deployment_checks_have_nothing_to_say() -> None:
    done = check(PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
    done = run(CHECK, {**PRODUCTION, "DATABASE_URL": "sqlite://:memory:"}, "--deploy")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"PUBLIC_BASE_URL": "http://maker.company.example"}, "sso.W001"),
        ({"PUBLIC_BASE_URL": "https://maker.company.example/maker"}, "sso.E001"),
        ({"TRUSTED_PROXIES": "10.0.0.5,proxy"}, "sso.E002"),
        ({"TRUSTED_PROXIES": "10.0.0.5, 10.0.0.6"}, "sso.E002"),
        ({"FIELD_ENCRYPTION_KEYS": "short"}, "sso.E004"),
        ({"METRICS_ALLOWED": "10.0.0.9,prometheus"}, "sso.E005"),
        ({"METRICS_TOKEN": "short"}, "sso.E006"),
        ({"LANGUAGE_CODE": "de"}, "translation.E004"),
        ({"FIELD_ENCRYPTION_KEYS": ""}, "sso.W002"),
        ({"SECRET_KEY": "short"}, "security.W009"),
        ({"DEBUG": "true"}, "security.W018"),
        ({"SECRET_KEY": ""}, "security.W009"),
    ],
    ids=str,
)
def test_what_is_set_wrongly_is_told(changes: dict[str, str], says: str) -> None:
    done = check({**PRODUCTION, **changes})
    assert done.returncode == 1
    assert says in done.stderr


@pytest.mark.row(33)
def test_files_that_others_can_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "maker.sqlite3"
    file.touch()
    file.chmod(0o644)
    done = check({**PRODUCTION, "DATABASE_URL": f"sqlite:///{file}"})
    assert done.returncode == 1
    assert "sso.W003" in done.stderr
    assert str(file) in done.stderr


def test_a_missing_secret_key_is_a_clear_error() -> None:
    environment = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}
    done = check(environment)
    assert done.returncode == 1
    assert "Set the SECRET_KEY environment variable" in done.stderr.splitlines()[-1]


@pytest.mark.row(36)
def test_with_https_cookies_are_secure_and_hsts_is_on(production: Any) -> None:
    assert production["SESSION_COOKIE_SECURE"]
    assert production["CSRF_COOKIE_SECURE"]
    assert production["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert production["CSRF_COOKIE_NAME"].startswith("__Host-")
    assert production["SECURE_SSL_REDIRECT"]
    assert production["SECURE_HSTS_SECONDS"] >= 365 * 24 * 3600
    assert not production["DEBUG"]


@pytest.mark.row(35)
def test_hosts_follow_the_public_address(production: Any, defaults: Any) -> None:
    assert production["ALLOWED_HOSTS"] == ["maker.company.example"]
    assert defaults["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    given = settings_from(**PRODUCTION, ALLOWED_HOSTS="a.example,b.example")
    assert given["ALLOWED_HOSTS"] == ["a.example", "b.example"]


def test_times_are_utc_unless_a_zone_is_named(production: Any) -> None:
    assert production["TIME_ZONE"] == "UTC"
    assert settings_from(**PRODUCTION, TIME_ZONE="Europe/Paris")["TIME_ZONE"] == "Europe/Paris"


def test_the_addresses_of_services(production: Any) -> None:
    database = production["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert [database[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        "maker",
        "p@ss",
        "db.company.example",
        5433,
        "sso",
    ]
    assert database["OPTIONS"] == {"sslmode": "require", "connect_timeout": 5}
    assert database["CONN_HEALTH_CHECKS"]
    cache = production["CACHES"]["default"]
    assert cache["BACKEND"] == "maker.cache.RedisCache"
    assert cache["LOCATION"] == "redis://cache.company.example:6380/2"
    assert production["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert production["EMAIL_HOST"] == "smtp.company.example"
    assert production["EMAIL_PORT"] == 587
    assert production["EMAIL_HOST_USER"] == "mail@company.example"
    assert production["EMAIL_HOST_PASSWORD"] == "secret"
    assert production["EMAIL_USE_TLS"]
    assert production["FIELD_ENCRYPTION_KEYS"] == [
        "dGhlLW5ld2VyLWtleS1vbmx5LWZvci10ZXN0cy4uLi4=",
        "dGhlLW9sZGVyLWtleS1vbmx5LWZvci10ZXN0cy4uLi4=",
    ]
    assert production["TRUSTED_PROXIES"] == ["10.0.0.5", "10.1.0.0/16", "unix"]


def test_the_defaults(defaults: Any) -> None:
    assert defaults["PUBLIC_BASE_URL"] == "http://localhost:8000"
    assert defaults["PRODUCT_NAME"] == "INO cx"
    assert defaults["SUPPORT_CONTACT"] == ""
    assert defaults["ATTEMPT_DAYS"] == 30
    assert defaults["TRUSTED_PROXIES"] == []
    assert (defaults["METRICS_TOKEN"], defaults["METRICS_ALLOWED"]) == ("", [])
    assert defaults["FIELD_ENCRYPTION_KEYS"] == []
    assert not defaults["DEBUG"]
    database = defaults["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(ROOT / "var" / "maker.sqlite3")
    assert "WAL" in database["OPTIONS"]["init_command"]
    assert defaults["CACHES"]["default"]["BACKEND"].endswith("LocMemCache")
    assert defaults["EMAIL_BACKEND"].endswith("console.EmailBackend")
    assert not defaults["SESSION_COOKIE_SECURE"]
    assert not defaults["SECURE_SSL_REDIRECT"]
    assert defaults["SECURE_HSTS_SECONDS"] == 0


def test_a_slash_at_the_end_of_the_public_address_makes_no_difference() -> None:
    given = settings_from(PUBLIC_BASE_URL="https://maker.company.example/")
    assert given["PUBLIC_BASE_URL"] == "https://maker.company.example"


def test_no_setting_switches_a_check_off(production: Any) -> None:
    """What the environment can't reach: a typo or a temptation must not weaken the product."""
    names = [
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        "CSRF_COOKIE_HTTPONLY",
        "X_FRAME_OPTIONS",
        "AXES_ENABLED",
        "SILENCED_SYSTEM_CHECKS",
    ]
    given = settings_from(**PRODUCTION, **dict.fromkeys(names, "false"))
    assert given == production


def test_empty_folder_for_metrics_is_none(tmp_path: Path) -> None:
    """prometheus_client would write into whatever folder the product was started in."""
    code = (
        "import os\nfrom maker import settings\nos.chdir(os.environ['TMPDIR'])\n"
        "from prometheus_client import Counter\n"
        "Counter('a', 'b').inc()\nprint(os.listdir('.'))\n"
    )
    environment = {**PRODUCTION, "PROMETHEUS_MULTIPROC_DIR": "", "TMPDIR": str(tmp_path)}
    done = run(code, environment)
    assert done.stdout.strip() == "[]", done.stderr
