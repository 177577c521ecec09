"""A chart of stacked bars, drawn on the server: whole numbers only, which every language writes alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 120
_SLOT: Final = 40
_BAR: Final = 24
_LEAST: Final = 2  # what there is is seen, however little beside the rest


@dataclass(frozen=True)
class Bar:
    """One bar's place in the drawing: `lower` stands on the ground, `upper` on it."""

    x: int
    lower_y: int
    lower_height: int
    upper_y: int
    upper_height: int


@dataclass(frozen=True)
class Drawing:
    width: int
    bar_width: int
    top: int
    bars: list[Bar]
    height: int = HEIGHT

    @property
    def middle_y(self) -> int:
        return self.height // 2

    @property
    def middle(self) -> int:
        """The value at half the height; `top` is even."""
        return self.top // 2


def stacked(values: Sequence[tuple[int, int]]) -> Drawing:
    """Draw one bar for each pair (lower, upper)."""
    top = round_up(max((sum(pair) for pair in values), default=0))
    bars = []
    for number, (lower, upper) in enumerate(values):
        lower_height, upper_height = _height(lower, top), _height(upper, top)
        lower_y = HEIGHT - lower_height
        upper_y = max(0, lower_y - upper_height)
        x = number * _SLOT + (_SLOT - _BAR) // 2
        bars.append(Bar(x, lower_y, lower_height, upper_y, lower_y - upper_y))
    return Drawing(width=len(values) * _SLOT, bar_width=_BAR, top=top, bars=bars)


def round_up(value: int) -> int:
    """The next number that an axis may end with: 2, 4, 10, 20, 40, 100..."""
    power = 1
    while True:
        for step in (2, 4, 10):
            if value <= step * power:
                return step * power
        power *= 10


def _height(value: int, top: int) -> int:
    return max(_LEAST, value * HEIGHT // top) if value else 0
