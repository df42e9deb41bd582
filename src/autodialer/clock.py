"""The real clock, and one that starts at an instant of one's choice (CLOCK, the demo)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Implements ports.Clock on this machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Real seconds."""
        await asyncio.sleep(max(0.0, seconds))


class ShiftedClock(SystemClock):
    """Runs as fast as the real one, but shows another time; `move_to` shifts it."""

    def __init__(self, start: datetime) -> None:
        self._shift = timedelta()
        self.move_to(start)

    def now(self) -> datetime:
        """The shifted instant, UTC."""
        return datetime.now(UTC) + self._shift

    def move_to(self, moment: datetime) -> None:
        """From now on it is `moment`."""
        self._shift = moment - datetime.now(UTC)
