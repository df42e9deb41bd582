"""Inbox, outbox, do-not-call and switches in memory; how updates merge is the store's own code."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from autodialer.domain.access import Action
from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.ports.boxes import Choose, UsageRow
from autodialer.ports.rows import Arrival, AttemptRow, InboxRow, OutboxRow, Projection
from autodialer.store.outbox import CLAIM_LEASE, _merged
from proof.lean.attempts import Undo, put

_WAITING = ("pending", "parked")


class MemoryInbox:
    """Implements ports.ledger.Inbox."""

    def __init__(self, undo: Undo, open_attempts: Mapping[str, AttemptRow]) -> None:
        self._undo = undo
        self._open = open_attempts
        self.rows: list[InboxRow] = []
        self.new: dict[int, InboxRow] = {}
        self._known: dict[str, InboxRow] = {}
        self._orphans: dict[str | None, dict[int, InboxRow]] = defaultdict(dict)

    def add_all(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            row = self._known.get(arrival.dedupe_key)
            if row is not None:
                put(row, "deliveries", row.deliveries + 1)
                continue
            a = arrival
            number = len(self.rows) + 1
            row = InboxRow(number, a.source, a.event_type, a.session_id, a.body, a.received_at, 1, "new", None, "")
            self.rows.append(row)
            self._known[a.dedupe_key] = self.new[number] = row
            self._undo.append((self._forget, (row, a.dedupe_key)))

    def _forget(self, row: InboxRow, dedupe_key: str) -> None:
        self.rows.remove(row)
        del self._known[dedupe_key], self.new[row.inbox_id]

    def take(self, inbox_id: int, session_id: str | None, left: Collection[int]) -> bool:  # noqa: ARG002 - one transaction at a time
        return inbox_id in self.new

    def waiting(self, limit: int, after: int = 0) -> Sequence[InboxRow]:
        return [self.new[number] for number in sorted(self.new) if number > after][:limit] if self.new else []

    def of_open_calls(self, limit: int) -> Sequence[InboxRow]:  # noqa: ARG002 - few wait at a time: there is nobody to overtake
        return []

    def asking(self, limit: int, after: int = 0) -> Sequence[InboxRow]:  # noqa: ARG002 - nobody else calls anybody here
        return []

    def of_session(self, session_id: str) -> Sequence[InboxRow]:
        return [row for row in self.new.values() if row.session_id == session_id] if self.new else []

    def orphans_of(self, session_id: str) -> Sequence[InboxRow]:
        return list(self._orphans[session_id].values()) if session_id in self._orphans else []

    def orphans_of_open_calls(self) -> Sequence[int]:
        if not self._orphans:
            return ()
        sessions = {row.session_id for row in self._open.values() if row.session_id is not None}
        return [number for session in sessions for number in self._orphans.get(session, ())]

    def settle(self, inbox_id: int, state: str, *, attempt_id: str | None = None, note: str = "", at: datetime) -> bool:  # noqa: ARG002 - when a callback was settled nobody asks here
        row = self.new.get(inbox_id)
        if row is None:
            return False
        for name, value in (("state", state), ("attempt_id", attempt_id), ("note", note)):
            self._undo.append((put, (row, name, getattr(row, name))))
            put(row, name, value)
        del self.new[inbox_id]
        self._undo.append((self.new.__setitem__, (inbox_id, row)))
        if state == "orphan":
            self._orphans[row.session_id][inbox_id] = row
            self._undo.append((self._orphans[row.session_id].pop, (inbox_id,)))
        return True

    def reopen(self, inbox_ids: Sequence[int]) -> None:
        for inbox_id in inbox_ids:
            row = self.rows[inbox_id - 1]
            if row.state == "orphan":
                put(row, "state", "new")
                self.new[inbox_id] = row
                del self._orphans[row.session_id][inbox_id]
                self._undo += [
                    (put, (row, "state", "orphan")),
                    (self.new.pop, (inbox_id,)),
                    (self._orphans[row.session_id].__setitem__, (inbox_id, row)),
                ]


class MemoryOutbox:
    """Implements ports.ledger.Outbox."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self.rows: list[OutboxRow] = []
        self.pending: dict[int, OutboxRow] = {}
        self.claims: dict[int, tuple[str, datetime]] = {}
        self._of_record: dict[str, list[OutboxRow]] = defaultdict(list)

    def put(self, projection: Projection, at: datetime) -> None:
        rows = self._of_record[projection.key.zoho_id]
        waiting = next((row for row in rows if row.state in _WAITING), None)
        if waiting is not None:
            self._settle(waiting, "superseded", at)
        written = max((row.call_attempts for row in rows if row.call_attempts is not None), default=None)
        values = _merged(projection, waiting, written)
        expected, ours = _statuses(values["expected_statuses"])
        row = OutboxRow(
            len(self.rows) + 1,
            projection.key,
            values["attempt_id"],
            values["cause"],
            expected,
            CrmStatus(values["status"]) if values["status"] else None,
            values["call_attempts"],
            values["first_no_answer_at"],
            "pending",
            None,
            0,
            at,
            "",
            at,
            None,
            ours,
        )
        rows.append(row)
        self.rows.append(row)
        self.pending[row.outbox_id] = row
        self._undo.append((self._forget, (row,)))

    def _forget(self, row: OutboxRow) -> None:
        self._of_record[row.key.zoho_id].remove(row)
        self.rows.remove(row)
        del self.pending[row.outbox_id]

    def _settle(self, row: OutboxRow, state: str, at: datetime | None, **more: object) -> None:
        for name, value in (("state", state), ("settled_at", at), *more.items()):
            self._undo.append((put, (row, name, getattr(row, name))))
            put(row, name, value)
        if state != "pending" and self.pending.pop(row.outbox_id, None) is not None:
            self._undo.append((self.pending.__setitem__, (row.outbox_id, row)))
        elif state == "pending":
            self.pending[row.outbox_id] = row
            self._undo.append((self.pending.pop, (row.outbox_id,)))

    def claim(
        self, owner: str, now: datetime, limit: int, shared_now: datetime, choose: Choose | None = None
    ) -> Sequence[OutboxRow]:
        others = {number: by for number, by in self.claims.items() if by[0] != owner and by[1] >= shared_now}
        ahead = {self.rows[number - 1].key for number in others if self.rows[number - 1].state == "superseded"}
        ready = [
            row
            for row in self.pending.values()
            if row.next_try_at <= now and row.outbox_id not in others and row.key not in ahead
        ]
        due: Sequence[OutboxRow] = sorted(ready, key=lambda row: (row.next_try_at, row.outbox_id))[:limit]
        ours = due if choose is None else choose(due)
        for row in ours:
            self._claim(row.outbox_id, (owner, shared_now + CLAIM_LEASE))
        return ours

    def _claim(self, outbox_id: int, by: tuple[str, datetime] | None) -> None:
        self._undo.append((self._back, (outbox_id, self.claims.get(outbox_id))))
        self._back(outbox_id, by)

    def _back(self, outbox_id: int, by: tuple[str, datetime] | None) -> None:
        if by is None:
            self.claims.pop(outbox_id, None)
        else:
            self.claims[outbox_id] = by

    def disown(self, owner: str) -> None:
        for number in [number for number, by in self.claims.items() if owner in ("", by[0])]:
            self._claim(number, None)

    def _let_go(self, outbox_id: int, owner: str) -> bool:
        if self.claims.get(outbox_id, ("",))[0] != owner:
            return False
        self._claim(outbox_id, None)
        return True

    def sent(
        self, outbox_id: int, owner: str, at: datetime, *, status_kept: str | None = None, first_kept: bool = False
    ) -> bool:
        mine = self._let_go(outbox_id, owner)
        row = self.rows[outbox_id - 1]
        if mine and row.state == "pending":
            kept = {"first_no_answer_at": None} if first_kept else {}
            self._settle(row, "sent", at, status_kept=status_kept, **kept)
        return mine

    def retry(
        self,
        outbox_id: int,
        owner: str,
        error: str,
        next_try_at: datetime,
        *,
        blocked_since: datetime | None = None,
    ) -> bool:
        mine, row = self._let_go(outbox_id, owner), self.pending.get(outbox_id)
        if mine and row is not None:
            said = (("tries", row.tries + 1), ("last_error", error), ("blocked_since", blocked_since))
            for name, value in (*said, ("next_try_at", next_try_at)):
                self._undo.append((put, (row, name, getattr(row, name))))
                put(row, name, value)
        return mine

    def postpone(self, outbox_id: int, owner: str, next_try_at: datetime) -> bool:
        mine, row = self._let_go(outbox_id, owner), self.pending.get(outbox_id)
        if mine and row is not None:
            self._undo.append((put, (row, "next_try_at", row.next_try_at)))
            put(row, "next_try_at", next_try_at)
        return mine

    def park(self, outbox_id: int, owner: str, error: str, at: datetime) -> bool:
        mine, row = self._let_go(outbox_id, owner), self.pending.get(outbox_id)
        if mine and row is not None:
            self._settle(row, "parked", at, last_error=error)
        return mine

    def rewrite(self, key: RecordKey, at: datetime) -> None:
        rows = self._of_record[key.zoho_id]
        if rows and rows[-1].state == "sent":
            newest = rows[-1]
            attempts = max((row.call_attempts for row in rows if row.call_attempts is not None), default=None)
            first = newest.first_no_answer_at
            self.put(Projection(key, newest.attempt_id, newest.cause, None, None, attempts, first), at)

    def unparked(self, outbox_id: int, at: datetime) -> bool:
        row = self.rows[outbox_id - 1]
        if row.state == "parked":
            self._settle(row, "pending", None, next_try_at=at, tries=0)
            return True
        return False

    def newest(self, keys: Iterable[RecordKey], sent_since: datetime) -> Mapping[RecordKey, OutboxRow]:
        found: dict[RecordKey, OutboxRow] = {}
        if not self.rows:
            return found
        for key in keys:
            for row in self._of_record.get(key.zoho_id, ()):
                settled = row.settled_at
                if row.state in _WAITING or (row.state == "sent" and settled is not None and settled > sent_since):
                    found[key] = row
        return found

    def of_records(self, keys: Iterable[RecordKey]) -> Sequence[OutboxRow]:
        return [row for key in keys for row in self._of_record.get(key.zoho_id, ())]

    def written_statuses(self, keys: Iterable[RecordKey]) -> Mapping[RecordKey, frozenset[CrmStatus]]:
        found = {}
        for key in keys:
            statuses = frozenset(row.status for row in self._of_record.get(key.zoho_id, ()) if row.status is not None)
            if statuses:
                found[key] = statuses
        return found

    def parked(self, limit: int = 500) -> Sequence[OutboxRow]:
        return [row for row in self.rows if row.state == "parked"][:limit]


