"""Plots as SVG, written by hand: lines over a logarithmic axis, and bars."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.figures import Curve
from benchmarks.goals import shown

_WIDTH, _HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 200, 50, 60
_COLOURS = ("#1f5fa8", "#c2561a", "#2c8a4b", "#7b4ea3", "#8a6d1d", "#a3305c")
_OURS = "autodialer"
_BAR, _GAP, _NAMES = 22, 10, 230
_FONT = "font-family='system-ui, sans-serif' font-size='13'"
_INK, _FAINT = "#222", "#ddd"


def lines(title: str, across: str, upwards: str, curves: Sequence[Curve]) -> str:
    """Each curve a line with its name at its end; both axes begin where the figures do, the lower one is logarithmic."""
    xs = [x for curve in curves for x, _ in curve.points]
    top = _nice(max(y for curve in curves for _, y in curve.points))
    least, most = math.log10(min(xs)), math.log10(max(xs))

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - least) / ((most - least) or 1)
        return (
            _LEFT + share * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = [_text(_LEFT, 24, title, weight="bold"), _text(_LEFT, 42, upwards)]
    for step in range(5):
        value = top * step / 4
        _, y = place(min(xs), value)
        parts.append(_line([(_LEFT, y), (_WIDTH - _RIGHT, y)], _FAINT, 1))
        parts.append(_text(_LEFT - 8, y + 4, shown(value), anchor="end"))
    for x in sorted(set(xs)):
        at, _ = place(x, 0)
        parts.append(_text(at, _HEIGHT - _BOTTOM + 20, shown(x), anchor="middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, across, anchor="middle"))
    taken: list[float] = []
    for curve, colour in zip(curves, _cycle(len(curves)), strict=True):
        points = [place(x, y) for x, y in curve.points]
        parts.append(_line(points, colour, 2.5))
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='{colour}'/>" for x, y in points]
        x, y = points[-1]
        y = _free(y, taken)
        taken.append(y)
        parts.append(_text(x + 10, y + 4, curve.name, colour=colour))
    return _svg(_WIDTH, _HEIGHT, title, parts)


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """A bar for each, in this order, with its figure at its end; the service's own in another colour."""
    height = _TOP + len(values) * (_BAR + _GAP) + 10
    most = max(values.values()) or 1
    room = _WIDTH - _NAMES - 110
    parts = [_text(10, 24, title, weight="bold")]
    for number, (name, value) in enumerate(values.items()):
        y = _TOP + number * (_BAR + _GAP)
        colour = _COLOURS[0] if name == _OURS else "#9aa5b1"
        width = max(1, room * value / most)
        parts.append(_text(_NAMES - 8, y + 16, name, anchor="end", weight="bold" if name == _OURS else "normal"))
        parts.append(f"<rect x='{_NAMES}' y='{y}' width='{width:.1f}' height='{_BAR}' fill='{colour}'/>")
        parts.append(_text(_NAMES + width + 8, y + 16, f"{shown(value)} {unit}"))
    return _svg(_WIDTH, height, title, parts)


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' {_FONT}>"
    background = f"<rect width='{width}' height='{height}' fill='#fff'/>"
    return "\n".join([head, f"<title>{escape(title)}</title>", background, *parts, "</svg>", ""])


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal", colour: str = _INK) -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}' fill='{colour}'"
    return f"<text {place}>{escape(words)}</text>"


def _line(points: Sequence[tuple[float, float]], colour: str, width: float) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f"<polyline points='{drawn}' fill='none' stroke='{colour}' stroke-width='{width}'/>"


def _cycle(count: int) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(count)]


def _nice(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 with as many noughts as it takes."""
    size = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * size for step in (1, 2, 4, 5, 8, 10) if step * size >= value)


def _free(y: float, taken: Sequence[float]) -> float:
    """A place for a name where no other one stands."""
    while any(abs(y - other) < 15 for other in taken):
        y -= 15
    return y
