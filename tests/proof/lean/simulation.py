"""A second, lean simulation: a seed of 1,000 records in a tenth of a second of CPU.

Real, as they run tonight: the use cases (service/: scheduler, runs, staging, preparing, dialing, outcomes, results, ending,
projecting, write-back, reconciling, the look into 8x8's log, taking over from a dead process), all rules (rules/), the
states of an attempt (domain/attempt.py) and how the store writes them (store/transitions.py), the slots of quotas
(domain/attempt.free_place), how updates merge (store/outbox._merged), what an answer of 8x8 means (eightx8/classify.py over
status and body), what a webhook means (eightx8/mapping.py over its JSON: for one in eight; the others come as what it says),
what Zoho's refusals mean (zoho/mapping.py, zoho/answers.py), the worker's loops.

Modelled: the database (dictionaries with the same compare-and-set, the same unique keys and quotas, and a journal that takes
a refused transaction back: attempts.py, boxes.py, staging.py, store.py); asyncio (heap.py, patches.py: coroutines resumed from a
heap of instants, the hand-over inside Dialer.dial); HTTP, with 8x8 and Zoho behind it (voice.py, office.py). Pure functions that
many records ask the same thing remember their answers (patches.py). SQL, real event loops and sockets are proved by
proof.simulation, the store's tests and the crash tests.

A seed is one run with faults on every edge: its 1,000 records are pulled and decided, about a quarter may be called and are, the
others' quotas are used up, or their data or status forbids it. On one seed in twelve another run follows, hours or a day later, as
after a run that was stopped early. Then all faults end, and within a day everything must have come to its end. 8x8 and Zoho judge
as they are asked, judge.py at the end. `python -m proof.lean.replay SEED` does one again.
"""

import gc
import hashlib
import itertools
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

from autodialer.domain.attempt import AttemptState
from autodialer.domain.errors import DialerError, StoreError
from autodialer.domain.record import Record, RecordKey
from autodialer.ports import Clock, Crm, Telephony
from autodialer.ports.rows import Arrival, RunState
from autodialer.rules.policy import Policy
from autodialer.service.means import Means
from autodialer.service.services import Services, wire
from autodialer.worker import Worker
from proof.lean.dice import Dice
from proof.lean.heap import Crashed, Heap, Process, pause
from proof.lean.judge import breaches, differences
from proof.lean.office import Office, ProcessOffice
from proof.lean.patches import without_asyncio
from proof.lean.population import Quotas, draw
from proof.lean.store import MemoryStore, ProcessStore
from proof.lean.troubles import Troubles
from proof.lean.voice import ProcessVoice, Voice
from proof.outcome import Outcome
from proof.simulation import Silence

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
JSON_SHARE = 0.125
_POLICY = Policy()
_PATIENCE = 3000.0


def slots_of(seed: int) -> Sequence[datetime]:
    """When this seed's runs are due."""
    hours = (0, 4) if seed % 25 == 7 else (0, 24) if seed % 25 == 14 else (0,)
    return [START + timedelta(hours=hour) for hour in hours]


def simulate(seed: int, records: int, slots: Sequence[datetime] | None = None) -> Outcome:
    """Run one seed to its end."""
    began = time.process_time()
    gc.disable()  # nearly nothing of a seed is in cycles once it has forgotten what it knows, below
    try:
        simulation = Simulation(seed, records)
        with without_asyncio(simulation.heap, simulation.voice.told):
            simulation.live(slots_of(seed) if slots is None else slots)
            simulation.heap.close()
        outcome = simulation.outcome()
        simulation.forget()
    finally:
        gc.enable()
    return replace(outcome, cpu=time.process_time() - began)


class Serving(Process):
    """A process that does its work."""

    services: Services
    worker: Worker


