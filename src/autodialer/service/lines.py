"""How many calls may be in progress at once, and when nobody seems to tell us any more how they end."""

from datetime import UTC, datetime, timedelta

from autodialer.ports.ledger import Ledger, Store
from autodialer.service.means import Means
from autodialer.service.signals import Signal

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Lines:
    """Counts lines in the ledger, so that all processes share them.

    `heard` is notified whenever a result was recorded. A line of a call whose result is overdue stays taken until some result
    comes in: otherwise a service that hears nothing would go on calling everybody, blind.
    `lacks_agent`: calls are due, and no agent is free for one.
    """

    def __init__(self, means: Means) -> None:
        self._store: Store = means.store
        self._clock = means.clock
        self._limit = means.max_concurrent_calls
        self._timeout = means.result_timeout
        self.lacks_agent = False
        self._heard = Signal()
        self._heard_at = self._clock.monotonic()

    def heard(self) -> None:
        """A result of a call of ours came in."""
        self._heard_at = self._clock.monotonic()
        self._heard.notify()

    def start(self) -> None:
        """A run begins to dial: from now on results are awaited."""
        self._heard_at = self._clock.monotonic()

    async def rest(self) -> None:
        """Nobody can be called. Where no call is in progress either, no result can come: silence until now says nothing."""
        if await self._store.read(self._none_in_progress):
            self.start()

    async def free(self) -> int:
        """How many more calls may be started, as far as can be seen without keeping others from starting one."""
        return await self._store.read(self.count_free)

    def take(self, ledger: Ledger, agents: int | None) -> int:
        """How many calls may be reserved in this transaction: until it ends, no other process counts.

        `agents`: those who are free, where calls need one; one is kept for each call that is reserved or being sent already.
        """
        ledger.pace.lock()
        free = self.count_free(ledger)
        return free if agents is None else min(free, agents - ledger.attempts.unplaced())

    def count_free(self, ledger: Ledger) -> int:
        """Lines that no call has."""
        recent = _EVER if self._nobody_heard(ledger) else self._long_ago()
        return self._limit - ledger.attempts.lines_in_use(recent)

    async def deaf(self) -> bool:
        """Whether no result came to any process for RESULT_TIMEOUT, and every call that has a line was made before that."""
        return self._is_silent() and await self._store.read(self._waits_in_vain)

    def _waits_in_vain(self, ledger: Ledger) -> bool:
        return self._nobody_heard(ledger) and self._none_in_progress(ledger)

    def _none_in_progress(self, ledger: Ledger) -> bool:
        """No call whose result is not overdue, whether or not somebody has noticed that it is."""
        return ledger.attempts.sent_lately(self._long_ago()) == 0

    def _long_ago(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._timeout)

    def _is_silent(self) -> bool:
        return self.silence() >= self._timeout

    def silence(self) -> float:
        """Seconds for which this process heard nothing."""
        return self._clock.monotonic() - self._heard_at

    def _nobody_heard(self, ledger: Ledger) -> bool:
        if not self._is_silent():
            return False
        elsewhere = ledger.replicas.heard_at()
        return elsewhere is None or ledger.shared_now() - elsewhere >= timedelta(seconds=self._timeout)

    async def wait(self, seconds: float) -> None:
        """Until a result comes in, or for so long."""
        await self._heard.wait(seconds)
