"""Who did what, and when."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from autodialer.domain.access import Action
from autodialer.service.services import Services
from autodialer.web.answers import Answer, iso
from autodialer.web.cursors import AfterRow, last, read_row, row_cursor
from autodialer.web.questions import only
from autodialer.web.runs import Limit
from autodialer.web.waiting_shapes import AuditList
from autodialer.web.waiting_shown import audit_json

Who = Annotated[str | None, Query(min_length=1, max_length=60)]


def add_audit(router: APIRouter, services: Services) -> None:
    """/audit."""
    means = services.means

    @router.get(
        "/audit",
        tags=["service"],
        responses={200: {"model": AuditList}},
        dependencies=[Depends(only("limit", "after", "who", "action"))],
    )
    async def list_audit(
        limit: Limit = 200, after: AfterRow = "", who: Who = None, action: Action | None = None
    ) -> Response:
        """What people did at the console, with the commands and over this API, newest first."""
        rows = await means.store.read(
            lambda ledger: ledger.audit.newest_first(read_row(after), limit, who=who, action=action)
        )
        end = last(rows, limit)
        body = {
            "success": True,
            "audit": [audit_json(row) for row in rows],
            "next_after": row_cursor(end.audit_id if end else None),
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)
