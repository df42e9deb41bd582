"""How many calls may be in progress at once, and when nobody seems to tell us any more how they end."""

from datetime import UTC, datetime, timedelta

from autodialer.ports.ledger import Store
from autodialer.service.means import Means
from autodialer.service.signals import Signal

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Lines:
    """Counts lines in the ledger, so that all processes share them.

    `heard` is notified whenever a result was recorded. A line of a call whose result is overdue stays taken until some result
    comes in: otherwise a service that hears nothing would go on calling everybody, blind.
    """

    def __init__(self, means: Means) -> None:
        self._store: Store = means.store
        self._clock = means.clock
        self._limit = means.max_concurrent_calls
        self._timeout = means.result_timeout
        self._heard = Signal()
        self._heard_at = self._clock.monotonic()

    def heard(self) -> None:
        """A result came in."""
        self._heard_at = self._clock.monotonic()
        self._heard.notify()

    def start(self) -> None:
        """A run begins to dial: from now on results are awaited."""
        self._heard_at = self._clock.monotonic()

    async def free(self) -> int:
        """How many more calls may be started."""
        recent = _EVER if self.deaf() else self._clock.now() - timedelta(seconds=self._timeout)
        return self._limit - await self._store.read(lambda ledger: ledger.attempts.lines_in_use(recent))

    def deaf(self) -> bool:
        """Whether no result came for RESULT_TIMEOUT."""
        return self._clock.monotonic() - self._heard_at >= self._timeout

    async def wait(self, seconds: float) -> None:
        """Until a result comes in, or for so long."""
        await self._heard.wait(seconds)
