"""Hours with the real adapter before the simulated Zoho, in virtual time: everything goes wrong there, and people edit meanwhile.

8x8 is well all the time: what is on trial is the way to Zoho and back. Zoho's times have a grain of a second, so this clock
has it too.
"""

import asyncio
import hashlib
import itertools
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, select

from autodialer.domain.errors import RunRefused
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, RunKind
from autodialer.rules.policy import Policy
from autodialer.simulators import common as simulated
from autodialer.simulators.people import Person, population
from autodialer.simulators.zoho import create_app
from autodialer.simulators.zoho_tokens import Credentials
from autodialer.store.attempts import attempt_row
from autodialer.store.tables import attempts
from autodialer.zoho import client
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.config import ZohoConfig
from contract.zoho.world import MemoryTokens
from proof import simulation
from proof.exchange import Exchange
from proof.faults import Dice
from proof.fold import problems_of
from proof.inline import InlineStore, memory_database
from proof.pace import LOOKS_EVERY, unhurried
from proof.population import Quotas
from proof.processes import Process, tag_tasks
from proof.times import SimClock, SimLoop, until
from proof.zoho.desks import Desks
from proof.zoho.weather import Weather
from proof.zoho.wire import VirtualWire

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_RUN_EVERY = 1200.0
_BASE = "http://127.0.0.1:1"


class WholeSeconds(SimClock):
    """A clock without fractions of a second."""

    def now(self) -> datetime:
        return super().now().replace(microsecond=0)


@dataclass(frozen=True)
class Outcome:
    """What a seed came to; `problems` is empty when all that must hold holds. `cpu` in seconds."""

    problems: tuple[str, ...]
    fired: Counter[str]
    minted: int
    revoked: int
    hours: float
    rings: int
    calls_to_zoho: int
    kept: int
    trace: str
    cpu: float


def live_through(seed: int, records: int, hours: float = 1.0) -> Outcome:
    """Run one seed to its end."""
    began = time.process_time()
    loop = SimLoop()
    tag_tasks(loop)
    database = memory_database()
    try:
        with unhurried():
            hour = Hour(loop, seed, records, InlineStore(database), MemoryTokens())
            loop.run_until_complete(hour.live(hours))
        return hour.outcome(time.process_time() - began)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=60))
        loop.close()
        database.close()


