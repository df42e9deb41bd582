"""What `decide` answers, and the reasons it can give."""

from datetime import datetime
from enum import StrEnum

import msgspec


class SkipReason(StrEnum):
    """Why a person is not called now, in the order in which the checks are made (rules.md)."""

    STATUS = "status"
    OPEN_ATTEMPT = "open_attempt"
    ANSWERED_WAITING = "answered_waiting"
    BAD_CALL_ATTEMPTS = "bad_call_attempts"
    BAD_FIRST_NO_ANSWER = "bad_first_no_answer"
    FIRST_NO_ANSWER_IN_FUTURE = "first_no_answer_in_future"
    NEW_ALREADY_CALLED = "new_already_called"
    NO_VALID_PHONE = "no_valid_phone"
    NUMBER_REFUSED = "number_refused"
    DO_NOT_CALL = "do_not_call"
    SAME_PHONE_AS = "same_phone_as"
    ATTEMPTS_USED = "attempts_used"
    DAY_QUOTA = "day_quota"
    CALLING_HOURS = "calling_hours"
    # Found outside of `decide`, by the run itself:
    DEAD_LIMIT = "dead_limit"  # rules.md row 29: this run has made enough records Dead
    RECORD_GONE = (
        "record_gone"  # no such record at the last look; or a converted lead (rules.md row 15), which `decide` tells
    )
    RUN_STOPPED = "run_stopped"  # the run ended before this record's turn
    NOT_SENT = "not_sent"  # nothing left this machine (rules.md row 27)

    @property
    def needs_repair(self) -> bool:
        """Whether a person should correct the record's data."""
        return self in _NEEDS_REPAIR


_NEEDS_REPAIR = frozenset(
    {
        SkipReason.BAD_CALL_ATTEMPTS,
        SkipReason.BAD_FIRST_NO_ANSWER,
        SkipReason.FIRST_NO_ANSWER_IN_FUTURE,
        SkipReason.NEW_ALREADY_CALLED,
        SkipReason.NO_VALID_PHONE,
        SkipReason.NUMBER_REFUSED,
    }
)


class DeadReason(StrEnum):
    """Why a record becomes Dead."""

    WINDOW_OVER = "window_over"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"  # only with `dead_when_exhausted`


class CallReason(StrEnum):
    """Why a person is called."""

    NEW = "new"
    NO_ANSWER = "no_answer"


class Call(msgspec.Struct, frozen=True, gc=False):
    """Call this person now.

    `is_new`: the one call of a New record. `day_index`: 0 for the day of the first unanswered call (and for New).
    `attempt_number`: this call's number, from 1, counted by max(ledger, CRM); `day_attempt_number` the same within today.
    `total_quota` and `day_quota` are what the database will refuse to exceed. `first_no_answer_inferred`: the CRM field is
    empty, Day 0 was assumed or taken from the ledger (rules.md row 6).
    """

    is_new: bool
    day_index: int
    attempt_number: int
    day_attempt_number: int
    total_quota: int
    day_quota: int
    first_no_answer_inferred: bool = False

    @property
    def reason(self) -> CallReason:
        """As the ledger and the API name it."""
        return CallReason.NEW if self.is_new else CallReason.NO_ANSWER


class Skip(msgspec.Struct, frozen=True, gc=False):
    """Do not call now. `detail`: one sentence for a person, no personal data. `until`: UTC instant of the next chance, if known."""

    reason: SkipReason
    detail: str = ""
    until: datetime | None = None


class MarkDead(msgspec.Struct, frozen=True, gc=False):
    """Write status Dead, no call."""

    reason: DeadReason
    detail: str = ""


Verdict = Call | Skip | MarkDead
