"""What waits for a person: each list in an order of its own, a page at a time. What settles each entry: the use cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from autodialer.domain.record import RecordKey
from autodialer.ports.rows import AttemptRow, InboxRow, OutboxRow, Staged

DISMISSED = "dismissed by a person: "
"""How the note of a dismissed orphan begins. Should its session become known all the same, it is matched like any orphan."""

PERHAPS_OTHERS = "somebody else's call, as far as is known"
"""The note of a callback that was told among those of other people's calls, and is no orphan for that. It is matched like one."""

GIVEN_UP = "given up by "
"""How the reason of an update begins that a person gave up: the calls that it counted go on counting (Outbox.newest)."""


@dataclass(frozen=True, slots=True)
class AnsweredPerson:
    """A record that is held since a call to it was answered (rules.md row 11).

    `answered_at`: the latest such call's end; `calls`: how many such calls; `agent_unreached`: in one of them nobody was there.
    """

    key: RecordKey
    answered_at: datetime
    calls: int
    agent_unreached: bool


class Flaw(StrEnum):
    """What is shown of a run's records: those that need repair, or those whose First No Answer At was inferred (row 6)."""

    REPAIR = "repair"
    INFERRED = "inferred"


class WorkLists(Protocol):
    """The lists. `after` is what the last row of the page before stands at; None begins."""

    def unknown(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[AttemptRow]:
        """Calls of which nobody knows how they ended (row 25), newest first; beyond (submitted at, attempt id)."""
        ...

    def orphans(self, after: int | None, limit: int) -> Sequence[InboxRow]:
        """Callbacks of unknown sessions (row 23), newest first; beyond this number."""
        ...

    def conflicts(self, after: int | None, limit: int) -> Sequence[InboxRow]:
        """Results that contradict what is known, or could not be applied, newest first; beyond this number.

        Only among the newest 20,000 callbacks: nothing settles them, and nobody waits for an older one.
        """
        ...

    def callback(self, inbox_id: int) -> InboxRow | None:
        """One callback, whatever became of it."""
        ...

    def dismiss(self, inbox_id: int, reason: str, at: datetime) -> bool:
        """Take an orphan off the list; it stays stored. False unless it is an orphan."""
        ...

    def parked(self, after: int | None, limit: int) -> Sequence[OutboxRow]:
        """Updates that the CRM refused for good, oldest first; beyond this number."""
        ...

    def retry_parked(self, after: int, limit: int, at: datetime) -> Sequence[int]:
        """Try the next ones beyond this number again; the numbers of those, ascending."""
        ...

    def give_up(self, outbox_id: int, by: str, reason: str, at: datetime) -> OutboxRow | None:
        """A parked update will never be written: it is superseded by nothing. The update as it was; None unless it is parked."""
        ...

    def answered(self, after: tuple[datetime, RecordKey] | None, limit: int) -> Sequence[AnsweredPerson]:
        """People held after an answer, who waits longest first; beyond (answered at, record)."""
        ...

    def held(self, key: RecordKey) -> Sequence[AttemptRow]:
        """The answered calls of this record that hold it."""
        ...

    def lift(self, attempt_ids: Sequence[str], at: datetime) -> int:
        """These calls hold nobody any more; how many did until now."""
        ...

    def flawed_run(self) -> str | None:
        """The newest run that has pulled everything: its records are the ones to repair."""
        ...

    def flawed(self, run_id: str, flaw: Flaw, after: str, limit: int) -> Sequence[Staged]:
        """Its records with this flaw, but for those found repaired since, in the run's order; beyond this sort key."""
        ...

    def flawed_record(self, run_id: str, key: RecordKey) -> Staged | None:
        """One record of that run that needs repair and was not found repaired since."""
        ...

    def repaired(self, run_id: str, key: RecordKey, at: datetime) -> None:
        """Somebody looked again and its data were in order: it leaves the list. What the run decided stays as it was."""
        ...

    def to_repair(self) -> int:
        """How many records of that run need repair; the other lists are counted by Stats.work_lists."""
        ...
