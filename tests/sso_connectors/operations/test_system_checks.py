"""What an operator may have set wrongly is said before the first login."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks

from sso_connectors.operations import system_checks

A_KEY = "b25seS1mb3ItdGVzdHMsIGFuZCB1c2VkIG5vd2hlcmU="


@pytest.fixture(autouse=True)
def _no_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's .env and the tests' own database are no matter of these tests."""
    if "on_disk" not in request.fixturenames:
        monkeypatch.setattr(system_checks, "_private_files", lambda: iter(()))


def found(*, deploy: bool = False) -> list[str]:
    """The ids of our own checks' messages."""
    messages = run_checks(include_deployment_checks=deploy)
    return [str(message.id) for message in messages if str(message.id).startswith("sso.")]


def test_the_defaults_are_right(settings: Any) -> None:
    assert found() == []


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8000",
        "https://maker.company.example",
        "https://maker.company.example:8443",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
    ],
)
def test_a_plain_origin(settings: Any, origin: str) -> None:
    settings.PUBLIC_BASE_URL = origin
    assert found() == []


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "maker.company.example",
        "maker.company.example:8000",
        "//maker.company.example",
        "ftp://maker.company.example",
        "HTTPS://maker.company.example",
        "https://",
        "https://:8443",
        "https:///maker",
        "https://maker.company.example/maker",
        "https://maker.company.example/",
        "https://maker.company.example?a=b",
        "https://maker.company.example?",
        "https://maker.company.example#a",
        "https://user@maker.company.example",
        "https://user:secret@maker.company.example",
        "https://maker.company.example:port",
        "https://maker.company.example\\evil.example",
        "https://maker company.example",
        " https://maker.company.example",
        "https://maker.company.example\n",
        "https://[::1",
        "https://münchen.example",
        "https://maker.company.example,https://other.example",
    ],
)
def test_e001_what_is_no_plain_origin(settings: Any, wrong: str) -> None:
    settings.PUBLIC_BASE_URL = wrong
    (error,) = system_checks.public_base_url(None)
    assert error.id == "sso.E001"
    assert repr(wrong) in error.msg
    assert "https://maker.company.example" in str(error.hint)
    assert found() == ["sso.E001"]


def test_w001_plain_http_in_production(settings: Any) -> None:
    assert found(deploy=True) == ["sso.W001"]
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    assert found(deploy=True) == []


@pytest.mark.parametrize(
    "right",
    [
        [],
        ["unix"],
        ["127.0.0.1", "::1", "10.0.0.0/8", "2001:db8::/32", "unix"],
        ["0.0.0.0/0"],
    ],
)
def test_proxies(settings: Any, right: list[str]) -> None:
    settings.TRUSTED_PROXIES = right
    assert found() == []


@pytest.mark.parametrize(
    "wrong",
    [
        "proxy",
        "10.0.0.5/8",
        "10.0.0",
        "10.0.0.0-10.0.0.9",
        "*",
        " ",
        "UNIX",
        "10.0.0.1:80",
        "[::1]",
    ],
)
def test_e002_what_is_no_network(settings: Any, wrong: str) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1", wrong]
    (error,) = system_checks.trusted_proxies(None)
    assert error.id == "sso.E002"
    assert wrong in error.msg
    assert "127.0.0.1" not in error.msg
    assert "unix" in str(error.hint)
    assert found() == ["sso.E002"]


@pytest.mark.parametrize(
    "right",
    [
        [],
        ["idp", "idp.company.internal", "IDP.Company.internal", "xn--mnchen-3ya.internal"],
        ["10.0.0.5", "fd12:3456::5", "100.64.0.1", "idp.example"],
    ],
)
def test_private_hosts(settings: Any, right: list[str]) -> None:
    settings.PRIVATE_IDP_HOSTS = right
    assert found() == []


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " ",
        " idp.internal",
        "https://idp.internal",
        "idp.internal:8443",
        "idp.internal/",
        "idp.internal.",
        ".internal",
        "*.internal",
        "*",
        "münchen.internal",
        "10.0.0.0/8",
        "10.0.0",
        "10.0.0.5:8443",
        "[fd12:3456::5]",
        "169.254.169.254",
        "fd00:ec2::254",
        "localhost",
        "127.0.0.1",
        "::1",
    ],
)
def test_e003_what_is_no_private_host(settings: Any, wrong: str) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    settings.PRIVATE_IDP_HOSTS = ["idp.company.internal", wrong, "10.0.0.5"]
    (error,) = system_checks.private_idp_hosts(None)
    assert error.id == "sso.E003"
    assert f"has {wrong!r}, which" in error.msg
    assert "10.0.0.5" in str(error.hint)
    assert found() == ["sso.E003"]


