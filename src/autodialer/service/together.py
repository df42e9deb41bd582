"""Which updates leave now, and which wait a moment for others that share their requests.

Zoho counts requests (docs/zoho/writing.md): a look at fifty records costs as much as one at a single record.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from autodialer.domain.record import RecordType
from autodialer.ports.outside import LOOKED_AT_TOGETHER
from autodialer.ports.rows import OutboxRow

LONGEST_WAIT = timedelta(seconds=3)


def worth_their_requests(rows: Sequence[OutboxRow], now: datetime) -> Sequence[OutboxRow]:
    """Those that fill a look at the CRM to the last place, and all of a type of which one has waited long enough."""
    chosen: set[int] = set()
    for record_type in RecordType:
        mine = [row for row in rows if row.key.record_type is record_type]
        over = len(mine) % LOOKED_AT_TOGETHER
        left = mine[len(mine) - over :]
        if any(now - row.created_at >= LONGEST_WAIT for row in left):
            left = []
        chosen.update(row.outbox_id for row in mine[: len(mine) - len(left)])
    return [row for row in rows if row.outbox_id in chosen]
