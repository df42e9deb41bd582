"""What /api/live says, for a terminal: one picture of the moment."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

ENDS: Final = {
    "answered": "answered",
    "no_answer": "no answer",
    "busy": "busy",
    "failed": "failed",
    "unknown": "unknown",
    "no_result_yet": "no result yet",
}
_STYLES: Final = {
    "running": "bold green",
    "idle": "bold",
    "paused": "bold yellow",
    "held": "bold red",
    "unready": "bold red",
}
_END_STYLES: Final = {"answered": "green", "failed": "red", "unknown": "yellow"}
_NAMES: Final = {"zoho": "Zoho", "8x8": "8x8"}
_BAR: Final = 50

Live = Mapping[str, Any]


def picture(live: Live, note: str = "") -> RenderableType:
    """All of it. `note`: one more line at the end."""
    parts: list[RenderableType] = [_headline(live)]
    if live["run"]:
        parts += [Text(), *_run(live["run"])]
    parts += [Text(lines_in_words(live)), Text(f"Today: {today_in_words(live)}")]
    parts += [Text(trouble, style="red") for trouble in troubles(live)]
    if live["calls"]:
        parts += [Text(), _calls(live["calls"])]
    if note:
        parts += [Text(), Text(note, style="dim")]
    return Group(*parts)


def _headline(live: Live) -> Text:
    text = Text(live["standing"].replace("_", " "), style=_STYLES.get(live["standing"], "bold"))
    if live["standing"] in ("running", "idle") and not (live.get("is_late") or live.get("lacks_agent")):
        text.append(f"  next run {clock_time(live['next_run'])} UTC", style="default not bold")
    else:
        who = f" by {live['paused_by']} at {clock_time(live['paused_at'])} UTC" if live["paused_by"] else ""
        text.append(f"  {live['reason']}{who}", style="default not bold")
    return text


def _run(run: Mapping[str, Any]) -> Iterator[RenderableType]:
    tried = run["called"] + run["errors"]
    if run["state"] == "staging":
        yield Text(f"Run {run['run_id']} reads records from Zoho: {run['records']} so far")
        return
    yield Text(f"Run {run['run_id']} ({run['kind']}, {run['state']}): {progress_in_words(run)}")
    if run["is_open"]:
        yield ProgressBar(total=max(1, run["to_call"]), completed=tried, width=_BAR)
    if run["stop_reason"]:
        yield Text(run["stop_reason"], style="red")
    yield _ends(run["ends"])


def _ends(ends: Mapping[str, int]) -> Text:
    text = Text()
    for name, words in ENDS.items():
        if count := ends.get(name):
            text.append(f"{count} {words}", style=_END_STYLES.get(name, "default")).append("   ")
    return text


def _calls(calls: list[dict[str, Any]]) -> Table:
    table = Table(
        "ended (UTC)",
        "person",
        "number",
        "call",
        "end",
        "",
        box=None,
        pad_edge=False,
        title="Last calls",
        title_justify="left",
    )
    for call in calls:
        end = Text(ENDS.get(call["end"], call["end"]), style=_END_STYLES.get(call["end"], "default"))
        who = f"{call['record_type']} {call['zoho_id']}"
        table.add_row(
            clock_time(call["ended_at"]),
            who,
            call["number"] or "",
            str(call["attempt_number"]),
            end,
            Text(call["reason"]),
        )
    return table


def progress_in_words(run: Mapping[str, Any]) -> str:
    """How far it is, and what it did not call."""
    parts = [f"{run['called']} of {run['to_call']} called"]
    parts += [f"{run[name]} {words}" for name, words in _BESIDE.items() if run[name]]
    if run["is_open"] and run["calls_per_minute"]:
        parts.append(f"{run['calls_per_minute']:g} calls a minute")
    if run["expected_end"]:
        parts.append(f"all placed about {clock_time(run['expected_end'])[:5]} UTC")
    return ", ".join(parts)


_BESIDE: Final = {"errors": "errors", "skipped": "skipped", "marked_dead": "of these made Dead"}


def lines_in_words(live: Live) -> str:
    """How many calls are going on."""
    lines = live["lines"]
    return f"Lines: {lines['in_use']} of {lines['limit']} in use"


def today_in_words(live: Live) -> str:
    """The calls of today, by how they ended."""
    today = live["today"]
    ends = ends_in_words(today["by_disposition"])
    return f"{today['total_attempts']} calls to {today['total_records']} people" + (f": {ends}" if ends else "")


def ends_in_words(ends: Mapping[str, int]) -> str:
    """Those that there are."""
    return ", ".join(f"{ends[name]} {words}" for name, words in ENDS.items() if ends.get(name))


def troubles(live: Live) -> list[str]:
    """What is wrong outside, and what waits for it."""
    found = [
        f"{_NAMES.get(one['name'], one['name'])} since {clock_time(_failing_since(one))} UTC: {one['last_error']}"
        for one in live["upstreams"]
        if one["failing"]
    ]
    if parked := live["work_lists"].get("parked_updates"):
        found.append(f"{parked} updates were refused by Zoho (autodialer parked)")
    return found


def _failing_since(upstream: Mapping[str, Any]) -> str:
    """A service that was not restarted since an update does not tell when it began."""
    return str(upstream.get("failing_since") or upstream["last_error_at"])


def clock_time(instant: str) -> str:
    """HH:MM:SS of an instant of the API, in UTC."""
    return instant[11:19]
