"""Today at a glance: what goes on this moment, and when people answer."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autodialer.service.doorkeeping import Visitor
from autodialer.service.glance import Glance, Standing
from autodialer.web.console.access import HOME, Access
from autodialer.web.console.charts import chart_of
from autodialer.web.console.languages import N_
from autodialer.web.console.rendering import HEADERS, Pages

ENDS: Mapping[str, str] = {
    "answered": N_("answered"),
    "no_answer": N_("no answer"),
    "busy": N_("busy"),
    "failed": N_("failed"),
    "unknown": N_("unknown"),
    "no_result_yet": N_("no result yet"),
}
STANDINGS: Mapping[Standing, tuple[str, str]] = {  # the words, and how they are shown
    Standing.RUNNING: (N_("Calling"), "good"),
    Standing.IDLE: (N_("Ready"), ""),
    Standing.PAUSED: (N_("Paused"), "warn"),
    Standing.HELD: (N_("Held"), "bad"),
    Standing.UNREADY: (N_("Can't call"), "bad"),
    Standing.DRY_RUN: (N_("Dry run"), "warn"),
}
LISTS: Mapping[str, tuple[str, str]] = {  # the words, and the page that settles them
    "unknown_calls": (N_("Unknown calls"), "unknown"),
    "answered_waiting": (N_("Answered, wait for a person"), "answered"),
    "orphan_callbacks": (N_("Callbacks of calls that nobody knows"), "orphans"),
    "conflicting_results": (N_("Results that contradict what is known"), "conflicts"),
    "data_to_repair": (N_("Data to repair"), "repair"),
    "pending_updates": (N_("Updates on their way to Zoho"), "work-lists"),
    "parked_updates": (N_("Updates that Zoho refused"), "parked"),
}


def add_today(router: APIRouter, pages: Pages, access: Access) -> None:
    """The first page, and its part that is renewed every two seconds."""
    services = pages.services

    @router.get("")
    async def today(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        glance = await services.glancer.look()
        rates = glance.figures.rates
        charts = {
            "hours": chart_of(rates.by_hour),
            "attempts": chart_of(rates.by_attempt),
        }
        return await pages.page(request, "today.html", charts=charts, rates=rates, lists=LISTS, **shown(glance))

    @router.get("/")
    async def with_slash() -> Response:
        """As people and bookmarks write it."""
        return RedirectResponse(HOME, 303, headers=HEADERS)

    @router.get("/live")
    async def live(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        return pages.part(request, "_live.html", **shown(await services.glancer.look()))


def shown(glance: Glance) -> dict[str, Any]:
    """What the templates of the moment need."""
    words, look = STANDINGS[glance.standing]
    return {"glance": glance, "progress": glance.run, "standing": words, "look": look, "ends": ENDS}
