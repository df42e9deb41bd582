"""How often somebody may have the CRM asked, which costs credits that runs need."""

from collections import deque
from typing import Final

from autodialer.ports import Clock

WHILE: Final = 3600.0  # seconds
MOST: Final = 100  # in that time, by one name: some hundred credits


class Allowance:
    """Counts by name, in this process; the names are those of users, so that there are few."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[str, deque[float]] = {}

    def take(self, name: str) -> bool:
        """Whether he may ask once more; if so, it counts."""
        now = self._clock.monotonic()
        taken = self._taken.setdefault(name, deque())
        while taken and now - taken[0] >= WHILE:
            taken.popleft()
        if len(taken) >= MOST:
            return False
        taken.append(now)
        return True