class Simulation:
    """One deployment with its surroundings."""

    def __init__(self, seed: int, records: int) -> None:
        self.seed = seed
        self.heap = Heap(START - timedelta(seconds=60))
        self.dice = Dice(seed)
        self.lines: list[str] = []
        self.store = MemoryStore(self.heap, self.dice)
        drawn = draw(self.dice.of("people"), records, START)
        self.people: list[Record] = [known.record for known in drawn]
        self.quotas = Quotas(drawn)
        self.office = Office(self.heap, self.dice, self.note, self.people)
        self.voice = Voice(self.heap, self.dice, self.note, self.quotas, JSON_SHARE)
        self.voice.take = self._take
        shape = self.dice.of("shape")
        self.replicas = shape.random() < 0.4
        self.voice.tolerance = 60.0 if self.replicas else 1.0
        self._lines = max(4, int(records * shape.choice((0.15, 0.3, 0.6))))
        self._pace = max(4.0, records / 25)
        self.processes: list[Serving] = []
        self.problems: list[str] = []
        self.last_run_at: datetime | None = None
        self._owners = itertools.count(1)
        self._ids = itertools.count(1)
        self._troubles = Troubles(self)

    def note(self, line: str) -> None:
        """A line of the trace."""
        self.lines.append(f"{self.heap.time:.4f} {line}")

    def has_open_call(self, key: RecordKey) -> bool:
        return self.store.ledger.attempts.find_open(key) is not None

    def convert(self, lead: Record) -> bool:
        """The contact that the lead becomes belongs to the people from then on."""
        contact = self.office.convert(lead)
        if contact is not None:
            self.people.append(contact)
        return contact is not None

    # The processes

    def boot(self) -> None:
        """Another process, as soon as the ledger lets it start."""
        process = Serving(f"process-{next(self._owners)}", self._died)
        heap = self.heap
        means = Means(
            crm=cast(Crm, ProcessOffice(self.office, process)),
            telephony=cast(Telephony, ProcessVoice(self.voice, process)),
            store=ProcessStore(self.store, process),
            policy=_POLICY,
            clock=cast(Clock, heap),
            wall_clock=cast(Clock, heap),
            log=Silence(),
            owner=process.owner,
            new_id=lambda: f"id-{next(self._ids):06}",
            calls_per_second=self._pace,
            max_concurrent_calls=self._lines,
            result_timeout=60.0,
            alone=not self.replicas,
        )
        process.services = wire(means, ExitStack, [], run_hours=_POLICY.run_hours, catch_up=1800.0)  # type: ignore[arg-type]  # no plans are made here
        process.worker = Worker(process.services, scheduled=False)
        heap.spawn(self._start(process), process)

    async def _start(self, process: Serving) -> None:
        while True:
            try:
                await process.worker.start()
            except StoreError:
                await pause(1.0)
            else:
                self.note(f"boot {process.owner}")
                self.processes.append(process)
                return

    def _died(self, process: Process) -> None:
        fired = self.dice.fired
        fired["process: killed"] += 1
        rows = self.store.ledger.attempts.open.values()
        if any(row.owner == process.owner and row.state is AttemptState.SUBMITTING for row in rows):
            fired["process: killed while it sent a call"] += 1
        self.note(f"killed {process.owner}")
        self.processes = [each for each in self.processes if each is not process]
        self.heap.spawn(self._boot_later())

    async def _boot_later(self) -> None:
        await pause(1 + 15 * self.dice.of("boots").random())
        self.boot()

    def _take(self, arrival: Arrival) -> bool:
        """8x8 reaches any process that lives."""
        living = self.processes
        if not living:
            return False
        process = living[0] if len(living) == 1 else living[self.dice.of("balancer").randrange(len(living))]
        if process.still_until > self.heap.time:
            return False
        try:
            process.step()
            self.store.transact(lambda ledger: ledger.inbox.add_all((arrival,)))
            process.step()
        except (StoreError, Crashed):
            return False
        process.services.arrived.notify()
        return True

    # The days

    def live(self, slots: Sequence[datetime]) -> None:
        """All of it, and what must hold in the end."""
        for _ in range(2 if self.replicas else 1):
            self.boot()
        self.heap.run(lambda: False, 5.0)
        for slot in slots:
            self._slot(slot)
        last = slots[-1]
        if len(self.voice.calls) < len(self.people) // 5 and not self._has_finished():
            last += timedelta(hours=4)
            self._slot(last)
        self._heal()
        self._judge(last)

    def _has_finished(self) -> bool:
        """Whether the last run came to its end; one that was stopped early is followed by that of the next slot."""
        runs = self.store.ledger.runs.all.values()
        return bool(runs) and next(reversed(runs)).state is RunState.FINISHED

    def _slot(self, slot: datetime) -> None:
        heap = self.heap
        heap.idle_until(slot - timedelta(seconds=20))
        self.voice.send_late()
        heap.run(lambda: heap.now() >= slot, 40.0)
        troubles = [heap.spawn(trouble) for trouble in self._troubles.of_a_slot()]
        runs = self.store.ledger.runs
        for _ in range(6):
            for process in list(self.processes):
                heap.spawn(self._take_slot(process), process)
            if heap.run(lambda: runs.has_slot(slot), 61.0):
                break
        self._until_quiet()
        if not heap.run(lambda: all(trouble.done() for trouble in troubles), 600.0):
            self.problems.append("a trouble does not end")
        self._until_quiet()

    async def _take_slot(self, process: Serving) -> None:
        try:
            run = await process.services.scheduler.take_due()
        except DialerError:
            return
        if run is not None:
            self.note(f"run {run.run_id} {process.owner}")
            process.services.run_desk.go_on(run)

    def _is_quiet(self) -> bool:
        ledger = self.store.ledger
        return not (self.voice.under_way or ledger.inbox.new or ledger.runs.current())

    def _until_quiet(self) -> None:
        if not self.heap.run(self._is_quiet, _PATIENCE):
            self.problems.append(f"not quiet at {self.heap.now()}")

    # The end

    def _heal(self) -> None:
        """No fault any more: everything that waits comes to its end by itself, parked updates when a person says so."""
        self.dice.healed = True
        for process in self.processes:
            process.dies_in = 0
        self.heap.run(lambda: bool(self.processes), 60.0)
        self.voice.send_late()
        self._until_quiet()
        self.heap.run(lambda: False, 20.0)
        self._drain()

    def _drain(self) -> None:
        ledger = self.store.ledger
        for row in ledger.outbox.parked(100_000):
            ledger.outbox.unparked(row.outbox_id, self.heap.now())
        ledger.undo.clear()
        for _ in range(8):
            if not ledger.outbox.pending:
                return
            self.heap.idle_until(self.heap.now() + timedelta(seconds=901))
            self.heap.run(lambda: not ledger.outbox.pending, 12.0)
        self.problems.append(f"{len(ledger.outbox.pending)} updates are still waiting")

    def _judge(self, last_slot: datetime) -> None:
        """The day after: what nobody told us of is closed as unknown by then."""
        heap, ledger = self.heap, self.store.ledger
        heap.idle_until(max(heap.now(), last_slot + timedelta(hours=15)))
        heap.run(lambda: not ledger.attempts.open, 30.0)
        self._until_quiet()
        self._drain()
        for row in ledger.attempts.rows.values():
            self.note(
                f"{row.attempt_id} {row.state} {row.disposition} {row.session_id} {row.submitted_at} {row.ended_at}"
            )
        self.problems += [f"a task failed: {job.error!r}" for job in heap.failed if job.failed_unheard]
        self.problems += self.voice.violations + self.office.violations
        self.problems += breaches(ledger, clocks_went_back="clock: set back" in self.dice.fired)
        self.problems += differences(self)

    def outcome(self) -> Outcome:
        trace = hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
        rings, runs = sum(self.voice.rung.values()), len(self.store.ledger.runs.all)
        requests, commits = len(self.voice.calls), self.store.commits
        problems, fired = tuple(self.problems), self.dice.fired
        return Outcome(self.seed, len(self.people), problems, trace, fired, rings, requests, runs, commits, cpu=0.0)

    def forget(self) -> None:
        """Let go of every row at once, so that nobody has to search for them later."""
        ledger = self.store.ledger
        for holder in (ledger.attempts, ledger.inbox, ledger.outbox, ledger.staging, self.voice, self.office):
            vars(holder).clear()
