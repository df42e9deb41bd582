"""Updates that Zoho refused for good."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import NotWaiting
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access
from autodialer.web.console.advice import on_parked
from autodialer.web.console.languages import N_, Counted
from autodialer.web.console.pages.lists import PAGE, number_of, older, place, reason_of
from autodialer.web.console.pages.work_lists import NO_REASON, NOTHING_CHANGED, ListPages
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import ROW, last, read_row, row_cursor

_SENT_AGAIN = Counted(
    "%(num)s update is sent again. What Zoho refuses again comes back to this list.",
    "%(num)s updates are sent again. What Zoho refuses again comes back to this list.",
)


def add_parked(router: APIRouter, pages: Pages, access: Access) -> None:
    """/parked."""
    services = pages.services
    lists = ListPages(pages)
    Operator = Annotated[Visitor, Depends(access.operator)]  # noqa: N806 - a type

    @router.get("/parked")
    async def list_parked(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        after = read_row(place(request, ROW))
        found = await services.means.store.read(lambda ledger: ledger.work_lists.parked(after, PAGE))
        end = last(found, PAGE)
        rows = [(row, on_parked(row.last_error)) for row in found]
        next_page = older(request, row_cursor(end.outbox_id if end else None))
        return await lists.show(request, "parked.html", rows=rows, older_page=next_page)

    @router.post("/parked")
    async def retry_all(request: Request, visitor: Operator) -> Response:
        tried = await services.parked.retry_all(visitor.name)
        return await lists.back(request, "%(told)s", told=pages.count(request, _SENT_AGAIN, len(tried)))

    @router.post("/parked/{outbox_id}/retry")
    async def retry(request: Request, outbox_id: str, visitor: Operator) -> Response:
        try:
            await services.parked.retry(number_of(outbox_id), visitor.name)
        except NotWaiting as error:
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        return await lists.back(request, N_("It is sent again. If Zoho refuses it again, it comes back to this list."))

    @router.post("/parked/{outbox_id}/give-up")
    async def give_up(request: Request, outbox_id: str, visitor: Operator) -> Response:
        reason = await reason_of(request)
        if not reason:
            return await lists.back(request, NO_REASON)
        try:
            row = await services.parked.give_up(number_of(outbox_id), reason, visitor.name)
        except NotWaiting as error:
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        sentence = N_("%(record)s: given up. The calls stay in the ledger and go on counting.")
        return await lists.back(request, sentence, record=row.key)