@lru_cache(maxsize=1024)
def _statuses(text: str) -> tuple[tuple[str, ...], tuple[CrmStatus, ...]]:
    """As store.outbox reads its column."""
    statuses = json.loads(text)
    return (
        tuple(status for status in statuses if isinstance(status, str)),
        tuple(CrmStatus(status["ours"]) for status in statuses if isinstance(status, dict)),
    )


class MemoryActivities:
    """Implements the part of ports.ledger.Activities that is asked where no call is told of."""

    def disown(self, owner: str) -> None:
        """Nothing is ever begun."""


class MemoryDuties:
    """Implements ports.ledger.Duties."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._leases: dict[str, tuple[str, datetime]] = {}

    def take(self, name: str, owner: str, now: datetime, lease: timedelta) -> bool:
        holder, until = self._leases.get(name, (owner, now))
        if holder != owner and until > now:
            return False
        self._undo.append((self._leases.__setitem__, (name, (holder, until))))
        self._leases[name] = (owner, now + lease)
        return True

    def release(self, owner: str) -> None:
        for name, (holder, until) in list(self._leases.items()):
            if owner in ("", holder):
                self._undo.append((self._leases.__setitem__, (name, (holder, until))))
                del self._leases[name]


class MemoryDoNotCall:
    """Implements the part of ports.ledger.DoNotCall that calls pass."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self.numbers: dict[str, datetime] = {}

    def add(self, number: str, reason: str, at: datetime) -> bool:  # noqa: ARG002 - the reason is for people
        if number in self.numbers:
            return False
        self.numbers[number] = at
        self._undo.append((self.numbers.pop, (number,)))
        return True

    def has(self, numbers: Iterable[str]) -> frozenset[str]:
        return frozenset(filter(self.numbers.__contains__, numbers)) if self.numbers else frozenset()


class MemoryAudit:
    """Implements ports.access.Audit but for reading, which no call depends on."""

    def add(self, at: datetime, who: str, action: Action, subject: str = "", detail: str = "") -> None:
        """Nobody asks for it here."""


class MemorySwitches:
    """Implements ports.ledger.Switches."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._values: dict[str, str | None] = {}

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def some(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: value for name in names if (value := self._values.get(name))}

    def set(self, name: str, value: str, at: datetime) -> None:  # noqa: ARG002 - when it was set is for people
        self._undo.append((self._values.__setitem__, (name, self._values.get(name))))
        self._values[name] = value


class MemoryUsage:
    """Implements ports.ledger.Usage: nobody asks for credits here, so nothing is ever counted."""

    def add(self, row: UsageRow, at: datetime) -> None:
        raise AssertionError(f"{row} at {at}")

    def since(self, moment: datetime) -> UsageRow:  # noqa: ARG002 - nothing at any moment
        return _NOTHING_ASKED


_NOTHING_ASKED = UsageRow()
