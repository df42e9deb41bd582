"""What else must be so before anything of an outlook happens: that runs start at all, and that they may make somebody Dead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from autodialer.domain.sentence import Sentence, phrase
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import StagedState
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import SkipReason
from autodialer.service.clock_guard import clock_problem
from autodialer.service.explaining.dossier import Dossier
from autodialer.service.holding import hold_problem

_DRY_RUN: Final = phrase("DRY_RUN is set: no run starts, nobody is called and nobody is made {dead}.")
_UNREADY: Final = phrase("No run starts until this is mended: {why}.")
_PAUSED: Final = phrase("Calls are paused: they are sent after somebody resumes (autodialer resume).")
_HELD: Final = phrase("No call is sent until this is settled: {why}.")
_IN_HAND: Final = phrase("The run that is going on has this person in hand now.")
_NOBODY_DEAD: Final = phrase(
    "The policy lets no run make anybody {dead} by itself: it happens in a run with autodialer run --confirm."
)
_DEAD_LIMITED: Final = phrase(
    "A run makes at most {limit} records {dead} by itself, and the latest one left {left} waiting: it may come in a later run, or "
    "at once with autodialer run --confirm."
)


@dataclass(frozen=True, slots=True)
class Setting:
    """How this process is set up. `dry_run`: DRY_RUN; `missing`: a sentence for each setting that calls can't do without."""

    dry_run: bool
    missing: Sequence[str]


def conditions(ledger: Ledger, dossier: Dossier, policy: Policy, setting: Setting, now: datetime) -> Iterator[Sentence]:
    """Why no run may start, or no call be sent, as things stand at `now`; and whether a run has this person in hand."""
    if setting.dry_run:
        yield Sentence(_DRY_RUN, {"dead": policy.dead_status})
    for why in setting.missing:
        yield Sentence(_UNREADY, {"why": why.rstrip(".")})
    if dossier.paused:
        yield Sentence(_PAUSED)
    held = clock_problem(ledger, now) or hold_problem(ledger, policy, now)
    if held is not None:
        yield Sentence(_HELD, {"why": held})
    newest = next(iter(dossier.sightings), None)
    if newest and newest[0].is_open and newest[1].state in (StagedState.DUE, StagedState.CLAIMED):
        yield Sentence(_IN_HAND)


def dead_conditions(dossier: Dossier, policy: Policy) -> Iterator[Sentence]:
    """Whether the limit of a run may keep this person from becoming Dead when the rules say so (rules.md row 29)."""
    newest = next((run for run, _ in dossier.sightings if run.staged_at is not None), None)
    totals: Mapping[str, object] = newest.totals if newest is not None else {}
    limit = policy.max_dead(_count(totals, "processed"))
    reasons = totals.get("reasons")
    left = _count(reasons, SkipReason.DEAD_LIMIT.value) if isinstance(reasons, Mapping) else 0
    if limit == 0:
        yield Sentence(_NOBODY_DEAD, {"dead": policy.dead_status})
    elif left:
        yield Sentence(_DEAD_LIMITED, {"limit": limit, "dead": policy.dead_status, "left": left})


def _count(totals: Mapping[str, object], name: str) -> int:
    value = totals.get(name, 0)
    return value if isinstance(value, int) else 0
