"""Rows of the ledger as the use cases see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from autodialer.domain.attempt import (
    Attempt,
    AttemptState,
    Ended,
    Intent,
    PlacedCall,
    Released,
    Reserved,
    Submitting,
    Unknown,
)
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus, RecordKey

T = TypeVar("T")

ASKING = "placed elsewhere: waits for the CRM"
"""The note of a waiting callback that only the CRM's answer can settle."""
DAYS_OVER = "dead"
"""The cause of an update by which a run makes a record Dead."""
ON_DEMAND = "again"
"""The cause of an update that a person asked for, where the CRM shows something else than it once took from us."""
RANG_AFTER_ALL = "rang after all"
"""How the reason of a call begins that had been taken as not placed when its end was told."""


class RunKind(StrEnum):
    """Who started a run."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"


class RunState(StrEnum):
    """How far a run is."""

    STAGING = "staging"
    DIALING = "dialing"
    FINISHED = "finished"
    STOPPED = "stopped"  # ended early, `stop_reason` says why
    SKIPPED = "skipped"  # its slot was due and it did not start


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over the records. `totals` as in the API's `results`."""

    run_id: str
    kind: RunKind
    slot: datetime | None
    state: RunState
    confirm: bool
    policy_hash: str
    owner: str
    started_at: datetime
    staged_at: datetime | None = None
    ended_at: datetime | None = None
    stop_reason: str | None = None
    totals: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Still going."""
        return self.state in (RunState.STAGING, RunState.DIALING)


class StagedState(StrEnum):
    """What a run did with a record."""

    SKIP = "skip"
    DEAD = "dead"
    DUE = "due"
    CLAIMED = "claimed"
    CALLED = "called"
    ERROR = "error"


class Staged(msgspec.Struct, frozen=True, gc=False):
    """One record of one run. `sort_key` orders the run, `rank` decides between records with one number (smallest wins)."""

    key: RecordKey
    sort_key: str
    status: str | None
    number: str | None
    contends: bool
    rank: str
    state: StagedState
    reason: str = ""
    detail: str = ""
    next_at: datetime | None = None
    facts: Mapping[str, object] = msgspec.field(default_factory=dict)
    tries: int = 0
    attempt_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """A new attempt, to be written with state reserved. `record_status` is the CRM's own spelling when decided."""

    attempt_id: str
    run_id: str
    key: RecordKey
    number: str
    owner: str
    reserved_at: datetime
    lease_until: datetime
    is_new: bool
    record_status: str | None
    attempts_before: int
    day_attempts_before: int
    first_no_answer_at: datetime | None
    policy_day: str
    day_index: int
    total_quota: int
    day_quota: int


@dataclass(frozen=True, slots=True)
class CallElsewhere:
    """A call that somebody else placed and told us of (rules.md row 24), written as an ended attempt.

    One of ours too that had been taken as not placed and rang: its places in the quotas were returned, and may be taken.
    """

    attempt_id: str
    key: RecordKey
    number: str | None
    session_id: str | None
    disposition: Disposition
    call_status: str
    is_new: bool
    record_status: str | None
    attempts_before: int
    first_no_answer_at: datetime | None
    policy_day: str
    happened_at: datetime
    recorded_at: datetime
    reason: str = "placed elsewhere"
    duration_seconds: int | None = None
    agent_unreached: bool = False


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt, whole.

    `record_slot`, `number_slot`: its places among the calls that the total quota allows; None once it is released.
    """

    attempt_id: str
    run_id: str | None
    key: RecordKey
    number: str | None
    state: AttemptState
    disposition: Disposition | None
    call_status: str | None
    reason: str
    session_id: str | None
    is_new: bool
    record_status: str | None
    attempts_before: int
    first_no_answer_at: datetime | None
    policy_day: str
    day_index: int | None
    agent_unreached: bool
    number_refused: bool
    duration_seconds: int | None
    owner: str
    lease_until: datetime | None
    reserved_at: datetime
    submitted_at: datetime | None
    placed_at: datetime | None
    unknown_at: datetime | None
    ended_at: datetime | None
    hold_lifted_at: datetime | None
    record_slot: int | None = None
    number_slot: int | None = None

    def as_attempt(self) -> Attempt:
        """As its state's dataclass. ValueError when the row lacks what that state must have."""
        intent = Intent(self.attempt_id, self.run_id or "", self.key, self.number or "", self.owner)
        match self.state:
            case AttemptState.RESERVED:
                return Reserved(intent, self.reserved_at)
            case AttemptState.SUBMITTING:
                return Submitting(intent, self._must_have(self.submitted_at))
            case AttemptState.PLACED:
                return PlacedCall(intent, self._must_have(self.session_id), self._must_have(self.placed_at))
            case AttemptState.UNKNOWN:
                return Unknown(intent, self.reason, self._must_have(self.unknown_at))
            case AttemptState.RELEASED:
                return Released(intent, self.reason, self._must_have(self.ended_at))
            case AttemptState.ENDED:
                return Ended(intent, self._must_have(self.disposition), self._must_have(self.ended_at))

    def _must_have(self, value: T | None) -> T:
        if value is None:
            raise ValueError(f"attempt {self.attempt_id} is {self.state} and lacks what that state needs")
        return value


@dataclass(frozen=True, slots=True)
class Arrival:
    """One callback that is to be stored. Two with one `dedupe_key` are the same; `source` as in InboxRow.

    `says_only`: of whom it tells, where nothing in it says of which call: the same words may come again of the next one.
    """

    dedupe_key: str
    source: str
    event_type: str
    session_id: str | None
    body: str
    received_at: datetime
    says_only: RecordKey | None = None


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One callback as it came. `source`: `mission` for our own format, `provider` for 8x8's events."""

    inbox_id: int
    source: str
    event_type: str
    session_id: str | None
    body: str
    received_at: datetime
    deliveries: int
    state: str
    attempt_id: str | None
    note: str
    applied_at: datetime | None = None  # when it was last settled, whatever came of it

    @property
    def waits_for_crm(self) -> bool:
        """Only the CRM's answer can settle it."""
        return self.state == "new" and self.note == ASKING


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One update on its way to the CRM.

    `status` is written only while the CRM holds one of `expected_statuses` (the CRM's own spelling) or one that we may have
    written meanwhile: `status` itself and `our_statuses`, as the policy spells them. `blocked_since`: since when the CRM has
    refused it because something holds the record.
    """

    outbox_id: int
    key: RecordKey
    attempt_id: str | None
    cause: str
    expected_statuses: tuple[str, ...]
    status: CrmStatus | None
    call_attempts: int | None
    first_no_answer_at: datetime | None
    state: str
    status_kept: str | None
    tries: int
    next_try_at: datetime
    last_error: str
    created_at: datetime
    settled_at: datetime | None
    our_statuses: tuple[CrmStatus, ...] = ()
    blocked_since: datetime | None = None
    claimed_by: str | None = None  # the replica that has it on its way


@dataclass(frozen=True, slots=True)
class Projection:
    """An update to be queued; merged with one that still waits for the same record, so that one row holds the newest whole."""

    key: RecordKey
    attempt_id: str | None
    cause: str
    expected_status: str | None
    status: CrmStatus | None
    call_attempts: int | None
    first_no_answer_at: datetime | None
    drops_status: bool = False  # a waiting status must not be written any more (answered won)
    drops_dead: bool = False  # a waiting Dead must not: who answered is a person's to judge (rules.md row 11)
