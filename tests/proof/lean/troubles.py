"""What comes over a deployment from outside: processes that die or stand still, outages, clocks, people."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from autodialer.domain.errors import StoreError
from autodialer.domain.record import RecordType
from autodialer.ports.ledger import Ledger
from autodialer.service.control import pause as pause_calls
from autodialer.service.control import resume
from proof.lean.heap import pause
from proof.office import STOPPED, Edit
from service.world import phone

if TYPE_CHECKING:
    from proof.lean.simulation import Simulation


class Troubles:
    """Those of one simulation."""

    def __init__(self, simulation: "Simulation") -> None:
        self._s = simulation
        self._dice = simulation.dice
        self._heap = simulation.heap

    def of_a_slot(self) -> list[Coroutine[Any, Any, None]]:
        """What will happen while this run is going."""
        chance = self._dice.of("troubles")
        kinds = {
            self._kill: 0.4,
            self._kill_again: 0.25,
            self._outage: 0.25,
            self._set_clock: 0.3,
            self._pause: 0.12,
            self._suspend: 0.5 if self._s.replicas else 0.0,
            self._suppress: 0.6,
            self._walk_in: 1.0,
        }
        return [kind() for kind, likely in kinds.items() if chance.random() < likely]

    async def _kill(self) -> None:
        for process in self._s.processes[:1]:
            process.dies_in = int(self._dice.of("kills").random() ** 2 * 6 * len(self._s.people)) + 1

    async def _kill_again(self) -> None:
        await pause(25 * self._dice.of("kills").random())
        for process in self._s.processes[-1:]:
            process.die()

    async def _outage(self) -> None:
        chance = self._dice.of("outages")
        await pause(15 * chance.random())
        self._dice.fired["store: gone for seconds"] += 1
        self._s.store.gone_until = self._heap.time + 10 * chance.random()

    async def _set_clock(self) -> None:
        chance = self._dice.of("clock")
        await pause(20 * chance.random())
        seconds = chance.choice((-45.0, -20.0, -1.0, 15.0, 200.0, 900.0))
        self._dice.fired["clock: set forward" if seconds > 0 else "clock: set back"] += 1
        self._s.note(f"clock {seconds}")
        self._heap.step(seconds)

    async def _suspend(self) -> None:
        chance = self._dice.of("suspensions")
        await pause(20 * chance.random())
        if self._s.processes:
            self._dice.fired["process: stands still"] += 1
            process = self._s.processes[chance.randrange(len(self._s.processes))]
            process.still_until = self._heap.time + 5 + 45 * chance.random()

    async def _pause(self) -> None:
        chance = self._dice.of("pauses")
        await pause(20 * chance.random())
        await self._insist(lambda ledger: pause_calls(ledger, self._heap.now()))
        self._dice.fired["person: paused"] += 1
        self._s.voice.paused_since = self._heap.time
        await pause(5 + 40 * chance.random())
        self._s.voice.paused_since = None
        await self._insist(lambda ledger: resume(ledger, self._heap.now()))

    async def _suppress(self) -> None:
        chance = self._dice.of("do-not-call")
        for _ in range(3):
            await pause(8 * chance.random())
            number = phone(chance.randrange(len(self._s.people)))
            await self._insist(partial(self._add, number))
            self._dice.fired["person: do-not-call"] += 1
            self._s.voice.suppressed.setdefault(number, self._heap.time)

    def _add(self, number: str, ledger: Ledger) -> None:
        ledger.do_not_call.add(number, "asked", self._heap.now())

    async def _insist(self, work: Callable[[Ledger], object]) -> None:
        while True:
            try:
                self._s.store.transact(work)
            except StoreError:
                await pause(0.5)
            else:
                return

    async def _walk_in(self) -> None:
        """People at their desks, while a run is going."""
        chance = self._dice.of("walk-ins")
        for _ in range(10):
            await pause(4 * chance.random())
            busy = self._s.voice.calls[-20:]
            key = busy[chance.randrange(len(busy))].key if busy and chance.random() < 0.6 else None
            if key is None:
                key = self._s.people[chance.randrange(len(self._s.people))].key
            record = self._s.office.of_id.get(key.zoho_id)
            if record is None:
                continue
            dice, count, edit = chance.random(), record.call_attempts, None
            if dice < 0.55:
                kind, edit = "sets a status", Edit(self._heap.time, status=chance.choice(STOPPED))
            elif dice < 0.75 and isinstance(count, int) and 0 <= count < 7 and not self._s.has_open_call(key):
                kind, edit = "raises Call Attempts", Edit(self._heap.time, call_attempts=count + 1)
            elif dice < 0.85 or key.record_type is RecordType.CONTACT:
                kind, edit = "deletes a record", Edit(self._heap.time, gone=True)
            else:
                kind = "converts a lead"
            if self._s.office.edit(key, edit) if edit else self._s.convert(record):
                self._s.quotas.forget(key)
                self._dice.fired[f"person: {kind}"] += 1
