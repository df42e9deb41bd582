"""What a callback says, in our words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey

# How the reasons begin of a call that nobody confirmed, and of one that the provider took and could not make.
UNCONFIRMED = "picked up, did not press the key"
NOT_RUNG = "8x8 could not make the call"


class TroubleKind(StrEnum):
    """What the provider's own failure says of other calls."""

    CALL = "call"  # nothing
    ACCOUNT = "account"  # they are likely to fail alike until somebody changes the account or the settings
    CAPACITY = "capacity"  # too many at once


@dataclass(frozen=True, slots=True)
class Trouble:
    """A call that the provider itself failed to make. `rang`: whether the person's phone may have rung all the same."""

    code: str
    message: str
    kind: TroubleKind
    rang: bool
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call as reported.

    Matched by `session_id`, else by our own `attempt_id`, else (the mission's format) by `key`. `call_status` is the
    provider's raw word. `happened_at` (UTC) is the provider's time of the end, None if it gave none. `do_not_call`: the
    person asked not to be called again. `agent_unreached`: the person picked up and found nobody. `confirmed`: whether the person
    who picked up said so by pressing a key; None where nobody asks. `trouble`: the provider failed, not the person.
    `among_others`: it was told together with what comes of other people's calls, and may be of one of those.
    """

    disposition: Disposition
    call_status: str
    session_id: str | None = None
    attempt_id: str | None = None
    key: RecordKey | None = None
    happened_at: datetime | None = None
    reason: str = ""
    duration_seconds: int | None = None
    agent_unreached: bool = False
    do_not_call: bool = False
    confirmed: bool | None = None
    trouble: Trouble | None = None
    among_others: bool = False


@dataclass(frozen=True, slots=True)
class NoResult:
    """A callback that is stored and changes nothing: progress, an unknown event type, a status nobody can map."""

    event_type: str
    reason: str
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotDialled:
    """The provider took the call and it ended before the person's phone could ring: no attempt, the quota is returned.

    `among_others` as above.
    """

    reason: str
    session_id: str | None = None
    attempt_id: str | None = None
    among_others: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What was heard of a live call: kept with it, never its end.

    `number` (E.164): whose leg it tells of. `picked_up`: the person is, or was, on the line. `confirmed`: they pressed the key that
    says so. `do_not_call`: they pressed the one that says never again. `sip_code`: the network's own word.
    """

    event_type: str
    note: str
    session_id: str | None
    attempt_id: str | None = None
    number: str | None = None
    sip_code: int | None = None
    picked_up: bool = False
    confirmed: bool = False
    do_not_call: bool = False


CallEvent = CallResult | NotDialled | Progress | NoResult


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call as the provider's own log shows it, after it is over.

    `destination` is E.164 with `+`; times are UTC, None where the log has none that can be read. `disposition` is None when
    the words (`call_status`, of the call; `session_status`, of its session) can't be mapped: then nothing is known. `confirmed` as
    in CallResult.
    """

    session_id: str
    destination: str
    started_at: datetime | None
    ended_at: datetime | None
    disposition: Disposition | None
    call_status: str
    session_status: str
    reason: str = ""
    duration_seconds: int | None = None
    agent_unreached: bool = False
    do_not_call: bool = False
    confirmed: bool | None = None
