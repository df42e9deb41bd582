"""A stored callback becomes a disposition, an attempt's end and an outbox row, in one transaction."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from autodialer.domain.errors import CrmError, LedgerRefusal, MalformedCallback, StoreError
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.result import CallEvent, CallResult, NoResult, NotDialled, Progress
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, InboxRow
from autodialer.service.agents import agents_of
from autodialer.service.callbacks import MISSION, PROVIDER, read_mission_result
from autodialer.service.elsewhere import record_elsewhere
from autodialer.service.ending import end_attempt, release_attempt
from autodialer.service.hearing import heard_of
from autodialer.service.holding import notice_stranger
from autodialer.service.known_attempts import KnownAttempts
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.signals import Signal

_ORPHAN = "orphan"
_BATCH = 25  # applied in one transaction, for which callbacks that come in have to wait
_TRIES = 4  # of one callback, when replicas come upon the same person
_LOOKS, _UNTIL_COMMITTED = 3, 0.25  # more, and seconds between them, at what another replica had
_TURN = 3.0  # seconds that somebody waits for a callback of their own to be applied
# Times as long as a batch took, while callbacks come in: they are stored first. In a flood of them much longer.
_REST, _REST_IN_A_FLOOD = 25.0, 200.0
_QUIET_LOOKS, _LOOK_EVERY = 2, 0.05  # seconds: in a row without any, and it is over
_FLOOD = 8  # stored together: far more than the fastest run draws


@dataclass(frozen=True, slots=True)
class _Applied:
    """What became of one callback. `look_at`: it tells of a call placed elsewhere, the CRM must be asked about that record."""

    state: str = "applied"
    attempt_id: str | None = None
    note: str = ""
    look_at: RecordKey | None = None
    later: bool = False
    taken: bool = False  # another replica applies it, or an earlier one of its session
    agent_unreached: bool = False
    has_reopened: bool = False  # earlier ones wait again


@dataclass(slots=True)
class _Pass:
    """One way through all that waits. `left`: can't be applied now; `taken`: another replica applies it in this moment.

    Numbers alone: in a flood these are hundreds of thousands.
    """

    settled: int = 0
    left: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    elsewhere: list[int] = field(default_factory=list)
    has_reopened: bool = False


class ResultService:
    """Applies what the inbox holds. `coming_in`: how many callbacks are being stored this moment; then it takes its time."""

    def __init__(self, means: Means, lines: Lines, write_back: Signal, coming_in: Callable[[], int]) -> None:
        self._m = means
        self._lines = lines
        self._write_back = write_back
        self._coming_in = coming_in
        self._turn = asyncio.Lock()

    async def apply_waiting(self) -> int:
        """Apply all that can be applied now; how many were settled. What can't be applied yet holds up nothing else.

        StoreError when the database can't be used; what was not applied waits on.
        """
        async with self._turn:
            so_far, looks_left, after = _Pass(), _LOOKS, 0
            while True:
                began = self._m.clock.monotonic()
                page = await self._m.store.read(partial(self._waiting, after))
                await self._apply_some([row for row in page if row.inbox_id not in so_far.left], so_far)
                after = page[-1].inbox_id if page else after
                if len(page) == _BATCH:
                    await self._rest(self._m.clock.monotonic() - began)
                elif so_far.has_reopened:
                    so_far.has_reopened, after = False, 0
                elif so_far.taken and looks_left:
                    looks_left -= 1
                    after = min(so_far.taken) - 1
                    so_far.taken.clear()
                    await self._m.clock.sleep(_UNTIL_COMMITTED)
                else:
                    break  # what comes in from now on gives a signal
            return so_far.settled + await self._apply_all_elsewhere(so_far.elsewhere)

    async def _rest(self, took: float) -> None:
        """For as long as they come in: what waits when a flood is over waits no longer."""
        coming_in, quiet = self._coming_in(), 0
        if not coming_in:
            return
        until = self._m.clock.monotonic() + took * (_REST if coming_in < _FLOOD else _REST_IN_A_FLOOD)
        while quiet < _QUIET_LOOKS and self._m.clock.monotonic() < until:
            await self._m.clock.sleep(_LOOK_EVERY)
            quiet = 0 if self._coming_in() else quiet + 1

    async def apply_one(self, inbox_id: int) -> None:
        """Apply this callback if it waits; where many are being applied in this moment it is left to them. StoreError as above."""
        try:
            async with asyncio.timeout(_TURN):
                await self._turn.acquire()
        except TimeoutError:
            return
        try:
            row = await self._m.store.read(partial(_callback, inbox_id))
            if row is None or row.state != "new":
                return
            applied = await self._guard(row, partial(self._apply_in, row, set()))
            self._note(row, applied)
            if applied.look_at is not None:
                await self._apply_all_elsewhere([inbox_id])
        finally:
            self._turn.release()

    async def _apply_some(self, rows: Sequence[InboxRow], so_far: "_Pass") -> None:
        orphans, unreached = 0, False
        for row, applied in await self._apply_batch(rows, so_far.left):
            if applied.taken:
                so_far.taken.add(row.inbox_id)
                continue
            if applied.look_at is not None:
                so_far.elsewhere.append(row.inbox_id)
            done = self._note(row, applied)
            orphans += applied.state == _ORPHAN
            so_far.settled += done
            so_far.left |= set() if done else {row.inbox_id}
            so_far.has_reopened |= applied.has_reopened
            unreached |= done and applied.agent_unreached
        if orphans:
            self._m.log.info("callbacks of no known session kept", count=orphans)
        if unreached:
            await self._look_at_agents()

    async def _look_at_agents(self) -> None:
        policy = self._m.policy
        today = policy.local_date(self._m.clock.now()).isoformat()
        agents = agents_of(await self._m.store.read(lambda ledger: ledger.stats.today(today)), policy)
        log = self._m.log.error if agents.is_alarming else self._m.log.warning
        log("a person answered and no agent could be reached", today=agents.unreached, answered=agents.answered)

    @staticmethod
    def _waiting(after: int, ledger: Ledger) -> Sequence[InboxRow]:
        return ledger.inbox.waiting(_BATCH, after)

    async def _apply_batch(self, rows: Sequence[InboxRow], left: set[int]) -> list[tuple[InboxRow, _Applied]]:
        """Handed to the store all at once: it takes them in their order and commits them together.

        What can't be applied yet joins `left` in its turn: a later one of its session does not wait for it.
        """
        works = [self._guard(row, partial(self._apply_in, row, left)) for row in rows]
        outcomes = await asyncio.gather(*works, return_exceptions=True)
        applied = [(row, one) for row, one in zip(rows, outcomes, strict=True) if not isinstance(one, BaseException)]
        failed = [one for one in outcomes if isinstance(one, BaseException)]
        if failed:
            for row, one in applied:
                self._note(row, one)
            raise failed[0]
        return applied

    async def _guard(self, row: InboxRow, work: Callable[[Ledger], _Applied]) -> _Applied:
        """One callback that can't be applied must not keep the others from it: it is set aside for a person to see."""
        try:
            return await self._write(work, _TRIES)
        except StoreError as error:
            if not error.permanent:
                raise
            problem = error.message
        except Exception as error:  # noqa: BLE001 - whatever it holds, it is kept for a person to see
            self._m.log.error("callback failed unexpectedly", inbox_id=row.inbox_id, error=repr(error))
            problem = f"unexpected {type(error).__name__}, see the log"
        applied = _Applied("conflict", note=problem)
        if not await self._m.store.write(lambda ledger: self._settle(ledger, row, applied)):
            return _Applied(later=True)  # another process was faster
        self._m.log.error("callback can't be applied, set aside", inbox_id=row.inbox_id, problem=problem)
        return applied

    async def _write(self, work: Callable[[Ledger], _Applied], tries: int) -> _Applied:
        try:
            return await self._m.store.write(work)
        except LedgerRefusal:
            if tries == 1:
                raise
        # Another process changed the same attempt or record in this moment: what it wrote is seen now.
        return await self._write(work, tries - 1)

    async def _apply_all_elsewhere(self, inbox_ids: Sequence[int]) -> int:
        settled = 0
        for inbox_id in inbox_ids:
            row = await self._m.store.read(partial(_callback, inbox_id))
            key = _told_of(row) if row is not None and row.state == "new" else None
            if row is None or key is None:
                continue  # settled meanwhile
            try:
                found = await self._m.crm.look([key])
            except CrmError as error:
                self._m.log.warning("callback waits for Zoho", inbox_id=inbox_id, error=error.message)
                if error.stops_run or not error.permanent:
                    break
                continue
            work = partial(self._apply_elsewhere, row, found.get(key))
            settled += self._note(row, await self._guard(row, work))
        return settled

    def _note(self, row: InboxRow, applied: _Applied) -> bool:
        """Tell whom it concerns; whether the callback is settled."""
        if applied.later or applied.taken or applied.look_at is not None:
            return False
        if applied.state == "applied":
            self._lines.heard()
            self._write_back.notify()
        if applied.state != _ORPHAN:  # these come by the thousand when somebody floods us: one line tells of many
            self._m.log.info(
                "callback settled",
                inbox_id=row.inbox_id,
                state=applied.state,
                attempt_id=applied.attempt_id,
                session_id=row.session_id,
                note=applied.note,
            )
        return True

    def _apply_in(self, row: InboxRow, left: set[int], ledger: Ledger) -> _Applied:
        if not ledger.inbox.take(row.inbox_id, row.session_id, left):
            return _Applied(taken=True)
        applied = self._match(ledger, row)
        if applied.later or applied.look_at is not None:
            left.add(row.inbox_id)
        else:
            self._settle(ledger, row, applied)
        return applied

    def _settle(self, ledger: Ledger, row: InboxRow, applied: _Applied) -> bool:
        """False when another process was faster: what it noted stands."""
        now = self._m.clock.now()
        note, attempt_id = applied.note, applied.attempt_id
        return ledger.inbox.settle(row.inbox_id, applied.state, attempt_id=attempt_id, note=note, at=now)

    def _match(self, ledger: Ledger, row: InboxRow) -> _Applied:
        try:
            known = KnownAttempts(ledger)
            event = self._read(known, row)
        except MalformedCallback as error:
            return _Applied("ignored", note=error.message)
        if isinstance(event, NoResult):
            return _Applied("ignored", note=event.reason)
        if row.state == "new" and row.source == PROVIDER and known.attempt_of(event) is None:
            self._notice_stranger(ledger, event, row)
        if isinstance(event, Progress):
            return self._note_progress(ledger, known, event)
        if isinstance(event, CallResult) and row.source == MISSION and event.key is not None:
            return self._match_record(ledger, event, event.key)
        attempt = known.attempt_of(event)
        if attempt is None:
            return _Applied("orphan", note="no attempt with this session yet")
        if isinstance(event, NotDialled):
            ending = release_attempt(ledger, attempt, event, self._m.clock.now())
            return _Applied(ending.state, ending.attempt_id, ending.note)
        return self._end(ledger, attempt, event, heard_of(ledger, self._m.telephony, event.session_id, row.inbox_id))

    def _notice_stranger(self, ledger: Ledger, event: CallResult | NotDialled | Progress, row: InboxRow) -> None:
        if notice_stranger(ledger, event.attempt_id, self._m.policy, row.received_at):
            self._m.log.error(
                "dialing is held: a call of this ledger's that it does not know",
                attempt_id=event.attempt_id,
                session_id=row.session_id,
            )

    def _note_progress(self, ledger: Ledger, known: KnownAttempts, event: Progress) -> _Applied:
        """It ends no call. That a person asked never to be called again holds at once, and waits for its session if need be."""
        attempt = known.attempt_of(event)
        if attempt is None or attempt.session_id not in (None, event.session_id):
            return _Applied("orphan" if event.do_not_call else "ignored", note=event.note)
        if event.do_not_call and attempt.number is not None:
            ledger.do_not_call.add(attempt.number, "asked not to be called (pressed a key)", self._m.clock.now())
        return _Applied("ignored", attempt.attempt_id, event.note)

    def _read(self, known: KnownAttempts, row: InboxRow) -> CallEvent:
        body: Mapping[str, object] = json.loads(row.body)
        if row.source == MISSION:
            return read_mission_result(body)
        return self._m.telephony.read_callback(body, known.number_of, known.heard)

    def _match_record(self, ledger: Ledger, result: CallResult, key: RecordKey) -> _Applied:
        """Our own format (rules.md row 24): an open attempt takes it if the call id matches or is missing."""
        if result.session_id is not None:
            known = ledger.attempts.find_session(result.session_id)
            if known is not None and known.key == key:
                return self._end(ledger, known, result)
            if known is not None:
                return _Applied("conflict", known.attempt_id, "this call_id belongs to another record")
        attempt = ledger.attempts.find_open(key)
        if attempt is not None and attempt.submitted_at is not None and attempt.session_id is None:
            if result.session_id is None or attempt.unknown_at is not None:
                return self._end(ledger, attempt, result)
            return _Applied(later=True)  # 8x8's own answer will tell its session in a moment
        if attempt is not None and attempt.submitted_at is not None and result.session_id is None:
            return self._end(ledger, attempt, result)
        return _Applied(look_at=key)

    def _apply_elsewhere(self, row: InboxRow, record: Record | None, ledger: Ledger) -> _Applied:
        if not ledger.inbox.take(row.inbox_id, None, ()):
            return _Applied(taken=True)
        result = read_mission_result(json.loads(row.body))
        attempt_id, note = record_elsewhere(ledger, self._m, result, record, row)
        applied = _Applied("applied" if attempt_id else "orphan", attempt_id, note)
        self._settle(ledger, row, applied)
        return applied

    def _end(self, ledger: Ledger, attempt: AttemptRow, result: CallResult, heard: Sequence[Progress] = ()) -> _Applied:
        now = self._m.clock.now()
        ending = end_attempt(ledger, self._m.policy, attempt, result, now, heard, self._m.log_calls)
        return _Applied(
            ending.state,
            ending.attempt_id,
            ending.note,
            agent_unreached=ending.agent_unreached,
            has_reopened=ending.has_reopened,
        )


def _callback(inbox_id: int, ledger: Ledger) -> InboxRow | None:
    return ledger.work_lists.callback(inbox_id)


def _told_of(row: InboxRow) -> RecordKey | None:
    """The record that a callback in our own format names."""
    return read_mission_result(json.loads(row.body)).key
