"""What /api/live answers, as /docs describes it. Further keys may follow."""

from typing import Literal

from autodialer.web.shapes import Count, Instant, RunShape, Shape, Success, Today, Type, ZohoUsage


class RunProgress(RunShape):
    """The run that is going, else the latest. Records by what became of them; `skipped` counts those made Dead, too.

    `to_call`: those that were tried or will be. `calls_per_minute`: lately. `expected_end`: when all its calls are placed, at that
    rate. `ends`: how its calls ended so far.
    """

    is_open: bool
    records: Count
    to_call: Count
    due: Count
    claimed: Count
    called: Count
    skipped: Count
    marked_dead: Count
    errors: Count
    calls_per_minute: float
    expected_end: Instant | None
    ends: dict[str, Count]


class EndedCall(Shape):
    """A call that ended. The number is masked."""

    attempt_id: str
    record_type: Type
    zoho_id: str
    number: str | None
    attempt_number: Count
    end: str
    reason: str
    submitted_at: Instant | None
    ended_at: Instant


class Lines(Shape):
    """Calls in progress, and how many more may be started."""

    in_use: Count
    free: Count
    limit: Count


class RateShape(Shape):
    """Of the calls whose end is known, how many were answered. `at`: the hour (of the policy's zone), or which call it was."""

    at: Count
    calls: Count
    answered: Count


class Rates(Shape):
    """Answer rates of these days, both included."""

    first_day: str
    last_day: str
    by_hour: list[RateShape]
    by_attempt: list[RateShape]


class UpstreamShape(Shape):
    """How Zoho or 8x8 fares, as this process has met it since its start. `failing`: the last that was heard was bad.

    `failing_since`: the first of the bad ones that came without a good one between them.
    """

    name: Literal["zoho", "8x8"]
    failing: bool
    failing_since: Instant | None
    last_success_at: Instant | None
    last_error_at: Instant | None
    last_error: str
    paused_until: Instant | None
    requests: Count
    failed: Count


class LiveShape(Shape):
    """The present moment, one or two seconds old at most; `today`, `work_lists`, `rates` and `ends` a few more with a long history.

    `standing`: whether calls are sent; `reason` says why in one sentence. `is_late`: a run is due and can't start
    yet, as `reason` says; `lacks_agent`: the run that is going waits for an agent. `paused_at` and `paused_by`: while it is paused.
    `calls`: those of the last day that ended last. `outbox_oldest_at`: when the update was queued that waits longest.
    """

    standing: Literal["dry_run", "unready", "held", "paused", "running", "idle"]
    reason: str
    is_late: bool
    lacks_agent: bool
    paused_at: Instant | None
    paused_by: str | None
    next_run: Instant
    run: RunProgress | None
    lines: Lines
    today: Today
    calls: list[EndedCall]
    work_lists: dict[str, Count]
    outbox_oldest_at: Instant | None
    inbox_waiting: Count
    rates: Rates
    zoho: ZohoUsage
    upstreams: list[UpstreamShape]
    replicas: Count


class Live(Success):
    """One look."""

    live: LiveShape
    timestamp: Instant
