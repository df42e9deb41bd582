"""Results that contradict what is known, or that could not be applied: kept, and nothing was changed by them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import InboxRow
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
        found = await store.read(lambda ledger: _page(ledger, after))
        end = last(found, PAGE)
        rows = [(row, key, summary_of(row.body)) for row, key in found]
        next_page = older(request, row_cursor(end[0].inbox_id if end else None))
        return await lists.show(request, "conflicts.html", rows=rows, older_page=next_page)


def _page(ledger: Ledger, after: int | None) -> list[tuple[InboxRow, RecordKey | None]]:
    """Each with the record of its call, where it has one."""
    rows = ledger.work_lists.conflicts(after, PAGE)
    calls = {row.attempt_id: ledger.attempts.row(row.attempt_id) for row in rows if row.attempt_id}
    return [(row, call.key if (call := calls.get(row.attempt_id or "")) else None) for row in rows]
