"""Telling the CRM of each call: the list of what is still to be told, and the CRM's side of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from autodialer.domain.activity import Activity, ActivityForm, ActivityResult


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One attempt of which the CRM is to be told. `form`: as what it may stand there already; None: it certainly does not."""

    attempt_id: str
    state: str
    form: ActivityForm | None
    activity_id: str | None
    tries: int
    next_try_at: datetime
    last_error: str
    created_at: datetime
    settled_at: datetime | None


class Activities(Protocol):
    """Attempts of which the CRM is to be told, each once."""

    def put(self, attempt_id: str, at: datetime) -> None:
        """Queue it; a second time changes nothing."""
        ...

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[ActivityRow]:
        """Pending and due, oldest first, each as it stood before: `owner` sends them now. Nobody else takes them before `until`."""
        ...

    def disown(self, owner: str) -> None:
        """`owner` is dead (everybody, with owner ""): what it says from now on changes nothing.

        What it was about to send waits until its time is over, for it may still be on its way.
        """
        ...

    def begin(self, attempt_id: str, owner: str, form: ActivityForm) -> bool:
        """It is about to be sent in this form: from now on it may stand in the CRM.

        False if `owner` has it no more: nothing is changed; so also of the next three.
        """
        ...

    def sent(self, attempt_id: str, owner: str, activity_id: str, at: datetime) -> bool:
        """It stands in the CRM."""
        ...

    def retry(self, attempt_id: str, owner: str, error: str, next_try_at: datetime, *, is_absent: bool) -> bool:
        """Later. `is_absent`: it certainly does not stand in the CRM."""
        ...

    def park(self, attempt_id: str, owner: str, error: str, at: datetime) -> bool:
        """The CRM does not take it."""
        ...

    def row(self, attempt_id: str) -> ActivityRow | None:
        """One of them."""
        ...

    def of_attempts(self, attempt_ids: Sequence[str]) -> Sequence[ActivityRow]:
        """Those of these attempts."""
        ...

    def count(self, state: str) -> int:
        """How many stand in this state: pending, sent or parked."""
        ...


class ActivityLog(Protocol):
    """Where activities go in the CRM."""

    async def find(self, activities: Sequence[Activity]) -> Mapping[str, str]:
        """The CRM's id of each that stands there, by attempt id. CrmError: nothing is known."""
        ...

    async def add(self, activities: Sequence[Activity]) -> Sequence[ActivityResult]:
        """Put them there; one result for each, in their order. Sent once only, whatever happens; never raises CrmError."""
        ...
