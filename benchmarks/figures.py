"""Figures as they are told: medians of rounds, their spread, one JSON line each; kept for the page."""

import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.goals import GOALS, Goal, Verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """One goal's figure. `of`: which of several (an engine). `beside`: what was measured, by who did it; in `beside_unit`.

    `rounds` are ratios, or carry the goal's unit; `note`: why it is as it is, and what would help.
    """

    id: str
    rounds: tuple[float, ...]
    beside: Mapping[str, float] = field(default_factory=dict)
    beside_unit: str = ""
    of: str = ""
    note: str = ""
    measured_at: str = ""

    @property
    def goal(self) -> Goal:
        """What was asked."""
        return GOALS[self.id]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and most."""
        return min(self.rounds), max(self.rounds)

    @property
    def verdict(self) -> Verdict:
        """Whether that is enough."""
        return self.goal.verdict(self.rounds, self.median)

    @property
    def command(self) -> str:
        """What measures it again."""
        return f"make bench ONLY={self.goal.part}"

    def line(self) -> dict[str, object]:
        """As it is printed."""
        goal = self.goal
        figure = _rounded(self.median)
        return {
            "id": goal.id,
            **({"of": self.of} if self.of else {}),
            "goal": goal.what,
            "floor": goal.floor,
            "stretch": goal.stretch,
            "figure": {name: _rounded(value) for name, value in self.beside.items()} or figure,
            "unit": self.beside_unit or goal.unit,
            **({"ratio": figure} if goal.unit == "×" else {}),
            "rounds": [_rounded(one) for one in self.rounds],
            "spread": [_rounded(one) for one in self.spread],
            "met": self.verdict.value,
            "command": self.command,
            **({"note": self.note} if self.note else {}),
        }


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Round by round: what was measured in the same minute belongs together."""
    return tuple(mine / his for mine, his in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a plot: a figure against another, for one of several."""

    plot: str
    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of one of the page's other tables, by its heading's words."""

    table: str
    cells: Mapping[str, float | str]


class Book:
    """All that was found: told at once, and kept in a file beside what other runs found.

    `path` None: told only, as by QUICK, whose figures show that a part works and no more.
    """

    def __init__(self, path: Path | None, *, silent: bool = False) -> None:
        self._path, self._silent = path, silent
        self.figures: list[Figure] = []
        self.curves: list[Curve] = []
        self.rows: list[Row] = []
        self.absent: dict[str, str] = {}
        if path is not None and path.exists():
            self._load(msgspec.json.decode(path.read_bytes(), type=_Kept))

    def tell(self, figure: Figure) -> None:
        """Print its line; it replaces what stood for the same goal."""
        print_line(figure.line())
        stamped = replace(figure, measured_at=datetime.now(UTC).isoformat(timespec="seconds"))
        self.figures = [one for one in self.figures if (one.id, one.of) != (figure.id, figure.of)] + [stamped]
        self.absent.pop(figure.id, None)
        self._save()

    def plot(self, *curves: Curve) -> None:
        """Each instead of the one of its name that its plot had."""
        names = {(curve.plot, curve.name) for curve in curves}
        self.curves = [one for one in self.curves if (one.plot, one.name) not in names] + list(curves)
        for curve in curves:
            print_line({"plot": curve.plot, "name": curve.name, "points": curve.points})
        self._save()

    def table(self, name: str, rows: Iterable[Mapping[str, float | str]]) -> None:
        """These rows instead of those that the table had."""
        made = [Row(name, dict(row)) for row in rows]
        self.rows = [row for row in self.rows if row.table != name] + made
        for row in made:
            self._say(
                {
                    "table": name,
                    **{key: value if isinstance(value, str) else _rounded(value) for key, value in row.cells.items()},
                }
            )
        self._save()

    def miss(self, ids: Iterable[str], why: str) -> None:
        """They could not be measured here."""
        for one in ids:
            print_line({"id": one, "goal": GOALS[one].what, "not measured": why})
            self.absent[one] = why
        self._save()

    def lacks(self) -> set[str]:
        """Goals of which neither a figure is kept nor why there is none: a page made of the rest would lose theirs."""
        return set(GOALS) - {figure.id for figure in self.figures} - set(self.absent)

    def _say(self, line: Mapping[str, object]) -> None:
        if not self._silent:
            print_line(line)

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = _Kept(self.figures, self.curves, self.rows, self.absent)
        self._path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")

    def _load(self, kept: "_Kept") -> None:
        self.figures = [one for one in kept.figures if one.id in GOALS]
        self.curves, self.rows = kept.curves, kept.rows
        self.absent = {name: why for name, why in kept.absent.items() if name in GOALS}


@dataclass(frozen=True, slots=True)
class _Kept:
    figures: list[Figure]
    curves: list[Curve]
    rows: list[Row]
    absent: dict[str, str]


def print_line(figures: Mapping[str, object]) -> None:
    """One JSON line on standard output."""
    sys.stdout.write(json.dumps(figures, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
