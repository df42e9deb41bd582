"""The calls to one number, kept as the ledger keeps attempts, so that the same functions sum them up."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from autodialer.domain.attempt import AttemptState, free_place
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import Record, RecordKey
from autodialer.ports.rows import AttemptRow
from autodialer.rules.verdict import Call

_SAME_CALL = timedelta(hours=2)
"""A simulated call ends as the recorded one that was made no further away than that; two runs are never closer than an hour."""


class Line:
    """One number, or one record that has none: all attempts at it."""

    def __init__(self, e164: str | None) -> None:
        self.e164 = e164
        self.rows: list[AttemptRow] = []
        self._recorded: list[tuple[datetime, Disposition]] = []

    def remember(self, known: Iterable[AttemptRow], recorded: Iterable[tuple[datetime, Disposition]]) -> None:
        """What the ledger knows of one of its records."""
        self.rows += [row for row in known if row.number == self.e164]
        self._recorded = sorted([*self._recorded, *recorded])

    def recorded_end(self, at: datetime) -> Disposition | None:
        """How the call ended that was really made at about that time; each of them is used once."""
        near = [one for one in self._recorded if abs(one[0] - at) <= _SAME_CALL]
        if not near:
            return None
        nearest = min(near, key=lambda one: (abs(one[0] - at), one[0]))
        self._recorded.remove(nearest)
        return nearest[1]

    def earliest_unanswered(self) -> datetime | None:
        """When the first call was made that ended unanswered."""
        unanswered = (row for row in self.rows if row.disposition is not None and row.disposition.is_unanswered)
        return min((row.submitted_at for row in unanswered if row.submitted_at is not None), default=None)

    def close_unknown(self, at: datetime) -> None:
        """The day is over: what nobody heard of is closed as unknown (rules.md row 25)."""
        for place, row in enumerate(self.rows):
            if row.state is AttemptState.UNKNOWN:
                ended = replace(row, state=AttemptState.ENDED, disposition=Disposition.UNKNOWN, ended_at=at)
                self.rows[place] = ended

    def lift_holds(self, key: RecordKey, at: datetime) -> None:
        """A person changed the status of this record."""
        for place, row in enumerate(self.rows):
            if row.key == key and row.disposition is Disposition.ANSWERED and row.hold_lifted_at is None:
                self.rows[place] = replace(row, hold_lifted_at=at)


def call_row(
    record: Record, line: Line, call: Call, end: Disposition, at: datetime, ended_at: datetime, day: str
) -> AttemptRow:
    """The attempt as the ledger would hold it: ended, or unknown until its day is over."""
    is_unknown, before = end is Disposition.UNKNOWN, call.attempt_number - 1
    own = {row.record_slot for row in line.rows if row.key == record.key and row.record_slot is not None}
    return AttemptRow(
        attempt_id=f"{record.key} {len(line.rows)}",
        run_id="simulated",
        key=record.key,
        number=line.e164,
        state=AttemptState.UNKNOWN if is_unknown else AttemptState.ENDED,
        disposition=None if is_unknown else end,
        call_status=None,
        reason="",
        session_id=None,
        is_new=call.is_new,
        record_status=record.status,
        attempts_before=before,
        first_no_answer_at=None,
        policy_day=day,
        day_index=call.day_index,
        agent_unreached=False,
        number_refused=False,
        duration_seconds=None,
        owner="",
        lease_until=None,
        reserved_at=at,
        submitted_at=at,
        placed_at=at,
        unknown_at=at if is_unknown else None,
        ended_at=None if is_unknown else ended_at,
        hold_lifted_at=None,
        record_slot=free_place(own, before),
        number_slot=free_place({row.number_slot for row in line.rows if row.number_slot is not None}, before),
    )
