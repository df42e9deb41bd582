"""Pause and resume, and what dialing does now: at the top of every page."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.service.control import pause_dialing, resume
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access, form_of, safe_next
from autodialer.web.console.languages import N_
from autodialer.web.console.rendering import Pages


def add_switch(router: APIRouter, pages: Pages, access: Access) -> None:
    """/state, /pause, /resume."""
    means = pages.services.means
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type
    Operator = Annotated[Visitor, Depends(access.operator)]  # noqa: N806 - a type

    @router.get("/state")
    async def show_state(request: Request, _visitor: Viewer) -> Response:
        here = safe_next(request.query_params.get("next"))
        return pages.part(request, "_state.html", state=await pages.state(), back_to=here)

    @router.post("/pause")
    async def pause_calls(request: Request, visitor: Operator) -> Response:
        await pause_dialing(means, visitor.name)
        pages.services.glancer.forget()
        means.log.warning("paused", by="console")
        wanted = safe_next((await form_of(request)).get("next"))
        return pages.back(request, wanted, N_("Paused: no further call is sent. Results are still taken."))

    @router.post("/resume")
    async def resume_dialing(request: Request, visitor: Operator) -> Response:
        now = means.clock.now()
        await means.store.write(lambda ledger: resume(ledger, now, visitor.name))
        pages.services.glancer.forget()
        means.log.warning("resumed", by="console")
        wanted = safe_next((await form_of(request)).get("next"))
        return pages.back(request, wanted, N_("Resumed: calls may be sent again."))
