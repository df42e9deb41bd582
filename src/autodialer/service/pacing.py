"""How fast calls may be placed: one pacer for all callers, so that one 429 slows everybody."""

from collections import deque

from autodialer.ports import Clock

_UNDER_THE_LIMIT = 0.998  # exactly at the limit, jitter alone would draw refusals
_MOMENT = 0.0001  # seconds that are not waited for: clocks differ by less only in rounding
_MADE_UP = 3  # turns at most: as many as commits and the last look take now and then
_HURRY = 0.5  # turns that make up for late ones are at least that share of an interval apart


class Pacer:
    """Gives out turns, evenly spaced; never more than `per_second` requests leave in any second.

    A few late turns are made up within that limit, so that a run does not fall behind for a slow commit here and there.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._interval = 1 / (per_second * _UNDER_THE_LIMIT)
        self._clock = clock
        self._due_at = clock.monotonic()
        self._last_turn: float | None = None
        self._left: deque[float] = deque(maxlen=max(1, int(per_second)))
        self._window = self._interval * max(1, int(per_second))  # no more than that many requests in so many seconds

    async def turn(self) -> None:
        """Wait for one's turn to make ready."""
        if self._last_turn is None:  # until now nobody could be late
            self._due_at = max(self._due_at, self._clock.monotonic())
        while (wait := self._turn_at() - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)
        now = self._clock.monotonic()
        # What is later than that is not made up for: a burst would come back in each second from then on.
        self._due_at = max(self._due_at, now - _MADE_UP * self._interval) + self._interval
        self._last_turn = now

    def _turn_at(self) -> float:
        return self._due_at if self._last_turn is None else max(self._due_at, self._last_turn + _HURRY * self._interval)

    async def departure(self) -> None:
        """Wait, if at all, until one more request may leave: commits take now more, now less than the turns are apart."""
        while (wait := self._leave_at() - self._clock.monotonic()) > _MOMENT:
            await self._clock.sleep(wait)
        self._left.append(self._clock.monotonic())

    def _leave_at(self) -> float:
        return self._left[0] + self._window if len(self._left) == self._left.maxlen else 0.0

    def pause(self, seconds: float) -> None:
        """Nobody gets a turn for that long."""
        self._due_at = max(self._due_at, self._clock.monotonic() + seconds)
