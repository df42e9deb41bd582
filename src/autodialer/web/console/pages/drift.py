"""Where Zoho and the ledger disagree. To ask Zoho costs credits: it is done on a button, and what was found is kept for looking."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import CrmError, NotWaiting
from autodialer.service.doorkeeping import Visitor
from autodialer.service.drift import CURSOR_PATTERN
from autodialer.service.writing_again import AGAIN, Field
from autodialer.web.console.access import HOME, Access, form_of, no_such_page
from autodialer.web.console.advice import on_difference
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import key_of
from autodialer.web.console.pages.work_lists import NOTHING_CHANGED, ListPages
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import fits

_HERE = f"{HOME}/drift"
_AT_ONCE = 200  # calls or updates gone through: four queries of Zoho
_DAYS = (1, 3, 7, 30, 90)


def add_drift(router: APIRouter, pages: Pages, access: Access) -> None:
    """/drift."""
    services = pages.services
    lists = ListPages(pages)

    @router.get("/drift")
    async def show(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        last = services.kept_drift.last
        rows = [
            (one.key, each, on_difference(each.reason), AGAIN.get(each.reason))
            for one in (last.page.records if last else ())
            for each in one.differences
        ]
        return await lists.show(request, "drift.html", rows=rows, last=last, choices=_DAYS)

    @router.post("/drift")
    async def compare(request: Request, visitor: Annotated[Visitor, Depends(access.operator)]) -> Response:
        form = await form_of(request)
        wanted, after = form.get("days", ""), form.get("after", "")
        days = next((days for days in _DAYS if str(days) == wanted), None)
        if days is None or not fits(CURSOR_PATTERN, after):
            no_such_page()
        try:
            await services.kept_drift.compare(days, _AT_ONCE, after, visitor.name)
        except CrmError as error:
            return pages.back(request, _HERE, N_("Zoho can't be asked: %(why)s"), why=error.message)
        return pages.back(request, _HERE, N_("Compared with Zoho; nothing was changed."))

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
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        services.kept_drift.written_again(key, Field(field))
        return await lists.back(request, N_("%(record)s: written again; Zoho shows it in a moment."), record=key)
