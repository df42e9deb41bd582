"""Calls of which nobody knows how they ended."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.disposition import Settlement
from autodialer.domain.errors import NoSuchAttempt, NotUnknown
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access, form_of, no_such_page
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import PAGE, older, place
from autodialer.web.console.pages.work_lists import NOTHING_CHANGED, ListPages
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import CALL, call_cursor, last, read_call

SETTLEMENTS: Final = (
    (Settlement.ANSWERED.value, N_("answered")),
    (Settlement.NO_ANSWER.value, N_("no answer")),
    (Settlement.BUSY.value, N_("busy")),
    (Settlement.FAILED.value, N_("failed")),
    (Settlement.NOT_PLACED.value, N_("not placed: no phone rang")),
)


def add_unknown(router: APIRouter, pages: Pages, access: Access) -> None:
    """/unknown."""
    services = pages.services
    lists = ListPages(pages)

    @router.get("/unknown")
    async def list_unknown(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        after = read_call(place(request, CALL))
        rows = await services.means.store.read(lambda ledger: ledger.work_lists.unknown(after, PAGE))
        next_page = older(request, call_cursor(last(rows, PAGE)))
        return await lists.show(request, "unknown.html", rows=rows, settlements=SETTLEMENTS, older_page=next_page)

    @router.post("/unknown/{attempt_id}")
    async def settle(
        request: Request, attempt_id: str, visitor: Annotated[Visitor, Depends(access.operator)]
    ) -> Response:
        said = (await form_of(request)).get("result", "")
        if said not in tuple(Settlement):
            no_such_page()
        try:
            row = await services.settler.settle(attempt_id, Settlement(said), visitor.name)
        except (NoSuchAttempt, NotUnknown) as error:
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        result = pages.say(request, dict(SETTLEMENTS)[said])
        return await lists.back(request, N_("%(record)s: settled as %(result)s."), record=row.key, result=result)
