"""Looks at those who answered and whom a run did not pull: whom a person has given another status is held no longer."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CALLED, RecordKey
from autodialer.ports.rows import Run
from autodialer.service.means import Means

# So many are known of, and so many looked at in one run.
_UNSEEN: Final = 10_000
_LOOKED_AT: Final = 100


async def changed_by_people(means: Means, run: Run) -> Sequence[RecordKey]:
    """Who is held after an answer, was not pulled, and shows another status, which a person gave them (rules.md row 11).

    Who is not shown at all stays held: hidden from us for a while, or converted to a Contact with the same number. So does
    everybody when Zoho can't be asked. StoreError as ports.ledger.Store.
    """
    unseen = await means.store.read(lambda ledger: ledger.staging.unseen_holds(run.run_id, _UNSEEN))
    if not unseen:
        return []
    try:
        found = await means.crm.look(_some_of(unseen, run.run_id))
    except CrmError as error:
        means.log.warning("who answered could not be looked at, stays held", run_id=run.run_id, error=error.message)
        return []
    ours = await means.store.read(lambda ledger: ledger.outbox.written_statuses(found))
    kinds = {key: means.policy.kind_of(record.status) for key, record in found.items()}
    # What we ourselves wrote, as Dead before an answer was heard late, is no change by a person.
    return [key for key, kind in kinds.items() if kind not in CALLED and kind not in ours.get(key, ())]


def _some_of(unseen: Sequence[RecordKey], run_id: str) -> Sequence[RecordKey]:
    """Few enough for two queries of each module: who answered last, and of the others some that change from run to run.

    Those of whom nothing is left in the CRM stay among them for ever, and must not keep the rest from being looked at.
    """
    if len(unseen) <= _LOOKED_AT:
        return unseen
    newest, others = unseen[: _LOOKED_AT // 2], unseen[_LOOKED_AT // 2 :]
    start = crc32(run_id.encode()) % len(others)
    return [*newest, *[*others[start:], *others[:start]][: _LOOKED_AT // 2]]
