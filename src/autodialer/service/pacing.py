"""How fast calls may be placed: one pacer for all callers, so that one 429 slows everybody."""

from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Protocol

from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger
from autodialer.service.headway import Headway

UNDER_THE_LIMIT = 0.995  # closer, jitter alone draws refusals, each of which costs all calls a second
_MOMENT = 0.0001  # seconds that are not waited for: clocks differ by less only in rounding
_MADE_UP = 3  # turns at most: as many as commits and the last look take now and then
_HURRY = 0.5  # turns that make up for late ones are at least that share of an interval apart
_HELD_FOR = 30.0
_ROUNDING = 1e-9
# The first calls open their connections, and so come later than they left: those of the next second must not catch up with them.
_GENTLE, _GENTLY_FOR = 1.03, 2.0  # times as far apart, seconds


def longest_held(per_second: float) -> float:
    """Seconds after its intent's commit at which a request is not sent any more."""
    return max(_HELD_FOR, 2 / per_second)


class Pacing(Protocol):
    """When calls may be made ready, and when they may leave. StoreError where the pace is kept in the ledger and that is gone."""

    async def turn(self) -> float:
        """Wait for one's turn to make ready; when the request may leave at the earliest (monotonic seconds)."""
        ...

    def unused(self) -> None:
        """Nothing came of the turn that was given out last: whoever asks next has it."""
        ...

    async def departure(self, at: float, may_leave: Callable[[Ledger], bool]) -> bool:
        """Wait until the request whose turn is `at` may leave.

        False: it must not be sent any more. Who comes too late for its turn gets another one, if `may_leave` says yes, and is asked
        again where that one is long in coming. It does not wait for one that comes too late (longest_held).
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Nobody gets a turn for that long."""
        ...

    async def slow_down(self, turn: float, *, of_all: bool = False) -> None:
        """8x8 had too much to do with the request whose turn that was (monotonic seconds): fewer calls from now on (Headway).

        `of_all`: with all that were made then. What it asked to wait for is a pause, and to be told before.
        """
        ...


class Start:
    """Of one process' calls in one run: they begin a little slower than they go on."""

    def __init__(self) -> None:
        self._until: float | None = None

    def apart(self, now: float) -> float:
        """How many times as far from the next one a turn is that is given out now (monotonic seconds)."""
        if self._until is None:
            self._until = now + _GENTLY_FOR
        return _GENTLE if now < self._until else 1.0


class Pacer:
    """Implements Pacing for a process that has the ledger for itself.

    Gives out turns, evenly spaced; never more than `per_second` requests leave in any second, nor more than a lowered pace allows
    in one. A few late turns are made up within that limit, so that a run does not fall behind for a slow commit here and there.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        usual = 1 / (per_second * UNDER_THE_LIMIT)
        self._headway = Headway(usual, usual)
        self._clock = clock
        self._due_at = clock.monotonic()
        self._last_turn: float | None = None
        self._before: tuple[float, float | None] = (self._due_at, None)
        self._left: deque[float] = deque(maxlen=self._in_a_second())
        self._start = Start()

    async def turn(self) -> float:
        """Wait for one's turn to make ready."""
        if self._last_turn is None:  # until now nobody could be late
            self._due_at = max(self._due_at, self._clock.monotonic())
        while (wait := self._turn_at() - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)
        now = self._clock.monotonic()
        self._before = self._due_at, self._last_turn
        self._headway = self._headway.calm(now)
        # What is later than that is not made up for: a burst would come back in each second from then on.
        interval = self._headway.interval
        self._due_at = max(self._due_at, now - _MADE_UP * interval) + interval * self._start.apart(now)
        self._last_turn = now
        return now

    def unused(self) -> None:
        """Nothing came of the turn that was given out last: whoever asks next has it."""
        self._due_at, self._last_turn = self._before

    async def slow_down(self, turn: float, *, of_all: bool = False) -> None:
        """8x8 had too much to do with the request of that turn: fewer calls from now on."""
        self._headway = self._headway.complained(turn, self._clock.monotonic(), self._due_at, of_all=of_all)
        if self._last_turn is not None:  # else the next one would wait for it between its turn and its departure
            self._due_at = max(self._due_at, self._last_turn + self._headway.interval)

    def _turn_at(self) -> float:
        if self._last_turn is None:
            return self._due_at
        return max(self._due_at, self._last_turn + _HURRY * self._headway.interval)

    async def departure(self, at: float, may_leave: Callable[[Ledger], bool]) -> bool:  # noqa: ARG002 - here nobody else has turns
        """Wait, if at all, until one more request may leave: commits take now more, now less than the turns are apart."""
        while (wait := self._leave_at() - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)
        self._left.append(self._clock.monotonic())
        return True

    def _leave_at(self) -> float:
        """No more than so many in as many intervals."""
        most = self._in_a_second()
        return self._left[-most] + most * self._headway.interval if len(self._left) >= most else 0.0

    def _in_a_second(self) -> int:
        return ceil(1 / (self._headway.interval * UNDER_THE_LIMIT) - _ROUNDING)

    async def pause(self, seconds: float) -> None:
        """Nobody gets a turn for that long."""
        self._due_at = max(self._due_at, self._clock.monotonic() + seconds)
