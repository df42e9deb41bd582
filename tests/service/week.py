"""A simulated week of the service: three runs a day, people who join, answer or not, and colleagues who edit records in Zoho."""

import random
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.placing import Refused, Scope
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.update import NotWritten, Refusal
from autodialer.ports.ledger import Ledger
from proof.population import number_of, people
from service.replayed import Rows, raw_rows
from service.world import DAY, MONDAY, World

_ENDS = (Disposition.NO_ANSWER,) * 14 + (
    Disposition.BUSY,
    Disposition.FAILED,
    Disposition.ANSWERED,
    Disposition.ANSWERED,
)
STOP_STATUSES = ("Recruiting", "Onboarding", "Not interested / Rejected")
_STATUSES = (*STOP_STATUSES, "New", "No Answer")
_JOIN_EACH_DAY = 23
_JOIN_AT_ONCE = 16


@dataclass
class Snapshot:
    """Everything at one instant."""

    at: datetime
    records: Mapping[RecordKey, Record]
    rows: Rows


@dataclass
class Week:
    """What happened. `edits`: when a person changed which field of whom; `snapshots`: between the runs."""

    world: World
    chance: random.Random
    edits: dict[RecordKey, list[tuple[datetime, str, object]]] = field(default_factory=lambda: defaultdict(list))
    snapshots: list[Snapshot] = field(default_factory=list)
    joined: int = 0

    async def live(self) -> None:
        """All of it, up to an afternoon on which many are under way."""
        self.world.telephony.ends = self._ends
        for day in range(7):
            self._join(_JOIN_AT_ONCE if day == 0 else _JOIN_EACH_DAY)
            for hour in (10, 14, 18):
                slot = MONDAY.replace(hour=hour) + day * DAY
                if (day, hour) == (6, 18):
                    break
                await self._slot(slot)
        self.world.clock.move_to(MONDAY + 6 * DAY + timedelta(hours=5, minutes=30))

    async def _slot(self, slot: datetime) -> None:
        world = self.world
        if world.clock.now() < slot:
            world.clock.move_to(slot)
        for record in self._some(1):
            refused = Refused("-1017", "cannot be dialled", Scope.NUMBER)
            world.telephony.script = {number_of(record) or "": deque([refused])}
        await world.run(slot=slot, confirm=True)
        await world.settle()
        world.clock.move_to(slot + timedelta(minutes=20))
        await world.services.reconciler.sweep()
        await self._desk()
        world.clock.move_to(slot + timedelta(minutes=90))
        await world.services.reconciler.sweep()
        await world.drain()
        await self._take_snapshot()
        self._colleagues()

    def _some(self, count: int) -> list[Record]:
        return self.chance.sample(sorted(self.world.crm.records.values(), key=lambda one: one.key), count)

    def _ends(self, _: object) -> Disposition | None:
        return None if self.chance.random() < 0.04 else self.chance.choice(_ENDS)

    def _join(self, count: int) -> None:
        drawn = people(self.chance, count, self.world.clock.now())
        for offset, record in enumerate(drawn):
            number = self.joined + offset
            key = replace(record.key, zoho_id=str(int(record.key.zoho_id) - offset + number))
            fresh = record.phone is not None and record.phone.endswith(f"{20_000_000 + offset}")
            phone = record.phone if not fresh else f"+407{20_000_000 + number}"
            self.world.crm.add(replace(record, key=key, phone=phone, modified_time="0"))
        self.joined += count

    async def _desk(self) -> None:
        """Late results and settlements, and a number that asks not to be called."""
        world = self.world
        for row in await world.read(lambda ledger: ledger.attempts.unknown()):
            dice = self.chance.random()
            if row.state is AttemptState.UNKNOWN and dice < 0.2 and row.session_id:
                await world.hear(row.session_id, Disposition.NO_ANSWER)
            elif dice < 0.3:
                await world.services.settler.settle(row.attempt_id, self.chance.choice(tuple(Settlement)))
        await world.drain()
        numbers = [row.number for row in await world.read(lambda ledger: ledger.attempts.sent_since(MONDAY, None, 500))]
        if numbers and self.chance.random() < 0.5:
            number, now = str(self.chance.choice(numbers)), world.clock.now()
            await world.write(lambda ledger: _suppress(ledger, number, now))

    def _colleagues(self) -> None:
        """People at work in Zoho; some records refuse the next update."""
        crm, now = self.world.crm, self.world.clock.now()
        for record in self._some(5):
            dice = self.chance.random()
            if dice < 0.6:
                status = self.chance.choice(_STATUSES)
                crm.change(record.key, status=status)
                self.edits[record.key].append((now, "Status", status))
            elif dice < 0.7:
                count = self.chance.choice((0, 3, -1, "many"))
                crm.change(record.key, call_attempts=count)
                self.edits[record.key].append((now, "Call Attempts", count))
            elif dice < 0.9:
                refusal = NotWritten("INVALID_DATA", "no", Refusal.NEVER)
                if dice < 0.8:
                    refusal = NotWritten("RECORD_LOCKED", "in use", Refusal.RETRY)
                crm.refusals.setdefault(record.key, deque()).append(refusal)

    async def _take_snapshot(self) -> None:
        rows = await self.world.read(raw_rows)
        self.snapshots.append(Snapshot(self.world.clock.now(), dict(self.world.crm.records), rows))


def _suppress(ledger: Ledger, number: str, at: datetime) -> None:
    ledger.do_not_call.add(number, "asked for it", at)
