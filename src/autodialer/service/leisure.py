"""While callbacks come in, they are stored first: whoever works on those that are stored takes a rest in between."""

from collections.abc import Awaitable, Callable

from autodialer.ports import Clock

# Times as long as the work took, while callbacks come in. In a flood of them much longer.
_REST, _REST_IN_A_FLOOD = 25.0, 200.0
_QUIET_LOOKS, _LOOK_EVERY = 2, 0.05  # seconds: in a row without any, and it is over
_FLOOD = 8  # stored together: far more than the fastest run draws


class Leisure:
    """`coming_in`: how many callbacks are being stored this moment."""

    def __init__(self, clock: Clock, coming_in: Callable[[], int]) -> None:
        self._clock = clock
        self._coming_in = coming_in

    async def rest(
        self, took: float, meanwhile: Callable[[], Awaitable[None]] | None = None, every: float = 0.0
    ) -> None:
        """After work that took so many seconds, for as long as callbacks come in: what waits when a flood is over waits no longer.

        `meanwhile` is done each `every` seconds of it.
        """
        coming_in, quiet = self._coming_in(), 0
        if not coming_in:
            return
        clock = self._clock
        until = clock.monotonic() + took * (_REST if coming_in < _FLOOD else _REST_IN_A_FLOOD)
        next_at = clock.monotonic() + every
        while quiet < _QUIET_LOOKS and clock.monotonic() < until:
            await clock.sleep(_LOOK_EVERY)
            quiet = 0 if self._coming_in() else quiet + 1
            if meanwhile is not None and clock.monotonic() >= next_at:
                await meanwhile()
                next_at = clock.monotonic() + every
