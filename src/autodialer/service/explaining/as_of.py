"""How the ledger stood at a moment of the past, and how it will stand if nothing more is heard: rows rolled back and forth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from autodialer.domain.attempt import OPEN_STATES, AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.ports.rows import AttemptRow, InboxRow, OutboxRow
from autodialer.ports.work_lists import GIVEN_UP
from autodialer.rules.policy import Policy
from autodialer.service.explaining.dossier import Dossier
from autodialer.service.people import Known

_ENDS = frozenset(disposition.value for disposition in Disposition)


def known_now(dossier: Dossier, number: str | None, seen_at: datetime) -> Known:
    """What the rules are told now of the record, which has this `number`; `seen_at` is when the CRM was looked at."""
    is_suppressed = dossier.suppressed is not None and dossier.number == number
    return _known(_of(dossier, number), dossier.updates, seen_at, is_suppressed=is_suppressed)


def known_at(dossier: Dossier, number: str | None, at: datetime, seen_at: datetime, policy: Policy) -> Known:
    """What the rules would have been told at `at`, when it had this `number` and the CRM had last been looked at `seen_at`.

    Not to be known any more: a number that was taken off the do-not-call list since, and a parked update that was tried again.
    """
    heard = _first_ends(dossier.callbacks)
    attempts = [row for each in _of(dossier, number) if (row := attempt_at(each, at, heard, policy)) is not None]
    updates = [update for each in dossier.updates if (update := _update_at(each, at)) is not None]
    is_suppressed = dossier.suppressed is not None and dossier.number == number and dossier.suppressed[1] <= at
    return _known(attempts, updates, seen_at, is_suppressed=is_suppressed)


def _of(dossier: Dossier, number: str | None) -> Sequence[AttemptRow]:
    """Those of the record itself and of this number, as in a run; the dossier may tell of a number that it had once."""
    return [row for row in dossier.attempts if row.key == dossier.key or (number is not None and row.number == number)]


def _known(
    attempts: Sequence[AttemptRow], updates: Sequence[OutboxRow], seen_at: datetime, *, is_suppressed: bool
) -> Known:
    unseen = [row for row in updates if _is_unseen(row, seen_at)]
    # Of what was given up only the count stays, as in Outbox.newest.
    counts = [replace(row, status=None, first_no_answer_at=None) for row in updates if _is_given_up(row)]
    return Known(
        [row for row in attempts if row.state is not AttemptState.RELEASED or row.number_refused],
        next(iter([*unseen[-1:], *counts[-1:]]), None),
        frozenset(row.status for row in updates if row.status is not None),
        is_suppressed,
    )


def known_later(known: Known, at: datetime, policy: Policy) -> Known:
    """The same at a later moment if nobody hears of anything: what is open when its day ends is closed as unknown (row 25)."""
    today = policy.local_date(at).isoformat()
    return structs.replace(known, attempts=[_closed(row) if _is_overdue(row, today) else row for row in known.attempts])


def attempt_at(
    row: AttemptRow, at: datetime, heard: Mapping[str, tuple[datetime, Disposition]], policy: Policy
) -> AttemptRow | None:
    """An attempt as it stood; None when it was not there yet. `heard`: the first end of each that a callback told, and when."""
    if row.reserved_at > at:
        return None
    lifted = row.hold_lifted_at if row.hold_lifted_at is not None and row.hold_lifted_at <= at else None
    row = replace(row, hold_lifted_at=lifted)
    if row.ended_at is not None and (row.ended_at <= at or row.run_id is None):
        return row
    first = heard.get(row.attempt_id)
    if first is not None and first[0] <= at:
        return replace(row, state=AttemptState.ENDED, disposition=first[1], ended_at=first[0])
    undone = replace(row, disposition=None, ended_at=None, number_refused=False)
    if row.unknown_at is not None and row.unknown_at <= at:
        unknown = replace(undone, state=AttemptState.UNKNOWN)
        return _closed(unknown) if _is_overdue(unknown, policy.local_date(at).isoformat()) else unknown
    if row.placed_at is not None and row.placed_at <= at:
        return replace(undone, state=AttemptState.PLACED)
    sent = row.submitted_at is not None and row.submitted_at <= at
    return replace(undone, state=AttemptState.SUBMITTING if sent else AttemptState.RESERVED)


def _first_ends(callbacks: Sequence[InboxRow]) -> Mapping[str, tuple[datetime, Disposition]]:
    """A later end overwrites the attempt's; when the first one came is known by its callback, whose note is that end."""
    found: dict[str, tuple[datetime, Disposition]] = {}
    for row in callbacks:
        if row.state == "applied" and row.attempt_id and row.applied_at and row.note in _ENDS:
            found.setdefault(row.attempt_id, (row.applied_at, Disposition(row.note)))
    return found


def _update_at(row: OutboxRow, at: datetime) -> OutboxRow | None:
    if row.created_at > at:
        return None
    if row.settled_at is not None and row.settled_at > at:
        error = "" if row.state == "parked" else row.last_error  # it was parked for what Zoho said only then
        return replace(row, state="pending", settled_at=None, status_kept=None, last_error=error)
    return row


def _is_unseen(row: OutboxRow, seen_at: datetime) -> bool:
    waits = row.state in ("pending", "parked")
    return waits or (row.state == "sent" and row.settled_at is not None and row.settled_at > seen_at)


def _is_given_up(row: OutboxRow) -> bool:
    return row.state == "superseded" and row.last_error.startswith(GIVEN_UP)


def _is_overdue(row: AttemptRow, today: str) -> bool:
    return row.state in OPEN_STATES and row.policy_day < today


def _closed(row: AttemptRow) -> AttemptRow:
    return replace(row, state=AttemptState.ENDED, disposition=Disposition.UNKNOWN)
