"""Today at a glance."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.service.doorkeeping import Visitor
from autodialer.service.schedule import next_slot
from autodialer.web.console.access import Access
from autodialer.web.console.rendering import Pages


def add_today(router: APIRouter, pages: Pages, access: Access) -> None:
    """The first page."""
    means = pages.services.means

    @router.get("")
    async def today(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        now = means.clock.now()
        day = means.policy.local_date(now).isoformat()
        figures, lists = await means.store.read(lambda ledger: (ledger.stats.today(day), ledger.stats.work_lists()))
        upcoming = next_slot(means.policy.run_hours, now)
        return await pages.page(request, "today.html", figures=figures, lists=lists, next_run=upcoming)
