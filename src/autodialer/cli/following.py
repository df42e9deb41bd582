"""Shows the live view again and again: a picture on a terminal, a line for each change on a pipe, nothing beside JSON."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from rich.console import Console
from rich.live import Live as Screen

from autodialer.cli import live_view
from autodialer.cli.live_view import ENDS, Live, clock_time

EVERY: Final = 1.0  # seconds: the service itself looks no more often
_LINE_EVERY: Final = 10.0  # seconds between two lines about a run in which nothing else happens


class Show(Protocol):
    """Somewhere to show the live view."""

    def __call__(self, live: Live, at: str, note: str = "") -> None:
        """As it is now, `at` that instant."""
        ...


@contextmanager
def showing(out: Console, *, quiet: bool = False) -> Iterator[Show]:
    """`quiet`: nothing is shown."""
    if quiet:
        yield _nothing
    elif out.is_terminal and not out.is_dumb_terminal:
        with Screen(console=out, auto_refresh=False) as screen:
            yield lambda live, _at, note="": screen.update(live_view.picture(live, note), refresh=True)
    else:
        yield _Lines(out)


def _nothing(live: Live, at: str, note: str = "") -> None:
    pass


class _Lines:
    """One line when the standing changes, when a run begins or ends and every ten seconds of it, and for each call that ended."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._told: tuple[object, ...] = ()
        self._progress: tuple[object, ...] = ()
        self._told_at = 0.0
        self._calls: set[str] | None = None

    def __call__(self, live: Live, at: str, note: str = "") -> None:
        """What is new since the last time."""
        for call in self._new_calls(live):
            end = ENDS.get(call["end"], call["end"])
            why = f" ({call['reason']})" if call["reason"] else ""
            who = f"{call['record_type']} {call['zoho_id']}, call {call['attempt_number']}"
            self._print(f"{clock_time(call['ended_at'])} {who}: {end}{why}")
        run, now = live["run"] or {}, asyncio.get_running_loop().time()
        news = (
            live["standing"],
            live["reason"],
            run.get("run_id"),
            run.get("state"),
            *live_view.troubles(live),
            note,
        )
        progress = (run["called"], run["errors"], run["records"]) if run.get("is_open") else self._progress
        if news != self._told or (progress != self._progress and now - self._told_at >= _LINE_EVERY):
            self._told, self._progress, self._told_at = news, progress, now
            self._print(f"{clock_time(at)} {_line(live)}{f' ({note})' if note else ''}")

    def _new_calls(self, live: Live) -> Iterator[dict[str, Any]]:
        known, self._calls = self._calls, {call["attempt_id"] for call in live["calls"]}
        if known is not None:  # those before the first look are history
            yield from (call for call in reversed(live["calls"]) if call["attempt_id"] not in known)

    def _print(self, line: str) -> None:
        self._out.print(line, markup=False, soft_wrap=True)


def _line(live: Live) -> str:
    run = live["run"]
    parts = [live["standing"].replace("_", " ")]
    if live["standing"] not in ("running", "idle") or live.get("is_late") or live.get("lacks_agent"):
        parts.append(live["reason"])
    if run and run["state"] == "staging":
        parts.append(f"run {run['run_id']} reads records from Zoho: {run['records']} so far")
    elif run:
        why = f" ({run['stop_reason']})" if run["stop_reason"] else ""
        parts.append(f"run {run['run_id']} {run['state']}{why}: {live_view.progress_in_words(run)}")
        parts += [ends] if (ends := live_view.ends_in_words(run["ends"])) else []
    return "; ".join([*parts, live_view.lines_in_words(live), *live_view.troubles(live)])
