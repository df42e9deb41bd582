"""/api but the callback, which has a thinner route: what watches and steers the service, and the other groups."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from autodialer.ports import Level
from autodialer.service.control import pause_dialing, resume
from autodialer.service.holding import accept
from autodialer.service.services import Services
from autodialer.web.answers import Answer, iso
from autodialer.web.audit import add_audit
from autodialer.web.bodies import no_body
from autodialer.web.conflicts import add_conflicts
from autodialer.web.drift import add_drift
from autodialer.web.live import add_live
from autodialer.web.orphans import add_orphans
from autodialer.web.plan import add_plan
from autodialer.web.pruning import add_pruning
from autodialer.web.questions import only
from autodialer.web.records import add_records
from autodialer.web.runs import add_runs
from autodialer.web.shapes import Accepted, Checkup, Paused, Stats
from autodialer.web.shown import finding_json
from autodialer.web.simulate import SimulationRoom, add_simulation
from autodialer.web.stats import collect_stats
from autodialer.web.suppression import add_suppression
from autodialer.web.users import add_users
from autodialer.web.waiting import add_waiting
from autodialer.web.work_lists import add_work_lists


def api_router(services: Services, *, dry_run: bool) -> APIRouter:
    """The routes; their token is checked before (tokens.py)."""
    router = APIRouter(prefix="/api")
    add_runs(router, services, dry_run=dry_run)
    add_plan(router, services)
    add_simulation(router, services, SimulationRoom(services))
    _add_switch(router, services)
    _add_figures(router, services)
    add_live(router, services)
    add_records(router, services)
    add_work_lists(router, services)
    add_orphans(router, services)
    add_conflicts(router, services)
    add_waiting(router, services)
    add_drift(router, services)
    add_suppression(router, services)
    add_audit(router, services)
    add_pruning(router, services)
    add_users(router, services)
    return router


def _add_switch(router: APIRouter, services: Services) -> None:
    means = services.means
    bare = [Depends(only()), Depends(no_body)]

    @router.post("/pause", tags=["dialing"], responses={200: {"model": Paused}}, dependencies=bare)
    async def pause_calls() -> Response:
        """No further call is sent once this is answered, by whichever process."""
        now = await pause_dialing(means)
        services.glancer.forget()
        means.log.warning("paused")
        return Answer({"success": True, "message": "Paused", "paused": True, "timestamp": iso(now)})

    @router.post("/resume", tags=["dialing"], responses={200: {"model": Paused}}, dependencies=bare)
    async def resume_dialing() -> Response:
        """Calls may be sent again."""
        now = means.clock.now()
        await means.store.write(lambda ledger: resume(ledger, now))
        services.glancer.forget()
        means.log.warning("resumed")
        return Answer({"success": True, "message": "Resumed", "paused": False, "timestamp": iso(now)})

    @router.post("/accept", tags=["dialing"], responses={200: {"model": Accepted}}, dependencies=bare)
    async def accept_missing_calls() -> Response:
        """Let calls be sent again after dialing was held because this ledger may not know of calls that were made.

        `accepted` says what held it, null when nothing did.
        """
        now = means.clock.now()
        reason = await means.store.write(lambda ledger: accept(ledger, means.policy, now))
        services.glancer.forget()
        means.log.warning("accepted, dialing is not held any more", reason=reason)
        return Answer({"success": True, "message": "Accepted", "accepted": reason, "timestamp": iso(now)})


def _add_figures(router: APIRouter, services: Services) -> None:
    means = services.means

    @router.get("/stats", tags=["service"], responses={200: {"model": Stats}}, dependencies=[Depends(only())])
    async def show_stats() -> Response:
        """Today, the last 7 days, and what waits for somebody."""
        return Answer({"success": True, "stats": await collect_stats(services)})

    @router.get("/doctor", tags=["service"], responses={200: {"model": Checkup}}, dependencies=[Depends(only())])
    async def examine() -> Response:
        """What is wrong with this installation, and what to do about it. `healthy` is false when calls can't be placed."""
        findings = await services.doctor.examine()
        healthy = all(finding.level is not Level.PROBLEM for finding in findings)
        told = {"healthy": healthy, "findings": [finding_json(finding) for finding in findings]}
        return Answer({"success": True, **told, "timestamp": iso(means.clock.now())})
