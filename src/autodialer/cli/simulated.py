"""How simulated days are shown on a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from autodialer.cli.common import console
from autodialer.rules.policy import Policy
from autodialer.service.simulation.desk import Setting
from autodialer.service.simulation.tally import Tally

_TOTALS = {
    "people": "people",
    "calls": "calls",
    "reached": "people reached",
    "lost_to_dead": "people lost to Dead",
    "chased": "called, still open",
    "not_called": "not called",
    "calls_per_reached": "calls for each person reached",
    "runs": "runs",
    "runs_skipped": "runs skipped: the one before was going",
    "most_calls_in_an_hour": "most calls in an hour",
    "most_calls_in_a_day": "most calls in a day",
    "line_minutes": "minutes of calls",
    "zoho_credits": "Zoho credits",
    "most_zoho_credits_in_a_day": "most Zoho credits in a day",
}


@dataclass(frozen=True, slots=True)
class Lived:
    """Policies that have lived through the same days."""

    setting: Setting
    policies: Sequence[Policy]
    tallies: Sequence[Tally]


def show(lived: Lived, names: Sequence[str]) -> None:
    """The sums side by side, what was assumed, and what the policies are warned of."""
    out = console()
    totals = [tally.totals() for tally in lived.tallies]
    table = Table(
        "", *names, title=f"{lived.setting.world.days} simulated days from {lived.setting.world.start:%Y-%m-%d}"
    )
    for name, words in _TOTALS.items():
        table.add_row(words, *(f"{of_one[name]:g}" for of_one in totals))
    out.print(table)
    for sentence in _assumptions(lived.setting):
        out.print(sentence, markup=False)
    for name, policy in zip(names, lived.policies, strict=True):
        for warning in policy.warnings():
            out.print(f"{name}: {warning}", style="yellow", markup=False)


def _assumptions(setting: Setting) -> list[str]:
    world, model = setting.world, setting.world.model
    rates = ", ".join(
        f"{rate.value:.0%}" + (f" ({rate.calls} calls)" if rate.calls else "") for rate in model.by_attempt
    )
    known = "recorded where calls stand in brackets, else assumed"
    length = world.pace.length
    source = f"the mean of {length.calls} recorded calls" if length.calls else "assumed"
    whom = "as the ledger called them" if setting.question.from_ledger else f"made up from seed {world.seed}"
    return [
        f"{len(setting.people)} people, {whom}.",
        f"Answered: {rates} for call 1, 2, …; {known}.",
        f"A call takes {length.seconds:g} seconds, {source}; {world.pace.calls_per_second:g} a second, {world.pace.lines} lines.",
    ]


def show_days(tally: Tally) -> None:
    """A line for each date."""
    table = Table("date", "runs", "calls", "answered", "Dead", "Zoho credits", title="Day by day")
    for day, of_day in sorted(tally.days.items()):
        figures = (of_day.runs, of_day.calls, of_day.answered, of_day.dead, of_day.credits)
        table.add_row(day.isoformat(), *map(str, figures))
    console().print(table)


def show_changes(summary: dict[str, Any], listed: Sequence[dict[str, Any]]) -> None:
    """How many end otherwise, and the first of those who fare otherwise."""
    out = console()
    out.print(f"{summary['people_changed']} people fare otherwise, {summary['fates_changed']} of them end otherwise.")
    for one in summary["fates"]:
        out.print(f"  {one['people']:6} {one['first']} → {one['second']}")
    if not listed:
        return
    table = Table(
        "record", "first differs", "first policy", "second policy", "calls", "ends", title="Who changes, and why"
    )
    for person in listed:
        did = [f"{one['did']}: {one['reason']}" for one in (person["first"], person["second"])]
        calls = f"{person['calls']['first']} → {person['calls']['second']}"
        fates = f"{person['fates']['first']} → {person['fates']['second']}"
        record = f"{person['record_type']} {person['zoho_id']}"
        table.add_row(record, f"{person['run_at']:%Y-%m-%d %H:%M}", *did, calls, fates)
    out.print(table)
