"""Results that contradict what is known."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from autodialer.service.conflicts import conflicts
from autodialer.service.services import Services
from autodialer.web.answers import Answer, iso
from autodialer.web.cursors import AfterRow, last, read_row, row_cursor
from autodialer.web.questions import only
from autodialer.web.runs import Limit
from autodialer.web.waiting_shapes import ConflictList
from autodialer.web.waiting_shown import conflict_json


def add_conflicts(router: APIRouter, services: Services) -> None:
    """/conflicts."""
    means = services.means

    @router.get(
        "/conflicts",
        tags=["records"],
        responses={200: {"model": ConflictList}},
        dependencies=[Depends(only("limit", "after"))],
    )
    async def list_conflicts(limit: Limit = 200, after: AfterRow = "") -> Response:
        """Results that came and changed nothing, as another end stands or they could not be applied, newest first."""
        found = await means.store.read(lambda ledger: conflicts(ledger, read_row(after), limit))
        end = last(found, limit)
        body = {
            "success": True,
            "conflicts": [conflict_json(one) for one in found],
            "next_after": row_cursor(end.row.inbox_id if end else None),
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)
