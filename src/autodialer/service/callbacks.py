"""Takes callbacks: read and stored durably before they are answered. What they mean is decided by results.py."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback, StoreError
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.result import CallResult
from autodialer.domain.session import LONGEST_SESSION, session_of
from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Arrival
from autodialer.rules.reading import read_instant
from autodialer.service.holding import unusable
from autodialer.service.signals import Signal

T = TypeVar("T")
MISSION = "mission"
PROVIDER = "provider"
_ID_DIGITS = 20
_MOMENTS = ("endTime", "timestamp", "initiatedTimestamp")  # of 8x8's events, each has one
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_USABLE_FOR = 1.0  # seconds: a ledger is moved only when each connection to it has been gone for longer
_GROUP = 256  # callbacks in one transaction at most
_PATIENCE = 8.0  # seconds; longer than the store waits for a row that a stopped replica holds
_DISPOSITIONS = {status: Disposition(status) for status in ("answered", "no_answer", "busy", "failed")}
_RECORD_TYPES = {kind.value: kind for kind in RecordType}
CLOCKS_APART = timedelta(minutes=1)
"""Of replicas, at most: each notes times by its own."""


class CallbackDesk:
    """Where callbacks come in. Those that arrive while others are being stored are stored together.

    `alone`: no other process can have this ledger open, so that none can have moved it away meanwhile.
    """

    def __init__(self, store: Store, clock: Clock, arrived: Signal, *, alone: bool = True) -> None:
        self._store = store
        self._alone = alone
        self._usable_until = 0.0
        self._clock = clock
        self._arrived = arrived
        self._waiting: list[_Taken] = []
        self._storing: asyncio.Task[None] | None = None
        self._together = 0
        self.stored_count = 0  # since this process started, the same one twice among them

    @property
    def storing(self) -> int:
        """How many callbacks are being stored together in this moment."""
        return self._together

    async def take(self, body: Mapping[str, object]) -> None:
        """Store it; returns when that is durable. One that stands already is counted.

        MalformedCallback names every problem; StoreError: not stored, the sender should try again.
        """
        await self.take_soon(body)

    def take_soon(self, body: Mapping[str, object]) -> asyncio.Future[None]:
        """The same for a caller who does not wait: done, or failed with StoreError, when take would be. MalformedCallback."""
        loop = asyncio.get_running_loop()
        taken = _Taken(read_callback(body, self._clock.now()), loop.create_future())
        self._waiting.append(taken)
        if self._storing is None:
            self._storing = loop.create_task(self._store_waiting())
        return taken.done

    async def _store_waiting(self) -> None:
        group: list[_Taken] = []
        try:
            while self._waiting:
                await self._let_others_join()
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                self._together = len(group)
                await self._store_group(group)
        except BaseException as error:
            # The process is coming to its end: nobody is left waiting for ever.
            _fail([*group, *self._waiting], error)
            self._waiting = []
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._storing, self._together = None, 0

    async def _let_others_join(self) -> None:
        """For as long as each turn of the loop brings more: no time is waited for, so that a lone one is not late.

        Who was answered just now sends the next one at once: else one half of all senders would wait for the other's commit.
        """
        before = 0
        while before < len(self._waiting) < _GROUP:
            before = len(self._waiting)
            await asyncio.sleep(0)

    async def _store_group(self, group: Sequence["_Taken"]) -> None:
        arrivals = [taken.arrival for taken in group]
        try:
            await self._write(arrivals)
        except StoreError as error:
            if error.permanent and len(group) > 1:  # one of them: each now goes alone and gets its own answer
                await asyncio.gather(*(self._store_group([taken]) for taken in group))
            else:
                _fail(group, error)
            return
        self.stored_count += len(group)
        self._arrived.notify()
        for taken in group:
            if not taken.done.done():
                taken.done.set_result(None)

    async def _write(self, arrivals: Sequence[Arrival]) -> None:
        """A sender who is told to try again harms nothing, also when the store comes to it after all; one who hangs gives up."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._store.write(lambda ledger: self._add_all(ledger, arrivals))
        except TimeoutError:
            raise StoreError("the ledger does not answer", permanent=False) from None

    def _add_all(self, ledger: Ledger, arrivals: Sequence[Arrival]) -> None:
        now = self._clock.monotonic()
        if not self._alone and now >= self._usable_until:
            if (why := unusable(ledger)) is not None:
                raise StoreError(why, permanent=False)  # whoever has the ledger now is told when the sender tries again
            self._usable_until = now + _USABLE_FOR
        ledger.inbox.add_all(_told_apart(ledger, arrivals))


@dataclass(slots=True)
class _Taken:
    arrival: Arrival
    done: asyncio.Future[None]


