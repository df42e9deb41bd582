"""Zoho and 8x8 in memory, as the ports promise them, doing what a test's script says."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError, MalformedCallback, ResultsElsewhere, StoreError
from autodialer.domain.placing import CallRequest, Placed, PlaceOutcome
from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.domain.result import CallEvent, CallResult, LoggedCall, NoResult, NotDialled
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult, Written
from autodialer.ports import Clock, CrmUsage, Finding, Heard, Take
from autodialer.ports.ledger import Ledger, Store
from service.virtual_time import thread_at_work

T = TypeVar("T")


class FakeCrm:
    """Records by key. `down` makes everything fail; hooks run before the CRM answers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: dict[RecordKey, Record] = {}
        self.pulled = {"new", "no answer"}
        self.page_size = 200
        self.latency = 0.0
        self.down: Exception | None = None
        self.pull_fails: dict[RecordType, Exception] = {}
        self.look_fails: Exception | None = None
        self.find_fails: Exception | None = None
        self.write_fails: Exception | None = None
        self.on_look: Callable[[Sequence[RecordKey]], None] | None = None
        self.on_write: Callable[[Sequence[CrmUpdate]], Awaitable[None]] | None = None
        self.refusals: dict[RecordKey, deque[NotWritten]] = {}
        self.looks: list[tuple[float, tuple[RecordKey, ...]]] = []
        self.writes: list[CrmUpdate] = []
        self.batches: list[int] = []
        self.pulls = 0
        self._versions = itertools.count(1)
        self.afters: list[str] = []
        self.page_fails: dict[int, Exception] = {}  # by how many pages of both modules were asked for before
        self.pages = 0
        self.on_page: Callable[[], None] | None = None
        self.on_prepare: Callable[[], None] | None = None
        self.usage = CrmUsage()

    async def prepare(self) -> None:
        if self.on_prepare is not None:
            self.on_prepare()
        self._fail(None)

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        self.pulls += 1
        self.afters.append(after)
        mine = [
            record
            for record in sorted(self.records.values(), key=lambda record: int(record.key.zoho_id))
            if record.key.record_type is record_type
            and " ".join((record.status or "").split()).casefold() in self.pulled
            and int(record.key.zoho_id) > int(after or -1)
        ]
        for start in range(0, len(mine), self.page_size):
            await self._clock.sleep(self.latency)
            self.pages += 1
            if self.on_page is not None:
                self.on_page()
            self._fail(self.page_fails.pop(self.pages, None))
            yield mine[start : start + self.page_size]
        self._fail(self.pull_fails.get(record_type))

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        self.looks.append((self._clock.monotonic(), tuple(keys)))
        await self._clock.sleep(self.latency)
        if self.on_look is not None:
            self.on_look(keys)
        self._fail(self.look_fails)
        return {key: self.records[key] for key in keys if key in self.records}

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        assert len({update.key for update in updates}) == len(updates), "two updates of one record in one write"
        await self._clock.sleep(self.latency)
        if self.on_write is not None:
            await self.on_write(updates)
        self._fail(self.write_fails)
        self.batches.append(len(updates))
        return [self._write(update) for update in updates]

    async def find_named(self, words: Sequence[str], limit: int) -> Sequence[Record]:
        self._fail(self.find_fails)
        mine = sorted(self.records.values(), key=lambda record: record.key)
        return [one for one in mine if all(word.casefold() in (one.name or "").casefold() for word in words)][:limit]

    async def find_numbered(self, spellings: Sequence[str], limit: int) -> Sequence[Record]:
        self._fail(self.find_fails)
        mine = sorted(self.records.values(), key=lambda record: record.key)
        return [one for one in mine if {one.phone, one.mobile} & set(spellings)][:limit]

    def page_of(self, key: RecordKey) -> str | None:
        return f"https://crm.zoho.example/{key.record_type}/{key.zoho_id}"

    async def check(self) -> Sequence[Finding]:
        return []

    def _fail(self, error: Exception | None) -> None:
        if self.down is not None or error is not None:
            raise self.down or error or AssertionError

    def _write(self, update: CrmUpdate) -> WriteResult:
        if self.refusals.get(update.key):
            return self.refusals[update.key].popleft()
        version = self.records[update.key].modified_time
        if update.unless_modified_since not in (None, version):
            return NotWritten("ALREADY_MODIFIED", "changed since", Refusal.REREAD)
        self.writes.append(update)
        changes: dict[str, Any] = {}
        if update.status is not None:
            changes["status"] = update.status.value
        if update.call_attempts is not None:
            changes["call_attempts"] = update.call_attempts
        if update.first_no_answer_at is not None:
            changes["first_no_answer_at"] = update.first_no_answer_at.isoformat()
        self.change(update.key, **changes)
        return Written(self.records[update.key].modified_time)

    def add(self, *records: Record) -> None:
        """Put records in."""
        self.records |= {record.key: record for record in records}

    def change(self, key: RecordKey, **changes: Any) -> None:
        """What a person does in the CRM; a new version of the record."""
        version = f"version {next(self._versions)}"
        self.records[key] = replace(self.records[key], **{"modified_time": version, **changes})

    def remove(self, key: RecordKey) -> None:
        """It is gone."""
        del self.records[key]

    def status_writes(self, key: RecordKey, status: CrmStatus) -> int:
        """How often we wrote this status to this record."""
        return sum(update.key == key and update.status is status for update in self.writes)


