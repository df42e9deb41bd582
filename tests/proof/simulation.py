"""Days of the service in virtual time, everything drawn from one seed: people, behaviours, faults on every edge.

proof.replay does one of them again.
"""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, select

from autodialer.domain.errors import DialerError, RunRefused, StoreError
from autodialer.ports import Log
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, Run, RunKind, RunState
from autodialer.rules.policy import Policy
from autodialer.store.attempts import attempt_row
from autodialer.store.engine import Database
from autodialer.store.tables import attempts
from autodialer.store.types import to_millis
from autodialer.store.verify import Breach
from proof.exchange import Exchange
from proof.faults import Dice
from proof.fold import problems_of
from proof.inline import InlineStore, memory_database
from proof.office import Office
from proof.outcome import Outcome
from proof.pace import LOOKS_EVERY, unhurried
from proof.population import Quotas, people
from proof.processes import Process, outside, tag_tasks
from proof.times import SimClock, SimLoop, until
from proof.troubles import Troubles
from service.fakes import Crashed

START = datetime(2026, 3, 2, 9, 58, tzinfo=UTC)
HOURS = (10, 14, 18)
_DO_NOT_CALL = 8  # the invariant
_FORGOTTEN = ("inbox i JOIN attempts a ON a.session_id = i.session_id", "i.state = 'orphan'")
_GONE = (Crashed, asyncio.CancelledError)


class Silence:
    """Implements ports.Log; nobody reads it, and it costs nothing."""

    def info(self, event: str, **fields: object) -> object:
        """Not kept."""

    def warning(self, event: str, **fields: object) -> object:
        """Not kept."""

    def error(self, event: str, **fields: object) -> object:
        """Not kept."""


def simulate(
    seed: int, records: int, days: int = 4, *, database: Database | None = None, log: Log | None = None
) -> Outcome:
    """Run one seed to its end on an empty ledger (in memory, unless another is given)."""
    began = time.process_time()
    loop = SimLoop()
    tag_tasks(loop)
    opened = database or memory_database()
    try:
        with unhurried():
            simulation = Simulation(loop, opened, seed, records, log or Silence())
            loop.run_until_complete(simulation.live(days))
        return simulation.outcome(time.process_time() - began)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        if database is None:
            opened.close()


