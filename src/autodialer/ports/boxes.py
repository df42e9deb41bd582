"""Inbox, outbox, and the small lists beside them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.ports.rows import Arrival, InboxRow, OutboxRow, Projection

Choose = Callable[[Sequence[OutboxRow]], Sequence[OutboxRow]]


class Inbox(Protocol):
    """Callbacks as they came."""

    def add(
        self, *, dedupe_key: str, source: str, event_type: str, session_id: str | None, body: str, at: datetime
    ) -> bool:
        """Store it; False if the same one stands already (its deliveries are counted)."""
        ...

    def add_all(self, arrivals: Sequence[Arrival]) -> None:
        """The same for many, in their order."""
        ...

    def waiting(self, limit: int, after: int = 0) -> Sequence[InboxRow]:
        """Not yet applied, oldest first; those that came in after the one with that id. Those that wait for the CRM are no more."""
        ...

    def of_open_calls(self, limit: int) -> Sequence[InboxRow]:
        """Those among them whose session is that of a call of ours in progress, oldest first."""
        ...

    def ask(self, inbox_id: int) -> None:
        """From now on it waits for the CRM's answer."""
        ...

    def asking(self, limit: int, after: int = 0) -> Sequence[InboxRow]:
        """Those that wait for the CRM's answer, oldest first, beyond the one with that id."""
        ...

    def take(self, inbox_id: int, session_id: str | None, left: Collection[int]) -> bool:
        """Whether this transaction may apply it: it waits, and no other replica applies it in this moment.

        False as well while an earlier one of its session waits that is not among `left`, those that can't be applied yet; what
        waits for the CRM stands in nobody's way.
        """
        ...

    def of_session(self, session_id: str) -> Sequence[InboxRow]:
        """All that came of this session, oldest first."""
        ...

    def find(self, dedupe_key: str) -> InboxRow | None:
        """The one that stands under this key."""
        ...

    def orphans_of(self, session_id: str) -> Sequence[InboxRow]:
        """Orphans that wait for this session, those that a person dismissed among them."""
        ...

    def orphans_of_open_calls(self) -> Sequence[int]:
        """Ids of those that wait for the session of a call of ours in progress: it was learnt in the moment they were put aside."""
        ...

    def settle(self, inbox_id: int, state: str, *, attempt_id: str | None = None, note: str = "", at: datetime) -> bool:
        """applied, orphan, ignored or conflict; False if it waits no more: another process was faster."""
        ...

    def reopen(self, inbox_ids: Sequence[int]) -> None:
        """Orphans, also dismissed ones, to be matched again."""
        ...

    def of_attempts(self, attempt_ids: Sequence[str]) -> Sequence[InboxRow]:
        """What was heard of these attempts."""
        ...

    def of_calls(self, attempt_ids: Sequence[str], session_ids: Sequence[str]) -> Sequence[InboxRow]:
        """What came of these attempts or in these sessions, what changed nothing too, in the order in which it came."""
        ...

    def count(self, state: str) -> int:
        """How many stand in this state."""
        ...