Script = PlaceOutcome | Exception | Callable[[CallRequest], Awaitable[PlaceOutcome]]


@dataclass
class Ring:
    """One request that reached 8x8."""

    at: float
    request: CallRequest
    outcome: PlaceOutcome | Exception | None = None

    @property
    def number(self) -> str:
        return self.request.number


@dataclass
class FakeTelephony:
    """Places calls as scripted by number, else with a new session. `ends` tells how a placed call ends, after `rings_for`."""

    clock: Clock
    latency: float = 0.1
    rings_for: float = 5.0
    missing: list[str] = field(default_factory=list)
    script: dict[str, deque[Script]] = field(default_factory=dict)
    always: Script | None = None
    ends: Callable[[CallRequest], Disposition | None] | None = None
    deliver: Callable[[Mapping[str, object]], Awaitable[object]] | None = None
    on_place: Callable[[CallRequest], None] | None = None
    rings: list[Ring] = field(default_factory=list)
    webhook: str | Exception | None = "hash"
    log: list[LoggedCall] | Exception = field(default_factory=list)
    exports: list[tuple[datetime, datetime]] = field(default_factory=list)
    on_export: Callable[[], Awaitable[None]] | None = None
    tasks: set[asyncio.Task[object]] = field(default_factory=set)
    stream: Callable[[Take], Awaitable[None]] | None = None
    agents: int | None = None

    async def place(self, request: CallRequest) -> PlaceOutcome:
        ring = Ring(self.clock.monotonic(), request)
        self.rings.append(ring)
        session_id = f"session-{len(self.rings)}"
        if self.on_place is not None:
            self.on_place(request)
        await self.clock.sleep(self.latency)
        queue = self.script.get(request.number)
        scripted = queue.popleft() if queue else self.always
        if isinstance(scripted, Exception):
            ring.outcome = scripted
            raise scripted
        if scripted is None:
            ring.outcome = Placed(session_id)
        else:
            ring.outcome = await scripted(request) if callable(scripted) else scripted
        if isinstance(ring.outcome, Placed) and self.ends is not None:
            disposition = self.ends(request)
            if disposition is not None:
                self._later(summary(ring.outcome.session_id, disposition))
        return ring.outcome

    def _later(self, body: Mapping[str, object]) -> None:
        async def ring_out() -> object:
            await self.clock.sleep(self.rings_for)
            assert self.deliver is not None
            return await self.deliver(body)

        task: asyncio.Task[object] = asyncio.create_task(ring_out())
        self.tasks.add(task)

    async def listen(self, take: Take) -> None:
        if self.stream is not None:
            await self.stream(take)

    async def free_agents(self) -> int | None:
        return self.agents

    def read_callback(
        self,
        body: Mapping[str, object],
        number_of: Callable[[str], str | None],
        heard: Heard,  # noqa: ARG002 - one summary tells everything
    ) -> CallEvent:
        payload = body["payload"]
        assert isinstance(payload, Mapping)
        if body["eventType"] == "NOT_DIALLED":
            return NotDialled("the agent declined", payload.get("sessionId"), payload.get("attemptId"))
        if body["eventType"] != "SESSION_SUMMARY":
            return NoResult(str(body["eventType"]), "no end of a call", payload.get("sessionId"))
        if payload.get("boom"):
            raise RuntimeError("the adapter has a bug")
        if "status" not in payload:
            raise MalformedCallback(["payload.status is missing"])
        session_id = payload.get("sessionId")
        number_of(session_id or payload.get("attemptId") or "")
        return CallResult(
            Disposition(payload["status"]),
            str(payload["status"]).upper(),
            session_id=session_id,
            attempt_id=payload.get("attemptId"),
            do_not_call=bool(payload.get("doNotCall")),
        )

    def missing_settings(self) -> Sequence[str]:
        return self.missing

    async def ensure_webhook(self, registered_hash: str | None, *, takes_over: bool = True) -> str | None:
        if isinstance(self.webhook, ResultsElsewhere) and takes_over:
            self.webhook = "taken back"
        if isinstance(self.webhook, Exception):
            raise self.webhook
        return self.webhook if registered_hash != self.webhook else registered_hash

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:
        self.exports.append((since, until))
        await self.clock.sleep(self.latency)
        if self.on_export is not None:
            await self.on_export()
        if isinstance(self.log, Exception):
            raise self.log
        return [call for call in self.log if call.started_at is None or since <= call.started_at <= until]

    async def check(self) -> Sequence[Finding]:
        return []

    def numbers(self) -> list[str]:
        """Whom the requests were for, in order."""
        return [ring.number for ring in self.rings]


