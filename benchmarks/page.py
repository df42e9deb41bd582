"""docs/performance.md and its plots, made of the figures that are kept; python -m benchmarks.page writes them anew."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.charts import bars, lines
from benchmarks.figures import Book, Figure, Row
from benchmarks.goals import GOALS, Goal, Verdict, shown, with_unit
from benchmarks.machine import CACHE, ROOT, described
from benchmarks.reasons import REASONS

PAGE: Final = ROOT / "docs" / "performance.md"
PLOTS: Final = ROOT / "docs" / "performance"
_CONTEST: Final = "Callbacks at 64 connections"
_PROFILE: Final = "Profile: "
_MET: Final = {Verdict.STRETCH: "stretch", Verdict.FLOOR: "floor", Verdict.MISSED: "**missed**", Verdict.NONE: "–"}
_HEAD: Final = """# Performance

What the service reaches, beside what one would write first and beside the fastest there is. Made by `make bench`, which
starts the real service (tokens, validation, deduplication, logs and metrics on) as a process on one core, its rivals on the
same core, and the load on the other, in rounds that take turns; figures are medians, ratios are of the same minute, and
spread is what the rounds differed by. Each answer must stand in the database afterwards, each commit is synced
(`synchronous=FULL`).

Absolute figures move by a quarter from minute to minute and more from machine to machine: only ratios say something.
"""
_HOW: Final = """## How it is measured

- `make bench` measures all and writes this page; `make bench ONLY=P1,D4` measures parts and renews their rows; `make bench
  QUICK=1` ends within three minutes, changes nothing here, and shows whether a change made something faster or slower.
  `ROUNDS` and `SECONDS` say how many rounds there are and how long one is (5 and 4), `ROWS` how large the largest ledger is
  (10,000,000), `BACKEND` which database alone (sqlite, postgresql). `make profile` renews the profiles.
- A floor is missed only if the median and four of five rounds miss it.
- The service is started on a ledger that is there: its very first start also holds what made the ledger, 8 MB.
- Rivals do the same work: read JSON, check five fields, `INSERT … ON CONFLICT DO NOTHING` under a unique index with the raw
  body, answer 200 only after the commit. They stand in `benchmarks/rivals`; what they need is installed into `.bench/`.
  Those written in Python have uvloop and httptools. Without Node their rows say so.
- Slow disks are made by `tests/shims/slow_sync.c`, which lets each fsync take longer.
- The simulators stand in for Zoho (200 ms for an answer) and 8x8 (150 ms); the least possible time of a run is one look at
  Zoho, evenly spaced calls at the limit, and the last answer.
- Processor time is that of the whole process, all threads, user and system.
- Histories are made by the database itself (`benchmarks/year.py`): a year of calls with their callbacks and updates; PostgreSQL has
  written all of it to disk before anything is measured.
"""


def page(book: Book, machine: str) -> str:
    """The whole page."""
    parts = [
        _HEAD,
        f"Measured on {machine}; {_when(book.figures)}.\n",
        _summary(book.figures),
        _goals(book),
        _missed(book),
    ]
    contest = [row for row in book.rows if row.table == _CONTEST]
    if contest:
        parts += [f"## {_CONTEST}\n", _plot("callbacks"), table(contest), _plot("processor")]
    if any(curve.plot == "growth" for curve in book.curves):
        parts += ["## As the history grows\n", _plot("growth")]
    for name in dict.fromkeys(row.table for row in book.rows):
        if name != _CONTEST and not name.startswith(_PROFILE):
            parts += [f"## {name}\n", table([row for row in book.rows if row.table == name])]
    profiles = [name for name in dict.fromkeys(row.table for row in book.rows) if name.startswith(_PROFILE)]
    if profiles:
        parts.append("## Where the time goes\n\nThe top functions by processor time of their own (`make profile`).\n")
        for name in profiles:
            rows = [row for row in book.rows if row.table == name][:8]
            parts += [f"### {name.removeprefix(_PROFILE)}\n", table(rows)]
    return "\n".join([*parts, _HOW])


def plots(book: Book) -> Mapping[str, str]:
    """Each plot by its file's name."""
    made = {}
    growth = [curve for curve in book.curves if curve.plot == "growth"]
    if growth:
        made["growth.svg"] = lines(
            "What a call and a callback cost, by history", "attempts in the ledger", "milliseconds", growth
        )
    contest = [row.cells for row in book.rows if row.table == _CONTEST]
    if contest:
        for name, column, title, unit in (
            ("callbacks", "callbacks/s", "Durable callbacks a second, 64 connections, one core", "/s"),
            ("processor", "processor µs each", "Processor time of a callback", "µs"),
        ):
            made[f"{name}.svg"] = bars(title, unit, {str(row["server"]): float(row[column]) for row in contest})
    return made


