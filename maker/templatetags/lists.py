"""Lists that a narrow screen shows as cards."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

register = template.Library()


@register.filter
def with_names(cells: Iterable[str], columns: Iterable[dict[str, Any]]) -> Iterator[SafeString]:
    """A row's cells as Django wrote them, each with its column's name for where the head is out of sight.

    The role is said because a cell that is displayed as another thing is none to some browsers.
    """
    for cell, column in zip(cells, columns, strict=True):
        opening, rest = cell[:3], cell[3:]
        said = SafeString(' role="cell"')
        if opening == "<th":  # the row's own name, and no matter of its column's
            said = SafeString(' role="rowheader"')
        # A heading that is markup is a box to tick or a menu's, which speak for themselves.
        elif not isinstance(column["text"], SafeString):
            said += format_html(' data-label="{}"', capfirst(column["text"]))
        yield format_html("{}{}{}", SafeString(opening), said, SafeString(rest))
