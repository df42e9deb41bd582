"""How the systems outside fare, as this process has met them. Nothing is asked of them for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from autodialer.ports import Clock

ZOHO: Final = "zoho"
EIGHTX8: Final = "8x8"
BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds: a request is counted under the first one that it did not exceed."""

_OUTAGES: Final = frozenset({401, 403, 408, 429})
_SERVER_ERROR: Final = 500


def outage(status: int) -> str | None:
    """What an HTTP status says against the one who answers; None when it speaks of the request only."""
    return f"HTTP {status}" if status >= _SERVER_ERROR or status in _OUTAGES else None


@dataclass(frozen=True, slots=True)
class Latency:
    """Requests of one kind. `counts`: by BOUNDS, and one more for those that took longer; `seconds`: of all together."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    seconds: float = 0.0
    failed: int = 0

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.counts)

    def with_one(self, seconds: float, *, failed: bool) -> "Latency":
        """And one more."""
        at = next((index for index, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        counts = (*self.counts[:at], self.counts[at] + 1, *self.counts[at + 1 :])
        return Latency(counts, self.seconds + seconds, self.failed + failed)


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """Since this process started, by the wall clock. `latencies`: by kind of request.

    `failing_since`: the first that was bad of those that were heard last; None where the last one was good.
    """

    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error: str = ""
    paused_until: datetime | None = None
    latencies: Mapping[str, Latency] = field(default_factory=dict)

    @property
    def is_failing(self) -> bool:
        """Whether the last that was heard was bad."""
        return self.failing_since is not None

    @property
    def failing_for(self) -> timedelta:
        """From the first to the last of the bad ones that were heard last: what nobody asked meanwhile may be well again."""
        if self.failing_since is None or self.last_error_at is None:
            return timedelta()
        return max(timedelta(), self.last_error_at - self.failing_since)


class Upstream:
    """One of them. Its adapter says of each request how it went."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = UpstreamState()

    @property
    def state(self) -> UpstreamState:
        """As it stands."""
        return self._state

    def ask(self, kind: str) -> "Asked":
        """A request begins. `kind`: one of a few words."""
        return Asked(self, kind, self._clock.monotonic())

    def fails(self, problem: str) -> None:
        """Something is wrong with it; one sentence."""
        now = self._clock.now()
        since = self._state.failing_since or now
        self._state = replace(self._state, failing_since=since, last_error_at=now, last_error=problem)

    def pauses(self, seconds: float) -> None:
        """It asked to be left alone for so long."""
        until = self._clock.now() + timedelta(seconds=seconds)
        self._state = replace(self._state, paused_until=max(until, self._state.paused_until or until))

    def note(self, kind: str, began: float, problem: str | None) -> None:
        """A request that began then (monotonic seconds) is over; `problem` None: it went well."""
        known = self._state.latencies.get(kind, Latency())
        latency = known.with_one(max(0.0, self._clock.monotonic() - began), failed=problem is not None)
        self._state = replace(self._state, latencies={**self._state.latencies, kind: latency})
        if problem is None:
            self._state = replace(self._state, failing_since=None, last_success_at=self._clock.now())
        else:
            self.fails(problem)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way."""

    upstream: Upstream
    kind: str
    began: float

    def ends(self, problem: str | None = None) -> None:
        """It was answered, or is given up; `problem` None: it went well."""
        self.upstream.note(self.kind, self.began, problem)
