"""The do-not-call list. It is the operator's own: its numbers are shown whole."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from autodialer.domain.errors import NotWaiting, UnreadableFile
from autodialer.domain.phone import NoNumber
from autodialer.service.services import Services
from autodialer.service.suppressing import LONGEST_REASON
from autodialer.web.answers import Answer, bad_request, failure, iso
from autodialer.web.bodies import BadBody, read_body, read_model
from autodialer.web.cursors import AfterNumber, last
from autodialer.web.guards import IMPORT_PATH
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.shapes import Allowed, Failure, Suppressed
from autodialer.web.waiting_shapes import Imported, SuppressionPage
from autodialer.web.waiting_shown import number_file_json

_LONGEST_NUMBER = 60
_LONGEST_SEARCH = 60
_FILE_NAME = "do-not-call.csv"
_NOT_A_FILE = "the file can't be read as a list of numbers"
ListLimit = Annotated[int, Query(ge=1, le=10_000)]
Wanted = Annotated[str, Query(max_length=_LONGEST_SEARCH)]
Reason = Annotated[str, Query(max_length=LONGEST_REASON)]
Number = Annotated[str, Path(max_length=_LONGEST_NUMBER)]


class Suppression(BaseModel):
    """A number for the do-not-call list, E.164 or as dialled in DEFAULT_COUNTRY."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=_LONGEST_NUMBER, examples=["+40721234567"])
    reason: str = Field("", max_length=LONGEST_REASON)


_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": Suppression.model_json_schema()}}}
}
_FILE = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "examples": ["number,reason\n+40721234567,asked"]}}},
    }
}
_IMPORT: dict[int | str, dict[str, Any]] = {
    200: {"model": Imported},
    413: {"model": Failure, "description": "the file is larger than 5 MB"},
}
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "number, reason, added_at; UTF-8 with BOM",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


def add_suppression(router: APIRouter, services: Services) -> None:
    """/do-not-call."""
    _add_list(router, services)
    _add_files(router, services)


def _add_list(router: APIRouter, services: Services) -> None:
    means, desk = services.means, services.suppressor

    def normal(text: str) -> str:
        number = desk.read(text)
        if isinstance(number, NoNumber):
            raise BadBody(f"number: none that could be called: {number.reason}")
        return number.e164

    @router.get(
        "/do-not-call",
        tags=["records"],
        responses={200: {"model": SuppressionPage}},
        dependencies=[Depends(only("limit", "after", "search"))],
    )
    async def list_suppressed(limit: ListLimit = 10_000, after: AfterNumber = "", search: Wanted = "") -> Response:
        """The do-not-call list by number; with `search` those that hold it in their number or their reason."""
        beyond = f"+{after}" if after else ""
        rows = await means.store.read(lambda ledger: ledger.do_not_call.page(beyond, limit, search.strip()))
        found = [{"number": number, "reason": reason, "added_at": iso(added_at)} for number, reason, added_at in rows]
        end = last(rows, limit)
        next_after = end[0].lstrip("+") if end else None
        now = iso(means.clock.now())
        return Answer({"success": True, "do_not_call": found, "next_after": next_after, "timestamp": now})

    @router.post(
        "/do-not-call",
        tags=["records"],
        responses={200: {"model": Suppressed}},
        openapi_extra=_BODY,
        dependencies=[Depends(only())],
    )
    async def suppress(request: Request) -> Response:
        """Never dial this number again, not even in a run that is going."""
        suppression = read_model(Suppression, await read_body(request))
        number = normal(suppression.number)
        added = await desk.add(number, suppression.reason)
        return Answer({"success": True, "number": number, "added": added, "timestamp": iso(means.clock.now())})

    @router.delete(
        "/do-not-call/{number}",
        tags=["records"],
        responses={200: {"model": Allowed}, **failures(404)},
        dependencies=[Depends(only("reason"))],
    )
    async def allow(number: Number, reason: Reason = "") -> Response:
        """Take a number off the list; `reason` goes into the audit trail."""
        wanted = normal(number)
        try:
            await desk.remove(wanted, reason)
        except NotWaiting as error:
            return failure(404, error.message)
        return Answer({"success": True, "number": wanted, "timestamp": iso(means.clock.now())})


def _add_files(router: APIRouter, services: Services) -> None:
    means, desk = services.means, services.suppressor

    @router.post(
        IMPORT_PATH.removeprefix("/api"),
        tags=["records"],
        responses=_IMPORT,
        openapi_extra=_FILE,
        dependencies=[Depends(only("dry_run", "reason"))],
    )
    async def import_numbers(request: Request, *, dry_run: bool = False, reason: Reason = "") -> Response:
        """Add every number of a file: CSV as the body, up to 5 MB and 100,000 lines. It never removes one.

        The columns are found by their headings (number, phone, mobile, telefon …), else it is the first. `dry_run=true` only says
        what would be added. `reason`: where a row gives none.
        """
        data = await request.body()
        try:
            found = await (desk.preview(data, reason) if dry_run else desk.add_file(data, reason))
        except UnreadableFile as error:
            return bad_request(_NOT_A_FILE, [error.message])
        told = {"dry_run": dry_run, **number_file_json(found)}
        return Answer({"success": True, **told, "timestamp": iso(means.clock.now())})

    @router.get(
        "/do-not-call/export",
        tags=["records"],
        responses=_EXPORT,
        response_class=StreamingResponse,
        dependencies=[Depends(only())],
    )
    async def export_numbers() -> Response:
        """The whole list as CSV; an import takes it."""
        return csv_answer(desk.export())


def csv_answer(text: AsyncIterator[str]) -> Response:
    """The list as a file."""
    name = {"content-disposition": f'attachment; filename="{_FILE_NAME}"'}
    return StreamingResponse(text, media_type="text/csv", headers=name)
