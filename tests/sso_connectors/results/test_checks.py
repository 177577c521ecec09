"""What one message may leave behind is bounded, and the bound never changes a verdict."""

import json
import random
from typing import Any, Final

import pytest

from sso_connectors.admin.attempts.check_names import CHECKS
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.results.checks import (
    LEFT_OUT,
    MAX_CHECKS,
    MAX_CLAIMS,
    MAX_OF_ONE_CLAIM,
    MAX_OF_ONE_NAME,
    MAX_ROW,
    Checks,
    kept_claims,
)
from sso_connectors.results.errors import ResponseRefused

pytestmark = pytest.mark.row(45)

# Each takes twelve bytes where JSON is stored in ASCII.
LONG: Final = "\N{GRINNING FACE}" * 2_000


def size_of(attempt: Attempt) -> int:
    """Bytes of all that it keeps, as the database gets it."""
    values = [getattr(attempt, each.attname) for each in Attempt._meta.concrete_fields]
    return len(json.dumps(values, default=str))


def many(name: str, *, passed: bool = True, times: int = 4_000) -> Checks:
    checks = Checks()
    for _ in range(times):
        checks.record(name, passed, expected=LONG, received=LONG)
    return checks


# --- the bound -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_bounded(name: str, passed: bool) -> None:
    checks = many(name, passed=passed)
    attempt = Attempt()
    attempt.fail(ResponseRefused(LONG), checks)
    attempt.refresh_from_db()
    assert size_of(attempt) < MAX_ROW
    assert len(attempt.checks) == MAX_OF_ONE_NAME + 1
    last = attempt.checks[-1]
    assert (last["name"], last["passed"]) == (LEFT_OUT, passed)
    assert last["received"] == f"{4_000 - MAX_OF_ONE_NAME} more"


@pytest.mark.django_db
def test_all_checks_together_are_bounded() -> None:
    """Though the code never makes all of them, nor calls one as a stranger likes."""
    checks = Checks()
    for number in range(4_000):
        checks.record(f"{number} {LONG}", True, expected=LONG, received=LONG)
    for name in CHECKS:
        checks.take(many(name, passed=False, times=50))
    attempt = Attempt(purpose="test", username=LONG[:254])
    attempt.save()
    attempt.succeed(None, checks, claims={f"{n} {LONG}": [LONG] * 300 for n in range(300)})
    attempt.refresh_from_db()
    assert attempt.outcome == Outcome.TEST_PASSED
    assert size_of(attempt) < MAX_ROW
    assert len(attempt.checks) == MAX_CHECKS + 1
    told = attempt.checks
    assert any(len(check["received"]) > 100 for check in told if not check["passed"]), (
        "what failed is told first"
    )


def test_what_failed_is_told_first() -> None:
    """A stranger could otherwise fill the room with what passed."""
    checks = Checks()
    for number in range(50):
        checks.record(f"check {number}", True, expected=LONG, received=LONG)
    checks.record("audience", False, expected=LONG, received=LONG)
    rows = checks.as_json()
    assert [row["received"] for row in rows].count("…") > 40
    assert rows[-1]["name"] == "audience"
    assert len(rows[-1]["received"]) > 100
    assert len(json.dumps(rows)) < 50 * 1024


def test_names_are_bounded() -> None:
    """They are the code's, so far."""
    checks = Checks()
    checks.record(LONG, True, expected="", received="")
    assert len(checks.items[0].name) < 100


def test_honest_checks_are_kept_whole() -> None:
    checks = Checks()
    for number, name in enumerate(CHECKS):
        checks.record(name, bool(number % 3), expected="x" * 100, received="y" * 100)
    rows = checks.as_json()
    assert [row["name"] for row in rows] == list(CHECKS)
    assert all((row["expected"], row["received"]) == ("x" * 100, "y" * 100) for row in rows)


# --- the verdict -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 3, 4, 5, 99, 100, 101, 3_999])
@pytest.mark.parametrize("alike", [True, False], ids=["of one name", "of many names"])
def test_failed_check_beyond_the_bound_fails(alike: bool, place: int) -> None:
    checks = Checks()
    for number in range(4_000):
        name = "authentication time" if alike else f"check {number}"
        checks.record(name, number != place, expected="x", received=number)
    assert [check.received for check in checks.failed] == [str(place)]
    assert [row["received"] for row in checks.as_json() if not row["passed"]] == [str(place)]


def test_no_order_hides_a_failed_check() -> None:
    rng = random.Random(9)  # noqa: S311 - no secret
    for _ in range(300):
        checks, failed = Checks(), False
        for _ in range(rng.randrange(400)):
            passed = rng.random() > 0.02
            failed = failed or not passed
            checks.record(f"check {rng.randrange(60)}", passed, expected="", received="")
        assert bool(checks.failed) == failed
        again = Checks.from_json(checks.as_json())
        assert bool(again.failed) == failed
        assert any(not row["passed"] for row in checks.as_json()) == failed


@pytest.mark.parametrize("passed", [True, False])
def test_what_was_kept_for_the_last_step_goes_on(passed: bool) -> None:
    checks = many("authentication time", passed=passed)
    again = Checks.from_json(checks.as_json())
    assert again.as_json() == checks.as_json()
    again.record("authentication time", True, expected="", received="")
    again.record("linked user", False, expected="", received="")
    assert again.failed[-1].name == "linked user"
    left = again.passed_left_out + again.failed_left_out
    assert left == 4_000 - MAX_OF_ONE_NAME + 1


# --- claims ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        ({"email": "a@b.example"}, {"email": ["a@b.example"]}),
        ({"groups": ["a", 1, None]}, {"groups": ["a", "1", ""]}),
        ({}, {}),
        (
            {"groups": list(range(30))},
            {"groups": [*map(str, range(MAX_OF_ONE_CLAIM)), "… +10"]},
        ),
    ],
)
def test_claims(claims: dict[str, Any], kept: dict[str, list[str]]) -> None:
    assert kept_claims(claims) == kept
    assert kept_claims(kept) == kept or "groups" in kept


@pytest.mark.parametrize("length", [1, 5_000])
def test_claims_without_number(length: int) -> None:
    claims = {f"{number} {LONG[:length]}": LONG[:length] for number in range(2_000)}
    kept = kept_claims(claims)
    assert len(json.dumps(kept)) < 33 * 1024
    assert len(kept) <= MAX_CLAIMS + 1
    assert kept["…"] == [f"+{2_000 - (len(kept) - 1)}"]
