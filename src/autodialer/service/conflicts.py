"""Results that contradict what is known, or that could not be applied: kept, and nothing was changed by them (rules.md row 21).

Nothing settles one: the first end stands, except that answered wins. A person who knows better corrects the record in the CRM.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import InboxRow


@dataclass(frozen=True, slots=True)
class Conflict:
    """One callback, and the record of the call that it is about; None where that is not known."""

    row: InboxRow
    key: RecordKey | None


def conflicts(ledger: Ledger, after: int | None, limit: int) -> Sequence[Conflict]:
    """Newest first, beyond the callback with the number `after`."""
    rows = ledger.work_lists.conflicts(after, limit)
    calls = ledger.attempts.rows(row.attempt_id for row in rows if row.attempt_id)
    return [Conflict(row, call.key if (call := calls.get(row.attempt_id or "")) else None) for row in rows]
