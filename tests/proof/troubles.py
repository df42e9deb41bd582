"""What comes over a simulated deployment from outside: processes that die or stand still, outages, clocks, people."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from autodialer.domain.errors import StoreError
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.service.control import pause, resume
from proof.office import STOPPED, Edit
from service.world import phone

if TYPE_CHECKING:
    from proof.simulation import Simulation


class Troubles:
    """Those of one simulation. `outage_until`: monotonic seconds until which no commit succeeds."""

    def __init__(self, simulation: "Simulation") -> None:
        self._s = simulation
        self._dice = simulation.dice
        self._clock = simulation.clock
        self.outage_until = 0.0

    def of_a_slot(self) -> list[Coroutine[Any, Any, None]]:
        """What will happen while this run is going."""
        chance = self._dice.of("troubles")
        kinds = {
            self._kill: 0.5,
            self._kill_again: 0.15,
            self._outage: 0.3,
            self._set_clock: 0.35,
            self._pause: 0.15,
            self._suspend: 0.4 if self._s.replicas else 0.0,
            self._suppress: 0.6,
            self._walk_in: 1.0,
        }
        return [kind() for kind, likely in kinds.items() if chance.random() < likely]

    async def _kill(self) -> None:
        chance = self._dice.of("kills")
        for process in self._s.processes[:1]:
            process.dies_in = int(chance.random() ** 2 * 6 * len(self._s.people)) + 1

    async def _kill_again(self) -> None:
        await self._clock.sleep(20 * self._dice.of("kills").random())
        for process in self._s.processes[-1:]:
            process.die()

    async def _outage(self) -> None:
        chance = self._dice.of("store outages")
        await self._clock.sleep(15 * chance.random())
        self._dice.struck("store: gone for seconds")
        self.outage_until = self._clock.monotonic() + 10 * chance.random()

    async def _set_clock(self) -> None:
        chance = self._dice.of("clock")
        await self._clock.sleep(20 * chance.random())
        seconds = chance.choice((-45.0, -20.0, -1.0, 15.0, 200.0, 900.0))
        self._dice.struck("clock: set forward" if seconds > 0 else "clock: set back")
        self._s.note("clock", seconds)
        self._clock.step(seconds)

    async def _suspend(self) -> None:
        chance = self._dice.of("suspensions")
        await self._clock.sleep(20 * chance.random())
        if self._s.processes:
            self._dice.struck("process: stands still")
            process = self._s.processes[chance.randrange(len(self._s.processes))]
            self._s.note("suspended", process.owner)
            process.stand_still(5 + 45 * chance.random())

    async def _pause(self) -> None:
        chance = self._dice.of("pauses")
        await self._clock.sleep(20 * chance.random())
        await self.insist(lambda ledger: pause(ledger, self._clock.now()))
        self._dice.struck("person: paused")
        self._s.exchange.paused_since = self._clock.monotonic()
        await self._clock.sleep(5 + 40 * chance.random())
        self._s.exchange.paused_since = None
        await self.insist(lambda ledger: resume(ledger, self._clock.now()))

    async def _suppress(self) -> None:
        chance = self._dice.of("do-not-call")
        await self._clock.sleep(20 * chance.random())
        number = phone(chance.randrange(len(self._s.people)))
        await self.insist(lambda ledger: ledger.do_not_call.add(number, "asked", self._clock.now()))
        self._dice.struck("person: do-not-call")
        self._s.exchange.suppressed.setdefault(number, self._clock.monotonic())

    async def insist(self, work: Callable[[Ledger], object]) -> None:
        """What a person does again until it is done."""
        while True:
            try:
                await self._s.store.write(work)
            except StoreError:
                await self._clock.sleep(0.5)
            else:
                return

    def people_at_their_desks(self) -> None:
        """What they change between two runs."""
        chance = self._dice.of("office")
        now = self._clock.monotonic()
        people = self._s.people
        for _ in range(1 + len(people) // 40):
            record = people[chance.randrange(len(people))]
            held = self._s.crm.records.get(record.key)
            dice = chance.random()
            if held is None:
                continue
            if dice < 0.5:
                self._edit(record.key, Edit(now, status=chance.choice(STOPPED)))
            elif dice < 0.75 and isinstance(held.call_attempts, int) and 0 <= held.call_attempts < 7:
                self._edit(record.key, Edit(now, call_attempts=held.call_attempts + 1))
            elif dice < 0.85:
                self._edit(record.key, Edit(now, phone=phone(len(people) + chance.randrange(10_000))))
            elif dice < 0.92:
                self._edit(record.key, Edit(now, gone=True))
            elif held.status in STOPPED:
                self._edit(record.key, Edit(now, status=chance.choice(("New", "No Answer"))))

    async def _walk_in(self) -> None:
        """While a run is going: statuses change and records disappear at any moment."""
        chance = self._dice.of("walk-ins")
        for _ in range(2 + len(self._s.people) // 100):
            await self._clock.sleep(6 * chance.random())
            busy = [call.key for call in self._s.exchange.calls[-10:]]
            key = chance.choice(busy) if busy and chance.random() < 0.7 else chance.choice(self._s.people).key
            gone = chance.random() < 0.1
            edit = Edit(self._clock.monotonic(), status=None if gone else chance.choice(STOPPED), gone=gone)
            for _ in range(10):
                if key not in self._s.crm.records or self._edit(key, edit):
                    break
                await self._clock.sleep(1)

    def _edit(self, key: RecordKey, edit: Edit) -> bool:
        done = self._s.crm.edit(key, edit)
        if done:
            self._s.quotas.forget(key)
            self._dice.struck("person: edits the CRM")
        return done
