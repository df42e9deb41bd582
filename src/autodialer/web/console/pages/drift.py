"""Where Zoho and the ledger disagree. Zoho is asked only on demand: each page costs credits."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import CrmError, NotWaiting
from autodialer.service.doorkeeping import Visitor
from autodialer.service.drift import CURSOR_PATTERN, DriftPage
from autodialer.service.writing_again import AGAIN, Field
from autodialer.web.console.access import Access, form_of, no_such_page
from autodialer.web.console.advice import on_difference
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import key_of, older, place
from autodialer.web.console.pages.work_lists import NOTHING_CHANGED, ListPages
from autodialer.web.console.rendering import Pages

_AT_ONCE = 200  # calls or updates gone through: four queries of Zoho
_DAYS = (1, 3, 7, 30, 90)


def add_drift(router: APIRouter, pages: Pages, access: Access) -> None:
    """/drift."""
    services = pages.services
    lists = ListPages(pages)

    @router.get("/drift")
    async def show(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        wanted = request.query_params.get("days", "")
        days = next((days for days in _DAYS if str(days) == wanted), None)
        after = place(request, CURSOR_PATTERN)
        page: DriftPage | None = None
        problem = ""
        if days is not None:
            try:
                page = await services.drift.page(days, _AT_ONCE, after)
            except CrmError as error:
                problem = error.message
        rows = [
            (one.key, each, on_difference(each.reason), AGAIN.get(each.reason))
            for one in (page.records if page else ())
            for each in one.differences
        ]
        next_page = older(request, page.next_after if page else None)
        told = {"days": days, "choices": _DAYS, "page": page, "problem": problem}
        return await lists.show(request, "drift.html", rows=rows, older_page=next_page, **told)

    @router.post("/drift/{record_type}/{zoho_id}")
    async def write_again(
        request: Request, record_type: str, zoho_id: str, visitor: Annotated[Visitor, Depends(access.operator)]
    ) -> Response:
        key, field = key_of(record_type, zoho_id), (await form_of(request)).get("field", "")
        if field not in tuple(Field):
            no_such_page()
        try:
            await services.rewriter.write_again(key, Field(field), visitor.name)
        except NotWaiting as error:
            return await lists.back(request, NOTHING_CHANGED, why=error.message)
        return await lists.back(request, N_("%(record)s: written again; Zoho shows it in a moment."), record=key)
