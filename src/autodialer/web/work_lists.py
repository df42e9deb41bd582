"""What waits for a person: calls of which nobody knows how they ended, and updates that Zoho refuses."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.disposition import Settlement
from autodialer.domain.errors import NoSuchAttempt, NotUnknown, NotWaiting
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.bodies import no_body, read_body, read_model
from autodialer.web.cursors import AfterCall, AfterRow, call_cursor, last, read_call, read_row, row_cursor
from autodialer.web.openapi import failures
from autodialer.web.orphans import WHY_BODY, Why
from autodialer.web.questions import only
from autodialer.web.runs import Limit
from autodialer.web.shapes import Failure, Retried, Settled, UnknownList
from autodialer.web.shown import unknown_json
from autodialer.web.waiting_shapes import AdvisedList, GivenUp, RetriedAll
from autodialer.web.waiting_shown import advised_json

AttemptId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,36}$")]
OutboxId = Annotated[int, Path(ge=1, le=10**15)]


class Settling(BaseModel):
    """How the call ended, or `not_placed` if nobody was called: then its place in the quotas is returned."""

    model_config = ConfigDict(extra="forbid")

    result: Literal["answered", "no_answer", "busy", "failed", "not_placed"]


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Settling.model_json_schema()}}}}
_STANDS = "it is settled already, or its result is still awaited; the message says how it stands"
_SETTLE: dict[int | str, dict[str, Any]] = {
    200: {"model": Settled},
    409: {"model": Failure, "description": _STANDS},
    **failures(404),
}


def add_work_lists(router: APIRouter, services: Services) -> None:
    """/unknown and /parked."""
    _add_unknown(router, services)
    _add_parked(router, services)


def _add_unknown(router: APIRouter, services: Services) -> None:
    means = services.means

    @router.get(
        "/unknown",
        tags=["records"],
        responses={200: {"model": UnknownList}},
        dependencies=[Depends(only("limit", "after"))],
    )
    async def list_unknown(limit: Limit = 200, after: AfterCall = "") -> Response:
        """Calls of which nobody knows how they ended, newest first: the work list."""
        rows = await means.store.read(lambda ledger: ledger.work_lists.unknown(read_call(after), limit))
        body = {
            "success": True,
            "unknown": [unknown_json(row) for row in rows],
            "next_after": call_cursor(last(rows, limit)),
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)

    @router.post(
        "/unknown/{attempt_id}",
        tags=["records"],
        responses=_SETTLE,
        openapi_extra=_BODY,
        dependencies=[Depends(only())],
    )
    async def settle_unknown(attempt_id: AttemptId, request: Request) -> Response:
        """Say how an unknown call ended. It is written to Zoho as any other result."""
        settling = read_model(Settling, await read_body(request))
        try:
            row = await services.settler.settle(attempt_id, Settlement(settling.result))
        except NoSuchAttempt as error:
            return failure(404, error.message)
        except NotUnknown as error:
            return failure(409, error.message, timestamp=means.clock.now())
        return Answer({"success": True, "call": unknown_json(row), "timestamp": iso(means.clock.now())})


def _add_parked(router: APIRouter, services: Services) -> None:
    means = services.means

    @router.get(
        "/parked",
        tags=["records"],
        responses={200: {"model": AdvisedList}},
        dependencies=[Depends(only("limit", "after"))],
    )
    async def list_parked(limit: Limit = 200, after: AfterRow = "") -> Response:
        """Updates that Zoho refused for good, with its reason and what to do about it, oldest first."""
        rows = await means.store.read(lambda ledger: ledger.work_lists.parked(read_row(after), limit))
        end = last(rows, limit)
        body = {
            "success": True,
            "parked": [advised_json(row) for row in rows],
            "next_after": row_cursor(end.outbox_id if end else None),
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)

    @router.post(
        "/parked",
        tags=["records"],
        responses={200: {"model": RetriedAll}},
        dependencies=[Depends(only()), Depends(no_body)],
    )
    async def retry_all_parked() -> Response:
        """Send all of them again, each once. What Zoho refuses again comes back to the list."""
        tried = await services.parked.retry_all()
        return Answer({"success": True, "retried": tried, "timestamp": iso(means.clock.now())})

    @router.post(
        "/parked/{outbox_id}",
        tags=["records"],
        responses={200: {"model": Retried}, **failures(404)},
        dependencies=[Depends(only()), Depends(no_body)],
    )
    async def retry_parked(outbox_id: OutboxId) -> Response:
        """Send it again, now that its reason is gone. Refused again, it is parked again."""
        try:
            await services.parked.retry(outbox_id)
        except NotWaiting as error:
            return failure(404, error.message)
        return Answer({"success": True, "outbox_id": outbox_id, "timestamp": iso(means.clock.now())})

    @router.post(
        "/parked/{outbox_id}/give-up",
        tags=["records"],
        responses={200: {"model": GivenUp}, **failures(404)},
        openapi_extra=WHY_BODY,
        dependencies=[Depends(only())],
    )
    async def give_up_parked(outbox_id: OutboxId, request: Request) -> Response:
        """Never send it again. The calls that it counted go on counting in the ledger."""
        why = read_model(Why, await read_body(request))
        try:
            await services.parked.give_up(outbox_id, why.reason)
        except NotWaiting as error:
            return failure(404, error.message)
        return Answer({"success": True, "outbox_id": outbox_id, "timestamp": iso(means.clock.now())})
