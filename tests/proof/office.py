"""The CRM with its faults and its people, who change things while we work; it knows what it was told to overwrite."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult, Written
from proof.faults import Dice
from proof.times import SimClock
from service.fakes import FakeCrm

STOPPED = ("Recruiting", "Onboarding", "Not interested / Rejected")
_JUST_LOOKED = 5.0  # seconds: no person is faster than that between our look and our write


@dataclass(frozen=True)
class Edit:
    """What a person did, and when (monotonic seconds)."""

    at: float
    status: str | None = None
    call_attempts: int | None = None
    phone: str | None = None
    gone: bool = False


class Office(FakeCrm):
    """Zoho as seen by the judge. `violations` are what may never happen to a record."""

    def __init__(self, clock: SimClock, dice: Dice, note: Callable[..., None]) -> None:
        super().__init__(clock)
        self.clock = clock
        self.latency = 0.05
        self.dice = dice
        self.note = note
        self.edits: dict[RecordKey, list[Edit]] = {}
        self.violations: list[str] = []
        self.made_dead: dict[RecordKey, datetime] = {}
        self.written: dict[RecordKey, list[CrmUpdate]] = {}
        self._looked: dict[RecordKey, float] = {}

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        self._trouble("zoho: pull fails")
        async for page in super().pull(record_type, after):
            self._trouble("zoho: pull breaks off")
            await self._slow()
            yield page

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        self._trouble("zoho: look fails")
        await self._slow()
        found = await super().look(keys)
        self._looked |= dict.fromkeys(keys, self.clock.monotonic())
        return found

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        self._trouble("zoho: write fails")
        results = list(await super().write(updates))
        self._trouble("zoho: answer torn after the commit")
        return results

    def _trouble(self, name: str) -> None:
        if self.dice.fault(name):
            self._refuse()

    def _refuse(self) -> None:
        if self.dice.of("zoho kinds").random() < 0.3:
            self.dice.struck("zoho: 401")
            raise CrmError("401 token refused", permanent=True, code="OAUTH", stops_run=True)
        self.dice.struck("zoho: 429")
        raise CrmError("429 too many requests", permanent=False, code="TOO_MANY_REQUESTS")

    async def _slow(self) -> None:
        """On the way to Zoho: what it then answers is of that moment."""
        if self.dice.fault("zoho: slow"):
            await self.clock.sleep(2 + 40 * self.dice.of("zoho slowness").random())

    def _write(self, update: CrmUpdate) -> WriteResult:
        if self.dice.fault("zoho: one record locked"):
            return NotWritten("RECORD_LOCKED", "in use", Refusal.RETRY)
        if self.dice.fault("zoho: one record refused"):
            return NotWritten("INVALID_DATA", "no", Refusal.NEVER)
        if self.dice.fault("zoho: one record read again"):
            return NotWritten("MODIFIED", "somebody was faster", Refusal.REREAD)
        if update.key not in self.records:
            return NotWritten("INVALID_ID", "gone", Refusal.NEVER)
        before = self.records[update.key]
        result = super()._write(update)
        if isinstance(result, Written):
            self._judge(update, before)
            self.written.setdefault(update.key, []).append(update)
            if update.status is CrmStatus.DEAD:
                self.made_dead.setdefault(update.key, self.clock.now())
        self.note("write", str(update.key), update.status, update.call_attempts, update.first_no_answer_at)
        return result

    def _judge(self, update: CrmUpdate, record: Record) -> None:
        last = next((edit.status for edit in reversed(self.edits.get(update.key, [])) if edit.status), None)
        if update.status is not None and last in STOPPED and record.status == last:
            self.violations.append(f"{update.key}: a person's {last} was overwritten with {update.status}")
        held = record.call_attempts
        if update.call_attempts is not None and isinstance(held, int) and update.call_attempts < held:
            self.violations.append(f"{update.key}: Call Attempts went from {held} down to {update.call_attempts}")

    def edit(self, key: RecordKey, edit: Edit) -> bool:
        """A person does it; False while we look at the record ourselves, when Zoho alone could tell who was first."""
        if key not in self.records or self.clock.monotonic() - self._looked.get(key, -1e9) < _JUST_LOOKED:
            return False
        if edit.gone:
            del self.records[key]
        else:
            names = ("status", "call_attempts", "phone")
            self.change(key, **{name: value for name in names if (value := getattr(edit, name)) is not None})
        self.edits.setdefault(key, []).append(edit)
        self.note("edit", str(key), edit.status, edit.call_attempts, edit.phone, edit.gone)
        return True
