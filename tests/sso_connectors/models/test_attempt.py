"""What an attempt keeps of a stranger's text can be stored in every database."""

import pytest

from sso_connectors.results.checks import as_text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plain", "plain"),
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("é\0", "é\N{REPLACEMENT CHARACTER}"),
        ("half \ud800 of a pair", "half ? of a pair"),
        ("Grüße, 世界", "Grüße, 世界"),
        (None, ""),
        (7, "7"),
    ],
    ids=["plain", "null", "null-beside-others", "half-of-a-pair", "others", "nothing", "number"],
)
def test_text_that_every_database_takes(sent: object, kept: str) -> None:
    assert as_text(sent) == kept


def test_long_text_is_cut() -> None:
    assert as_text("x" * 11, limit=10) == "x" * 10 + "…"
