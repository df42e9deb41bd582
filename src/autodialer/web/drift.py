"""Where Zoho and the ledger disagree."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from autodialer.domain.errors import CrmError
from autodialer.rules.drift import Difference
from autodialer.service.drift import CURSOR_PATTERN, Drifted
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.questions import only
from autodialer.web.shapes import Count, Instant, Shape, Success, Type
from autodialer.web.shown import shown

Days = Annotated[int, Query(ge=1, le=366)]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str, Query(pattern=CURSOR_PATTERN)]


class DifferenceShape(Shape):
    """`weight`: drift wants a person, waiting goes away by itself, a note is only to be known."""

    weight: Literal["drift", "waiting", "note"]
    reason: str
    in_crm: Any
    in_ledger: Any
    detail: str


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
            return failure(503, error.message, timestamp=means.clock.now())
        body = {
            "success": True,
            "checked": page.checked,
            "records": [_record(one) for one in page.records],
            "next_after": page.next_after,
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)


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
        "in_crm": one.in_crm,
        "in_ledger": one.in_ledger,
        "detail": one.detail,
    }
    return dict(shown(fields))
