"""/metrics: for the operator's scraper, and for nobody else."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.agent import HOST, Agent
from tests.idp import IdP
from users.models import User

pytestmark = pytest.mark.django_db


def lines(response: Any) -> dict[str, float]:
    assert response.status_code == 200
    text = response.content.decode()
    pairs = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
    return {name: float(value) for name, _space, value in pairs}


TOKEN = "a-token-for-metrics-only-for-tests"
PAGE = b"sso_pending_logins"


def get(**headers: str) -> Any:
    return Client(HTTP_HOST="10.0.0.7:8000").get("/metrics", **headers)  # type: ignore[arg-type]


@pytest.fixture
def _allowed(settings: Any) -> None:
    settings.METRICS_ALLOWED = ["10.0.0.9", "10.2.0.0/16", "fd12::/64"]


def scrape() -> dict[str, float]:
    return lines(get(REMOTE_ADDR="10.0.0.9"))


@pytest.mark.usefixtures("_allowed")
def test_logins_are_counted(agent: Agent, idp: IdP, alice: User) -> None:
    signed_in = 'sso_attempts_total{connector="acme",outcome="signed_in"}'
    refused = 'sso_attempts_total{connector="acme",outcome="not_admitted"}'
    unknown = 'sso_attempts_total{connector="",outcome="unknown_connector"}'
    before = scrape()
    agent.sign_in(idp)
    agent.sign_in(idp, name_id="nobody@acme.example")
    agent.open("made-up")
    agent.start()
    after = scrape()

    for name in (signed_in, refused, unknown):
        assert after[name] - before.get(name, 0) == 1
    name = "sso_verification_seconds_count"
    assert after[name] - before.get(name, 0) == 2
    assert after["sso_pending_logins"] == 1
    assert not any("made-up" in name or "@acme.example" in name for name in after)


STRANGERS: list[dict[str, str]] = [
    {"REMOTE_ADDR": "1.1.1.1"},
    {"REMOTE_ADDR": "127.0.0.1"},
    {"REMOTE_ADDR": "::1"},
    {"REMOTE_ADDR": "10.0.0.10"},
    {"REMOTE_ADDR": "192.168.0.5"},
    {"REMOTE_ADDR": ""},
    {"REMOTE_ADDR": "10.0.0.9", "HTTP_X_FORWARDED_FOR": "10.0.0.10"},
    {"REMOTE_ADDR": "10.0.0.9", "HTTP_X_FORWARDED_FOR": ""},
    {"REMOTE_ADDR": "10.0.0.9", "HTTP_X_FORWARDED_PROTO": "https"},
    {"REMOTE_ADDR": "10.0.0.9", "HTTP_X_REAL_IP": "10.0.0.10"},
    {"REMOTE_ADDR": "10.0.0.9", "HTTP_FORWARDED": "for=10.0.0.10"},
    {"REMOTE_ADDR": "10.0.0.9", "HTTP_VIA": "1.1 proxy"},
    {"REMOTE_ADDR": "10.2.0.1"},
    {"REMOTE_ADDR": "10.2.0.1", "HTTP_X_FORWARDED_FOR": "10.0.0.9"},
    {"REMOTE_ADDR": "1.1.1.1", "HTTP_AUTHORIZATION": "Bearer "},
    {"REMOTE_ADDR": "1.1.1.1", "HTTP_AUTHORIZATION": "Bearer"},
    {"REMOTE_ADDR": "1.1.1.1", "HTTP_AUTHORIZATION": f"Bearer {TOKEN[:-1]}"},
    {"REMOTE_ADDR": "1.1.1.1", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}é"},
    {"REMOTE_ADDR": "1.1.1.1", "HTTP_AUTHORIZATION": f"Basic {TOKEN}"},
    {"REMOTE_ADDR": "1.1.1.1", "HTTP_AUTHORIZATION": TOKEN},
]


@pytest.mark.row(34)
@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize("where", STRANGERS, ids=str)
def test_strangers_find_no_metrics(settings: Any, where: dict[str, str]) -> None:
    settings.TRUSTED_PROXIES = ["10.2.0.1"]  # allowed too, but a proxy stands before everybody
    settings.METRICS_TOKEN = TOKEN
    response = Client(HTTP_HOST=HOST).get("/metrics", **where)  # type: ignore[arg-type]

    assert response.status_code == 404
    assert PAGE not in response.content


@pytest.mark.row(34)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.9", "192.168.0.5", "fd12::5", ""])
@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer None", "Bearer x"])
def test_nobody_finds_metrics_where_nobody_is_named(address: str, authorization: str) -> None:
    """A proxy on such an address that says nothing of its clients would show them to everybody."""
    headers = {"REMOTE_ADDR": address, "HTTP_AUTHORIZATION": authorization}
    response = Client(HTTP_HOST=HOST).get("/metrics", **headers)  # type: ignore[arg-type]
    assert response.status_code == 404


@pytest.mark.row(34)
def test_entry_that_is_no_network_lets_nobody_in(settings: Any) -> None:
    settings.METRICS_ALLOWED = ["prometheus"]
    assert get(REMOTE_ADDR="10.0.0.9").status_code in (400, 404)


@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize("address", ["10.0.0.9", "10.2.3.4", "fd12::5"])
def test_scraper_that_is_allowed(address: str) -> None:
    assert PAGE in get(REMOTE_ADDR=address).content


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scraper_that_knows_the_token(settings: Any, scheme: str) -> None:
    """From anywhere, through a proxy too."""
    settings.METRICS_TOKEN = TOKEN
    headers = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1"}
    response = get(HTTP_AUTHORIZATION=f"{scheme} {TOKEN}", **headers)
    assert PAGE in response.content
    assert TOKEN not in response.content.decode()


@pytest.mark.row(32)
def test_token_is_neither_logged_nor_shown(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    settings.METRICS_TOKEN = TOKEN
    settings.DEBUG = True
    for token in (TOKEN, TOKEN[:-1]):
        response = Client(HTTP_HOST=HOST).get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token}")
        assert token not in response.content.decode()
    assert TOKEN[:-1] not in caplog.text


@pytest.mark.usefixtures("_allowed")
def test_several_workers_are_added_up(settings: Any, tmp_path: Path) -> None:
    settings.PROMETHEUS_MULTIPROC_DIR = str(tmp_path)

    assert scrape() == {"sso_pending_logins": 0}, "nobody has counted in this folder"
