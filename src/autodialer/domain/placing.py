"""Every way in which placing a call can end. Shared by all providers; nothing else may come back from one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodialer.domain.record import RecordKey


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to place. `attempt_id` is ours and goes wherever the provider echoes it; `number` is E.164 with `+`.

    `valid_until` (UTC): after it the provider must not ring any more.
    """

    attempt_id: str
    key: RecordKey
    number: str
    valid_until: datetime


class Scope(StrEnum):
    """What a refusal says something about."""

    CALL = "call"  # this request only
    NUMBER = "number"  # this number will never do (8x8: -1017)
    ACCOUNT = "account"  # no call will do until somebody changes the account or the settings


@dataclass(frozen=True, slots=True)
class Placed:
    """The provider took the call; the result comes later, under `session_id`."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider definitely did not place the call (rules.md row 26). `remedy`: what a person can do about it."""

    code: str
    message: str
    scope: Scope = Scope.CALL
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Throttled:
    """429: not placed; everybody waits `retry_after` seconds (rules.md row 26)."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class NobodyFree:
    """Not placed: no agent could take it this moment. Costs no try; everybody waits `retry_after` seconds, the run goes on."""

    retry_after: float
    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing left this machine: connection refused or name not resolved (rules.md row 27). May be retried."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It may have rung: timeout, reset, 5xx, an answer without a session (rules.md row 27). Never sent again."""

    reason: str


PlaceOutcome = Placed | Refused | Throttled | NobodyFree | NotSent | Ambiguous
