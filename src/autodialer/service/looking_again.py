"""A person has mended something in the CRM: one record is looked at again, and what it waited for is lifted.

A hold after an answered call ends only when a person has changed the status (rules.md row 11), as in any run; a record that needed
repair leaves the list when the rules find its data in order. Nothing else is changed, nobody is called.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from autodialer.domain.access import THE_API, Action
from autodialer.domain.errors import NotWaiting
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.sentence import Sentence
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, StagedState
from autodialer.rules.decide import decide
from autodialer.rules.verdict import SkipReason
from autodialer.service.history import holds
from autodialer.service.means import Means
from autodialer.service.patience import unless_failing
from autodialer.service.people import JUST_WRITTEN, gather_facts, is_known
from autodialer.service.staging import outcome_of
from autodialer.service.upstreams import ZOHO

_REPAIRS = frozenset(reason.value for reason in SkipReason if reason.needs_repair)
_WOULD = {StagedState.DUE: "call", StagedState.DEAD: "mark_dead"}


@dataclass(frozen=True, slots=True)
class Looked:
    """What the rules say of the record as the CRM shows it now.

    `would`: call, mark_dead, skip, or gone when the CRM has it no more. `lifted`: how many answered calls hold it no longer.
    `repaired`: it has left the list of data to repair.
    """

    would: str
    reason: str
    detail: str
    next_at: datetime | None
    status: str | None
    lifted: int
    repaired: bool


class SecondLook:
    """Looks at one record again."""

    def __init__(self, means: Means) -> None:
        self._m = means

    async def look(self, key: RecordKey, by: str = THE_API) -> Looked:
        """CrmError when the CRM can't be asked, NotWaiting when nobody knows the record; nothing is changed then."""
        before = await self._m.store.read(lambda ledger: ledger.work_lists.held(key))
        record, seen_at = await unless_failing(self._ask(key), self._m.upstreams.get(ZOHO))
        if record is None and not await self._m.store.read(lambda ledger: is_known(ledger, key)):
            raise NotWaiting(Sentence("neither Zoho nor the ledger knows {record}", {"record": key}), permanent=True)
        looked = await self._m.store.write(lambda ledger: self._note(ledger, key, record, before, seen_at, by))
        told = {"would": looked.would, "reason": looked.reason, "lifted": looked.lifted, "repaired": looked.repaired}
        self._m.log.info("record looked at again", record=str(key), by=by, **told)
        return looked

    async def _ask(self, key: RecordKey) -> tuple[Record | None, datetime]:
        """The record, by fields as they are now; what was written since that moment may not show in it."""
        await self._m.crm.prepare()
        seen_at = self._m.clock.now() - JUST_WRITTEN
        return (await self._m.crm.look([key])).get(key), seen_at

    def _note(
        self,
        ledger: Ledger,
        key: RecordKey,
        record: Record | None,
        before: Sequence[AttemptRow],
        seen_at: datetime,
        by: str,
    ) -> Looked:
        now = self._m.clock.now()
        # Only calls that had ended before the look: what it shows says nothing of later ones.
        known = {row.attempt_id for row in before}
        held = [row for row in ledger.work_lists.held(key) if row.attempt_id in known]
        lifted = ledger.work_lists.lift(self._free(ledger, held, record), now)
        would, reason, detail, next_at = self._verdict(ledger, record, now, seen_at)
        repaired = reason not in _REPAIRS and _is_repaired(ledger, key, now)
        told = f"{would} {reason}".strip() + (f", {lifted} held calls lifted" if lifted else "")
        ledger.audit.add(now, by, Action.LOOK_AGAIN, str(key), told + (", repaired" if repaired else ""))
        return Looked(would, reason, detail, next_at, record.status if record else None, lifted, repaired)

    def _free(self, ledger: Ledger, held: Sequence[AttemptRow], record: Record | None) -> list[str]:
        """Those after which a person has changed the status, or whose record is gone."""
        if record is None:
            return [row.attempt_id for row in held]
        ours = ledger.outbox.written_statuses([record.key]).get(record.key, ())
        return [row.attempt_id for row in held if not holds(row, record, ours, self._m.policy)]

    def _verdict(
        self, ledger: Ledger, record: Record | None, now: datetime, seen_at: datetime
    ) -> tuple[str, str, str, datetime | None]:
        if record is None:
            return "gone", SkipReason.RECORD_GONE.value, "not in the CRM any more", None
        (facts,) = gather_facts(ledger, [record], self._m.policy, now, seen_at)
        state, reason, detail, next_at = outcome_of(decide(facts, self._m.policy, now))
        return _WOULD.get(state, "skip"), reason, detail, next_at


def _is_repaired(ledger: Ledger, key: RecordKey, now: datetime) -> bool:
    run_id = ledger.work_lists.flawed_run()
    if run_id is None or ledger.work_lists.flawed_record(run_id, key) is None:
        return False
    ledger.work_lists.repaired(run_id, key, now)
    return True
