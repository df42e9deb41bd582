"""The live table of the demo's runs: on a terminal it grows as calls end, on a pipe it is printed line by line."""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from autodialer.ports.rows import Run

_HEADINGS = ("", "run", "called", "answered", "no answer", "busy", "failed", "no result", "made Dead", "not called")
_WIDTHS = (6, 12, 7, 9, 10, 5, 7, 10, 10, 11)


class Progress:
    """Shows one row per run."""

    def __init__(self, console: Console, runs: int) -> None:
        self._console = console
        self._runs = runs
        self._done: list[tuple[str, ...]] = []
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        else:
            self._print(_HEADINGS)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self._table(None), refresh=True)
            self._live.stop()

    def during(self, day: int, slot: datetime, ends: Mapping[str, int]) -> None:
        """A run is going."""
        if self._live is not None:
            self._live.update(self._table((*_row(day, slot, ends), "…", "…")), refresh=True)

    def after(self, day: int, slot: datetime, run: Run, ends: Mapping[str, int]) -> None:
        """A run is over and its results are in."""
        dead = run.totals["marked_dead"]
        not_called = int(str(run.totals["skipped"])) - int(str(dead)) + int(str(run.totals["errors"]))
        self._done.append((*_row(day, slot, ends), str(dead), str(not_called)))
        if self._live is not None:
            self._live.update(self._table(None), refresh=True)
        else:
            self._print(self._done[-1])

    def _print(self, cells: tuple[str, ...]) -> None:
        line = "".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
        self._console.print(line, soft_wrap=True, markup=False)

    def _table(self, going: tuple[str, ...] | None) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in _HEADINGS:
            table.add_column(heading, justify="right")
        for cells in (*self._done, *([going] if going else [])):
            table.add_row(*cells)
        return Group(table, ProgressBar(total=self._runs, completed=len(self._done), width=60))


def _row(day: int, slot: datetime, ends: Mapping[str, int]) -> tuple[str, ...]:
    names = ("answered", "no_answer", "busy", "failed")
    waiting = sum(count for name, count in ends.items() if name not in names)
    counts = [str(ends.get(name, 0)) for name in names]
    return (f"Day {day}", f"{slot:%a %H:%M}", str(sum(ends.values())), *counts, str(waiting))
