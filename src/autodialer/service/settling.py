"""A person says how a call ended of which nobody heard, or that there was none (rules.md row 25)."""

from autodialer.domain.access import THE_API, Action
from autodialer.domain.attempt import Ended, Reserved, Submitting, Unknown
from autodialer.domain.disposition import Settlement
from autodialer.domain.errors import NoSuchAttempt, NotUnknown
from autodialer.domain.result import CallResult
from autodialer.domain.sentence import Sentence, phrase
from autodialer.ports.ledger import Attempt, Ledger
from autodialer.ports.rows import AttemptRow
from autodialer.service.means import Means
from autodialer.service.projecting import queue_activity, queue_update
from autodialer.service.signals import Signal

_BY = "a person settled it as"
_NOBODY = phrase("the ledger knows no attempt with this id: see `autodialer unknown`")
_TAKEN = phrase("attempt {attempt} was settled by somebody else in this moment")
_ENDED = phrase("already settled: the call ended as {end}")
_SETTLED = phrase("already settled: the call ended as {end} ({reason})")
_UNSENT = phrase("the call was not sent yet, there is nothing to settle")
_RELEASED = phrase("already settled: no call was placed ({reason})")
_SENDING = phrase("the call is being sent; it can be settled once it is unknown")
_AWAITED = phrase("the call was placed and its result is still awaited; it can be settled once it is unknown")


class Settler:
    """Settles unknown calls, and those that were closed as unknown at the end of their day."""

    def __init__(self, means: Means, write_back: Signal) -> None:
        self._m = means
        self._write_back = write_back

    async def settle(self, attempt_id: str, settlement: Settlement, by: str = THE_API) -> AttemptRow:
        """The attempt as it stands then; what the CRM must see is queued in the same transaction. `by`: for the audit trail.

        NoSuchAttempt; NotUnknown (nothing is changed) when its end is known, with that end, or its result is still awaited.
        """
        row = await self._m.store.write(lambda ledger: self._settle(ledger, attempt_id, settlement, by))
        self._write_back.notify()
        self._m.log.warning(
            "unknown call settled by a person",
            attempt_id=attempt_id,
            record=str(row.key),
            settlement=settlement.value,
            by=by,
        )
        return row

    def _settle(self, ledger: Ledger, attempt_id: str, settlement: Settlement, by: str) -> AttemptRow:
        row = ledger.attempts.row(attempt_id)
        before = ledger.attempts.load(attempt_id)
        if row is None or before is None:
            raise NoSuchAttempt(Sentence(_NOBODY), permanent=True)
        if not isinstance(before, Unknown | Ended) or (isinstance(before, Ended) and not before.closed_unknown):
            raise _not_unknown(before, row)
        if not self._move(ledger, row, before, settlement):
            raise NotUnknown(Sentence(_TAKEN, {"attempt": attempt_id}), permanent=False)
        ledger.audit.add(self._m.clock.now(), by, Action.SETTLE_CALL, attempt_id, f"{row.key}: {settlement}")
        after = ledger.attempts.row(attempt_id)
        return after if after is not None else row

    def _move(self, ledger: Ledger, row: AttemptRow, before: Unknown | Ended, settlement: Settlement) -> bool:
        now = self._m.clock.now()
        reason = f"{_BY} {settlement}" + (f"; before: {row.reason}" if row.reason else "")
        disposition = settlement.disposition
        if disposition is None:
            return ledger.attempts.release(before, before.release(reason, now))
        result = CallResult(disposition=disposition, call_status=disposition.value, reason=reason)
        if isinstance(before, Unknown):
            moved = ledger.attempts.end(before, before.end(disposition, now), result)
        else:
            moved = ledger.attempts.overrule(before, before.settle(disposition, now), result)
        if moved:
            queue_update(ledger, self._m.policy, row, disposition, now)
            queue_activity(ledger, self._m.log_calls, row.attempt_id, now)
        return moved


def _not_unknown(before: Attempt, row: AttemptRow) -> NotUnknown:
    """Says how it stands."""
    if isinstance(before, Ended):
        values = {"end": before.disposition.value, "reason": row.reason}
        return NotUnknown(Sentence(_SETTLED if row.reason.startswith(_BY) else _ENDED, values), permanent=True)
    if isinstance(before, Reserved):
        return NotUnknown(Sentence(_UNSENT), permanent=False)
    if row.ended_at is not None:
        return NotUnknown(Sentence(_RELEASED, {"reason": row.reason}), permanent=True)
    return NotUnknown(Sentence(_SENDING if isinstance(before, Submitting) else _AWAITED), permanent=False)