def summary(session_id: str | None, disposition: Disposition, **more: object) -> dict[str, object]:
    """8x8's callback for the end of a call, as the fake adapter reads it."""
    payload = {"sessionId": session_id, "status": disposition.value, **more}
    return {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": payload}


class Crashed(BaseException):
    """The process is gone: none of its code may have an effect any more."""


class ProcessStore:
    """A process's way to the one real ledger. It can die before or after its nth commit, or fail as databases fail."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.commits = 0
        self.reads = 0
        self.dies_before: int | None = None
        self.dies_after: int | None = None
        self.breaks_after: int | None = None  # that commit succeeds and its answer is lost
        self.dead = False
        self.slowness = 0.0  # seconds from a commit to its being known
        self.fails: Callable[[], StoreError | None] | None = None

    async def write(self, work: Callable[[Ledger], T]) -> T:
        self.commits += 1
        nth = self.commits
        self._check(dying=nth == self.dies_before)
        with thread_at_work():
            result = await self._inner.write(work)
        if self.slowness:
            await asyncio.sleep(self.slowness)
        self._check(dying=nth == self.dies_after)
        if nth == self.breaks_after:
            raise StoreError("the connection broke after the commit", permanent=False)
        return result

    async def read(self, work: Callable[[Ledger], T]) -> T:
        self.reads += 1
        self._check()
        with thread_at_work():
            result = await self._inner.read(work)
        self._check()
        return result

    def _check(self, *, dying: bool = False) -> None:
        self.dead = self.dead or dying
        if self.dead:
            raise Crashed
        error = self.fails() if self.fails is not None else None
        if error is not None:
            raise error


@dataclass
class MemoryLog:
    """Implements ports.Log."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> object:
        self.lines.append(("info", event, fields))
        return None

    def warning(self, event: str, **fields: object) -> object:
        self.lines.append(("warning", event, fields))
        return None

    def error(self, event: str, **fields: object) -> object:
        self.lines.append(("error", event, fields))
        return None

    def events(self, level: str | None = None) -> list[str]:
        return [event for at, event, _ in self.lines if level in (None, at)]


def zoho_down(*, permanent: bool = False) -> CrmError:
    return CrmError("Zoho is out of reach", permanent=permanent, code="DOWN")
