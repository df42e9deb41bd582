"""Figures for /api/stats, `stats` and the console.

Calls that ended are read from `figures`, a few hundred rows a day however many calls it had; the few that are open, from an index.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    func,
    select,
    text,
    type_coerce,
)

from autodialer.domain.attempt import SENT_STATES, AttemptState
from autodialer.ports.figures import Figure
from autodialer.store.inbox import late_conflicts
from autodialer.store.tables import (
    HELD,
    INBOX_WAITING,
    NOT_RELEASED,
    OPEN,
    OUTBOX_WAITING,
    UNSETTLED,
    attempts,
    inbox,
    outbox,
)
from autodialer.store.tables_figures import figures
from autodialer.store.types import to_millis

NO_RESULT_YET = "no_result_yet"
UNKNOWN = "unknown"
_NOT_RUNG = "not_rung"
_HOUR = 3_600_000  # milliseconds
_a, _f = attempts.c, figures.c
_SENT = _a.state.in_(sorted(state.value for state in SENT_STATES))
_HELD = text(HELD)
_SENT_AND_OPEN = and_(text(OPEN), _a.state != AttemptState.RESERVED.value)
_ended = attempts.alias("ended")
_FIRST_OF_DAY = ~exists(
    select(1).where(
        _ended.c.zoho_id == _a.zoho_id,
        _ended.c.record_type == _a.record_type,
        _ended.c.policy_day == _a.policy_day,
        _ended.c.state == AttemptState.ENDED.value,
    )
)
# Made once: to build a statement takes longer than to execute it.
_OF_DAY = (
    select(
        _f.ended_as,
        *(func.sum(column).label(column.name) for column in (_f.calls, _f.people, _f.agent_unreached, _f.unconfirmed)),
    )
    .where(_f.policy_day == bindparam("day"))
    .group_by(_f.ended_as)
)
_OPEN_OF_DAY = select(_a.state, _a.agent_unreached, _FIRST_OF_DAY.label("is_first")).where(
    _SENT_AND_OPEN, _a.policy_day == bindparam("day")
)
_FIRST_DAY: BindParameter[str] = bindparam("first_day")
_LAST_DAY: BindParameter[str] = bindparam("last_day")
_HOUR_OF_DAY = (_f.hour % 24).label("hour_of_day")
_ALIKE = (_f.policy_day, _HOUR_OF_DAY, _f.attempt_number, _f.ended_as)
_CALLS = func.sum(_f.calls).label("calls")
_ENDED_FIGURES = (
    select(*_ALIKE, _CALLS)
    .where(_f.policy_day.between(_FIRST_DAY, _LAST_DAY), _f.ended_as != _NOT_RUNG)
    .group_by(*_ALIKE)
    .having(func.sum(_f.calls) != 0)
)
_OPEN_FIGURES = select(_a.policy_day, _a.submitted_at, _a.attempts_before, _a.state).where(
    _SENT_AND_OPEN, _a.policy_day.between(_FIRST_DAY, _LAST_DAY)
)
_ENDED_SINCE = select(func.coalesce(func.sum(_f.calls), 0)).where(
    _f.hour >= bindparam("hour"), _f.ended_as != _NOT_RUNG
)
_EVER_ENDED = (
    select(_f.ended_as, func.sum(_f.calls).label("calls")).where(_f.ended_as != _NOT_RUNG).group_by(_f.ended_as)
)
_submitted = type_coerce(_a.submitted_at, BigInteger)
_REST_OF_HOUR = select(func.count()).where(
    _submitted >= bindparam("since"), _submitted < bindparam("until"), _a.state == AttemptState.ENDED.value
)
_OPEN_SINCE = select(func.count()).where(_SENT_AND_OPEN, _submitted >= bindparam("since"))


class SqlStats:
    """Implements ports.figures.Stats."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def today(self, policy_day: str) -> Mapping[str, object]:
        ended = {row.ended_as: row for row in self._db.execute(_OF_DAY, {"day": policy_day})}
        not_rung = ended.pop(_NOT_RUNG, None)
        open_ = self._db.execute(_OPEN_OF_DAY, {"day": policy_day}).all()
        ends = Counter({name: row.calls for name, row in ended.items() if row.calls})
        ends.update(_end_of(row.state, None) for row in open_)
        return {
            "total_records": sum(row.people for row in ended.values()) + sum(bool(row.is_first) for row in open_),
            "total_attempts": sum(ends.values()),
            "by_disposition": dict(ends),
            "agent_unreached": sum(row.agent_unreached for row in (*ended.values(), *open_)),
            "unconfirmed": sum(row.unconfirmed for row in ended.values()),
            "not_rung": not_rung.calls if not_rung else 0,
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
        start = to_millis(since)
        hour = -(-start // _HOUR)
        parts: tuple[tuple[Any, dict[str, int]], ...] = (
            (_ENDED_SINCE, {"hour": hour}),
            (_REST_OF_HOUR, {"since": start, "until": hour * _HOUR}),
            (_OPEN_SINCE, {"since": start}),
        )
        return sum(int(self._db.execute(statement, values).scalar_one()) for statement, values in parts)

    def figures(self, first_day: str, last_day: str) -> Sequence[Figure]:
        days = {"first_day": first_day, "last_day": last_day}
        calls: Counter[tuple[str, int, int, str]] = Counter()
        for row in self._db.execute(_ENDED_FIGURES, days):
            calls[row.policy_day, row.hour_of_day, row.attempt_number, row.ended_as] = row.calls
        for open_ in self._db.execute(_OPEN_FIGURES, days):
            alike = open_.policy_day, open_.submitted_at.hour, open_.attempts_before + 1, _end_of(open_.state, None)
            calls[alike] += 1
        return sorted(Figure(*each, count) for each, count in calls.items())

    def ended(self) -> Mapping[str, int]:
        return {row.ended_as: int(row.calls) for row in self._db.execute(_EVER_ENDED)}

    def work_lists(self) -> Mapping[str, int]:
        unknown = select(func.count()).select_from(attempts).where(text(UNSETTLED))
        waiting = select(func.count()).select_from(
            select(_a.zoho_id, _a.record_type).where(_HELD).distinct().subquery()
        )
        orphans = select(func.count()).select_from(inbox).where(text(INBOX_WAITING), inbox.c.state == "orphan")
        conflicts = select(func.count()).select_from(inbox).where(late_conflicts(self._db))
        pending = select(func.count()).select_from(outbox).where(text(OUTBOX_WAITING), outbox.c.state == "pending")
        parked = select(func.count()).select_from(outbox).where(text(OUTBOX_WAITING), outbox.c.state == "parked")
        return {
            "unknown_calls": self._db.execute(unknown).scalar_one(),
            "answered_waiting": self._db.execute(waiting).scalar_one(),
            "orphan_callbacks": self._db.execute(orphans).scalar_one(),
            "conflicting_results": self._db.execute(conflicts).scalar_one(),
            "pending_updates": self._db.execute(pending).scalar_one(),
            "parked_updates": self._db.execute(parked).scalar_one(),
        }


def _end_of(state: str, disposition: str | None) -> str:
    return disposition or (UNKNOWN if state == AttemptState.UNKNOWN.value else NO_RESULT_YET)
