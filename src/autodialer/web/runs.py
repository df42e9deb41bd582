"""Start runs, and look at them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from autodialer.domain.access import THE_API
from autodialer.domain.errors import CrmError, RunRefused
from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso, plain
from autodialer.web.bodies import no_body
from autodialer.web.cursors import AfterRecord
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.shapes import RunDone, RunInTheWay, RunList, RunPage, RunStarted
from autodialer.web.shown import outage, run_json, shown, staged_json

Limit = Annotated[int, Query(ge=1, le=500)]
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,36}$")]
DryRun = Annotated[bool, Query(alias="dry_run")]
_CRON: dict[int | str, dict[str, object]] = {
    200: {"model": RunDone, "description": "all calls of the run are placed"},
    202: {"model": RunStarted, "description": "the run goes on in the background (`wait=false`)"},
    409: {"model": RunInTheWay, "description": "a run is going; `run_id` says which"},
    **failures(503),
}


def add_runs(router: APIRouter, services: Services, *, dry_run: bool) -> None:
    """/cron and /runs. `dry_run` (DRY_RUN): nobody is ever called."""
    means = services.means

    @router.post(
        "/cron",
        tags=["dialing"],
        responses=_CRON,
        dependencies=[Depends(only("wait", "confirm", "dry_run")), Depends(no_body)],
    )
    async def start_run(*, wait: bool = True, confirm: bool = False, dry: DryRun = False) -> Response:
        """Start a run now.

        Answers when all its calls are placed; `wait=false` answers 202 with the run's id at once. `confirm=true` lifts the limit on
        how many records one run may make Dead. `dry_run=true` calls nobody and only counts.
        """
        if dry_run or dry:
            return await dry_answer(services, confirm=confirm)
        try:
            run, task = await services.run_desk.start(RunKind.MANUAL, confirm=confirm, by=THE_API)
        except RunRefused as refusal:
            timestamp = means.clock.now()
            if refusal.running is not None:
                return failure(409, refusal.message, run_id=refusal.running, timestamp=timestamp)
            return outage(refusal, timestamp)
        services.glancer.forget()
        if wait:
            return run_answer(services, await asyncio.shield(task))
        started = {"run_id": run.run_id, "timestamp": iso(means.clock.now())}
        return Answer({"success": True, "message": "Run started", **started}, 202)

    @router.get("/runs", tags=["dialing"], responses={200: {"model": RunList}}, dependencies=[Depends(only("limit"))])
    async def list_runs(limit: Limit = 20) -> Response:
        """The newest runs and skipped slots."""
        found = await means.store.read(lambda ledger: ledger.runs.recent(limit))
        runs = [run_json(run) for run in found]
        return Answer({"success": True, "runs": runs, "timestamp": iso(means.clock.now())})

    @router.get(
        "/runs/{run_id}",
        tags=["dialing"],
        responses={200: {"model": RunPage}, **failures(404)},
        dependencies=[Depends(only("after", "limit"))],
    )
    async def show_run(run_id: RunId, after: AfterRecord = "", limit: Limit = 200) -> Response:
        """One run and its records in order, with what was done and why; `after` is `next_after` of the page before."""
        found, rows, ends, unreached = await means.store.read(
            lambda ledger: (
                ledger.runs.get(run_id),
                ledger.staging.rows(run_id, after=after, limit=limit),
                ledger.stats.of_run(run_id),
                ledger.stats.unreached_of_run(run_id),
            )
        )
        if found is None:
            return failure(404, "there is no such run")
        body = {
            "success": True,
            "run": {**run_json(found), "ends": dict(ends), "agent_unreached": unreached},
            "records": [staged_json(row) for row in rows],
            "next_after": rows[-1].sort_key if len(rows) == limit else None,
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)


async def dry_answer(services: Services, *, confirm: bool) -> Response:
    """What /api/cron answers to a dry run: the plan's figures, nothing called."""
    try:
        async with services.planner.plan(confirm=confirm) as plan:
            totals = dict(plan.totals)
    except CrmError as error:
        return outage(error, services.means.clock.now())
    results = {
        "processed": totals["processed"],
        "called": 0,
        "errors": 0,
        "skipped": totals["processed"],
        "marked_dead": 0,
        "reasons": totals["reasons"],
        "dry_run": True,
        "would_call": totals["would_call"],
        "would_mark_dead": totals["marked_dead"],
    }
    now = iso(services.means.clock.now())
    return Answer({"success": True, "message": "Dry run completed", "results": plain(results), "timestamp": now})


def run_answer(services: Services, run: Run) -> Response:
    """What /api/cron answers for a run that is done, or that was left open because the process ends."""
    now = services.means.clock.now()
    if run.is_open:
        ours = run.owner == services.means.owner
        message = "the service is stopping; the run goes on after its restart"
        message = message if ours else "another process took the run over and goes on with it"
        return failure(503, message, run_id=run.run_id, timestamp=now)
    results = {**plain(run.totals), "run_id": run.run_id}
    if run.state is RunState.STOPPED:
        reason = shown({"stop_reason": run.stop_reason})["stop_reason"]
        return failure(503, f"the run stopped: {reason}", results=results, run_id=run.run_id, timestamp=now)
    return Answer({"success": True, "message": "Cron job completed", "results": results, "timestamp": iso(now)})
