"""Results that contradict what is known, or that could not be applied: kept, and nothing was changed by them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.service.conflicts import conflicts
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access
from autodialer.web.console.pages.lists import PAGE, older, place
from autodialer.web.console.pages.work_lists import ListPages
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import ROW, last, read_row, row_cursor
from autodialer.web.waiting_shown import summary_of


def add_conflicts(router: APIRouter, pages: Pages, access: Access) -> None:
    """/conflicts."""
    store = pages.services.means.store
    lists = ListPages(pages)

    @router.get("/conflicts")
    async def list_conflicts(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        after = read_row(place(request, ROW))
        found = await store.read(lambda ledger: conflicts(ledger, after, PAGE))
        end = last(found, PAGE)
        rows = [(one.row, one.key, summary_of(one.row.body)) for one in found]
        next_page = older(request, row_cursor(end.row.inbox_id if end else None))
        return await lists.show(request, "conflicts.html", rows=rows, older_page=next_page)
