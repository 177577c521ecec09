"""The scoreboard counts rightly: its zeros mean something."""

from dataclasses import replace

import pytest

from sso_connectors.protocols.saml2 import response

from .scoreboard import HONEST, VICTIM, Case, all_cases, play, populate, report, score_all
from .test_fuzz import _no_mathematics

pytestmark = pytest.mark.django_db


def _case(name: str) -> Case:
    (found,) = [each for each in all_cases() if each.name == f"{name}, assertion signed"]
    return found


def test_refused() -> None:
    populate()
    score, fault = play(_case("xsw3"))
    assert (score.tried, score.refused, score.wrong, fault) == (1, 1, 0, "")


def test_honest_name() -> None:
    populate()
    score, fault = play(_case("base64_in_lines"))
    assert (score.honest, score.refused, fault) == (1, 0, "")
    score, fault = play(replace(_case("base64_in_lines"), accepted=()))
    assert (score.wrong, fault) == (1, f"a session for {VICTIM}")


def test_wrong_session(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    populate()
    monkeypatch.setattr(response, "verified", _no_mathematics)
    rows, faults = score_all([_case("unsigned"), _case("other audience")])
    assert rows[2].wrong == 1
    assert rows[11].refused == 1
    assert faults == ["unsigned, assertion signed: a session for admin@acme.example"]
    report(rows)
    assert "unsigned, assertion signed" in capsys.readouterr().out


def test_uncaught_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    populate()
    monkeypatch.setattr(response, "verified", fail)
    rows, (fault,) = score_all([_case("xsw3")])
    assert rows[1].errors == 1
    assert "ZeroDivisionError" in fault


def test_cases() -> None:
    """Every row of the threat list that the attacks name is there, in three ways of signing."""
    names = [case.name for case in all_cases()]
    assert len(names) == len(set(names))
    assert {case.row for case in all_cases()} >= {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 29}
    assert not set(HONEST) & {"admin@acme.example", "alice@acme.example"}
