"""The CRM with its faults and its people, who change things while we work; it knows what it was told to overwrite."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, WriteResult, Written
from autodialer.ports import CrmUsage
from autodialer.rules.text import normalise
from autodialer.zoho.answers import Answer, error_for
from autodialer.zoho.mapping import to_result
from proof.lean.dice import Dice
from proof.lean.heap import Heap, Process, pause
from proof.office import STOPPED, Edit

PAGE = 200
_JUST_LOOKED = 5.0  # seconds: no person is faster than that between our look and our write
_PULLED = frozenset({"new", "no answer"})
_REFUSALS: Mapping[str, WriteResult] = {
    name: to_result({"code": code, "message": "no", "status": "error", "details": {}})
    for name, code in (
        ("zoho: one record locked", "RECORD_LOCKED"),
        ("zoho: one record refused", "INVALID_DATA"),
        ("zoho: one record read again", "ALREADY_MODIFIED"),
        ("gone", "ID_ALREADY_CONVERTED"),
    )
}
_UNAUTHORISED = Answer(401, {}, b'{"code":"INVALID_TOKEN","message":"invalid oauth token","status":"error"}')
_is_pulled = lru_cache(maxsize=64)(lambda status: normalise(status or "") in _PULLED)


class Office:
    """Zoho as seen by the judge. `violations` are what may never happen to a record."""

    def __init__(self, heap: Heap, dice: Dice, note: Callable[[str], None], people: Sequence[Record]) -> None:
        self._heap = heap
        self._dice = dice
        self._note = note
        self.of_id = {person.key.zoho_id: person for person in people}
        self.edits: dict[RecordKey, list[Edit]] = defaultdict(list)
        self.made_dead: dict[RecordKey, datetime] = {}
        self.violations: list[str] = []
        self._edited: set[str] = set()
        self._looked: dict[str, float] = {}
        self.being_written: Counter[str] = Counter()

    @property
    def records(self) -> dict[RecordKey, Record]:
        return {record.key: record for record in self.of_id.values()}

    def trouble(self, name: str) -> None:
        """Zoho refuses, if the dice say so."""
        if not self._dice.nth(name):
            return
        if self._dice.of("zoho kinds").random() < 0.3:
            self._dice.fired["zoho: 401"] += 1
            raise error_for(_UNAUTHORISED)
        self._dice.fired["zoho: 429"] += 1
        raise CrmError("429 too many requests", permanent=False, code="TOO_MANY_REQUESTS")

    def slowness(self) -> float:
        """Seconds on the way to Zoho."""
        return 2 + 40 * self._dice.of("zoho times").random() if self._dice.nth("zoho: slow") else 0.05

    def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        self._looked.update(dict.fromkeys([key.zoho_id for key in keys], self._heap.time))
        of_id = self.of_id
        return {key: of_id[key.zoho_id] for key in keys if key.zoho_id in of_id}

    def write(self, update: CrmUpdate) -> WriteResult:
        if (fault := self._dice.write()) is not None:
            return _REFUSALS[fault]
        key = update.key
        record = self.of_id.get(key.zoho_id)
        if record is None:
            return _REFUSALS["gone"]
        self._judge(update, record)
        if update.status is CrmStatus.DEAD:
            self.made_dead.setdefault(key, self._heap.now())
        first = update.first_no_answer_at
        self.of_id[key.zoho_id] = Record(
            key,
            record.status if update.status is None else update.status.value,
            record.call_attempts if update.call_attempts is None else update.call_attempts,
            record.first_no_answer_at if first is None else first.isoformat(),
            record.phone,
            record.mobile,
            record.created_time,
            record.modified_time,
            record.name,
        )
        self._note(f"write {key.zoho_id} {update.status} {update.call_attempts} {first}")
        return Written()

    def _judge(self, update: CrmUpdate, record: Record) -> None:
        if update.status is not None and record.key.zoho_id in self._edited and record.status in STOPPED:
            last = next((edit.status for edit in reversed(self.edits[record.key]) if edit.status), None)
            if last == record.status:
                self.violations.append(f"{update.key}: a person's {last} was overwritten with {update.status}")
        held = record.call_attempts
        if update.call_attempts is not None and isinstance(held, int) and update.call_attempts < held:
            self.violations.append(f"{update.key}: Call Attempts went from {held} down to {update.call_attempts}")

    def edit(self, key: RecordKey, edit: Edit) -> bool:
        """A person does it; False while we look at the record ourselves, when Zoho alone could tell who was first."""
        record = self.of_id.get(key.zoho_id)
        if record is None or self._is_looked_at(key.zoho_id):
            return False
        if edit.gone:
            del self.of_id[key.zoho_id]
        else:
            self.of_id[key.zoho_id] = Record(
                key,
                edit.status or record.status,
                record.call_attempts if edit.call_attempts is None else edit.call_attempts,
                record.first_no_answer_at,
                edit.phone or record.phone,
                record.mobile,
                record.created_time,
                record.modified_time,
            )
        self._edited.add(key.zoho_id)
        self.edits[key].append(edit)
        self._note(f"edit {key.zoho_id} {edit.status} {edit.call_attempts} {edit.phone} {edit.gone}")
        return True

    def _is_looked_at(self, zoho_id: str) -> bool:
        """Also by a process that looked and then stood still with its update in hand."""
        return self.being_written[zoho_id] > 0 or self._heap.time - self._looked.get(zoho_id, -1e9) < _JUST_LOOKED

    def convert(self, record: Record) -> Record | None:
        """The lead becomes a contact (rules.md row 15), who is returned."""
        if not self.edit(record.key, Edit(self._heap.time, gone=True)):
            return None
        key = RecordKey(RecordType.CONTACT, f"9{record.key.zoho_id}")
        person = Record(
            key,
            record.status,
            record.call_attempts,
            record.first_no_answer_at,
            record.phone,
            record.mobile,
            record.created_time,
            "1",
        )
        self.of_id[key.zoho_id] = person
        return person


_NOTHING_ASKED = CrmUsage()


class ProcessOffice:
    """Implements the part of ports.Crm that a process needs: it can die before or after each request."""

    def __init__(self, office: Office, process: Process) -> None:
        self._office = office
        self._process = process

    async def prepare(self) -> None:
        self._process.step()

    @property
    def usage(self) -> CrmUsage:
        return _NOTHING_ASKED

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        office = self._office
        self._process.step()
        office.trouble("zoho: pull fails")
        last = int(after or 0)
        mine = (int(zoho_id) for zoho_id, record in office.of_id.items() if record.key.record_type is record_type)
        ids = sorted(zoho_id for zoho_id in mine if zoho_id > last)
        while ids:  # by id, as records come and go between two pages
            page: list[Record] = []
            for last in ids:
                record = office.of_id.get(str(last))
                if record is not None and _is_pulled(record.status):
                    page.append(record)
                    if len(page) == PAGE:
                        break
            ids = [zoho_id for zoho_id in ids if zoho_id > last]
            self._process.step()
            office.trouble("zoho: pull breaks off")
            await pause(office.slowness())
            yield page

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        self._process.step()
        self._office.trouble("zoho: look fails")
        await pause(self._office.slowness())
        self._process.step()
        return self._office.look(keys)

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        self._process.step()
        self._office.trouble("zoho: write fails")
        ids = [update.key.zoho_id for update in updates]
        self._office.being_written.update(ids)
        await pause(0.05)
        results = [self._office.write(update) for update in updates]
        self._office.being_written.subtract(ids)
        self._process.step()
        self._office.trouble("zoho: answer torn after the commit")
        return results
