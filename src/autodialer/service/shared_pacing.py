"""One pace for the calls of all processes that share a ledger: turns are given out by a row of it, on the database's clock."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.replicas import PaceRow
from autodialer.service.control import HEADWAY
from autodialer.service.headway import CALM, Headway
from autodialer.service.pacing import UNDER_THE_LIMIT, Start, longest_held

_LEAD = timedelta(milliseconds=150)  # from a turn to the request: time to commit the intent
_LATE = 0.02  # seconds after its turn at which a request may still leave
_LONG = 0.5  # seconds of waiting for another turn in which a pause, or an opt-out, may have come
_MOMENT = 0.0005  # seconds that are not waited for
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 1.0  # seconds: a difference between two clocks that grew by so much is a clock that was set
_SANE = timedelta(hours=2)  # nobody is told to wait longer than one, and a few turns: the database's clock was set back
_TURNS = 20  # that may be given out ahead, at most, where it was set back by less


class SharedPacer:
    """Implements pacing.Pacing. `per_second` holds over all processes, in every second."""

    def __init__(self, per_second: float, store: Store, clock: Clock) -> None:
        self._longest = longest_held(per_second)
        self._usual = timedelta(seconds=1 / (per_second * UNDER_THE_LIMIT))
        self._store = store
        self._clock = clock
        self._ahead: float | None = None  # of the database's clock, this machine's monotonic one; as small as ever seen
        self._kept: float | None = None
        self._last: float | None = None
        self._paused_until = 0.0
        self._start = Start()

    async def turn(self) -> float:
        """Take the next turn of all, and wait until it is time to make ready for it."""
        at, self._kept = self._kept, None
        if at is None or at < self._clock.monotonic():
            at = await self._take()
        # A pause that was asked for meanwhile holds for this turn too.
        while at < self._paused_until:
            await self._wait(self._paused_until - _LEAD.total_seconds())
            at = await self._take()
        self._last = at
        return at

    async def _take(self) -> float:
        at = await self._next(_LEAD) or self._clock.monotonic()
        await self._wait(at - _LEAD.total_seconds())
        return at

    def unused(self) -> None:
        """Kept for the next one of this process, unless its time passes."""
        self._kept = self._last

    async def departure(self, at: float, may_leave: Callable[[Ledger], bool]) -> bool:
        """Leaves at its turn exactly, so that many processes together keep the limit in every second."""
        await self._wait(at)
        while self._clock.monotonic() - at > _LATE:
            # Also after this process stood still: meanwhile its work may have been taken over.
            another = await self._next(timedelta(), may_leave)
            if another is None:
                return False
            at = another
            wait = at - self._clock.monotonic()
            if wait > self._longest:
                return False
            if wait > _LONG:
                await self._wait(at - _LEAD.total_seconds())
                if not await self._store.read(may_leave):
                    return False
            await self._wait(at)
        return True

    async def pause(self, seconds: float) -> None:
        """For all processes."""

        def pause(ledger: Ledger) -> None:
            row, now = self._row(ledger)
            ledger.pace.save(PaceRow(max(row.due_at, now + timedelta(seconds=seconds)), row.interval, row.calm_since))

        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds - _LATE)
        await self._store.write(pause)

    async def slow_down(self, turn: float, *, of_all: bool = False) -> None:
        """For all processes."""

        def slow_down(ledger: Ledger) -> None:
            row, now = self._row(ledger)
            at = _seconds(now)
            before = self._headway(ledger, row)
            left_at = at - (self._clock.monotonic() - turn)
            after = before.complained(left_at, at, _seconds(row.due_at), of_all=of_all)
            if after != before:
                self._keep(ledger, row.due_at, after, now)

        await self._store.write(slow_down)

    async def _next(self, lead: timedelta, may_leave: Callable[[Ledger], bool] = lambda _: True) -> float | None:
        def take(ledger: Ledger) -> tuple[datetime, datetime] | None:
            row, now = self._row(ledger)
            if not may_leave(ledger):
                return None
            leaves_at = max(row.due_at, now + lead)
            apart = self._start.apart(self._clock.monotonic())
            if row.interval > self._usual and (now - row.calm_since).total_seconds() >= CALM:
                before = self._headway(ledger, row)
                after = before.calm(_seconds(now))
                if after != before:
                    self._keep(ledger, leaves_at + apart * timedelta(seconds=after.interval), after, now)
                    return leaves_at, now
            ledger.pace.save(PaceRow(leaves_at + apart * row.interval, row.interval, row.calm_since))
            return leaves_at, now

        taken = await self._store.write(take)
        return None if taken is None else self._on_our_clock(*taken)

    def _row(self, ledger: Ledger) -> tuple[PaceRow, datetime]:
        row = ledger.pace.load()
        now = ledger.shared_now()
        if row is None or row.interval < self._usual:  # nobody has called yet, or CALLS_PER_SECOND is less than it was
            row = PaceRow(row.due_at if row else now, self._usual, now)
        if max(row.due_at, row.calm_since) > now + _SANE:
            row = PaceRow(now, row.interval, now)
        elif self._was_set_back(now):  # what all were told to wait for would come only when that time is made up
            pause = timedelta(seconds=max(0.0, self._paused_until - self._clock.monotonic()))
            row = PaceRow(
                min(row.due_at, now + max(pause, _TURNS * row.interval)), row.interval, min(row.calm_since, now)
            )
        return row, now

    def _was_set_back(self, now: datetime) -> bool:
        """Whether the database's clock shows less than it must since this process looked at it last."""
        return self._ahead is not None and self._clock.monotonic() - self._ahead - _seconds(now) >= _STEP

    def _headway(self, ledger: Ledger, row: PaceRow) -> Headway:
        """The row says how fast it goes; what was learnt on the way there is noted beside it, where that is still about this row.

        Beside it, as previous releases change the row by rules of their own.
        """
        usual, interval, since = self._usual.total_seconds(), row.interval.total_seconds(), _seconds(row.calm_since)
        noted = json.loads(ledger.switches.get(HEADWAY) or "{}")
        if noted.get("interval") != interval:
            return Headway(usual, interval, since)
        # Previous releases note no round.
        return Headway(
            usual, interval, since, noted["fine"], noted["failed"], noted.get("round_of"), noted.get("refused", 0)
        )

    @staticmethod
    def _keep(ledger: Ledger, due_at: datetime, headway: Headway, now: datetime) -> None:
        interval = timedelta(seconds=headway.interval)
        ledger.pace.save(PaceRow(due_at, interval, _EPOCH + timedelta(seconds=headway.since)))
        fine = None if headway.fine is None else timedelta(seconds=headway.fine).total_seconds()
        noted = {
            "interval": interval.total_seconds(),
            "fine": fine,
            "failed": headway.failed,
            "round_of": headway.round_of,
            "refused": headway.refused,
        }
        ledger.switches.set(HEADWAY, json.dumps(noted), now)

    def _on_our_clock(self, moment: datetime, now: datetime) -> float:
        """The answer took its time to come: the shortest one ever tells best how the two clocks stand."""
        ahead = self._clock.monotonic() - _seconds(now)
        if self._ahead is None or not 0 <= ahead - self._ahead < _STEP:
            self._ahead = ahead
        return self._ahead + _seconds(moment)

    async def _wait(self, until: float) -> None:
        while (wait := until - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)


def _seconds(moment: datetime) -> float:
    return (moment - _EPOCH).total_seconds()
