"""Bar charts as figures: where each bar stands. The template draws them, and the same as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from autodialer.service.answer_rates import Rate

WIDTH: Final = 420
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 6, 12, 28
_MOST_LABELS: Final = 12
# Where the scale may end, and by how many lines each is divided: into whole per cents.
_SCALES: Final = ((0.05, 5), (0.1, 5), (0.2, 4), (0.25, 5), (0.5, 5), (1.0, 4))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the chart's own units, its label below (or "" where they would be too close), and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the scale."""

    y: float
    share: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Shares of something, bar by bar."""

    bars: Sequence[Bar]
    lines: Sequence[Line]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    ground: int = HEIGHT - _BOTTOM


def chart_of(rates: Sequence[Rate], suffix: str = "") -> Chart:
    """A bar for each place from the first to the last; the scale ends above the highest one. `suffix` follows each label."""
    if not rates:
        return Chart((), ())
    known = {rate.at: rate for rate in rates}
    places = range(min(known), max(known) + 1)
    top, steps = _scale(max(rate.share for rate in rates))
    room, tall = (WIDTH - _LEFT - _RIGHT) / len(places), HEIGHT - _TOP - _BOTTOM
    every = -(-len(places) // _MOST_LABELS)
    bars = []
    for index, at in enumerate(places):
        rate = known.get(at, Rate(at, 0, 0))
        width, height = min(room * 0.7, 48.0), tall * rate.share / top
        middle = _LEFT + room * (index + 0.5)
        label = f"{at}{suffix}" if index % every == 0 else ""
        y = HEIGHT - _BOTTOM - height
        bars.append(
            Bar(_point(middle - width / 2), _point(y), _point(width), _point(height), _point(middle), label, rate)
        )
    lines = [Line(_point(HEIGHT - _BOTTOM - tall * step / steps), top * step / steps) for step in range(steps + 1)]
    return Chart(bars, lines)


def _scale(share: float) -> tuple[float, int]:
    """The end of the scale and the number of its steps."""
    return next((scale for scale in _SCALES if share <= scale[0]), _SCALES[-1])


def _point(value: float) -> float:
    return round(value, 1)