@pytest.mark.row(33)
@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        " ",
        "k3Jx9QvT2mZr7Lw5Yb8Nc4Hd6Gf1Ps0A",
        "ü" * 44,
        A_KEY[:-2],
        A_KEY + "AAAA",
        f" {A_KEY}",
        f"{A_KEY} {A_KEY}",
    ],
)
def test_e004_what_is_no_key(settings: Any, wrong: str) -> None:
    right = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [right, wrong, right, wrong]
    (error,) = system_checks.field_encryption_keys(None)
    assert error.id == "sso.E004"
    assert error.msg == "FIELD_ENCRYPTION_KEYS has no key at position 2, 4."
    assert right not in str(error), "a check is printed and logged"
    assert A_KEY[:-2] not in str(error)
    assert "generate_key" in str(error.hint)
    assert found() == ["sso.E004"]


@pytest.mark.row(33)
def test_w002_no_key_in_production(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    settings.FIELD_ENCRYPTION_KEYS = []
    assert found() == []
    assert found(deploy=True) == ["sso.W002"]
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert found(deploy=True) == []


@pytest.mark.row(34)
@pytest.mark.parametrize("wrong", ["prometheus", "10.0.0.9/8", "unix", "*", "", "10.0.0.9:9090"])
def test_e005_who_may_see_metrics(settings: Any, wrong: str) -> None:
    settings.METRICS_ALLOWED = ["10.0.0.9", "10.2.0.0/16"]
    assert found() == []
    settings.METRICS_ALLOWED = ["10.0.0.9", wrong]
    (error,) = system_checks.metrics_allowed(None)
    assert f"has {wrong}, which" in error.msg
    assert found() == ["sso.E005"]


@pytest.mark.row(34)
def test_e006_token_that_could_be_guessed(settings: Any) -> None:
    settings.METRICS_TOKEN = "a" * 20
    assert found() == []
    settings.METRICS_TOKEN = "guess-me"
    (error,) = system_checks.metrics_token(None)
    assert "guess-me" not in str(error), "a check is printed and logged"
    assert found() == ["sso.E006"]


def test_w004_metrics_that_nobody_may_read(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    settings.PROMETHEUS_MULTIPROC_DIR = "/run/maker/metrics"
    assert found(deploy=True) == ["sso.W004"]
    settings.METRICS_TOKEN = "a" * 20
    assert found(deploy=True) == []
    settings.METRICS_TOKEN, settings.METRICS_ALLOWED = "", ["10.0.0.9"]
    assert found(deploy=True) == []


@pytest.fixture
def on_disk(settings: Any, tmp_path: Path) -> Path:
    """A `var` with a database in it, and an .env beside it, all as they should be."""
    settings.PUBLIC_BASE_URL = "https://maker.company.example"
    settings.VAR_DIR = tmp_path / "var"
    settings.VAR_DIR.mkdir(mode=0o700)
    file = settings.VAR_DIR / "maker.sqlite3"
    for path in (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))):
        path.touch(mode=0o600)
    settings.ENV_FILE = tmp_path / ".env"
    settings.ENV_FILE.touch(mode=0o600)
    engine = "django.db.backends.sqlite3"
    settings.DATABASES = {"default": {"ENGINE": engine, "NAME": str(file)}}
    return tmp_path


@pytest.mark.row(33)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES:UserWarning")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666])
@pytest.mark.parametrize("name", ["", "maker.sqlite3", "maker.sqlite3-wal", "maker.sqlite3-shm"])
def test_w003_files_that_others_can_read(on_disk: Path, name: str, mode: int) -> None:
    assert found(deploy=True) == []
    path = on_disk / "var" / name
    path.chmod(mode | (0o700 if not name else 0))
    (warning,) = system_checks.files_of_others(None)
    assert f"{path} (" in warning.msg
    assert "chmod 600" in str(warning.hint)
    assert found(deploy=True) == ["sso.W003"]
    assert found() == []
    path.chmod(0o700 if not name else 0o400)
    assert found(deploy=True) == []


@pytest.mark.row(33)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES:UserWarning")
def test_w003_settings_that_others_can_read(on_disk: Path, settings: Any) -> None:
    """With PostgreSQL too; a group may read them, since they are often root's."""
    (on_disk / "var").chmod(0o755)
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "maker"}}
    for mode, ids in ((0o640, []), (0o600, []), (0o644, ["sso.W003"]), (0o602, ["sso.W003"])):
        settings.ENV_FILE.chmod(mode)
        assert found(deploy=True) == ids
    settings.ENV_FILE.unlink()
    assert found(deploy=True) == []
