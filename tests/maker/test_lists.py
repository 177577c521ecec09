"""Rows of lists whose cells tell what they are."""

from typing import Any

import pytest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from maker.templatetags.lists import with_names


def test_cells_have_their_columns_names_and_their_roles() -> None:
    cells = [
        SafeString('<td class="action-checkbox"><input></td>'),
        SafeString('<th class="field-name"><a href="1/">Acme</a></th>'),
        SafeString('<td class="field-note">a &lt;td b</td>'),
    ]
    columns: list[dict[str, Any]] = [
        {"text": SafeString("<input>")},
        {"text": "name"},
        {"text": 'its "note"'},
    ]

    assert "".join(with_names(cells, columns)) == (
        '<td role="cell" class="action-checkbox"><input></td>'
        '<th role="rowheader" class="field-name"><a href="1/">Acme</a></th>'
        '<td role="cell" data-label="Its &quot;note&quot;" class="field-note">a &lt;td b</td>'
    )
    for cell in with_names(cells, columns):
        assert format_html("{}", cell) == cell, "what is safe stays so"


def test_a_cell_too_many_is_no_cell_of_another_column() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(with_names([SafeString("<td></td>")], []))
