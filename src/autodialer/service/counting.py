"""What has happened since the ledger began, as counts that never fall: over restarts, and whichever process is asked."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Run, RunState
from autodialer.service.schedule import LEDGER_SINCE, latest_slot, was_set
from autodialer.service.sharing import Shared

MADE_UP: Final = "counts_made_up"
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OVERLAP: Final = timedelta(hours=1)  # a process whose clock is behind may still write runs that seem to be older
_RECORDS: Final = ("called", "skipped", "marked_dead", "errors")


@dataclass(frozen=True, slots=True)
class Counted:
    """`attempts` by disposition; `runs` by state (finished, stopped, skipped); `records` by what runs did with them.

    `not_called`: records that runs did not call, by reason. `slot_due`: the latest slot, if a run was to begin then; `slot_run`:
    the latest one that had a run, its own or one that a person started after it. None: there was none yet.
    """

    attempts: Mapping[str, int]
    runs: Mapping[str, int]
    records: Mapping[str, int]
    not_called: Mapping[str, int]
    slot_due: datetime | None
    slot_run: datetime | None


@dataclass(slots=True)
class _Runs:
    """All that are closed, added up. `since`: from there on some may be missing; `seen`: those after it that are not."""

    states: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    slot: datetime | None = None
    since: datetime = _EVER
    seen: set[str] = field(default_factory=set)


class Counts:
    """Counts anew once a second at most; of the runs only those that are not yet added up."""

    def __init__(self, store: Store, clock: Clock, run_hours: tuple[int, ...]) -> None:
        self._store = store
        self._clock = clock
        self._run_hours = run_hours
        self._shared = Shared(self._count, clock, 1.0)
        self._runs = _Runs()
        self._shown: dict[str, int] = {}

    async def now(self) -> Counted:
        """As it stands. StoreError."""
        return await self._shared.get()

    async def _count(self) -> Counted:
        due = latest_slot(self._run_hours, self._clock.now())

        def read(ledger: Ledger) -> tuple[Mapping[str, int], Mapping[str, int], Sequence[Run], bool]:
            is_ours = ledger.switches.get(LEDGER_SINCE) is not None and was_set(ledger, due)
            return ledger.stats.ended(), _made_up(ledger), ledger.runs.started_since(self._runs.since), is_ours

        ended, made_up, runs, is_ours = await self._store.read(read)
        self._add_up(runs)
        return Counted(
            attempts=await self._never_less(ended, made_up),
            runs=dict(self._runs.states),
            records=dict(self._runs.records),
            not_called=dict(self._runs.reasons),
            slot_due=due if is_ours else None,
            slot_run=self._runs.slot,
        )

    async def _never_less(self, ended: Mapping[str, int], made_up: Mapping[str, int]) -> Mapping[str, int]:
        """A call that is overruled ends otherwise than it did. What its first end is short of then is made up for, for good.

        Prometheus would take a count that falls for one that began anew at zero.
        """
        lacking = {name: shown - ended.get(name, 0) for name, shown in self._shown.items()}
        lacking = {name: short for name, short in lacking.items() if short > made_up.get(name, 0)}
        if lacking:
            now = self._clock.now()
            made_up = await self._store.write(lambda ledger: _make_up(ledger, lacking, now))
        for name in ended.keys() | made_up.keys():
            self._shown[name] = ended.get(name, 0) + made_up.get(name, 0)
        return dict(self._shown)

    def _add_up(self, runs: Sequence[Run]) -> None:
        kept = self._runs
        for run in runs:
            if run.state is not RunState.SKIPPED:
                slot = run.slot or latest_slot(self._run_hours, run.started_at)
                kept.slot = max(slot, kept.slot or slot)
            if run.is_open or run.run_id in kept.seen:
                continue
            kept.seen.add(run.run_id)
            kept.states[run.state.value] += 1
            kept.records.update({name: _int(run.totals.get(name)) for name in _RECORDS})
            reasons = run.totals.get("reasons")
            kept.reasons.update(
                {name: _int(count) for name, count in reasons.items()} if isinstance(reasons, dict) else {}
            )
        opened = [run.started_at for run in runs if run.is_open]
        if runs:
            kept.since = max(kept.since, min([*opened, runs[-1].started_at]) - _OVERLAP)
            kept.seen &= {run.run_id for run in runs if run.started_at >= kept.since}


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _made_up(ledger: Ledger) -> dict[str, int]:
    found: dict[str, int] = json.loads(ledger.switches.get(MADE_UP) or "{}")
    return found


def _make_up(ledger: Ledger, lacking: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Another process may have seen the same: the greater one stands."""
    known = _made_up(ledger)
    merged = known | {name: max(short, known.get(name, 0)) for name, short in lacking.items()}
    ledger.switches.set(MADE_UP, json.dumps(merged), now)
    return merged
