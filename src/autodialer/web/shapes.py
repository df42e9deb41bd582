"""The answers of the API as /docs and /openapi.json describe them. Further keys may follow."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
Instant = Annotated[str, Field(pattern=_ISO, examples=["2026-01-13T08:26:58.000Z"])]
Count = Annotated[int, Field(ge=0)]
Type = Literal["Lead", "Contact"]


class Shape(BaseModel):
    """An answer. It is described only, so that pydantic needs to make no validator at the start."""

    model_config = ConfigDict(extra="allow", defer_build=True)


class Failure(Shape):
    """What went wrong, and where it helps, how to mend it."""

    success: Literal[False]
    message: str
    problems: list[str] = []


class Success(Shape):
    """What all answers of /api have in common."""

    success: Literal[True]


class About(Shape):
    """What this is."""

    message: Literal["8x8 Auto-Dialer Microservice"]
    version: str
    status: Literal["running"]
    timestamp: Instant


class Results(Shape):
    """processed = called + errors + skipped; records made Dead count as skipped, and again under marked_dead."""

    processed: Count
    called: Count
    errors: Count
    skipped: Count
    marked_dead: Count
    reasons: dict[str, Count]


class RunDone(Success):
    """All calls of the run are placed."""

    message: Literal["Cron job completed", "Dry run completed"]
    results: Results
    timestamp: Instant


class RunStarted(Success):
    """The run goes on in the background; GET /api/runs/{run_id} shows how."""

    message: Literal["Run started"]
    run_id: str
    timestamp: Instant


class RunInTheWay(Failure):
    """A run is going already."""

    run_id: str
    timestamp: Instant


class RunShape(Shape):
    """One run."""

    run_id: str
    kind: Literal["scheduled", "manual"]
    slot: Instant | None
    state: Literal["staging", "dialing", "finished", "stopped", "skipped"]
    stop_reason: str | None
    started_at: Instant
    staged_at: Instant | None
    ended_at: Instant | None
    policy: str
    results: dict[str, Any]


class RunList(Success):
    """The newest runs first."""

    runs: list[RunShape]
    timestamp: Instant


class StagedShape(Shape):
    """What was (or would be) done with one record, and why. The number is masked."""

    record_type: Type
    zoho_id: str
    status: str | None
    number: str | None
    did: str
    would: str
    reason: str
    detail: str
    next_at: Instant | None
    attempt_id: str | None
    facts: dict[str, Any]
    sort_key: str


class RunPage(Success):
    """A run and a page of its records; `next_after` is the `after` of the next page, null on the last one."""

    run: RunShape
    records: list[StagedShape]
    next_after: str | None
    timestamp: Instant


class Today(Shape):
    """The calls of today's date in TIMEZONE."""

    total_records: Count
    total_attempts: Count
    by_disposition: dict[str, Count]


class ZohoUsage(Shape):
    """The last 24 hours of all processes. `credits_remaining` is Zoho's own word, null while it says nothing.

    Below `credits_reserved` nothing is read for dialing. `requests_at_a_time`: of this process, now.
    """

    calls: Count
    credits: Count
    throttled: Count
    credits_remaining: Count | None
    credits_left: Count
    credits_daily: Count
    credits_reserved: Count
    requests_at_a_time: Count


class StatsShape(Shape):
    """`recent_calls`: calls of the last 7 days."""

    today: Today
    recent_calls: Count
    work_lists: dict[str, Count]
    zoho: ZohoUsage
    running: str | None
    paused: bool
    next_run: Instant
    timestamp: Instant


class Stats(Success):
    """Figures."""

    stats: StatsShape


class Paused(Success):
    """Whether calls are sent."""

    message: Literal["Paused", "Resumed"]
    paused: bool
    timestamp: Instant


class Accepted(Success):
    """What held dialing until now."""

    message: Literal["Accepted"]
    accepted: str | None
    timestamp: Instant


class FindingShape(Shape):
    """What was checked, how it went, what to do about it."""

    level: Literal["ok", "warning", "problem"]
    subject: str
    message: str
    remedy: str


class Checkup(Success):
    """`healthy` is false when calls can't be placed."""

    healthy: bool
    findings: list[FindingShape]
    timestamp: Instant


class UnknownCall(Shape):
    """A call of which nobody knows how it ended."""

    attempt_id: str
    record_type: Type
    zoho_id: str
    state: str
    disposition: str | None
    reason: str
    session_id: str | None
    submitted_at: Instant | None


class UnknownList(Success):
    """Newest first; `next_after` is the `after` of the next page, null on the last one."""

    unknown: list[UnknownCall]
    next_after: str | None
    timestamp: Instant


class Settled(Success):
    """The call as it stands now."""

    call: UnknownCall
    timestamp: Instant


class ParkedUpdate(Shape):
    """An update that Zoho refused for good; `last_error` is its reason."""

    outbox_id: Count
    record_type: Type
    zoho_id: str
    attempt_id: str | None
    status: str | None
    call_attempts: int | None
    first_no_answer_at: Instant | None
    tries: Count
    last_error: str
    created_at: Instant
    parked_at: Instant | None


class Retried(Success):
    """It waits to be sent."""

    outbox_id: Count
    timestamp: Instant


class SuppressedNumber(Shape):
    """A number that is never dialled."""

    number: str
    reason: str
    added_at: Instant


class Suppressed(Success):
    """`added` is false when the number stood on the list already."""

    number: str
    added: bool
    timestamp: Instant


class PrunedShape(Success):
    """`removed`: rows by what they are (with `dry_run`: would be). `next_after` null: nothing older is left."""

    dry_run: bool
    removed: dict[str, Count]
    next_after: str | None
    timestamp: Instant


class Allowed(Success):
    """The number is off the list."""

    number: str
    timestamp: Instant