class Simulation:
    """One deployment with its surroundings."""

    def __init__(self, loop: SimLoop, database: Database, seed: int, records: int, log: Log) -> None:
        self.seed = seed
        self.policy = Policy()
        self.clock = SimClock(loop, START)
        self.dice = Dice(seed)
        self.log = log
        self._trace = hashlib.sha256()
        self.lines: list[str] = []
        self.store = InlineStore(database, fails=self._store_fails, torn=self._store_torn)
        self.crm = Office(self.clock, self.dice, self.note)
        self.replicas = self.dice.of("shape").random() < 0.4
        self.dice.storm = self.dice.of("shape").choice((0.5, 1.0, 2.0, 4.0))
        self._lines = max(4, int(records * self.dice.of("shape").choice((0.1, 0.3, 0.6))))
        temper = self.dice.of("shape").random() * 0.5
        self.exchange = Exchange(
            self.clock,
            dice=self.dice,
            echoes=self.dice.of("shape").random() < 0.5,
            keeps_log=self.dice.of("log").random() < 0.5,
            mood=lambda number: temper * (int(number[-2:]) / 100),
            take=self._take,
            note=self.note,
            tolerance=60.0 if self.replicas else 1.0,
        )
        self.people = people(self.dice.of("people"), records, START)
        self.crm.add(*self.people)
        self.quotas = self.exchange.quota = Quotas(self.people)
        self.processes: list[Process] = []
        self._owners = itertools.count(1)
        self._ids = itertools.count(1)
        self.troubles = Troubles(self)
        self.problems: list[str] = []

    def note(self, *facts: object) -> None:
        """One line of the trace."""
        line = f"{self.clock.monotonic():.6f} {' '.join(map(str, facts))}"
        self._trace.update(line.encode())
        self.lines.append(line)

    # The processes

    async def boot(self) -> None:
        """Another process, as soon as the ledger lets it start."""
        while True:
            process = Process(f"process-{next(self._owners)}", self.clock, alone=not self.replicas)
            process.wire_up(
                self.store,
                self.crm,
                self.exchange,
                self.policy,
                self.log,
                lambda: f"id-{next(self._ids):06}",
                calls_per_second=max(4.0, len(self.people) / 30),
                max_concurrent_calls=self._lines,
                result_timeout=60.0,
            )
            process.on_death = self._died
            try:
                await process.spawn(process.worker.start())
            except StoreError:
                process.dead = True
                await self.clock.sleep(1)
                continue
            except _GONE:
                continue
            self.note("boot", process.owner)
            self.processes.append(process)
            return

    def _died(self, process: Process) -> None:
        self.dice.struck("process: killed")
        self.note("killed", process.owner)
        if process in self.processes:
            self.processes.remove(process)
        outside(self._boot_later())

    async def _boot_later(self) -> None:
        await self.clock.sleep(1 + 15 * self.dice.of("boots").random())
        await self.boot()

    def _store_fails(self) -> bool:
        if self.dice.healed:
            return False
        return self.clock.monotonic() < self.troubles.outage_until or self.dice.fault("store: disk full")

    def _store_torn(self) -> bool:
        return self.dice.fault("store: answer torn after the commit")

    async def _take(self, body: Mapping[str, object]) -> bool:
        """8x8 reaches any process that lives."""
        if not self.processes:
            return False
        process = self.processes[self.dice.of("balancer").randrange(len(self.processes))]
        try:
            with process.at_work():
                await process.services.callbacks.take(body)
        except (StoreError, Crashed):
            return False
        except asyncio.CancelledError:
            if not process.dead:
                raise
            return False
        return True

    # The days

    async def live(self, days: int) -> None:
        """All of it, and what must hold in the end."""
        for _ in range(2 if self.replicas else 1):
            await self.boot()
        for day, hour in itertools.product(range(days), HOURS):
            await self._slot(START.replace(hour=hour, minute=0) + timedelta(days=day))
        await self._heal()
        await self._judge(START.date() + timedelta(days=days))

    async def _slot(self, slot: datetime) -> None:
        self.clock.idle_until(slot - timedelta(seconds=30))
        await self.clock.sleep(1)
        self.exchange.send_late()
        self.troubles.people_at_their_desks()
        await self.clock.sleep(max(1.0, (slot - self.clock.now()).total_seconds()))
        troubles = [asyncio.ensure_future(trouble) for trouble in self.troubles.of_a_slot()]
        await self._take_slot(slot)
        await self._until_quiet()
        await asyncio.gather(*troubles)
        await self._until_quiet()

    async def _take_slot(self, slot: datetime) -> None:
        for _ in range(6):
            for process in list(self.processes):
                try:
                    run = await process.spawn(process.services.scheduler.take_due())
                except (DialerError, *_GONE):
                    continue
                if run is not None:
                    self.note("slot", slot, run.run_id, process.owner)
                    with process.at_work():
                        process.services.run_desk.go_on(run)
            if self._count("runs", f"slot = {to_millis(slot)}"):
                return
            await self.clock.sleep(61)
        self.note("slot missed", slot)

    async def _until_quiet(self) -> None:
        async def quiet() -> bool:
            return not (
                self.exchange.tasks
                or self._count("runs", "state IN ('staging', 'dialing')")
                or self._count("inbox", "state = 'new'")
            )

        if not await until(quiet, 3000, every=2.0):
            self.problems.append(f"not quiet at {self.clock.now()}")
        await self.clock.sleep(6)

    def _count(self, table: str, condition: str) -> int:
        query = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608 - constants only
        return int(self.store.now(lambda connection: connection.exec_driver_sql(query).scalar_one()))

    # The end

    async def _heal(self) -> None:
        """No fault any more: everything that waits must come to its end by itself, parked updates when a person says so."""
        self.dice.healed = True
        for process in self.processes:
            process.dies_in = None
        await self.clock.sleep(20 + LOOKS_EVERY)
        if not self.processes:
            await self.boot()
        self.exchange.send_late()
        await self._until_quiet()
        await self._drained()

    async def _drained(self) -> None:
        def unpark(ledger: Ledger) -> None:
            for row in ledger.outbox.parked(100_000):
                ledger.outbox.unparked(row.outbox_id, self.clock.now())

        await self.store.write(unpark)
        for _ in range(8):
            if not self._count("outbox", "state = 'pending'"):
                return
            self.clock.idle_until(self.clock.now() + timedelta(seconds=901))
            await self.clock.sleep(LOOKS_EVERY + 2)
        self.problems.append("updates are still waiting")

    async def _judge(self, last_day: date) -> None:
        """One more run in a world without faults, then the count."""
        self.clock.idle_until(datetime.combine(last_day, START.time(), UTC) + timedelta(hours=2))
        await self.clock.sleep(10)
        process = self.processes[0]
        try:
            _, going = await process.spawn(process.services.run_desk.start(RunKind.MANUAL, confirm=True))
        except RunRefused as refusal:
            self.problems.append(f"the last run was refused: {refusal.message}")
            return
        run: Run = await going
        if run.state is not RunState.FINISHED:
            self.problems.append(f"the last run {run.state}: {run.stop_reason}")
        await self._until_quiet()
        await self._drained()
        last_run_at = run.started_at
        self.clock.idle_until(self.clock.now() + timedelta(days=1))
        await self.clock.sleep(LOOKS_EVERY + 2)
        rows = self.store.now(self._rows)
        self.note(*rows)
        self.problems += self.exchange.violations + self.crm.violations
        self.problems += [
            f"{breach.sentence}: {breach.subject}" for breach in self.store.breaches() if self._is_sure(breach)
        ]
        if forgotten := self._count(*_FORGOTTEN):
            self.problems.append(f"{forgotten} results were never applied though their call is known")
        self.problems += problems_of(self, rows, last_run_at)

    def _is_sure(self, breach: Breach) -> bool:
        """By its instants alone no ledger can tell who was first when the clock was set back; the judge goes by another."""
        return breach.number != _DO_NOT_CALL or "clock: set back" not in self.dice.fired

    def _rows(self, connection: Connection) -> list[AttemptRow]:
        return [attempt_row(row) for row in connection.execute(select(attempts).order_by(attempts.c.attempt_id))]

    def outcome(self, cpu: float) -> Outcome:
        return Outcome(
            self.seed,
            len(self.people),
            tuple(self.problems),
            self._trace.hexdigest(),
            self.dice.fired,
            sum(self.exchange.rung.values()),
            len(self.exchange.calls),
            self._count("runs", "1 = 1"),
            self.store.commits,
            cpu,
        )
