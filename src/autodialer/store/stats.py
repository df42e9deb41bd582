"""Figures for /api/stats and `stats`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, func, select, text, type_coerce

from autodialer.domain.attempt import SENT_STATES, AttemptState
from autodialer.domain.result import NOT_RUNG, UNCONFIRMED
from autodialer.ports.figures import Figure
from autodialer.store.tables import (
    HELD,
    INBOX_WAITING,
    NOT_RELEASED,
    NOTED,
    OUTBOX_WAITING,
    UNSETTLED,
    attempts,
    inbox,
    outbox,
)

_a = attempts.c
_SENT_STATES = frozenset(state.value for state in SENT_STATES)
_SENT = _a.state.in_(sorted(_SENT_STATES))
NO_RESULT_YET = "no_result_yet"
UNKNOWN = "unknown"
_HELD = text(HELD)
# Answered from ix_attempts_day alone; of the few whose reason counts, from ix_attempts_noted.
_COUNTED = select(
    _a.state, _a.disposition, func.count().label("calls"), func.sum(_a.agent_unreached).label("unreached")
).group_by(_a.state, _a.disposition)
_OF_NOTE = select(_a.state, _a.reason).where(text(NOTED))
_HOUR = (type_coerce(_a.submitted_at, BigInteger) // 3_600_000 % 24).label("hour")
_ALIKE = (_a.policy_day, _HOUR, _a.attempts_before, _a.state, _a.disposition)
_FIGURES = (
    select(*_ALIKE, func.count().label("calls"))
    .where(_a.policy_day.between(bindparam("first_day"), bindparam("last_day")), _SENT)
    .group_by(*_ALIKE)
)


class SqlStats:
    """Implements ports.figures.Stats."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def today(self, policy_day: str) -> Mapping[str, object]:
        of_day = _a.policy_day == policy_day
        people = select(_a.record_type, _a.zoho_id).where(of_day, _SENT).distinct().subquery()
        ends: dict[str, int] = {}
        unreached = 0
        for group in self._db.execute(_COUNTED.where(of_day, _SENT)):
            name = _end_of(group.state, group.disposition)
            ends[name] = ends.get(name, 0) + group.calls
            unreached += group.unreached
        noted = self._db.execute(_OF_NOTE.where(of_day)).all()
        unconfirmed = [row for row in noted if row.reason.startswith(UNCONFIRMED) and row.state in _SENT_STATES]
        released = AttemptState.RELEASED.value
        not_rung = [row for row in noted if row.reason.startswith(NOT_RUNG) and row.state == released]
        return {
            "total_records": self._db.execute(select(func.count()).select_from(people)).scalar_one(),
            "total_attempts": sum(ends.values()),
            "by_disposition": ends,
            "agent_unreached": unreached,
            "unconfirmed": len(unconfirmed),
            "not_rung": len(not_rung),
        }

    def of_run(self, run_id: str) -> Mapping[str, int]:
        return self._ends((_a.run_id == run_id) & _SENT & text(NOT_RELEASED))

    def unreached_of_run(self, run_id: str) -> int:
        unreached = (_a.run_id == run_id) & (_a.agent_unreached == 1) & text(NOT_RELEASED)
        return self._db.execute(select(func.count()).select_from(attempts).where(unreached)).scalar_one()

    def _ends(self, condition: ColumnElement[bool]) -> dict[str, int]:
        ends = select(_a.state, _a.disposition, func.count()).where(condition).group_by(_a.state, _a.disposition)
        found: dict[str, int] = {}
        for state, disposition, count in self._db.execute(ends):
            name = _end_of(state, disposition)
            found[name] = found.get(name, 0) + count
        return found

    def calls_since(self, since: datetime) -> int:
        recent = select(func.count()).select_from(attempts).where(_a.submitted_at >= since, _SENT)
        return self._db.execute(recent).scalar_one()

    def figures(self, first_day: str, last_day: str) -> Sequence[Figure]:
        calls: Counter[tuple[str, int, int, str]] = Counter()
        for group in self._db.execute(_FIGURES, {"first_day": first_day, "last_day": last_day}):
            end = _end_of(group.state, group.disposition)
            calls[group.policy_day, group.hour, group.attempts_before + 1, end] += group.calls
        return sorted(Figure(*alike, count) for alike, count in calls.items())

    def ended(self) -> Mapping[str, int]:
        counted = select(_a.disposition, func.count().label("calls")).where(_a.disposition.is_not(None))
        return {row.disposition: row.calls for row in self._db.execute(counted.group_by(_a.disposition))}

    def work_lists(self) -> Mapping[str, int]:
        unknown = select(func.count()).select_from(attempts).where(text(UNSETTLED))
        waiting = select(func.count()).select_from(
            select(_a.zoho_id, _a.record_type).where(_HELD).distinct().subquery()
        )
        orphans = select(func.count()).select_from(inbox).where(text(INBOX_WAITING), inbox.c.state == "orphan")
        pending = select(func.count()).select_from(outbox).where(text(OUTBOX_WAITING), outbox.c.state == "pending")
        parked = select(func.count()).select_from(outbox).where(text(OUTBOX_WAITING), outbox.c.state == "parked")
        return {
            "unknown_calls": self._db.execute(unknown).scalar_one(),
            "answered_waiting": self._db.execute(waiting).scalar_one(),
            "orphan_callbacks": self._db.execute(orphans).scalar_one(),
            "pending_updates": self._db.execute(pending).scalar_one(),
            "parked_updates": self._db.execute(parked).scalar_one(),
        }


def _end_of(state: str, disposition: str | None) -> str:
    return disposition or (UNKNOWN if state == AttemptState.UNKNOWN.value else NO_RESULT_YET)
