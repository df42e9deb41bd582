"""A stored callback becomes a disposition, an attempt's end and an outbox row, in one transaction.

What only the CRM can say more of waits for it apart (asking.py), and holds up nothing here.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from autodialer.domain.errors import MalformedCallback
from autodialer.domain.record import RecordKey
from autodialer.domain.result import CallEvent, CallResult, NoResult, NotDialled, Progress
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, InboxRow
from autodialer.ports.work_lists import PERHAPS_OTHERS
from autodialer.service.agents import agents_of
from autodialer.service.applying import BATCH, ORPHAN, Applied, Applier
from autodialer.service.callbacks import CLOCKS_APART, MISSION, PROVIDER, read_mission_result
from autodialer.service.ending import end_attempt, release_attempt
from autodialer.service.hearing import heard_of, read_event
from autodialer.service.holding import notice_stranger
from autodialer.service.known_attempts import KnownAttempts, live_call_to
from autodialer.service.leisure import Leisure
from autodialer.service.means import Means
from autodialer.service.signals import Signal

_LOOKS, _UNTIL_COMMITTED = 3, 0.25  # more, and seconds between them, at what another replica had
_TURN = 3.0  # seconds that somebody waits for a callback of their own to be applied
_OURS_EVERY = 0.25  # seconds of such a rest: what ends a call of ours frees its line
_NO_LOOK_FOR = 10.0  # times as long as a look for those took, which is long where hundreds of thousands wait


@dataclass(slots=True)
class _Pass:
    """One way through all that waits.

    `left`: can't be applied now; `taken`: another replica applies it in this moment. Numbers alone: in a flood these are hundreds
    of thousands. `look_at`: when to look again for those of our own calls, by the monotonic clock.
    """

    settled: int = 0
    left: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    has_reopened: bool = False
    look_at: float = 0.0


class ResultService:
    """Applies what the inbox holds. `to_ask`: told when a callback waits for the CRM's answer from now on."""

    def __init__(self, means: Means, applier: Applier, to_ask: Signal, leisure: Leisure) -> None:
        self._m = means
        self._applier = applier
        self._to_ask = to_ask
        self._leisure = leisure
        self._turn = asyncio.Lock()

    async def apply_waiting(self) -> int:
        """Apply all that can be applied now; how many were settled. What can't be applied yet holds up nothing else.

        Where many wait, results of our own calls in progress overtake the rest: a few lines wait for them.

        StoreError when the database can't be used; what was not applied waits on.
        """
        async with self._turn:
            so_far, looks_left, after = _Pass(), _LOOKS, 0
            while True:
                began = self._m.clock.monotonic()
                page = await self._m.store.read(partial(self._waiting, after))
                await self._apply_some(page, so_far)
                after = page[-1].inbox_id if page else after
                if len(page) == BATCH:
                    took = self._m.clock.monotonic() - began
                    await self._leisure.rest(took, partial(self._apply_ours, so_far), _OURS_EVERY)
                    await self._apply_ours(so_far)
                elif so_far.has_reopened:
                    so_far.has_reopened, after = False, 0
                elif so_far.taken and looks_left:
                    looks_left -= 1
                    after = min(so_far.taken) - 1
                    so_far.taken.clear()
                    await self._m.clock.sleep(_UNTIL_COMMITTED)
                else:
                    break  # what comes in from now on gives a signal
            return so_far.settled

    async def apply_one(self, inbox_id: int) -> None:
        """Apply this callback if it waits; where many are being applied in this moment it is left to them. StoreError as above."""
        try:
            async with asyncio.timeout(_TURN):
                await self._turn.acquire()
        except TimeoutError:
            return
        try:
            row = await self._m.store.read(lambda ledger: ledger.work_lists.callback(inbox_id))
            if row is not None and row.state == "new":
                await self._apply_some([row], _Pass())
        finally:
            self._turn.release()

    async def _apply_ours(self, so_far: _Pass) -> None:
        """Those of our own calls in progress, before all others."""
        began = self._m.clock.monotonic()
        if began < so_far.look_at:
            return
        ours = await self._m.store.read(lambda ledger: ledger.inbox.of_open_calls(BATCH))
        now = self._m.clock.monotonic()
        so_far.look_at = now + _NO_LOOK_FOR * (now - began)
        await self._apply_some(ours, so_far)

    async def _apply_some(self, rows: Sequence[InboxRow], so_far: _Pass) -> None:
        orphans, unreached = 0, False
        works = [(row, partial(self._apply_in, row, so_far.left)) for row in rows if row.inbox_id not in so_far.left]
        for row, applied in await self._applier.apply_all(works):
            if applied.taken:
                so_far.taken.add(row.inbox_id)
                continue
            if applied.look_at is not None:
                self._to_ask.notify()
            done = applied.is_settled
            orphans += applied.state == ORPHAN
            so_far.settled += done
            so_far.left |= {row.inbox_id} if applied.later else set()
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
        return ledger.inbox.waiting(BATCH, after)

    def _apply_in(self, row: InboxRow, left: set[int], ledger: Ledger) -> Applied:
        """What can't be applied yet joins `left` in its turn: a later one of its session does not wait for it."""
        if not ledger.inbox.take(row.inbox_id, row.session_id, left):
            return Applied(taken=True)
        applied = self._match(ledger, row)
        if applied.look_at is not None:
            ledger.inbox.ask(row.inbox_id)
        elif applied.later:
            left.add(row.inbox_id)
        else:
            self._applier.settle(ledger, row, applied)
        return applied

    def _match(self, ledger: Ledger, row: InboxRow) -> Applied:
        try:
            known = KnownAttempts(ledger)
            event = self._read(known, row)
        except MalformedCallback as error:
            return Applied("ignored", note=error.message)
        if isinstance(event, NoResult):
            return Applied("ignored", note=event.reason)
        if row.state == "new" and row.source == PROVIDER and known.attempt_of(event) is None:
            self._notice_stranger(ledger, event, row)
        if isinstance(event, Progress):
            return self._note_progress(ledger, known, event)
        if isinstance(event, CallResult) and row.source == MISSION and event.key is not None:
            return self._match_record(ledger, event, event.key, row.received_at)
        attempt = known.attempt_of(event)
        if attempt is None and event.among_others:
            return Applied("ignored", note=PERHAPS_OTHERS)
        if attempt is None:
            return Applied(ORPHAN, note="no attempt with this session yet")
        if isinstance(event, NotDialled):
            ending = release_attempt(ledger, attempt, event, self._m.clock.now())
            return Applied(ending.state, ending.attempt_id, ending.note, is_ours=True)
        return self._end(ledger, attempt, event, heard_of(ledger, self._m, event.session_id, row.inbox_id))

    def _notice_stranger(self, ledger: Ledger, event: CallResult | NotDialled | Progress, row: InboxRow) -> None:
        if notice_stranger(ledger, event.attempt_id, self._m.policy, row.received_at):
            self._m.log.error(
                "dialing is held: a call of this ledger's that it does not know",
                attempt_id=event.attempt_id,
                session_id=row.session_id,
            )

    def _note_progress(self, ledger: Ledger, known: KnownAttempts, event: Progress) -> Applied:
        """It ends no call. That a person asked never to be called again holds at once, and waits for its call if need be."""
        attempt = known.attempt_of(event) or (live_call_to(ledger, event.number) if event.do_not_call else None)
        if attempt is None or attempt.session_id not in (None, event.session_id):
            return Applied(ORPHAN if event.do_not_call else "ignored", note=event.note)
        if event.do_not_call and attempt.number is not None:
            ledger.do_not_call.add(attempt.number, "asked not to be called (pressed a key)", self._m.clock.now())
        return Applied("ignored", attempt.attempt_id, event.note)

    def _read(self, known: KnownAttempts, row: InboxRow) -> CallEvent:
        body: Mapping[str, object] = json.loads(row.body)
        if row.source == MISSION:
            return read_mission_result(body)
        return read_event(self._m, body, known.number_of, known.heard)

    def _match_record(self, ledger: Ledger, result: CallResult, key: RecordKey, received_at: datetime) -> Applied:
        """Our own format (rules.md row 24): an open attempt takes it if the call id matches or is missing.

        Unless it had come before that call was made, and waited.
        """
        known = self.match_session(ledger, result, key)
        if known is not None:
            return known
        attempt = ledger.attempts.find_open(key)
        if attempt is None or attempt.submitted_at is None or received_at < attempt.submitted_at - CLOCKS_APART:
            return Applied(look_at=key)
        if result.session_id is None or (attempt.session_id is None and attempt.unknown_at is not None):
            return self._end(ledger, attempt, result)
        if attempt.session_id is None:
            return Applied(later=True)  # 8x8's own answer will tell its session in a moment
        return Applied(look_at=key)

    def match_session(self, ledger: Ledger, result: CallResult, key: RecordKey) -> Applied | None:
        """What becomes of a result in our own format by its call id alone; None while no call with that id is known."""
        known = ledger.attempts.find_session(result.session_id) if result.session_id is not None else None
        if known is None:
            return None
        if known.key != key:
            return Applied("conflict", known.attempt_id, "this call_id belongs to another record")
        return self._end(ledger, known, result)

    def _end(self, ledger: Ledger, attempt: AttemptRow, result: CallResult, heard: Sequence[Progress] = ()) -> Applied:
        now = self._m.clock.now()
        ending = end_attempt(ledger, self._m.policy, attempt, result, now, heard, self._m.log_calls)
        return Applied(
            ending.state,
            ending.attempt_id,
            ending.note,
            is_ours=attempt.run_id is not None,
            agent_unreached=ending.agent_unreached,
            has_reopened=ending.has_reopened,
        )
