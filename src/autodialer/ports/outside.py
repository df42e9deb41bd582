"""What the use cases need from the outside. Adapters implement these; the use cases see nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from autodialer.domain.placing import CallRequest, PlaceOutcome
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.result import CallEvent, LoggedCall
from autodialer.domain.update import CrmUpdate, WriteResult

LOOKED_AT_TOGETHER = (
    50  # records of one type that one request to the CRM can look at (Zoho: values in one "in" of a query)
)


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: what was checked, how it went, what to do about it ("" when nothing)."""

    level: Level
    subject: str
    message: str
    remedy: str = ""


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """The present instant, UTC, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, for pacing and time-outs."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by `monotonic`."""
        ...


@dataclass(frozen=True, slots=True)
class CrmUsage:
    """What one process asked of the CRM since it started.

    `credits` by the documented weights; `credits_remaining` is the CRM's own word on them in its latest answer, at `told_at`; None
    when it said nothing there, as it does while there are plenty. `throttled`: how often it said "too many requests".
    `at_a_time`: how many requests may go at once now.
    """

    calls: int = 0
    credits: int = 0
    throttled: int = 0
    credits_remaining: int | None = None
    told_at: datetime | None = None
    at_a_time: int = 0


class Crm(Protocol):
    """Zoho, or what stands for it."""

    @property
    def usage(self) -> CrmUsage:
        """What this process asked of it so far."""
        ...

    async def prepare(self) -> None:
        """Resolve fields from metadata; CrmError when it can't be told which fields to use."""
        ...

    def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        """All records whose status is New or No Answer, in pages, by ascending id, each record once; those beyond the id `after`.

        CrmError ends the pull; another one may go on after the last id that was seen.
        """
        ...

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        """The records as they are this second, whatever their status; a key that is missing in the answer is gone.

        `changed_just_now` is true where the record's `modified_time` can't yet tell this version from the next one.
        """
        ...

    async def find_named(self, words: Sequence[str], limit: int) -> Sequence[Record]:
        """Records of both modules, whatever their status, in whose name each of `words` stands, case aside; by module and id.

        At most `limit` of each module. CrmError when it can't be asked.
        """
        ...

    async def find_numbered(self, spellings: Sequence[str], limit: int) -> Sequence[Record]:
        """The same for those whose Phone or Mobile is spelled as one of `spellings`, letter by letter."""
        ...

    def page_of(self, key: RecordKey) -> str | None:
        """The address at which people see this record in the CRM; None where nobody knows it."""
        ...

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        """Write absolute values; one result for each update, in their order. At most one update for a record.

        An update with `unless_modified_since` is refused with REREAD when the record was changed since. Of few such updates at
        a time that is certain; of a backlog it holds as far as the CRM keeps to it for many records in one request.
        CrmError: nothing is known of any of them (out of reach, throttled); safe to try again, the values are absolute.
        """
        ...

    async def check(self) -> Sequence[Finding]:
        """What `doctor` says of it: token, fields, types, update rights, picklist values. Never raises CrmError."""
        ...


Heard = Callable[[str], Sequence[Mapping[str, object]]]
"""What came under a session so far, as it was stored, oldest first; the callback that is being read is among it."""

ReadCallback = Callable[[Mapping[str, object], Callable[[str], str | None], Heard], CallEvent]
"""As Telephony.read_callback."""

Take = Callable[[Mapping[str, object]], Awaitable[None]]
"""Stores one event; returns when that is durable. MalformedCallback: it never can be. StoreError: not stored, try again."""


class Telephony(Protocol):
    """8x8, or what stands for it."""

    async def place(self, request: CallRequest) -> PlaceOutcome:
        """Ask for one call. Never raises for what the provider or the network does: every end is an outcome."""
        ...

    def read_callback(
        self, body: Mapping[str, object], number_of: Callable[[str], str | None], heard: Heard
    ) -> CallEvent:
        """What a callback of this provider says.

        `number_of(session or attempt id)` gives the E.164 number that we dialled in that session, None if unknown. `heard`: for
        a provider that tells of one call in several events.
        MalformedCallback when it is no callback of this provider; unknown event types are NoResult.
        """
        ...

    async def listen(self, take: Take) -> None:
        """Fetch events and give each to `take` before the provider may forget it, for as long as the process lives.

        Returns at once where the provider posts its results to us. Never raises for what the provider or the network does.
        """
        ...

    async def free_agents(self) -> int | None:
        """How many calls could be taken this moment, those of this process that are being placed among them.

        None where the provider doesn't tell, or can't be asked.
        """
        ...

    def missing_settings(self) -> Sequence[str]:
        """One sentence for each setting without which no call can be placed."""
        ...

    async def ensure_webhook(self, registered_hash: str | None, *, takes_over: bool = True) -> str | None:
        """Register our callback URL where it is missing or different; the hash of what is registered now.

        None where registering is switched off. TelephonyError when it can't be done; ResultsElsewhere, with nothing changed, where
        results go to another address and not `takes_over`.
        """
        ...

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:
        """The outbound calls of that time that the provider's log holds, in no particular order.

        A call that isn't over is in no log yet. Takes up to minutes. TelephonyError when the log can't be had or read.
        """
        ...

    async def check(self) -> Sequence[Finding]:
        """What `doctor` says of it: settings, key, the way of the results. Never raises TelephonyError."""
        ...


class Log(Protocol):
    """Structured log lines: an event in a few words, facts as fields. Values are masked by whoever writes them down."""

    def info(self, event: str, **fields: object) -> object:
        """Something a reader of the log wants to see."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """Something a person should look at some day."""
        ...

    def error(self, event: str, **fields: object) -> object:
        """Something a person should look at today."""
        ...
