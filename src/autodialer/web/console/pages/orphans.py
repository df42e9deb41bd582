"""Callbacks of sessions that nobody knows."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import NotWaiting
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import PAGE, number_of, older, place, reason_of
from autodialer.web.console.pages.work_lists import NO_REASON, NOTHING_CHANGED, ListPages
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import ROW, last, read_row, row_cursor
from autodialer.web.waiting_shown import summary_of

_MATCHED = {
    "applied": N_("Its call was found: the result is applied."),
    "orphan": N_("It still belongs to no call that is known."),
    "new": N_("It waits for an answer of 8x8's or Zoho's and is matched as soon as that is here."),
}
_OTHER = N_("It changes nothing: the call has its end already, or it says nothing of one.")


def add_orphans(router: APIRouter, pages: Pages, access: Access) -> None:
    """/orphans."""
    services = pages.services
    lists = ListPages(pages)
    Operator = Annotated[Visitor, Depends(access.operator)]  # noqa: N806 - a type

    @router.get("/orphans")
    async def list_orphans(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        found = await services.orphans.page(read_row(place(request, ROW)), PAGE)
        end = last(found, PAGE)
        rows = [(orphan, summary_of(orphan.row.body)) for orphan in found]
        next_page = older(request, row_cursor(end.row.inbox_id if end else None))
        return await lists.show(request, "orphans.html", rows=rows, older_page=next_page)

    @router.post("/orphans/{inbox_id}/match")
    async def match(request: Request, inbox_id: str, visitor: Operator) -> Response:
        try:
            row = await services.orphans.match_again(number_of(inbox_id), visitor.name)
        except NotWaiting as error:
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        return await lists.back(request, _MATCHED.get(row.state, _OTHER))

    @router.post("/orphans/{inbox_id}/dismiss")
    async def dismiss(request: Request, inbox_id: str, visitor: Operator) -> Response:
        reason = await reason_of(request)
        if not reason:
            return await lists.back(request, NO_REASON)
        try:
            await services.orphans.dismiss(number_of(inbox_id), reason, visitor.name)
        except NotWaiting as error:
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        return await lists.back(
            request, N_("Dismissed. It stays stored, and is matched should its session become known.")
        )
