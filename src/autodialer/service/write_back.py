"""Drains the outbox: absolute values, in batches, each record's own answer; a person's status is left standing."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from autodialer.domain.errors import CrmError
from autodialer.domain.record import Record
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult, Written
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import OutboxRow
from autodialer.rules.policy import Policy
from autodialer.rules.reading import read_attempts
from autodialer.rules.text import normalise
from autodialer.service.means import Means
from autodialer.service.projecting import statuses_expected

BATCH = 200
_SETTLED_AT_ONCE = 20  # in one transaction, for which calls and callbacks have to wait
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=15)
_STOPPED_WAIT = timedelta(minutes=5)


class WriteBack:
    """Sends what the outbox holds; nothing in it is ever dropped."""

    def __init__(self, means: Means) -> None:
        self._m = means

    async def drain(self) -> int:
        """Send what is due, a batch at a time, until nothing is or Zoho fails; how many rows were settled."""
        settled = 0
        while rows := await self._m.store.read(lambda ledger: ledger.outbox.due(self._m.clock.now(), BATCH)):
            done = await self._send(rows)
            settled += done
            if done == 0:
                break
        return settled

    async def _send(self, rows: Sequence[OutboxRow]) -> int:
        try:
            # Seconds before the write, so that a status set by a person meanwhile is seen (rules.md row 13).
            found = await self._m.crm.look([row.key for row in rows])
            plan = [(row, *update_for(row, found.get(row.key), self._m.policy)) for row in rows]
            to_write = [(row, update, kept) for row, update, kept in plan if update is not None]
            results = await self._m.crm.write([update for _, update, _ in to_write])
        except CrmError as error:
            wait = _STOPPED_WAIT if error.permanent or error.stops_run else None
            self._m.log.error("write-back failed, kept for later", rows=len(rows), error=error.message, code=error.code)
            await self._m.store.write(partial(self._postpone, rows, error.message, wait))
            return 0
        gone = [row for row, update, _ in plan if update is None]
        settled = await self._m.store.write(partial(self._settle, gone, [])) if gone else 0
        written = list(zip(to_write, results, strict=True))
        for start in range(0, len(written), _SETTLED_AT_ONCE):
            some = written[start : start + _SETTLED_AT_ONCE]
            settled += await self._m.store.write(partial(self._settle, [], some))
        return settled

    def _postpone(self, rows: Sequence[OutboxRow], error: str, wait: timedelta | None, ledger: Ledger) -> None:
        now = self._m.clock.now()
        for row in rows:
            ledger.outbox.retry(row.outbox_id, error, now + (wait or _wait_after(row.tries)))

    def _settle(
        self,
        gone: Sequence[OutboxRow],
        written: Sequence[tuple[tuple[OutboxRow, CrmUpdate, str | None], WriteResult]],
        ledger: Ledger,
    ) -> int:
        now = self._m.clock.now()
        settled = 0
        for row in gone:
            ledger.outbox.park(row.outbox_id, "the record is not in the CRM any more", now)
            settled += 1
        for (row, update, kept), result in written:
            match result:
                case Written():
                    ledger.outbox.sent(row.outbox_id, now, status_kept=kept)
                    settled += 1
                    self._log_written(row, update, kept)
                case NotWritten(refusal=Refusal.NEVER):
                    ledger.outbox.park(row.outbox_id, f"{result.code}: {result.message}", now)
                    settled += 1
                    self._m.log.error("write-back parked", record=str(row.key), code=result.code, reason=result.message)
                case NotWritten():
                    wait = _STOPPED_WAIT if result.refusal is Refusal.STOP else _wait_after(row.tries)
                    ledger.outbox.retry(row.outbox_id, f"{result.code}: {result.message}", now + wait)
                    self._m.log.warning("write-back refused for now", record=str(row.key), code=result.code)
        return settled

    def _log_written(self, row: OutboxRow, update: CrmUpdate, kept: str | None) -> None:
        log = {"record": str(row.key), "attempt_id": row.attempt_id, "status": update.status and update.status.value}
        self._m.log.info("written back", call_attempts=update.call_attempts, **log)
        if kept is not None:
            self._m.log.warning("a person's status was kept", crm_status=kept, **log)


def update_for(row: OutboxRow, record: Record | None, policy: Policy) -> tuple[CrmUpdate | None, str | None]:
    """What to write now that the CRM was looked at, and the person's status that stays (else None).

    (None, None) when the record is gone. Call Attempts never goes down: a greater value in the CRM stays.
    """
    if record is None:
        return None, None
    allowed = {normalise(status) for status in statuses_expected(row, policy)}
    shown = normalise(record.status or "")
    kept = record.status or "" if row.status is not None and shown not in allowed else None
    attempts = row.call_attempts
    in_crm = read_attempts(record.call_attempts, policy.max_sane_attempts)
    if attempts is not None and isinstance(in_crm, int):
        attempts = max(attempts, in_crm)
    status = None if kept is not None else row.status
    return CrmUpdate(row.key, status, attempts, row.first_no_answer_at), kept


def _wait_after(tries: int) -> timedelta:
    wait: timedelta = _FIRST_WAIT * (1 << min(tries, 12))
    return min(wait, _LONGEST_WAIT)
