"""The do-not-call list: search, add, remove, import, export."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import NotWaiting, UnreadableFile
from autodialer.domain.phone import NoNumber
from autodialer.service.doorkeeping import Visitor
from autodialer.service.number_files import MAX_BYTES, text_of
from autodialer.web.console.access import HOME, Access, form_of, read_form
from autodialer.web.console.languages import N_, Counted
from autodialer.web.console.pages.lists import PAGE, older, place, reason_of
from autodialer.web.console.pages.work_lists import NO_REASON, NOTHING_CHANGED
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import NUMBER, last
from autodialer.web.suppression import csv_answer

_LIST = f"{HOME}/do-not-call"
_SHOWN_LINES = 20
SUPPRESSED = N_("%(number)s is never called from now on.")
ON_LIST = N_("%(number)s is on the list already.")
ADDED = Counted(
    "%(num)s number was added; it is never called from now on.",
    "%(num)s numbers were added; they are never called from now on.",
)
NO_NUMBER = N_("Nothing was changed: this is no number that could be called, or more than one.")


def add_do_not_call(router: APIRouter, pages: Pages, access: Access) -> None:
    """/do-not-call."""
    _add_list(router, pages, access)
    _add_files(router, pages, access)


def _add_list(router: APIRouter, pages: Pages, access: Access) -> None:
    services, desk = pages.services, pages.services.suppressor
    Operator = Annotated[Visitor, Depends(access.operator)]  # noqa: N806 - a type

    @router.get("/do-not-call")
    async def show(request: Request, visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        # A search would tell a viewer whole numbers bit by bit, and the place of a page is one.
        search = request.query_params.get("search", "").strip()[:60] if visitor.is_operator else ""
        after = place(request, NUMBER) if visitor.is_operator else ""
        beyond = f"+{after}" if after else ""
        rows, total = await services.means.store.read(
            lambda ledger: (ledger.do_not_call.page(beyond, PAGE, search), ledger.do_not_call.count())
        )
        end = last(rows, PAGE) if visitor.is_operator else None
        next_page = older(request, end[0].lstrip("+") if end else None)
        told = {"rows": rows, "total": total, "search": search, "older_page": next_page}
        return await pages.page(request, "do_not_call.html", 200, **told)

    @router.post("/do-not-call")
    async def add(request: Request, visitor: Operator) -> Response:
        reason = await reason_of(request)
        number = desk.read((await form_of(request)).get("number", ""))
        if not reason:
            return pages.back(request, _LIST, NO_REASON)
        if isinstance(number, NoNumber):
            return pages.back(request, _LIST, NO_NUMBER)
        added = await desk.add(number.e164, reason, visitor.name)
        return pages.back(request, _LIST, SUPPRESSED if added else ON_LIST, number=number.e164)

    @router.post("/do-not-call/remove")
    async def remove(request: Request, visitor: Operator) -> Response:
        reason, form = await reason_of(request), await form_of(request)
        number = form.get("number", "")
        if not reason:
            return pages.back(request, _LIST, NO_REASON)
        try:
            await desk.remove(number, reason, visitor.name, form.get("seen", ""))
        except NotWaiting as error:
            return pages.back(request, _LIST, NOTHING_CHANGED, why=pages.why(request, error))
        return pages.back(request, _LIST, N_("%(number)s may be called again."), number=number)


def _add_files(router: APIRouter, pages: Pages, access: Access) -> None:
    desk = pages.services.suppressor

    async def read_whole_form(request: Request) -> AsyncIterator[None]:
        """Before anybody else reads it with smaller limits. How large a body may be is decided by guards.BodyLimit."""
        form = await read_form(request, max_files=1, max_fields=10, max_part_size=MAX_BYTES)
        try:
            yield
        finally:
            await form.close()

    @router.post("/do-not-call/import", dependencies=[Depends(read_whole_form)])
    async def import_file(request: Request, visitor: Annotated[Visitor, Depends(access.operator)]) -> Response:
        form = await request.form()
        reason = await reason_of(request)
        text, file = form.get("text"), form.get("file")
        if not reason:
            return pages.back(request, _LIST, NO_REASON)
        try:
            if isinstance(text, str):  # the preview was confirmed
                done = await desk.add_file(text.encode(), reason, visitor.name)
                return pages.back(request, _LIST, "%(told)s", told=pages.count(request, ADDED, len(done.numbers)))
            if not isinstance(file, UploadFile) or not file.filename:
                return pages.back(request, _LIST, N_("Nothing was changed: choose a file."))
            data = await file.read()
            found = await desk.preview(data)
            text = text_of(data)  # for the form that confirms it: an import reads what was shown, to the letter
        except UnreadableFile as error:
            return pages.back(request, _LIST, NOTHING_CHANGED, why=pages.why(request, error))
        told = {"found": found, "name": file.filename, "reason": reason, "text": text}
        return await pages.page(request, "do_not_call_import.html", 200, shown_lines=_SHOWN_LINES, **told)

    @router.get("/do-not-call/export")
    async def export(request: Request, visitor: Annotated[Visitor, Depends(access.operator)]) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(400)
        return csv_answer(desk.export(visitor.name))
