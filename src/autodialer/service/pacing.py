"""How fast calls may be placed: one pacer for all callers, so that one 429 slows everybody."""

from autodialer.ports import Clock

_UNDER_THE_LIMIT = 0.995  # exactly at the limit, jitter alone would draw refusals
_CATCH_UP = 0.25  # a late turn may be made up by that share of an interval, so that a run does not fall behind


class Pacer:
    """Gives out turns, `per_second` at most, evenly spaced."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._interval = 1 / (per_second * _UNDER_THE_LIMIT)
        self._clock = clock
        self._next_at = clock.monotonic()

    async def turn(self) -> None:
        """Wait for one's turn."""
        while (wait := self._next_at - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait)
        late_by = min(self._clock.monotonic() - self._next_at, _CATCH_UP * self._interval)
        self._next_at = self._clock.monotonic() - late_by + self._interval

    def pause(self, seconds: float) -> None:
        """Nobody gets a turn for that long."""
        self._next_at = max(self._next_at, self._clock.monotonic() + seconds)
