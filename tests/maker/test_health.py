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


def scrape() -> dict[str, float]:
    return lines(Client(HTTP_HOST="10.0.0.7:8000", REMOTE_ADDR="10.0.0.9").get("/metrics"))


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
    assert not any("made-up" in name or "@" in name for name in after)


@pytest.mark.row(34)
@pytest.mark.parametrize(
    "where",
    [
        {"REMOTE_ADDR": "1.1.1.1"},
        {"REMOTE_ADDR": "8.8.8.8"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "10.0.0.9", "HTTP_X_FORWARDED_FOR": "10.0.0.10"},
    ],
)
def test_strangers_find_no_metrics(where: dict[str, str]) -> None:
    response = Client(HTTP_HOST=HOST).get("/metrics", **where)  # type: ignore[arg-type]

    assert response.status_code == 404
    assert b"sso_attempts" not in response.content


def test_several_workers_are_added_up(settings: Any, tmp_path: Path) -> None:
    settings.PROMETHEUS_MULTIPROC_DIR = str(tmp_path)

    assert scrape() == {"sso_pending_logins": 0}, "nobody has counted in this folder"
