"""Attempts: reserved, sent, ended, looked up."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from autodialer.domain.attempt import Attempt, Ended, PlacedCall, Released, Reserved, Submitting, Unknown
from autodialer.domain.record import RecordKey
from autodialer.domain.result import CallResult
from autodialer.ports.rows import AttemptRow, CallElsewhere, Reservation

__all__ = ["Attempt", "Attempts"]


class Attempts(Protocol):
    """Attempts as states; every change is a compare-and-set."""

    def of_people(self, keys: Iterable[RecordKey], numbers: Iterable[str]) -> Sequence[AttemptRow]:
        """All attempts of these records or numbers, but for released ones that say nothing of the number."""
        ...

    def called_in(self, run_id: str, numbers: Sequence[str]) -> frozenset[str]:
        """Those of these numbers to which a call of this run has ended, for whichever record."""
        ...

    def reserve(self, reservation: Reservation) -> Reserved:
        """Take the slots. LedgerRefusal when a quota, an open attempt or this run's one call stands against it."""
        ...

    def load(self, attempt_id: str) -> Attempt | None:
        """As its state's dataclass."""
        ...

    def row(self, attempt_id: str) -> AttemptRow | None:
        """Whole."""
        ...

    def rows(self, attempt_ids: Iterable[str]) -> Mapping[str, AttemptRow]:
        """Those of them that there are, whole, by their ids."""
        ...

    def submit(self, before: Reserved, after: Submitting, lease_until: datetime) -> bool:
        """Commit before sending; False unless it is still reserved by this owner."""
        ...

    def place(self, before: Submitting, after: PlacedCall) -> bool:
        """8x8 took it."""
        ...

    def release(
        self,
        before: Reserved | Submitting | PlacedCall | Unknown | Ended,
        after: Released,
        *,
        number_refused: bool = False,
    ) -> bool:
        """Definitely nobody was rung: the slots are returned. An ended one only if it still ended as shown."""
        ...

    def lose(self, before: Submitting | PlacedCall, after: Unknown) -> bool:
        """It may have rung."""
        ...

    def end(self, before: Submitting | PlacedCall | Unknown, after: Ended, result: CallResult | None) -> bool:
        """It is over."""
        ...

    def overrule(self, before: Ended, after: Ended, result: CallResult) -> bool:
        """A later result won (Disposition.wins_over), or a person settled what was closed as unknown."""
        ...

    def add_elsewhere(self, call: CallElsewhere) -> None:
        """Record a call that somebody else placed."""
        ...

    def learn_session(self, attempt_id: str, session_id: str) -> None:
        """Keep the session of an attempt that did not know it."""
        ...

    def find_session(self, session_id: str) -> AttemptRow | None:
        """The attempt with this session."""
        ...

    def awaits_session(self) -> bool:
        """Whether a call was, or may have been, sent whose session nobody knows yet."""
        ...

    def find_open(self, key: RecordKey) -> AttemptRow | None:
        """The open attempt of this record."""
        ...

    def of_record(self, key: RecordKey, limit: int = 200) -> Sequence[AttemptRow]:
        """Its history, oldest first."""
        ...

    def of_number(self, number: str, limit: int = 200) -> Sequence[AttemptRow]:
        """The attempts at this number, whoever's record it was on, oldest first; of released ones those that tell of it."""
        ...

    def sent_since(self, since: datetime, before: tuple[datetime, str] | None, limit: int) -> Sequence[AttemptRow]:
        """Calls sent at or after `since`, latest first, whoever placed them; those beyond `before` (when, attempt id)."""
        ...

    def lines_in_use(self, unknown_since: datetime) -> int:
        """Calls in progress: reserved, submitting, placed, and unknown ones submitted after `unknown_since`."""
        ...

    def sent_lately(self, since: datetime) -> int:
        """Open calls whose result can still be waited for: about to be sent, or sent after `since`."""
        ...

    def unplaced(self) -> int:
        """How many are about to be sent, or are being sent: reserved and submitting."""
        ...

    def overdue(self, *, placed_before: datetime, now: datetime, today: str) -> Sequence[AttemptRow]:
        """Open attempts that wait in vain: placed too long ago, a lease that ran out, unknown from an earlier day.

        Those that another transaction changes in this moment are left out.
        """
        ...

    def open_of_owner(self, owner: str) -> Sequence[AttemptRow]:
        """Reserved and submitting ones of a process (or of any other process with owner ``""``)."""
        ...

    def unknown(self, limit: int = 500) -> Sequence[AttemptRow]:
        """The work list (rules.md row 25), newest first: unknown, and New records' calls that were closed as unknown."""
        ...

    def unheard(self, since: datetime, limit: int) -> Sequence[AttemptRow]:
        """Calls sent at or after `since` that are unknown or were closed as that, of whichever record; newest first."""
        ...

    def latest_submitted(self) -> datetime | None:
        """When the newest of our own calls was about to be sent; None before the first."""
        ...

    def lift_holds(self, keys: Sequence[RecordKey], at: datetime) -> int:
        """A person changed the status after the answered call (rules.md row 11)."""
        ...
