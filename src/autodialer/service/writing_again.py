"""Where the CRM shows less, or something else, than it once took from us: one field of one record is written again."""

from enum import StrEnum

from autodialer.domain.access import THE_API, Action
from autodialer.domain.errors import NotWaiting
from autodialer.domain.record import RecordKey
from autodialer.domain.sentence import Sentence
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import ON_DEMAND, Projection
from autodialer.service.means import Means
from autodialer.service.signals import Signal


class Field(StrEnum):
    """What may be written again. Never a status: those are a person's."""

    CALL_ATTEMPTS = "call_attempts"
    FIRST_NO_ANSWER_AT = "first_no_answer_at"


AGAIN = {"attempts_below": Field.CALL_ATTEMPTS, "first_no_answer_differs": Field.FIRST_NO_ANSWER_AT}
"""By the reason of a difference (rules/drift.py): what can be done about it from here. All others are mended in the CRM."""


class Rewriter:
    """Queues it. Call Attempts is never lowered by it (write_back.update_for)."""

    def __init__(self, means: Means, write_back: Signal) -> None:
        self._m = means
        self._write_back = write_back

    async def write_again(self, key: RecordKey, field: Field, by: str = THE_API) -> None:
        """NotWaiting when an update of this record waits already, or nothing of this field was ever to be written."""
        await self._m.store.write(lambda ledger: self._queue(ledger, key, field, by))
        self._write_back.notify()
        self._m.log.warning("written again on demand", record=str(key), field=field.value, by=by)

    def _queue(self, ledger: Ledger, key: RecordKey, field: Field, by: str) -> None:
        rows = ledger.outbox.of_record(key)
        if any(row.state in ("pending", "parked") for row in rows):
            raise NotWaiting(Sentence("an update of this record waits already: see the parked ones"), permanent=False)
        attempts = max((row.call_attempts for row in rows if row.call_attempts is not None), default=None)
        # Of a time only what the CRM took: one that waited and was overruled by an answer must not come back.
        taken = [row.first_no_answer_at for row in rows if row.state == "sent" and row.first_no_answer_at is not None]
        first = taken[-1] if taken else None
        value = attempts if field is Field.CALL_ATTEMPTS else first
        if value is None:
            raise NotWaiting(
                Sentence("the ledger has nothing to write into this field of {record}", {"record": key}), permanent=True
            )
        newest, now = rows[-1], self._m.clock.now()
        ledger.outbox.put(
            Projection(
                key=key,
                attempt_id=newest.attempt_id,
                cause=ON_DEMAND,
                expected_status=None,
                status=None,
                call_attempts=attempts if field is Field.CALL_ATTEMPTS else None,
                first_no_answer_at=first if field is Field.FIRST_NO_ANSWER_AT else None,
            ),
            now,
        )
        ledger.audit.add(now, by, Action.WRITE_AGAIN, str(key), f"{field.value}: {value}")
