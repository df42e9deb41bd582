"""The use cases wired on the real ledger and the fake outside, as one or several processes of a deployment."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import CallRequest, PlaceOutcome
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.result import CallEvent, LoggedCall
from autodialer.ports import Finding, Heard, Take
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import AttemptRow, InboxRow, OutboxRow, Run, RunKind, Staged
from autodialer.rules.policy import Policy
from autodialer.service.explaining.explanation import fields_of
from autodialer.service.means import Means
from autodialer.service.services import Services, wire
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.tables import metadata
from autodialer.store.verify import Breach, find_breaches
from autodialer.worker import Worker
from service.fakes import Crashed, FakeCrm, FakeTelephony, MemoryLog, ProcessStore, summary
from service.virtual_time import ManualClock

T = TypeVar("T")
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
_DATABASE_ZERO = datetime(2026, 1, 1, tzinfo=UTC)
NEW, NO_ANSWER = "New", "No Answer"
ALL_OPEN = (AttemptState.RESERVED, AttemptState.SUBMITTING, AttemptState.PLACED, AttemptState.UNKNOWN)


def lead(number: int) -> RecordKey:
    return RecordKey(RecordType.LEAD, str(5_000_000 + number))


def contact(number: int) -> RecordKey:
    return RecordKey(RecordType.CONTACT, str(7_000_000 + number))


def phone(number: int) -> str:
    """A Romanian mobile number, a different one for each `number`."""
    return f"+407{20_000_000 + number}"


def person(key: RecordKey, number: int, status: str = NEW, **fields: Any) -> Record:
    """A record with a number of its own, created `number` minutes into 2026."""
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    return Record(key, **{"status": status, "phone": phone(number), "created_time": created.isoformat(), **fields})


def chasing(key: RecordKey, number: int, first: datetime, attempts: int = 1, **fields: Any) -> Record:
    """A record in No Answer since `first`."""
    held = {"call_attempts": attempts, "first_no_answer_at": first.isoformat()}
    return person(key, number, NO_ANSWER, **{**held, **fields})


@contextmanager
def _scratch() -> Iterator[Store]:
    """A ledger in memory, as bootstrap makes it for plans; it is read while time stands still."""
    database = Database("sqlite://")
    database.run_migrations(metadata.create_all)
    yield ProcessStore(SqlStore(database))
    database.close()


@dataclass
class _ProcessTelephony:
    """A dead process sends nothing and hears nothing."""

    inner: FakeTelephony
    store: ProcessStore

    async def place(self, request: CallRequest) -> PlaceOutcome:
        if self.store.dead:
            raise Crashed
        outcome = await self.inner.place(request)
        if self.store.dead:
            raise Crashed
        return outcome

    async def listen(self, take: Take) -> None:
        await self.inner.listen(take)

    async def free_agents(self) -> int | None:
        return await self.inner.free_agents()

    def read_callback(
        self, body: Mapping[str, object], number_of: Callable[[str], str | None], heard: Heard
    ) -> CallEvent:
        return self.inner.read_callback(body, number_of, heard)

    def missing_settings(self) -> Sequence[str]:
        return self.inner.missing_settings()

    async def ensure_webhook(self, registered_hash: str | None, *, takes_over: bool = True) -> str | None:
        return await self.inner.ensure_webhook(registered_hash, takes_over=takes_over)

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:
        return await self.inner.logged_calls(since, until)

    async def check(self) -> Sequence[Finding]:
        return await self.inner.check()


@dataclass
class Process:
    """One process of a deployment."""

    store: ProcessStore
    services: Services
    log: MemoryLog


class World:
    """One ledger, one CRM, one 8x8, one clock; `process` is the first process, `boot` starts others."""

    def __init__(self, store: Store, start: datetime = MONDAY, policy: Policy | None = None, **means: Any) -> None:
        self.inner = store
        self.clock = ManualClock(start)
        if isinstance(store, SqlStore):
            store.now = self.shared_now
        self.crm = FakeCrm(self.clock)
        self.telephony = FakeTelephony(self.clock)
        self.policy = policy or Policy()
        self._means: dict[str, Any] = {
            "calls_per_second": 10.0,
            "max_concurrent_calls": 50,
            "result_timeout": 900.0,
            **means,
        }
        self._ids = itertools.count(1)
        self.process = self.boot("first")
        self.telephony.deliver = self._deliver

    def shared_now(self, _: Connection) -> datetime:
        """The database's clock: in this world nobody sets it, and it has another opinion than ours."""
        return _DATABASE_ZERO + timedelta(seconds=self.clock.monotonic())

    def boot(self, owner: str, **changes: Any) -> Process:
        """A new process on the same ledger; `changes` are to its Means."""
        store, log = ProcessStore(self.inner), MemoryLog()
        means = Means(
            crm=self.crm,
            telephony=_ProcessTelephony(self.telephony, store),
            store=store,
            clock=self.clock,
            wall_clock=self.clock,
            log=log,
            owner=owner,
            new_id=lambda: f"id-{next(self._ids):05}",
            **{"policy": self.policy, **self._means, **changes},
        )
        services = wire(means, _scratch, [], run_hours=self.policy.run_hours, catch_up=1800.0)
        return Process(store, services, log)

    async def abandon(self, owner: str) -> None:
        """Another process takes `owner` for dead."""
        await self.inner.write(lambda ledger: self.services.reconciler.abandon(ledger, owner))

    @property
    def services(self) -> Services:
        return self.process.services

    @property
    def log(self) -> MemoryLog:
        return self.process.log

    async def _deliver(self, body: Mapping[str, object]) -> None:
        """As the web does it: stored by whichever process lives, applied by a loop or by the test."""
        await self.services.callbacks.take(body)

    async def run(self, *, confirm: bool = False, slot: datetime | None = None) -> Run:
        """One whole run; results come in when a worker applies them (`working`)."""
        kind = RunKind.SCHEDULED if slot else RunKind.MANUAL
        opened = await self.services.runs.open(kind, slot, confirm=confirm)
        return await self.services.runs.conduct(opened)

    @asynccontextmanager
    async def working(self, *, scheduled: bool = False) -> AsyncIterator[Worker]:
        """The loops of the first process run meanwhile."""
        worker = Worker(self.services, scheduled=scheduled)
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop(30)
            self.services.stopping.clear()

    async def hear(self, session: str | None, disposition: Disposition, **more: object) -> None:
        """A callback of 8x8, stored and applied."""
        await self.services.callbacks.take(summary(session, disposition, **more))
        await self.apply()

    async def told(self, key: RecordKey, status: str, **more: object) -> None:
        """A callback in our own format, stored and applied."""
        body = {"zoho_id": key.zoho_id, "record_type": key.record_type.value, "call_status": status, **more}
        await self.services.callbacks.take(body)
        await self.apply()

    async def apply(self) -> None:
        """All that waits, and what then waits for the CRM."""
        while await self.services.results.apply_waiting():
            pass
        await self.services.asker.ask_waiting()
        while await self.services.results.apply_waiting():
            pass

    async def drain(self) -> int:
        return await self.services.write_back.drain()

    async def read(self, work: Callable[[Ledger], T]) -> T:
        return await ProcessStore(self.inner).read(work)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        return await ProcessStore(self.inner).write(work)

    async def attempts(self, key: RecordKey) -> Sequence[AttemptRow]:
        return await self.read(lambda ledger: ledger.attempts.of_record(key))

    async def attempt(self, key: RecordKey) -> AttemptRow:
        """The one attempt of this record that was not released."""
        (row,) = [row for row in await self.attempts(key) if row.state is not AttemptState.RELEASED]
        return row

    async def updates(self, key: RecordKey) -> Sequence[OutboxRow]:
        return await self.read(lambda ledger: ledger.outbox.of_record(key))

    async def inbox(self, attempt_id: str) -> Sequence[InboxRow]:
        return await self.read(lambda ledger: ledger.inbox.of_attempts([attempt_id]))

    async def inbox_count(self, state: str) -> int:
        return await self.read(lambda ledger: ledger.inbox.count(state))

    async def staged(self, run: Run) -> dict[RecordKey, Staged]:
        rows = await self.read(lambda ledger: ledger.staging.rows(run.run_id, limit=10_000))
        return {row.key: row for row in rows}

    async def reason(self, run: Run, key: RecordKey) -> str:
        """Why this run skipped the record."""
        return (await self.staged(run))[key].reason

    async def explained(self, key: RecordKey, at: datetime | None = None) -> Any:
        """What `explain` shows of a person, as the API has it before it is masked; None for a stranger."""
        found = await self.services.explainer.explain(key, at)
        return None if found is None else fields_of(found)

    async def breaches(self) -> Sequence[Breach]:
        """What `autodialer verify` finds."""
        assert isinstance(self.inner, SqlStore)
        return self.inner.database.submit(find_breaches).result()

    def session(self, key: RecordKey) -> str:
        """The session that 8x8 gave the latest call to this record."""
        outcomes = [ring.outcome for ring in self.telephony.rings if ring.request.key == key]
        session = getattr(outcomes[-1], "session_id", None)
        assert isinstance(session, str)
        return session

    def all_end(self, disposition: Disposition | None) -> None:
        """Every call that is placed from now on ends so (None: never heard of again)."""
        self.telephony.ends = lambda _: disposition

    async def settle(self) -> None:
        """Let all calls ring out, apply the results, write them back."""
        await asyncio.gather(*self.telephony.tasks)
        await self.apply()
        await self.drain()
