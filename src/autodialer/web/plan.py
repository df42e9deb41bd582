"""What the next run would do, and what it would cost."""

from contextlib import AsyncExitStack
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import CrmError
from autodialer.service.control import is_paused
from autodialer.service.services import Services
from autodialer.web.plan_out import plan_csv, plan_json
from autodialer.web.questions import only
from autodialer.web.shapes import Count, Instant, Shape, StagedShape, Success
from autodialer.web.shown import outage
from autodialer.web.streaming import Streamed

_CSV = "text/csv; charset=utf-8"


class PlanTotals(Shape):
    """What a run would do now."""

    processed: Count
    would_call: Count
    errors: Count
    skipped: Count
    marked_dead: Count
    reasons: dict[str, Count]
    zoho_credits: Count


class PlanCost(Shape):
    """What such a run would take. `call_seconds_from`: the calls of the last 30 days, or an assumption.

    `bound_by`: what holds more calls back, CALLS_PER_SECOND or MAX_CONCURRENT_CALLS. `plan_credits`: what this look cost.
    """

    calls: Count
    dialing_minutes: float
    minutes_to_last_result: float
    calls_per_second: float
    lines: Count
    bound_by: Literal["pace", "lines"]
    call_seconds: float
    call_seconds_from: Literal["history", "default"]
    call_seconds_sample: Count
    zoho_credits: Count
    plan_credits: Count


class PlanShape(Success):
    """What a run would do now to each record, and what it would cost."""

    totals: PlanTotals
    cost: PlanCost
    dead_held_back: Count
    warnings: list[str]
    paused: bool
    records: list[StagedShape]
    policy_warnings: list[str]
    timestamp: Instant


_PLAN: dict[int | str, dict[str, object]] = {
    200: {
        "model": PlanShape,
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "description": "the plan; as CSV one line for each record",
    }
}


def add_plan(router: APIRouter, services: Services) -> None:
    """/plan."""
    means = services.means

    @router.get(
        "/plan",
        tags=["dialing"],
        responses=_PLAN,
        dependencies=[Depends(only("confirm", "limit", "format"))],
    )
    async def show_plan(
        request: Request,
        *,
        confirm: bool = False,
        limit: Annotated[int, Query(ge=0, le=1_000_000)] = 1000,
        wanted: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
    ) -> Response:
        """What a run would do now to each record, why, and what it would cost. Nobody is called, nothing changed.

        `format=csv` (or `Accept: text/csv`) lists every record, whatever `limit` says.
        """
        as_csv = wanted == "csv" or (wanted is None and request.headers.get("accept", "").startswith("text/csv"))
        async with AsyncExitStack() as opened:
            try:
                made = await opened.enter_async_context(services.planner.plan(confirm=confirm))
            except CrmError as error:
                return outage(error, means.clock.now())
            paused = await means.store.read(is_paused)
            texts = plan_csv(made) if as_csv else plan_json(made, means.policy, limit, {"paused": paused})
            kind, name = (_CSV, f"plan-{made.made_at:%Y-%m-%d-%H%M}.csv") if as_csv else ("application/json", None)
            return Streamed(texts, kind, opened.pop_all(), filename=name)
