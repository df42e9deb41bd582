"""How one loop tells another that there is something to do."""

import asyncio
from contextlib import suppress


class Signal:
    """Wakes whoever waits; a signal that nobody waited for is kept until the next wait."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """There is something to do."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until notified, or for at most that long in real time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
