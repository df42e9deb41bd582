"""Callbacks of sessions that nobody knows."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import NotWaiting
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.bodies import no_body, read_body, read_model
from autodialer.web.cursors import AfterRow, last, read_row, row_cursor
from autodialer.web.questions import only
from autodialer.web.runs import Limit
from autodialer.web.shapes import Failure
from autodialer.web.shown import shown
from autodialer.web.waiting_shapes import Dismissed, Matched, OrphanList
from autodialer.web.waiting_shown import orphan_json

RowId = Annotated[int, Path(ge=1, le=10**15)]


class Why(BaseModel):
    """Why a person does this, for those who look later."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)


WHY_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Why.model_json_schema()}}}}
_GONE: dict[int | str, dict[str, Any]] = {
    409: {"model": Failure, "description": "it is no orphan; the message says how it stands"}
}


def add_orphans(router: APIRouter, services: Services) -> None:
    """/orphans."""
    means = services.means

    @router.get(
        "/orphans",
        tags=["records"],
        responses={200: {"model": OrphanList}},
        dependencies=[Depends(only("limit", "after"))],
    )
    async def list_orphans(limit: Limit = 200, after: AfterRow = "") -> Response:
        """Callbacks of sessions that nobody knows, newest first. They change nothing."""
        found = await services.orphans.page(read_row(after), limit)
        end = last(found, limit)
        body = {
            "success": True,
            "orphans": [orphan_json(one) for one in found],
            "next_after": row_cursor(end.row.inbox_id if end else None),
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)

    @router.post(
        "/orphans/{inbox_id}/match",
        tags=["records"],
        responses={200: {"model": Matched}, **_GONE},
        dependencies=[Depends(only()), Depends(no_body)],
    )
    async def match_orphan(inbox_id: RowId) -> Response:
        """Try again now to find the call that it belongs to. It stays an orphan if there is none."""
        try:
            row = await services.orphans.match_again(inbox_id)
        except NotWaiting as error:
            return failure(409, error.message, timestamp=means.clock.now())
        told = dict(shown({"inbox_id": row.inbox_id, "state": row.state, "note": row.note}))
        return Answer({"success": True, **told, "timestamp": iso(means.clock.now())})

    @router.post(
        "/orphans/{inbox_id}/dismiss",
        tags=["records"],
        responses={200: {"model": Dismissed}, **_GONE},
        openapi_extra=WHY_BODY,
        dependencies=[Depends(only())],
    )
    async def dismiss_orphan(inbox_id: RowId, request: Request) -> Response:
        """Take it off the list. It stays stored; should its session become known, it is matched all the same."""
        why = read_model(Why, await read_body(request))
        try:
            await services.orphans.dismiss(inbox_id, why.reason)
        except NotWaiting as error:
            return failure(409, error.message, timestamp=means.clock.now())
        return Answer({"success": True, "inbox_id": inbox_id, "timestamp": iso(means.clock.now())})
