"""Removing old details of the ledger, some seconds of work per request."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.access import THE_API
from autodialer.service.pruning import KEEP_AT_LEAST
from autodialer.service.services import Services
from autodialer.web.answers import Answer, iso
from autodialer.web.bodies import BadBody, read_body, read_model
from autodialer.web.questions import only
from autodialer.web.shapes import PrunedShape

_SECONDS = 2.0  # then it answers, so that whoever waits can tell how far it is
_LONGEST_RETENTION = 36_500
_AFTER = r"^(|0~([0-9]{1,14}(~[A-Za-z0-9-]{0,36})?)?|[12]~[0-9]{0,15}|3~([0-9]{4}-[0-9]{2}-[0-9]{2})?)$"


def _whole(value: object) -> object:
    """To JSON 90.0 is an integer like 90."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Pruning(BaseModel):
    """How many days of details are kept. `after`: `next_after` of the answer before, "" at first. `dry_run`: only count."""

    model_config = ConfigDict(extra="forbid")

    keep_days: Annotated[int, BeforeValidator(_whole)] = Field(ge=KEEP_AT_LEAST, le=_LONGEST_RETENTION, examples=[90])
    dry_run: bool = False
    after: str = Field("", max_length=80, pattern=_AFTER)


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Pruning.model_json_schema()}}}}


def add_pruning(router: APIRouter, services: Services) -> None:
    """/prune."""
    means = services.means

    @router.post(
        "/prune",
        tags=["service"],
        responses={200: {"model": PrunedShape}},
        openapi_extra=_BODY,
        dependencies=[Depends(only())],
    )
    async def prune(request: Request) -> Response:
        """Remove details that nothing reads any more, for about two seconds; again with `next_after` until it is null."""
        wanted = read_model(Pruning, await read_body(request))
        try:
            progress = await services.pruner.some(
                wanted.keep_days, wanted.after, _SECONDS, dry_run=wanted.dry_run, by=THE_API
            )
        except ValueError as error:
            raise BadBody(f"after: {error}") from error
        removed = {detail.value: count for detail, count in progress.removed.items()}
        told = {"dry_run": wanted.dry_run, "removed": removed, "next_after": progress.after or None}
        return Answer({"success": True, **told, "timestamp": iso(means.clock.now())})
