"""Runs and the records that they stage."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import Run, RunState, Staged, StagedState


class Runs(Protocol):
    """Runs and their slots."""

    def open(self, run: Run, lease_until: datetime) -> Run | None:
        """Start it; None if a run is open or its slot is taken (rules.md rows 19 and 20)."""
        ...

    def skip_slot(self, run: Run) -> bool:
        """Record that a slot was due and did not start; False if the slot is known already."""
        ...

    def current(self) -> Run | None:
        """The open run."""
        ...

    def get(self, run_id: str) -> Run | None:
        """One run."""
        ...

    def recent(self, limit: int, before: tuple[datetime, str] | None = None) -> Sequence[Run]:
        """The newest first; those beyond `before` (when it was started, run id)."""
        ...

    def latest_begun(self) -> Run | None:
        """The newest that is more than a skipped slot, however many of these came since."""
        ...

    def latest_pulled(self, but: str = "") -> Run | None:
        """The newest that pulled everything and went on to dial, however many came to nothing since; the run `but` aside."""
        ...

    def started_since(self, moment: datetime) -> Sequence[Run]:
        """Those that were started, and slots that were skipped, at `moment` or later, oldest first."""
        ...

    def has_slot(self, slot: datetime) -> bool:
        """Whether a run took or skipped this slot."""
        ...

    def take_over(self, run_id: str, owner: str, now: datetime, lease_until: datetime) -> bool:
        """Become its owner when its lease ran out and its process is none that is known to live."""
        ...

    def renew(self, run_id: str, owner: str, lease_until: datetime) -> bool:
        """Say that one is alive; False if somebody else owns it now."""
        ...

    def is_of(self, run_id: str, owner: str) -> bool:
        """Whether it is open and conducted by `owner`, and stays so until the end of this transaction."""
        ...

    def is_dialing(self, run_id: str) -> bool:
        """Whether calls may be placed for it, by whichever process; that stays so until the end of this transaction."""
        ...

    def wait_for_writers(self) -> None:
        """Until all who said so of the open run have committed; who says it from now on waits for the end of this transaction."""
        ...

    def inherit(self, dead: str, heir: str) -> Sequence[str]:
        """The open runs of a process that is gone become another's; their ids."""
        ...

    def hand_over(self, owner: str) -> None:
        """Whoever wants them may have its open runs at once."""
        ...

    def wind_up(self, run_id: str, owner: str, reason: str) -> bool:
        """Nobody may place a call for it any more; it is closed when those in flight are done with."""
        ...

    def advance(
        self, run_id: str, owner: str, state: RunState, at: datetime, *, stop_reason: str | None = None
    ) -> bool:
        """To dialing, finished or stopped; False if somebody else owns it now."""
        ...

    def save_totals(self, run_id: str, totals: Mapping[str, object]) -> None:
        """What `results` shows."""
        ...


class Staging(Protocol):
    """The records of a run, in its order."""

    def add(self, run_id: str, rows: Sequence[Staged]) -> None:
        """Write a page; a record that stands already is left as it is."""
        ...

    def last_id(self, run_id: str, record_type: RecordType) -> str:
        """The greatest id that stands, by value: what a pull goes on after. Empty when none does."""
        ...

    def clear(self, run_id: str) -> None:
        """Forget all rows of a run that did not get beyond staging."""
        ...

    def settle_duplicates(self, run_id: str) -> int:
        """Of the contending records with one number keep the smallest rank, the others become `same_phone_as` (row 14)."""
        ...

    def limit_dead(self, run_id: str, limit: int) -> int:
        """Let at most `limit` be made Dead, in the run's order; the rest is skipped as `dead_limit`. How many were held back."""
        ...

    def rows(
        self,
        run_id: str,
        state: StagedState | None = None,
        *,
        reason: str = "",
        digits: str = "",
        after: str = "",
        limit: int = 500,
    ) -> Sequence[Staged]:
        """In order, those beyond sort key `after`; of one state, for one `reason`, with `digits` as id or at their number's end."""
        ...

    def counts(self, run_id: str) -> Mapping[tuple[str, str], int]:
        """(state, reason) → number of records."""
        ...

    def states(self, run_id: str) -> Mapping[StagedState, int]:
        """Number of records by state: counts without the reasons, at a fraction of its cost."""
        ...

    def claim(self, run_id: str, owner: str, limit: int) -> Sequence[Staged]:
        """The next due ones, in order, now claimed; no attempt of theirs is known until `mark` names one."""
        ...

    def mark(
        self,
        run_id: str,
        key: RecordKey,
        state: StagedState,
        *,
        reason: str = "",
        detail: str = "",
        next_at: datetime | None = None,
        attempt_id: str | None = None,
        add_try: bool = False,
    ) -> None:
        """What became of one record."""
        ...

    def skip_rest(self, run_id: str, reason: str, detail: str) -> int:
        """All that are due or claimed become skipped, and those to be made Dead whose update was not queued (no tries)."""
        ...

    def unclaim(self, run_id: str, owner: str, *, without_attempt: bool = False) -> int:
        """Rows that `owner` (anybody, with owner "") has claimed become due again: it is gone and has sent nothing for them.

        `without_attempt`: those alone for which none was reserved.
        """
        ...

    def still_claimed(self, run_id: str, owner: str, keys: Sequence[RecordKey]) -> frozenset[RecordKey]:
        """Those of `keys` that `owner` has claimed, and keeps until the end of this transaction."""
        ...

    def claimed_by_others(self, run_id: str, owner: str) -> bool:
        """Whether another process has rows of this run in hand."""
        ...

    def latest(self, key: RecordKey) -> tuple[str, Staged] | None:
        """(run id, row) of the newest run that saw this record."""
        ...

    def latest_of(self, keys: Iterable[RecordKey], *, compared: bool = False) -> Mapping[RecordKey, Staged]:
        """`latest` for many: the row of the newest run that saw each; none of whom no run saw.

        `compared`: only runs that pulled everybody and found nothing forgotten in it, and so went on.
        """
        ...

    def sightings(self, key: RecordKey, limit: int = 300) -> Sequence[tuple[Run, Staged]]:
        """The newest runs that saw this record, and what each did with it; the newest first."""
        ...

    def of_number(self, run_id: str, number: str, limit: int = 50) -> Sequence[RecordKey]:
        """The records of a run that have this number."""
        ...

    def ending_with(self, run_id: str, digits: str, limit: int = 50) -> Sequence[tuple[RecordKey, str]]:
        """(record, number) of a run's records whose number ends with `digits`."""
        ...

    def is_kept(self, run_id: str) -> bool:
        """Whether the rows of this run still stand: old ones are removed (pruning)."""
        ...

    def unseen_holds(self, run_id: str, limit: int) -> Sequence[RecordKey]:
        """Records held after an answer that this run, having pulled everything, did not see; who answered last comes first."""
        ...
