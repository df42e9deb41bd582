"""Progress of long work: a bar on a terminal, a line for each table on a pipe, nothing beside JSON."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from autodialer.store.moving.copying import Progress as Step


@contextmanager
def watching(*, quiet: bool) -> Iterator[Callable[["Step"], None]]:
    """Shows what it is told on standard error, so that standard output holds the result alone."""
    out = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _step: None
    elif not sys.stderr.isatty():
        yield _lines(out)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=out, transient=True) as bars:
            yield _bar(bars)


def _lines(out: Console) -> Callable[["Step"], None]:
    told: set[str] = set()

    def say(step: "Step") -> None:
        finished = f"{step.step} {step.table}: {step.done} of {step.total}".replace(" :", ":")
        if step.done >= step.total and finished not in told:
            told.add(finished)
            out.print(finished, markup=False, soft_wrap=True)

    return say


def _bar(bars: Progress) -> Callable[["Step"], None]:
    task = bars.add_task("", total=None)

    def say(step: "Step") -> None:
        bars.update(task, description=f"{step.step} {step.table}".strip(), completed=step.done, total=step.total)

    return say
