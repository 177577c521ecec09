"""Dates that nobody takes for another day, in both languages."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.utils.formats import get_format, localize
from django.utils.translation import override

DAY = date(2026, 2, 4)
MOMENT = datetime(2026, 2, 4, 14, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "day", "moment"),
    [
        ("en", "4 February 2026", "4 Feb 2026, 14:05 UTC"),
        ("fr", "4 février 2026", "4 février 2026, 14:05 UTC"),
    ],
)
def test_dates_name_the_month_and_times_their_zone(language: str, day: str, moment: str) -> None:
    with override(language):
        assert (localize(DAY), localize(MOMENT)) == (day, moment)
        assert Template("{{ moment }}").render(Context({"moment": MOMENT})) == moment


def test_times_are_those_of_the_zone_that_is_named(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Paris"
    page = Template('{{ moment|date:"DATETIME_FORMAT" }}').render(Context({"moment": MOMENT}))

    assert page == "4 Feb 2026, 15:05 CET"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_week_begins_on_monday(language: str) -> None:
    with override(language):
        assert get_format("FIRST_DAY_OF_WEEK") == 1


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    ("field", "value"),
    [(forms.DateField(), DAY), (forms.DateTimeField(), MOMENT), (forms.TimeField(), MOMENT.time())],
)
def test_a_field_takes_what_it_shows(language: str, field: forms.Field, value: Any) -> None:
    with override(language):
        shown = field.widget.format_value(field.prepare_value(value))

        assert field.clean(shown) == value


@pytest.mark.parametrize("typed", ["2026-02-04", "4 February 2026", "4 Feb 2026"])
def test_english_dates_that_may_be_typed(typed: str) -> None:
    assert forms.DateField().clean(typed) == DAY


def test_english_dates_that_could_be_two_days_are_refused() -> None:
    with pytest.raises(forms.ValidationError):
        forms.DateField().clean("02/04/2026")
