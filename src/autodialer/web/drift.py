"""Where Zoho and the ledger disagree."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import CrmError, NotWaiting
from autodialer.rules.drift import Difference
from autodialer.service.drift import CURSOR_PATTERN, Drifted
from autodialer.service.services import Services
from autodialer.service.writing_again import AGAIN, Field
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.bodies import read_body, read_model
from autodialer.web.questions import only
from autodialer.web.records import RecordWord, ZohoId
from autodialer.web.shapes import Count, Failure, Instant, Shape, Success, Type
from autodialer.web.shown import from_the_crm, outage, shown
from autodialer.web.waiting import key_of
from autodialer.web.waiting_shapes import WrittenAgain

Days = Annotated[int, Query(ge=1, le=366)]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str, Query(pattern=CURSOR_PATTERN)]


class WritingAgain(BaseModel):
    """The field that is to be written again."""

    model_config = ConfigDict(extra="forbid")

    field: Literal["call_attempts", "first_no_answer_at"]


_AGAIN_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": WritingAgain.model_json_schema()}}}
}
_NOTHING: dict[int | str, dict[str, Any]] = {
    409: {"model": Failure, "description": "an update waits already, or the ledger has nothing to write"}
}


class DifferenceShape(Shape):
    """`weight`: drift wants a person, waiting goes away by itself, a note is only to be known.

    `write_again`: the field that can be written again from here; null where it is to be mended in Zoho, or nowhere.
    """

    weight: Literal["drift", "waiting", "note"]
    reason: str
    in_crm: Any
    in_ledger: Any
    detail: str
    write_again: str | None


class DriftShape(Shape):
    """One record."""

    record_type: Type
    zoho_id: str
    differences: list[DifferenceShape]


class DriftList(Success):
    """`checked`: how many records were compared; `next_after` is the `after` of the next page, null on the last one."""

    checked: Count
    records: list[DriftShape]
    next_after: str | None
    timestamp: Instant


def add_drift(router: APIRouter, services: Services) -> None:
    """/drift."""
    means = services.means

    @router.get(
        "/drift",
        tags=["records"],
        responses={200: {"model": DriftList}},
        dependencies=[Depends(only("days", "limit", "after"))],
    )
    async def show_drift(days: Days = 7, limit: Limit = 200, after: After = "") -> Response:
        """Records, called or written to in the last days, whose count, time or status in Zoho is not the ledger's, and why."""
        try:
            page = await services.drift.page(days, limit, after)
        except CrmError as error:
            return outage(error, means.clock.now())
        body = {
            "success": True,
            "checked": page.checked,
            "records": [_record(one) for one in page.records],
            "next_after": page.next_after,
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)

    @router.post(
        "/drift/{record_type}/{zoho_id}",
        tags=["records"],
        responses={200: {"model": WrittenAgain}, **_NOTHING},
        openapi_extra=_AGAIN_BODY,
        dependencies=[Depends(only())],
    )
    async def write_again(record_type: RecordWord, zoho_id: ZohoId, request: Request) -> Response:
        """Write one field of one record again, as Zoho once took it or should have. Never a status, never a smaller count."""
        wanted = read_model(WritingAgain, await read_body(request))
        key = key_of(record_type, zoho_id)
        try:
            await services.rewriter.write_again(key, Field(wanted.field))
        except NotWaiting as error:
            return failure(409, error.message, timestamp=means.clock.now())
        told = {"record_type": key.record_type.value, "zoho_id": key.zoho_id, "field": wanted.field}
        return Answer({"success": True, **told, "timestamp": iso(means.clock.now())})


def _record(one: Drifted) -> dict[str, Any]:
    return {
        "record_type": one.key.record_type.value,
        "zoho_id": one.key.zoho_id,
        "differences": [_difference(difference) for difference in one.differences],
    }


def _difference(one: Difference) -> dict[str, Any]:
    fields = {
        "weight": one.weight,
        "reason": one.reason,
        "in_crm": from_the_crm(one.in_crm),
        "in_ledger": one.in_ledger,
        "detail": one.detail,
        "write_again": AGAIN.get(one.reason),
    }
    return dict(shown(fields))