def write(book: Book) -> None:
    """Page and plots, in docs/."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    for name, drawn in plots(book).items():
        (PLOTS / name).write_text(drawn)
    PAGE.write_text(page(book, described()))


def _summary(figures: Sequence[Figure]) -> str:
    asked = [figure for figure in figures if figure.verdict is not Verdict.NONE]
    met = sum(figure.verdict is not Verdict.MISSED for figure in asked)
    stretched = [figure.verdict is Verdict.STRETCH for figure in asked if figure.goal.stretch is not None]
    return f"Of {len(asked)} floors {met} are met, of {len(stretched)} stretch figures {sum(stretched)}.\n"


def _goals(book: Book) -> str:
    head = ("id", "what", "floor", "stretch", "measured", "figure", "spread", "met?", "command")
    lines_ = []
    for goal in GOALS.values():
        found = [figure for figure in book.figures if figure.id == goal.id]
        lines_ += [_measured(figure) for figure in found] or [_unmeasured(goal, book.absent.get(goal.id, "not yet"))]
    return "## Goals\n\n" + _rows(head, lines_)


def _measured(figure: Figure) -> Sequence[str]:
    goal = figure.goal
    beside = "; ".join(f"{name}: {shown(value)}" for name, value in figure.beside.items())
    unit = f" {figure.beside_unit}" if figure.beside_unit else ""
    least, most = (shown(one) for one in figure.spread)
    what = f"{goal.what} ({figure.of})" if figure.of else goal.what
    return (
        goal.id,
        f"{what}. {figure.note}" if figure.note else what,
        goal.says(goal.floor),
        goal.says(goal.stretch),
        f"{beside}{unit}" if beside else "–",
        with_unit(figure.median, goal.unit),
        f"{least} – {most}" if len(figure.rounds) > 1 else "–",
        _MET[figure.verdict],
        f"`{figure.command}`",
    )


def _unmeasured(goal: Goal, why: str) -> Sequence[str]:
    bounds = (goal.says(goal.floor), goal.says(goal.stretch))
    return (goal.id, goal.what, *bounds, f"not measured: {why}", "–", "–", "–", f"`make bench ONLY={goal.part}`")


def _missed(book: Book) -> str:
    missed = dict.fromkeys(figure.id for figure in book.figures if figure.verdict is Verdict.MISSED)
    if not missed:
        return ""
    told = [f"- **{one}**: {REASONS.get(one, 'not explained yet.')}" for one in missed]
    return "## What is missed, and what would help\n\n" + "\n".join(told) + "\n"


def unexplained(figures: Iterable[Figure]) -> Sequence[str]:
    """The missed goals of which nobody has said why."""
    return [one.id for one in figures if one.verdict is Verdict.MISSED and one.id not in REASONS]


def table(rows: Sequence[Row]) -> str:
    """As Markdown."""
    names = list(rows[0].cells)
    return _rows(names, [[_cell(row.cells[name]) for name in names] for row in rows])


def _rows(head: Sequence[str], lines_: Iterable[Sequence[str]]) -> str:
    made = [head, ["---"] * len(head), *lines_]
    return "\n".join("| " + " | ".join(_safe(cell) for cell in line) + " |" for line in made) + "\n"


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else shown(value)


def _safe(cell: str) -> str:
    return re.sub(r"\s+", " ", cell).replace("|", "\\|")


def _plot(name: str) -> str:
    return f"![{name}]({PLOTS.name}/{name}.svg)\n"


def _when(figures: Sequence[Figure]) -> str:
    days = sorted({figure.measured_at[:10] for figure in figures})
    return "not yet" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def main() -> None:
    """Write page and plots of what is kept."""
    write(Book(CACHE / "figures.json"))
    sys.stdout.write(f"{Path('docs') / PAGE.name}\n")


if __name__ == "__main__":
    main()
