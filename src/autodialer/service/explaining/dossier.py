"""All that the ledger knows of one person, read at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.ports.access import AuditRow
from autodialer.ports.activities import ActivityRow
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, InboxRow, OutboxRow, Run, Staged
from autodialer.service.control import is_paused

_MOST_CALLS: Final = 1000


@dataclass(frozen=True, slots=True)
class Dossier:
    """`number`: the one that the CRM shows now, else the one that was dialled or seen last. `sightings`: newest first.

    `attempts`: of the record, whatever their state, and of that number, each once, oldest first.

    `unseen_by`: of the runs that pulled everything and did not find the record any more, the first after each sighting, newest
    first; of runs whose rows were removed since nobody can say so. `suppressed`: why and since when the number is on the
    do-not-call list. `deeds`: what people did to the record, its number, calls, callbacks and updates, oldest first.
    """

    key: RecordKey
    number: str | None
    attempts: Sequence[AttemptRow]
    callbacks: Sequence[InboxRow]
    updates: Sequence[OutboxRow]
    activities: Sequence[ActivityRow]
    sightings: Sequence[tuple[Run, Staged]]
    unseen_by: Sequence[Run]
    suppressed: tuple[str, datetime] | None
    deeds: Sequence[AuditRow]
    paused: bool

    @property
    def is_empty(self) -> bool:
        """Whether the ledger never heard of this record."""
        mine = any(row.key == self.key for row in self.attempts)
        return not (mine or self.updates or self.sightings)

    @property
    def our_statuses(self) -> frozenset[CrmStatus]:
        """The statuses that we ourselves have queued or written."""
        return frozenset(row.status for row in self.updates if row.status is not None)


def read_dossier(ledger: Ledger, key: RecordKey, number: str | None) -> Dossier:
    """`number`: the one that the CRM shows now; without it, the one that was dialled or seen last."""
    own = ledger.attempts.of_record(key, limit=_MOST_CALLS)
    sightings = ledger.staging.sightings(key)
    number = number or _last_number(own, sightings)
    same_number = ledger.attempts.of_number(number) if number else []
    attempts = sorted(_each_once([*own, *same_number]).values(), key=lambda row: (row.reserved_at, row.attempt_id))
    mine = [row.attempt_id for row in attempts if row.key == key]
    sessions = [row.session_id for row in attempts if row.key == key and row.session_id is not None]
    callbacks, updates = ledger.inbox.of_calls(mine, sessions), ledger.outbox.of_record(key)
    return Dossier(
        key=key,
        number=number,
        attempts=attempts,
        callbacks=callbacks,
        updates=updates,
        activities=ledger.activities.of_attempts(mine),
        sightings=sightings,
        unseen_by=_unseen_by(ledger, sightings),
        suppressed=ledger.do_not_call.find(number) if number else None,
        deeds=_deeds(ledger, [str(key), *([number] if number else []), *mine], callbacks, updates),
        paused=is_paused(ledger),
    )


def _last_number(attempts: Sequence[AttemptRow], sightings: Sequence[tuple[Run, Staged]]) -> str | None:
    """What the ledger knows of the number when the CRM can't be asked."""
    seen = next((row.number for _, row in sightings if row.number), None)
    return seen or next((row.number for row in reversed(attempts) if row.number), None)


def _deeds(
    ledger: Ledger,
    subjects: Sequence[str],
    callbacks: Sequence[InboxRow],
    updates: Sequence[OutboxRow],
) -> Sequence[AuditRow]:
    """Callbacks and updates have numbers of their own, which the action tells apart."""
    of_callbacks = {str(row.inbox_id) for row in callbacks}
    of_updates = {str(row.outbox_id) for row in updates}
    return [
        row
        for row in ledger.audit.of_subjects({*subjects, *of_callbacks, *of_updates})
        if row.subject in subjects
        or (row.action.endswith("_callback") and row.subject in of_callbacks)
        or (row.action.endswith("_update") and row.subject in of_updates)
    ]


def _each_once(rows: Sequence[AttemptRow]) -> Mapping[str, AttemptRow]:
    return {row.attempt_id: row for row in rows}


def _unseen_by(ledger: Ledger, sightings: Sequence[tuple[Run, Staged]]) -> Sequence[Run]:
    """Only the first of those between two sightings, and after the last one, is looked at: it says when the record was gone."""
    if not sightings:
        return []
    seen = {run.run_id for run, _ in sightings}
    since = sightings[-1][0].started_at
    found: list[Run] = []
    before: Run | None = None
    runs = [run for run in reversed(ledger.runs.started_since(since)) if run.staged_at is not None]
    for run in runs:  # newest first
        if run.run_id in seen:
            if before is not None and ledger.staging.is_kept(before.run_id):
                found.append(before)
            before = None
        else:
            before = run
    return found
