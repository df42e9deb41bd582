"""How fast calls may be placed: one pacer for all callers, so that one 429 slows everybody."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger

UNDER_THE_LIMIT = 0.998  # exactly at the limit, jitter alone would draw refusals
_MOMENT = 0.0001  # seconds that are not waited for: clocks differ by less only in rounding
_MADE_UP = 3  # turns at most: as many as commits and the last look take now and then
_HURRY = 0.5  # turns that make up for late ones are at least that share of an interval apart
SLOWEST = 16.0  # times as long as usual between two turns, at most
STEP_DOWN, STEP_UP = 2.0, 1.5
CALM = 10.0  # seconds without a complaint after which it goes a step faster again


class Pacing(Protocol):
    """When calls may be made ready, and when they may leave. StoreError where the pace is kept in the ledger and that is gone."""

    async def turn(self) -> float:
        """Wait for one's turn to make ready; when the request may leave at the earliest (monotonic seconds)."""
        ...

    def unused(self) -> None:
        """Nothing came of the turn that was given out last: whoever asks next has it."""
        ...

    async def departure(self, at: float, is_ours: Callable[[Ledger], bool]) -> bool:
        """Wait until the request whose turn is `at` may leave.

        False: it must not be sent any more. Who comes too late for its turn gets another one, if `is_ours` says yes.
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Nobody gets a turn for that long."""
        ...

    async def slow_down(self) -> None:
        """8x8 had too much to do: half as many calls from now on."""
        ...


class Pacer:
    """Implements Pacing for a process that has the ledger for itself.

    Gives out turns, evenly spaced; never more than `per_second` requests leave in any second. A few late turns are made up within
    that limit, so that a run does not fall behind for a slow commit here and there. Told to slow down, it halves the pace, and
    comes back to it in steps.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._usual = self._interval = 1 / (per_second * UNDER_THE_LIMIT)
        self._calm_since = clock.monotonic()
        self._clock = clock
        self._due_at = clock.monotonic()
        self._last_turn: float | None = None
        self._before: tuple[float, float | None] = (self._due_at, None)
        self._left: deque[float] = deque(maxlen=max(1, int(per_second)))
        self._window = self._interval * max(1, int(per_second))  # no more than that many requests in so many seconds

    async def turn(self) -> float:
        """Wait for one's turn to make ready."""
        if self._last_turn is None:  # until now nobody could be late
            self._due_at = max(self._due_at, self._clock.monotonic())
        while (wait := self._turn_at() - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)
        now = self._clock.monotonic()
        self._before = self._due_at, self._last_turn
        self._speed_up(now)
        # What is later than that is not made up for: a burst would come back in each second from then on.
        self._due_at = max(self._due_at, now - _MADE_UP * self._interval) + self._interval
        self._last_turn = now
        return now

    def unused(self) -> None:
        """Nothing came of the turn that was given out last: whoever asks next has it."""
        self._due_at, self._last_turn = self._before

    async def slow_down(self) -> None:
        """8x8 had too much to do: half as many calls from now on."""
        self._interval = min(self._interval * STEP_DOWN, self._usual * SLOWEST)
        self._calm_since = self._clock.monotonic()

    def _speed_up(self, now: float) -> None:
        if self._interval > self._usual and now - self._calm_since >= CALM:
            self._interval = max(self._interval / STEP_UP, self._usual)
            self._calm_since = now

    def _turn_at(self) -> float:
        return self._due_at if self._last_turn is None else max(self._due_at, self._last_turn + _HURRY * self._interval)

    async def departure(self, at: float, is_ours: Callable[[Ledger], bool]) -> bool:  # noqa: ARG002 - here nobody else has turns
        """Wait, if at all, until one more request may leave: commits take now more, now less than the turns are apart."""
        while (wait := self._leave_at() - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)
        self._left.append(self._clock.monotonic())
        return True

    def _leave_at(self) -> float:
        return self._left[0] + self._window if len(self._left) == self._left.maxlen else 0.0

    async def pause(self, seconds: float) -> None:
        """Nobody gets a turn for that long."""
        self._due_at = max(self._due_at, self._clock.monotonic() + seconds)