class Hour:
    """One deployment, one process. Has what proof.fold asks a simulation for."""

    def __init__(self, loop: SimLoop, seed: int, records: int, store: InlineStore, tokens: MemoryTokens) -> None:
        self.clock = WholeSeconds(loop, START)
        self.weather = Weather(seed, self.clock)
        self.dice = Dice(seed)
        self.dice.healed = True  # 8x8, webhooks, store: no fault
        self._trace = hashlib.sha256()
        self.store = store
        everybody = population(seed, records, START)
        self.people = [record_of(person) for person in everybody]
        self.sim = create_app(everybody, clock=simulated.SimClock(self.clock.now))
        # What a batch's guard is worth is not documented; where Zoho ignored it, nobody could keep an edit of that second.
        self.sim.batch_guard = "whole" if seed % 2 else "per_record"
        self.crm = Desks(self.sim, self.clock, self.weather, self.people)
        self.exchange = Exchange(self.clock, dice=self.dice, mood=lambda _: 0.2, take=self._take, note=self.note)
        self.quotas = self.exchange.quota = Quotas(self.people)
        self.crm.edited = self.quotas.forget
        wire = VirtualWire(self.sim, self.clock, self.weather, self.crm.walk_in)
        jitter = self.weather.dice("jitter")
        with patch.object(client, "Wire", lambda _config: wire), patch.object(random, "SystemRandom", lambda: jitter):
            self.zoho = ZohoCrm(config(), tokens, self.clock)
        self._ids = itertools.count(1)
        self.process = Process("only", self.clock, alone=True)
        self.problems: list[str] = []
        self._hours = 0.0

    def note(self, *facts: object) -> None:
        """One line of the trace."""
        self._trace.update(f"{self.clock.monotonic():.6f} {' '.join(map(str, facts))}\n".encode())

    async def _take(self, body: Mapping[str, object]) -> bool:
        await self.process.services.callbacks.take(body)
        return True

    async def live(self, hours: float) -> None:
        """All of it, and what must hold in the end."""
        self._hours = hours
        self.process.wire_up(
            self.store,
            self.zoho,
            self.exchange,
            Policy(),
            simulation.Silence(),
            lambda: f"id-{next(self._ids):06}",
            calls_per_second=len(self.people) / 600,
            max_concurrent_calls=40,
            result_timeout=120.0,
        )
        await self.process.spawn(self.process.worker.start())
        troubles = asyncio.ensure_future(self.crm.trouble())
        for _ in range(int(hours * 3600 / _RUN_EVERY)):
            began = self.clock.monotonic()
            await self._run()
            await self.clock.sleep(max(1.0, _RUN_EVERY - (self.clock.monotonic() - began)))
        troubles.cancel()
        await self._heal()

    async def _run(self) -> None:
        """One run, which may end early for a reason of Zoho's."""
        try:
            _, going = await self.process.spawn(self.process.services.run_desk.start(RunKind.MANUAL, confirm=True))
            async with asyncio.timeout(_RUN_EVERY - 60):
                run = await asyncio.shield(going)
            self.note("run", run.state, run.stop_reason)
        except (RunRefused, TimeoutError) as reason:
            self.note("no run", type(reason).__name__)

    async def _heal(self) -> None:
        """Nothing goes wrong any more: all that waits comes to its end, what was parked when a person says so."""
        self.weather.healed = True
        self.crm.put_right()
        await self._quiet("state IN ('staging', 'dialing')", "runs")
        await self._quiet("state = 'new'", "inbox")
        for _ in range(3):
            await self._drained()
            await self.store.write(self._unpark)
        await self._drained()
        await self._run()
        await self._quiet("state = 'new'", "inbox")
        last_run_at = self.clock.now()
        await self._drained()
        await self.clock.sleep(LOOKS_EVERY + 2)
        rows = self.store.now(_rows)
        self.note(*rows)
        self.problems += self.crm.violations + self.exchange.violations
        self.problems += [f"{breach.sentence}: {breach.subject}" for breach in self.store.breaches()]
        self.problems += problems_of(self, rows, last_run_at)  # type: ignore[arg-type]  # it asks for nothing else

    def _unpark(self, ledger: Ledger) -> None:
        for row in ledger.outbox.parked():
            if row.key in self.crm.records:  # what is gone or converted stays parked
                ledger.outbox.unparked(row.outbox_id, self.clock.now())

    async def _drained(self) -> None:
        await self._quiet("state = 'pending'", "outbox")

    async def _quiet(self, condition: str, table: str) -> None:
        async def quiet() -> bool:
            query = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608 - constants only
            return not self.exchange.tasks and not self.store.now(lambda db: db.exec_driver_sql(query).scalar_one())

        if not await until(quiet, 4000, every=10.0):
            self.problems.append(f"{table}: {condition} at {self.clock.now()}")

    def outcome(self, cpu: float) -> Outcome:
        return Outcome(
            tuple(self.problems),
            self.weather.fired,
            self.sim.accounts.minted,
            self.weather.fired["all tokens are revoked"],
            (self.clock.now() - START).total_seconds() / 3600,
            sum(self.exchange.rung.values()),
            self.sim.gate.counts.total(),
            self.store.now(lambda db: db.exec_driver_sql(_KEPT).scalar_one()),
            self._trace.hexdigest(),
            cpu,
        )


_KEPT = "SELECT count(*) FROM outbox WHERE status_kept IS NOT NULL"


def config() -> ZohoConfig:
    """To reach the simulator."""
    known = Credentials()
    return ZohoConfig(
        client_id=known.client_id,
        client_secret=known.client_secret,
        refresh_token=known.refresh_token,
        api_domain=_BASE,
        accounts_url=_BASE,
    )


def record_of(person: Person) -> Record:
    """As the CRM holds this person at the start."""
    record_type = RecordType.LEAD if person.module == "Leads" else RecordType.CONTACT
    first = person.first_no_answer_at
    return Record(
        RecordKey(record_type, person.zoho_id),
        status=person.status,
        call_attempts=person.call_attempts,
        first_no_answer_at=first.isoformat() if first else None,
        phone=person.phone,
        mobile=person.mobile,
    )


def _rows(connection: Connection) -> Sequence[AttemptRow]:
    found: Any = connection.execute(select(attempts).order_by(attempts.c.attempt_id))
    return [attempt_row(row) for row in found]