class Outbox(Protocol):
    """Updates not yet accepted by the CRM."""

    def put(self, projection: Projection, at: datetime) -> None:
        """Queue it, merged with the one that waits for the same record."""
        ...

    def claim(
        self, owner: str, now: datetime, limit: int, shared_now: datetime, choose: Choose | None = None
    ) -> Sequence[OutboxRow]:
        """Pending and due, oldest first; `owner` has them on their way until it settles each, by one of the next four.

        `choose`: which of them, where not all.

        Left out: what another replica has, and a record of which another replica has an earlier update on its way still. What
        `owner` claimed before and did not settle it gets again. A claim that nobody frees ends by `shared_now`, after a while.
        """
        ...

    def disown(self, owner: str) -> None:
        """Free what `owner` has on its way (everybody's, with owner ""): it is dead, or gives up."""
        ...

    def next_due_at(self) -> datetime | None:
        """When the next one is due."""
        ...

    def oldest_pending(self) -> datetime | None:
        """When the one that waits longest was queued."""
        ...

    def refused_for_long(self, queued_before: datetime) -> tuple[int, OutboxRow | None]:
        """How many pending ones that were queued before then the CRM has not taken at least once, and the oldest of them."""
        ...

    def sent(
        self, outbox_id: int, owner: str, at: datetime, *, status_kept: str | None = None, first_kept: bool = False
    ) -> bool:
        """The CRM took it. False if `owner` has it no more: nothing is changed; so also of the next three.

        `status_kept`, `first_kept`: but the status, or First No Answer At, which a person had set.
        """
        ...

    def retry(
        self,
        outbox_id: int,
        owner: str,
        error: str,
        next_try_at: datetime,
        *,
        blocked_since: datetime | None = None,
    ) -> bool:
        """Later. `blocked_since`: since when the CRM says that the record is locked or the like, if it said so now."""
        ...

    def postpone(self, outbox_id: int, owner: str, next_try_at: datetime) -> bool:
        """Later, without counting as a try."""
        ...

    def park(self, outbox_id: int, owner: str, error: str, at: datetime) -> bool:
        """It can't succeed."""
        ...

    def rewrite(self, key: RecordKey, at: datetime) -> None:
        """Queue the newest numbers of this record again: an older update may have overwritten them in the CRM."""
        ...

    def unparked(self, outbox_id: int, at: datetime) -> bool:
        """Try a parked one again."""
        ...

    def newest(self, keys: Iterable[RecordKey], sent_since: datetime) -> Mapping[RecordKey, OutboxRow]:
        """For each record the update that the CRM may not show yet: pending, parked, or sent after `sent_since`.

        Of one that a person gave up the count alone is told.
        """
        ...

    def written_statuses(self, keys: Iterable[RecordKey]) -> Mapping[RecordKey, frozenset[CrmStatus]]:
        """The statuses that we ourselves have queued or written for each record."""
        ...

    def of_record(self, key: RecordKey) -> Sequence[OutboxRow]:
        """Its updates, oldest first."""
        ...

    def of_records(self, keys: Iterable[RecordKey]) -> Sequence[OutboxRow]:
        """The updates of many records, oldest first."""
        ...

    def newest_first(self, before: int | None, limit: int) -> Sequence[OutboxRow]:
        """All updates, latest first; those before the row with the number `before`."""
        ...

    def parked(self, limit: int = 500) -> Sequence[OutboxRow]:
        """The dead-letter list."""
        ...

    def count(self, state: str) -> int:
        """How many stand in this state."""
        ...


class Duties(Protocol):
    """What one replica at a time does. Instants are those of Ledger.shared_now."""

    def take(self, name: str, owner: str, now: datetime, lease: timedelta) -> bool:
        """Have it for so long from now on, or have it still; False if another replica has it."""
        ...

    def release(self, owner: str) -> None:
        """Free all that `owner` has (everybody's, with owner ""): it ends, or is dead."""
        ...

    def holder(self, name: str, now: datetime) -> str | None:
        """Who has it now."""
        ...


class DoNotCall(Protocol):
    """The suppression list."""

    def add(self, number: str, reason: str, at: datetime) -> bool:
        """Suppress; False if it stands already."""
        ...

    def remove(self, number: str) -> bool:
        """Take it off; False if it did not stand."""
        ...

    def has(self, numbers: Iterable[str]) -> frozenset[str]:
        """Those of `numbers` that stand on the list."""
        ...

    def all(self) -> Sequence[tuple[str, str, datetime]]:
        """(number, reason, added at)."""
        ...

    def find(self, number: str) -> tuple[str, datetime] | None:
        """(reason, added at) of a number that stands on the list."""
        ...

    def page(self, after: str, limit: int, wanted: str = "") -> Sequence[tuple[str, str, datetime]]:
        """The same by number, beyond the number `after`; only those that hold `wanted` in their number or their reason."""
        ...

    def add_all(self, numbers: Mapping[str, str], at: datetime) -> int:
        """Suppress many, each with its reason; how many were new. Those that stand keep their reason."""
        ...

    def count(self) -> int:
        """How many numbers stand on it."""
        ...


class Switches(Protocol):
    """Small facts that outlive a restart: paused, the webhook's hash, the latest instant seen."""

    def get(self, name: str) -> str | None:
        """Its value."""
        ...

    def changed_at(self, name: str) -> datetime | None:
        """When it was last set, to whatever value."""
        ...

    def some(self, names: Sequence[str]) -> Mapping[str, str]:
        """The values of those of `names` that are set to more than an empty text."""
        ...

    def set(self, name: str, value: str, at: datetime) -> None:
        """Replace it."""
        ...


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What was asked of the CRM in one stretch of time, by one process or by all; `credits_remaining` as CrmUsage has it."""

    calls: int = 0
    credits: int = 0
    throttled: int = 0
    credits_remaining: int | None = None
    told_at: datetime | None = None


class Usage(Protocol):
    """What all processes of a deployment asked of the CRM, ten minutes to a row."""

    def add(self, row: UsageRow, at: datetime) -> None:
        """Count it where `at` falls; rows of last week are forgotten."""
        ...

    def since(self, moment: datetime) -> UsageRow:
        """The sum from the stretch in which `moment` falls; the newest word of the CRM on what remains."""
        ...
