"""/api/live: the present moment, for consoles and `watch`."""

from collections.abc import Sequence
from dataclasses import asdict

from fastapi import APIRouter, Depends
from starlette.responses import Response

from autodialer.domain.phone import mask_number
from autodialer.ports.rows import AttemptRow
from autodialer.service.answer_rates import AnswerRates, Rate
from autodialer.service.glance import Glance
from autodialer.service.progress import Progress
from autodialer.service.services import Services
from autodialer.service.upstreams import UpstreamState
from autodialer.web.answers import Answer, iso, plain
from autodialer.web.live_shapes import Live
from autodialer.web.questions import only
from autodialer.web.shown import run_json, shown
from autodialer.web.stats import zoho_usage


def add_live(router: APIRouter, services: Services) -> None:
    """/live."""

    @router.get("/live", tags=["service"], responses={200: {"model": Live}}, dependencies=[Depends(only())])
    async def show_live() -> Response:
        """What is going on this moment. Cheap: however many ask, the ledger is read once a second at most."""
        glance = await services.glancer.look()
        return Answer({"success": True, "live": live_json(glance), "timestamp": iso(glance.at)})


def live_json(glance: Glance) -> dict[str, object]:
    """The whole look; numbers masked, also inside what Zoho and 8x8 said."""
    figures, pause = glance.figures, glance.pause
    fields = {
        "standing": glance.standing,
        "reason": glance.reason,
        "is_late": glance.is_late,
        "lacks_agent": glance.lacks_agent,
        "paused_at": pause.at if pause else None,
        "paused_by": pause.who or None if pause else None,
        "next_run": glance.next_run,
        "lines": {
            "in_use": max(0, glance.lines_in_use),
            "free": max(0, glance.lines - glance.lines_in_use),
            "limit": glance.lines,
        },
        "today": figures.today,
        "calls": [ended_call(row) for row in glance.calls],
        "work_lists": figures.work_lists,
        "outbox_oldest_at": glance.outbox_oldest,
        "inbox_waiting": glance.inbox_waiting,
        "rates": _rates(figures.rates),
        "zoho": zoho_usage(figures.credits),
        "upstreams": [_upstream(name, state) for name, state in glance.upstreams.items()],
        "replicas": glance.replicas,
    }
    return {**shown(fields), "run": None if glance.run is None else progress_json(glance.run)}


def progress_json(progress: Progress) -> dict[str, object]:
    """A run with its progress."""
    fields = {
        "is_open": progress.run.is_open,
        "records": progress.records,
        "to_call": progress.to_call,
        "due": progress.due,
        "claimed": progress.claimed,
        "called": progress.called,
        "skipped": progress.skipped + progress.dead,
        "marked_dead": progress.dead,
        "errors": progress.errors,
        "calls_per_minute": round(progress.rate, 1),
        "expected_end": progress.expected_end,
        "ends": progress.ends,
    }
    return {**run_json(progress.run), **plain(fields)}


def ended_call(row: AttemptRow) -> dict[str, object]:
    """One call that ended."""
    return {
        "attempt_id": row.attempt_id,
        "record_type": row.key.record_type,
        "zoho_id": row.key.zoho_id,
        "number": mask_number(row.number) if row.number else None,
        "attempt_number": row.attempts_before + 1,
        "end": row.disposition,
        "reason": row.reason,
        "submitted_at": row.submitted_at,
        "ended_at": row.ended_at,
    }


def _rates(rates: AnswerRates) -> dict[str, object]:
    def some(found: Sequence[Rate]) -> list[dict[str, object]]:
        return [asdict(rate) for rate in found]

    days = {"first_day": rates.first_day.isoformat(), "last_day": rates.last_day.isoformat()}
    return {**days, "by_hour": some(rates.by_hour), "by_attempt": some(rates.by_attempt)}


def _upstream(name: str, state: UpstreamState) -> dict[str, object]:
    return {
        "name": name,
        "failing": state.is_failing,
        "failing_since": state.failing_since,
        "last_success_at": state.last_success_at,
        "last_error_at": state.last_error_at,
        "last_error": state.last_error,
        "paused_until": state.paused_until,
        "requests": sum(latency.requests for latency in state.latencies.values()),
        "failed": sum(latency.failed for latency in state.latencies.values()),
    }
