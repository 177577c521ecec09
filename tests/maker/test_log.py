"""Log lines are JSON, with what matters as fields and nothing that must not be there."""

import json
import logging
import sys

import pytest
from django.core.exceptions import DisallowedHost

from maker.log import JsonFormatter
from tests.agent import Agent
from tests.idp import IdP
from users.models import User


def formatted(record: logging.LogRecord) -> dict[str, str]:
    text = JsonFormatter().format(record)
    assert "\n" not in text, "one line, so that nobody can forge another"
    found: dict[str, str] = json.loads(text)
    return found


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("maker", logging.INFO, "file", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_fields() -> None:
    line = formatted(record("Hello %s", "world\nline", cause="c", request=object()))

    assert line.keys() == {"time", "level", "logger", "message", "cause"}
    assert line["message"] == "Hello world\nline"
    assert line["time"].endswith("+00:00")


def test_exception() -> None:
    made = record("Oh")
    try:
        raise ValueError("no")
    except ValueError:
        made.exc_info = sys.exc_info()

    assert "ValueError: no" in formatted(made)["exception"]


def test_what_any_stranger_can_cause_is_one_short_line() -> None:
    """A made-up Host, as often as they like: no traceback of ours, and not kilobytes of theirs."""
    host = "x" * 8000
    text = f"Invalid HTTP_HOST header: '{host}'. You may need to add '{host}' to ALLOWED_HOSTS."
    made = record(text)
    made.name = "django.security.DisallowedHost"
    try:
        raise DisallowedHost(text)
    except DisallowedHost:
        made.exc_info = sys.exc_info()

    line = formatted(made)
    assert line["message"].startswith("Invalid HTTP_HOST header: 'xxx"), "the operator sees which"
    assert "exception" not in line
    assert len(json.dumps(line)) < 600


@pytest.mark.row(32)
@pytest.mark.django_db
def test_logins_are_logged_without_names(
    agent: Agent, idp: IdP, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    saml_response = idp.respond(agent.start())
    agent.answer(saml_response)
    agent.sign_in(idp, name_id="stranger@acme.example")
    agent.open("not-a-known-reference")
    lines = [JsonFormatter().format(item) for item in caplog.records if item.name[:6] != "django"]

    assert any('"cause": "not_admitted", "connector": "acme"' in line for line in lines)
    text = "\n".join(lines)
    for secret in ("@acme.example", "not-a-known-reference", saml_response[:60], "<Assertion"):
        assert secret not in text


@pytest.mark.row(32)
@pytest.mark.parametrize(
    ("logger", "level"),
    [
        ("saml2.response", logging.WARNING),
        ("xmlschema", logging.WARNING),
        ("django.request", logging.ERROR),
        ("urllib3.connectionpool", logging.ERROR),
    ],
)
def test_what_others_would_write_is_not_written(
    logger: str, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole assertions, paths with an agent's address, queries with a token: however much is asked for."""
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    assert logging.getLogger(logger).getEffectiveLevel() >= level
