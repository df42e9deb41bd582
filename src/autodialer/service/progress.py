"""How far a run is, how fast it goes, and when its calls will be placed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, StagedState

_MINUTE: Final = timedelta(minutes=1)
_FIRST: Final = timedelta(seconds=5)  # before that, the pace is not known


@dataclass(frozen=True, slots=True)
class Progress:
    """Records by what became of them. `skipped` without those that are made Dead. `rate`: calls per minute, lately.

    `ends`: how its calls ended so far; empty until they were counted. `expected_end`: when all its calls are placed at that rate.
    """

    run: Run
    due: int
    claimed: int
    called: int
    skipped: int
    dead: int
    errors: int
    rate: float = 0.0
    expected_end: datetime | None = None
    ends: Mapping[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """All that were pulled so far."""
        return self.due + self.claimed + self.called + self.skipped + self.dead + self.errors

    @property
    def to_call(self) -> int:
        """Those that were, or will be, tried."""
        return self.due + self.claimed + self.called + self.errors

    @property
    def left(self) -> int:
        """Those whose turn is still to come."""
        return self.due + self.claimed

    def with_ends(self, ends: Mapping[str, int]) -> "Progress":
        """The same, and how its calls ended."""
        return replace(self, ends=ends)


def progress_of(ledger: Ledger, run: Run, now: datetime) -> Progress:
    """As the ledger has it; of a run that is over its totals, for its records may be gone."""
    if not run.is_open:
        return _of_totals(run)
    states = ledger.staging.states(run.run_id)
    found = Progress(
        run=run,
        due=states.get(StagedState.DUE, 0),
        claimed=states.get(StagedState.CLAIMED, 0),
        called=states.get(StagedState.CALLED, 0),
        skipped=states.get(StagedState.SKIP, 0),
        dead=states.get(StagedState.DEAD, 0),
        errors=states.get(StagedState.ERROR, 0),
    )
    if run.staged_at is None:
        return found
    since = max(run.staged_at, now - _MINUTE)
    rate = ledger.stats.calls_since(since) / max(now - since, _FIRST).total_seconds() * 60
    is_steady = rate > 0 and now - run.staged_at >= _FIRST
    expected = now + timedelta(minutes=found.left / rate) if is_steady and found.left else None
    return replace(found, rate=rate, expected_end=expected)


def _of_totals(run: Run) -> Progress:
    def count(name: str) -> int:
        value = run.totals.get(name, 0)
        return value if isinstance(value, int) else 0

    dead = count("marked_dead")
    return Progress(
        run=run,
        due=count("still_due"),
        claimed=0,
        called=count("called"),
        skipped=count("skipped") - dead,
        dead=dead,
        errors=count("errors"),
    )