def _told_apart(ledger: Ledger, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    if all(arrival.says_only is None for arrival in arrivals):  # nearly always
        return arrivals
    return [
        arrival if arrival.says_only is None else _of_its_call(ledger, arrival, arrival.says_only)
        for arrival in arrivals
    ]


def _of_its_call(ledger: Ledger, arrival: Arrival, key: RecordKey) -> Arrival:
    """The same words again, which end a call made since they came first, are its result and no repetition (rules.md row 24)."""
    before = ledger.inbox.find(arrival.dedupe_key)
    call = None if before is None else ledger.attempts.find_open(key)
    if before is None or call is None or call.submitted_at is None or before.attempt_id == call.attempt_id:
        return arrival
    # One that is not applied yet may be of this very call, and was received by a clock that is behind.
    if call.submitted_at - (CLOCKS_APART if before.state == "new" else timedelta()) <= before.received_at:
        return arrival
    return replace(arrival, dedupe_key=_key(None, arrival.dedupe_key, call.attempt_id))


def _fail(group: Sequence[_Taken], error: BaseException) -> None:
    for taken in group:
        if not taken.done.done():
            taken.done.set_exception(error)


def read_callback(body: Mapping[str, object], at: datetime) -> Arrival:
    """Tell the two formats apart and check what can be checked without the ledger. MalformedCallback."""
    text = msgspec.json.encode(body, order="sorted").decode()
    if "namespace" in body or "eventType" in body:
        return _provider_callback(body, text, at)
    result = read_mission_result(body)
    identity = [str(result.key), result.disposition, result.session_id or "", str(body.get("timestamp") or "")]
    key = _key(result.happened_at, MISSION, *identity)
    says_only = result.key if result.session_id is None and result.happened_at is None else None
    return Arrival(key, MISSION, "result", result.session_id, text, at, says_only)


def _provider_callback(body: Mapping[str, object], text: str, at: datetime) -> Arrival:
    problems = [
        f"{name} must be a text of 1 to 60 characters"
        for name in ("namespace", "eventType")
        if not isinstance(body.get(name), str) or not 1 <= len(str(body.get(name))) <= 60  # noqa: PLR2004 - said in the text
    ]
    payload = body.get("payload")
    if not isinstance(payload, Mapping):
        problems.append("payload must be an object")
    if problems:
        raise MalformedCallback(problems)
    session_id = session_of(payload.get("sessionId")) if isinstance(payload, Mapping) else None
    said = next((payload[name] for name in _MOMENTS if name in payload), None) if isinstance(payload, Mapping) else None
    moment = read_instant(said, UTC) if isinstance(said, str) else None
    key = _key(moment if isinstance(moment, datetime) else None, PROVIDER, text)
    return Arrival(key, PROVIDER, str(body["eventType"]), session_id, text, at)


def read_mission_result(body: Mapping[str, object]) -> CallResult:
    """Our own format: zoho_id, record_type, call_status, timestamp?, call_id?. MalformedCallback names every problem."""
    problems: list[str] = []
    zoho_id = body.get("zoho_id")
    if isinstance(zoho_id, int) and not isinstance(zoho_id, bool):
        zoho_id = str(zoho_id)
    if not isinstance(zoho_id, str) or not (zoho_id.isascii() and zoho_id.isdigit() and len(zoho_id) <= _ID_DIGITS):
        problems.append("zoho_id must be Zoho's record id, 1 to 20 digits")
    record_type = _named(_RECORD_TYPES, body.get("record_type"))
    if record_type is None:
        problems.append("record_type must be Lead or Contact")
    disposition = _named(_DISPOSITIONS, body.get("call_status"))
    if disposition is None:
        problems.append(f"call_status must be one of {', '.join(_DISPOSITIONS)}")
    call_id = body.get("call_id")
    if call_id is not None and not (isinstance(call_id, str) and 0 < len(call_id) <= LONGEST_SESSION):
        problems.append(f"call_id must be a text of 1 to {LONGEST_SESSION} characters")
    happened_at = _timestamp(body.get("timestamp"), problems)
    if problems or record_type is None or disposition is None:
        raise MalformedCallback(problems)
    return CallResult(
        disposition=disposition,
        call_status=str(body.get("call_status")),
        session_id=str(call_id) if call_id is not None else None,
        key=RecordKey(record_type, str(zoho_id)),
        happened_at=happened_at,
    )


def _named(known: Mapping[str, T], name: object) -> T | None:
    return known.get(name) if isinstance(name, str) else None


def _timestamp(value: object, problems: list[str]) -> datetime | None:
    if value is None:
        return None
    moment = read_instant(value, UTC) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        problems.append("timestamp must be an ISO 8601 instant such as 2026-01-13T08:26:58.000Z")
        return None
    return moment


def _key(moment: datetime | None, *parts: str) -> str:
    """What makes a callback the same one again.

    Its own time comes first: those of one time are neighbours in the index then, and a group of them changes a few of its pages
    and not one each.
    """
    millis = (moment - _EPOCH) // _MILLISECOND if moment is not None else 0
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{millis:012x}{digest[:52]}"
