"""What a callback says, in our words."""

from dataclasses import dataclass
from datetime import datetime

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call as reported.

    Matched by `session_id`, else by our own `attempt_id`, else (the mission's format) by `key`. `call_status` is the
    provider's raw word. `happened_at` (UTC) is the provider's time of the end, None if it gave none. `do_not_call`: the
    person asked not to be called again. `agent_unreached`: the person picked up and found nobody.
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


@dataclass(frozen=True, slots=True)
class NoResult:
    """A callback that is stored and changes nothing: progress, an unknown event type, a status nobody can map."""

    event_type: str
    reason: str
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotDialled:
    """The provider took the call and it ended before the person's phone could ring: no attempt, the quota is returned."""

    reason: str
    session_id: str | None = None
    attempt_id: str | None = None


CallEvent = CallResult | NotDialled | NoResult


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call as the provider's own log shows it, after it is over.

    `destination` is E.164 with `+`; times are UTC, None where the log has none that can be read. `disposition` is None when
    the words (`call_status`, of the call; `session_status`, of its session) can't be mapped: then nothing is known.
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
