"""One intended call, a dataclass per state; transitions are methods, so an illegal one does not type-check.

reserved → submitting → placed → ended, or unknown, or released (design.md section 4).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey


class AttemptState(StrEnum):
    """The states by name, as the ledger stores them."""

    RESERVED = "reserved"
    SUBMITTING = "submitting"
    PLACED = "placed"
    ENDED = "ended"
    UNKNOWN = "unknown"
    RELEASED = "released"


def free_place(taken: Collection[int], before: int) -> int:
    """The place of the next call in a quota: the first free one beyond the `before` calls that are known."""
    place = before + 1
    while place in taken:
        place += 1
    return place


def count_told(befores: Iterable[int]) -> int:
    """What the CRM is told of calls before each of which so many were known: each adds one, whatever was heard of it by then."""
    count = 0
    for before in sorted(befores):
        count = max(count, before) + 1
    return count


OPEN_STATES = (AttemptState.RESERVED, AttemptState.SUBMITTING, AttemptState.PLACED, AttemptState.UNKNOWN)
SENT_STATES = (AttemptState.SUBMITTING, AttemptState.PLACED, AttemptState.UNKNOWN, AttemptState.ENDED)


@dataclass(frozen=True, slots=True)
class Intent:
    """What every state of an attempt knows. `number` is E.164; `owner` the process that may send it."""

    attempt_id: str
    run_id: str
    key: RecordKey
    number: str
    owner: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over. A later result may still win (Disposition.wins_over)."""

    intent: Intent
    disposition: Disposition
    ended_at: datetime

    @property
    def closed_unknown(self) -> bool:
        """Its day ended and nobody had said how the call went (rules.md row 25)."""
        return self.disposition is Disposition.UNKNOWN

    def settle(self, disposition: Disposition, at: datetime) -> "Ended":
        """A person knows how it ended after all. ValueError unless it was closed as unknown."""
        self._refuse_known()
        return Ended(self.intent, disposition, at)

    def release(self, reason: str, at: datetime) -> "Released":
        """A person, or 8x8, knows that it was never placed. ValueError unless it was closed as unknown."""
        self._refuse_known()
        return Released(self.intent, reason, at)

    def _refuse_known(self) -> None:
        if not self.closed_unknown:
            raise ValueError(f"attempt {self.intent.attempt_id} ended as {self.disposition}, that stands")


@dataclass(frozen=True, slots=True)
class Released:
    """The call was definitely not placed; its quota is returned."""

    intent: Intent
    reason: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have rung. Counts, blocks the person, is never sent again."""

    intent: Intent
    reason: str
    since: datetime

    def end(self, disposition: Disposition, at: datetime) -> Ended:
        """A late result, a person's word, or the end of the day (as UNKNOWN) settles it."""
        return Ended(self.intent, disposition, at)

    def release(self, reason: str, at: datetime) -> Released:
        """A person, or 8x8, knows that it was never placed."""
        return Released(self.intent, reason, at)


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """8x8 took the call; its result is due."""

    intent: Intent
    session_id: str
    placed_at: datetime

    def end(self, disposition: Disposition, at: datetime) -> Ended:
        """The result came."""
        return Ended(self.intent, disposition, at)

    def release(self, reason: str, at: datetime) -> Released:
        """8x8 took it and then could not make it: the person's phone never rang."""
        return Released(self.intent, reason, at)

    def lose(self, reason: str, at: datetime) -> Unknown:
        """No result came in time."""
        return Unknown(self.intent, reason, at)


@dataclass(frozen=True, slots=True)
class Submitting:
    """Committed before the request leaves: from here on it may have been sent, and never is again."""

    intent: Intent
    submitted_at: datetime

    def place(self, session_id: str, at: datetime) -> PlacedCall:
        """8x8 answered with a session; never earlier than the request, even if the clock stepped back meanwhile."""
        return PlacedCall(self.intent, session_id, max(at, self.submitted_at))

    def release(self, reason: str, at: datetime) -> Released:
        """8x8 definitely refused, nothing left this machine, or the person's phone never rang."""
        return Released(self.intent, reason, at)

    def lose(self, reason: str, at: datetime) -> Unknown:
        """The answer was ambiguous, or the process died."""
        return Unknown(self.intent, reason, at)

    def end(self, disposition: Disposition, at: datetime) -> Ended:
        """The result was faster than 8x8's own answer."""
        return Ended(self.intent, disposition, at)


@dataclass(frozen=True, slots=True)
class Reserved:
    """The quota is taken, nothing was sent."""

    intent: Intent
    reserved_at: datetime

    def submit(self, at: datetime) -> Submitting:
        """About to send. To be committed first. Never earlier than reserved, even if the clock stepped back a little."""
        return Submitting(self.intent, max(at, self.reserved_at))

    def release(self, reason: str, at: datetime) -> Released:
        """Changed its mind before sending: pause, a new look at the CRM, an expired lease."""
        return Released(self.intent, reason, at)


Attempt = Reserved | Submitting | PlacedCall | Unknown | Released | Ended
