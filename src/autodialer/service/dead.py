"""Makes Dead whom a run found to be so: each once in a run, and nobody of whom something else was heard since they were pulled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from autodialer.domain.errors import LedgerRefusal
from autodialer.domain.record import CrmStatus, Record, RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import DAYS_OVER, Projection, Run, Staged, StagedState
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import MarkDead
from autodialer.service.people import JUST_WRITTEN, gather_facts
from autodialer.service.staging import outcome_of

PAGE: Final = 200


def queue_dead(ledger: Ledger, run: Run, policy: Policy, after: str, now: datetime) -> str:
    """Queue the updates of one page, from the sort key `after` on; where the next page begins, "" when there is none.

    What an earlier pass of this run has queued is not queued again: a person may have given the record another status since.
    """
    rows = ledger.staging.rows(run.run_id, StagedState.DEAD, after=after, limit=PAGE)
    waiting = [row for row in rows if not is_queued(row)]
    known = _facts_now(ledger, run, waiting, policy, now)
    for row, facts in zip(waiting, known, strict=True):
        verdict = decide(facts, policy, now)
        state, reason, detail, next_at = outcome_of(verdict)
        if isinstance(verdict, MarkDead):
            ledger.outbox.put(_projection(row.key, row.status), now)
            ledger.staging.mark(run.run_id, row.key, state, reason=reason, detail=detail, add_try=True)
        else:  # heard since: an answer, a call in progress; and nobody who was not due when the run began is called in it
            ledger.staging.mark(run.run_id, row.key, StagedState.SKIP, reason=reason, detail=detail, next_at=next_at)
    # Another replica's result that was committed while these were queued was not seen; one that comes after meets them waiting.
    if [one.history for one in _facts_now(ledger, run, waiting, policy, now)] != [one.history for one in known]:
        raise LedgerRefusal("a call to one of them ended in this moment", permanent=False)
    return rows[-1].sort_key if len(rows) == PAGE else ""


def is_queued(row: Staged) -> bool:
    """Whether this run has queued the update of a record that it makes Dead."""
    return row.tries > 0


def _facts_now(ledger: Ledger, run: Run, rows: Sequence[Staged], policy: Policy, now: datetime) -> Sequence[Facts]:
    """The records as they were pulled, with what the ledger knows by now."""
    records = [
        Record(
            row.key,
            row.status,
            row.facts.get("call_attempts"),
            row.facts.get("first_no_answer_at"),
            phone=row.number,
            modified_time=_text(row.facts.get("modified_time")),
        )
        for row in rows
    ]
    return gather_facts(ledger, records, policy, now, run.started_at - JUST_WRITTEN)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _projection(key: RecordKey, expected: str | None) -> Projection:
    return Projection(
        key=key,
        attempt_id=None,
        cause=DAYS_OVER,
        expected_status=expected,
        status=CrmStatus.DEAD,
        call_attempts=None,
        first_no_answer_at=None,
    )
