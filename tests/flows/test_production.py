"""As an operator runs it: gunicorn behind a proxy that ends TLS, set up by the commands alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect

from tests.conftest import require
from tests.idp import SigningKey
from tests.rigs import nanoidp
from tests.rigs.process import IdentityProvider, ServerProcess, free_port
from tests.rigs.tls_proxy import tls_proxy

from .test_real_providers import expect_signed_in, give_password

pytestmark = [pytest.mark.browser, pytest.mark.identity_provider]

IDP_HOST = "127.0.0.2"


@pytest.fixture
def base(tmp_path: Path) -> str:
    return f"https://localhost:{free_port()}"


@pytest.fixture
def provider(base: str, tmp_path: Path) -> Iterator[IdentityProvider]:
    require(nanoidp.available())
    with nanoidp.start(
        folder=tmp_path / "nanoidp",
        sp_entity_id=f"{base}/api/saml/metadata",
        acs_url=f"{base}/api/sso/login/callback",
        host=IDP_HOST,
    ) as started:
        yield started


@pytest.fixture
def environment(base: str, tmp_path: Path) -> dict[str, str]:
    """A production's settings, on a database and static files of its own."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "maker.settings",
        "SECRET_KEY": "q" * 60,
        "DEBUG": "false",
        "PUBLIC_BASE_URL": base,
        "ALLOWED_HOSTS": "localhost",
        "TRUSTED_PROXIES": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'production.sqlite3'}",
        "SUPPORT_CONTACT": "help@ino.example",
    }


def manage(environment: Mapping[str, str], *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def production(
    base: str, provider: IdentityProvider, environment: dict[str, str], tmp_path: Path
) -> Iterator[ServerProcess]:
    connectors = {
        "connectors": [
            {
                "name": "Acme",
                "reference": "acme",
                "type": "saml2",
                "enabled": True,
                "issuer_url": provider.entity_id,
                "endpoint": provider.sso_url,
                "certificates": [provider.certificate_pem],
            }
        ],
        "users": [{"username": "alice@acme.example", "connectors": ["acme"]}],
    }
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "collectstatic", "--noinput", "--verbosity", "0")
    manage(environment, "sso_apply", "-", stdin=json.dumps(connectors))
    key = SigningKey.rsa(common_name="localhost")
    (tmp_path / "tls.crt").write_text(key.pem)
    (tmp_path / "tls.key").write_text(key.private_pem)
    upstream = free_port()
    server = ServerProcess(
        [
            sys.executable,
            *("-m", "gunicorn", "maker.wsgi", "--bind", f"127.0.0.1:{upstream}"),
            *("--workers", "2", "--threads", "8", "--no-control-socket", "--access-logfile", "-"),
        ],
        log=tmp_path / "gunicorn.log",
        folder=Path(settings.BASE_DIR),
        environment=environment,
    )
    server.wait_until_answering(f"http://127.0.0.1:{upstream}/healthz")
    with tls_proxy(
        port=int(base.rpartition(":")[2]),
        upstream_port=upstream,
        certificate=tmp_path / "tls.crt",
        key=tmp_path / "tls.key",
    ):
        yield server
    server.stop()


def test_sign_in_over_https_behind_a_proxy(
    chromium: Browser, base: str, production: ServerProcess
) -> None:
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{base}/api/sso/login/acme?next=/sign-in")
    give_password(page)
    expect(page).to_have_url(f"{base}/sign-in")
    page.goto(base)
    expect_signed_in(page, base)

    cookies = {cookie["name"]: cookie for cookie in context.cookies(base)}
    assert {"__Host-sso-browser", "__Host-sessionid"} <= cookies.keys()
    for name, cookie in cookies.items():
        assert cookie["secure"], name
        assert cookie["httpOnly"], name
        assert cookie["sameSite"] == "Lax", name
    answer = page.goto(f"{base}/sign-in")
    assert answer is not None
    assert "max-age=31536000" in answer.headers["strict-transport-security"]
    context.close()
    stranger = chromium.new_context(ignore_https_errors=True).new_page()
    stranger.goto(f"{base}/api/sso/login/acme")
    give_password(stranger, "carol")
    expect(stranger.get_by_text("help@ino.example")).to_be_visible()
    stranger.context.close()

    log = production.log.read_text()
    assert '"message": "Signed in", "connector": "acme"' in log
    assert '"message": "Login failed", "cause": "not_admitted", "connector": "acme"' in log
    assert "@acme.example" not in log
    assert "Traceback" not in log
