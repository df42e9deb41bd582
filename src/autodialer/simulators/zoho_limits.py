"""The simulated API limits: credits in 24 hours, and how many requests may run at once (Zoho's page "API limits")."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from starlette.responses import Response

from autodialer.simulators.common import SimClock
from autodialer.simulators.faults import Seen
from autodialer.simulators.zoho_answers import ZohoError

_DAY: Final = timedelta(hours=24)
_LIGHT_UPDATE: Final = 10


@dataclass(slots=True)
class Limits:
    """The figures of an edition; by default those of Standard with one user."""

    credits_per_day: int = 50_250
    concurrency: int = 10
    sub_concurrency: int = 10


class Meter:
    """Counts what runs and what was spent."""

    def __init__(self, limits: Limits, clock: SimClock) -> None:
        self.limits = limits
        self._clock = clock
        self._running: Counter[str] = Counter()
        self._spent: deque[tuple[datetime, int]] = deque()
        self._total = 0

    @contextmanager
    def doorman(self, seen: Seen) -> Iterator[Response | None]:
        """Counts a request of the API as long as it runs; yields a 429 for one too many."""
        pools = _pools(seen)
        allowed = {"all": self.limits.concurrency, "heavy": self.limits.sub_concurrency}
        if any(self._running[pool] >= allowed[pool] for pool in pools):
            yield too_many_requests().response()
            return
        self._running.update(pools)
        try:
            yield None
        finally:
            self._running.subtract(pools)

    def charge(self, cost: int) -> None:
        """Spend credits. ZohoError 429 when fewer are left."""
        self._forget()
        if self._total + cost > self.limits.credits_per_day:
            raise too_many_requests()
        self._spent.append((self._clock.now(), cost))
        self._total += cost

    def headers(self) -> dict[str, str]:
        """What is left, told only once half of the day's credits are used."""
        self._forget()
        if self._total * 2 < self.limits.credits_per_day:
            return {}
        return {"X-API-CREDITS-REMAINING": str(self.limits.credits_per_day - self._total)}

    @property
    def spent(self) -> int:
        """Credits of the last 24 hours."""
        self._forget()
        return self._total

    def _forget(self) -> None:
        while self._spent and self._clock.now() - self._spent[0][0] >= _DAY:
            self._total -= self._spent.popleft()[1]


def too_many_requests() -> ZohoError:
    """The one answer to every exceeded limit."""
    return ZohoError(
        429,
        "TOO_MANY_REQUESTS",
        "Number of API requests for the 24 hour period is exceeded or the concurrency limit of the user for the app "
        "is exceeded",
    )


def _pools(seen: Seen) -> tuple[str, ...]:
    if not seen.path.startswith("/crm/"):
        return ()
    if seen.path == "/crm/v8/coql" or (seen.method == "PUT" and _count(seen.body) > _LIGHT_UPDATE):
        return ("all", "heavy")
    return ("all",)


class _Update(msgspec.Struct):
    data: list[msgspec.Raw] = []


def _count(body: bytes) -> int:
    try:
        return len(msgspec.json.decode(body, type=_Update).data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
