"""Columns of counts, one or two at each place, as figures: where each stands. The template draws them, and the same as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 560
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 6, 12, 28
_MOST_LABELS: Final = 12
_LINES: Final = 4
_WIDEST = 36.0
_ROUND: Final = (4, 8, 12, 20, 40)  # each divides by the lines of the scale


@dataclass(frozen=True, slots=True)
class Column:
    """In the drawing's own units. `series`: 0 or 1."""

    x: float
    y: float
    width: float
    height: float
    series: int
    value: int


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one place, its label, and where that goes ("" where labels would be too close)."""

    name: str
    label: str
    middle: float
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the scale."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Columns:
    """The whole drawing."""

    places: Sequence[Place]
    lines: Sequence[Line]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT


def columns_of(names: Sequence[str], *series: Mapping[str, int]) -> Columns:
    """A place for each name, with a column of each series; what a series does not name is 0."""
    greatest = max((one.get(name, 0) for one in series for name in names), default=0)
    if not greatest:
        return Columns((), ())
    top = _round_up(greatest)
    room, tall = (WIDTH - _LEFT - _RIGHT) / len(names), HEIGHT - _TOP - _BOTTOM
    width = min(_WIDEST, room * 0.8 / len(series))
    every = -(-len(names) // _MOST_LABELS)
    places = []
    for index, name in enumerate(names):
        middle = _LEFT + room * (index + 0.5)
        begin = middle - width * len(series) / 2
        columns = [
            Column(
                _point(begin + number * width),
                _point(HEIGHT - _BOTTOM - height),
                _point(width),
                _point(height),
                number,
                value,
            )
            for number, one in enumerate(series)
            for value in [one.get(name, 0)]
            for height in [tall * value / top]
        ]
        places.append(Place(name, name if index % every == 0 else "", _point(middle), columns))
    steps = range(_LINES + 1)
    lines = [Line(_point(HEIGHT - _BOTTOM - tall * step / _LINES), top * step // _LINES) for step in steps]
    return Columns(places, lines)


def _round_up(value: int) -> int:
    """The end of the scale, so that its lines are whole numbers."""
    scale = 1
    while value > _ROUND[-1] * scale:
        scale *= 10
    return next(end * scale for end in _ROUND if value <= end * scale)


def _point(value: float) -> float:
    return round(value, 1)
