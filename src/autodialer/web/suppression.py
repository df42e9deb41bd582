"""The do-not-call list. It is the operator's own: its numbers are shown whole."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.phone import NoNumber, read_number
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.bodies import BadBody, read_body, read_model
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.shapes import Allowed, Suppressed, SuppressionList

_LONGEST_NUMBER = 60


class Suppression(BaseModel):
    """A number for the do-not-call list, E.164 or as dialled in DEFAULT_COUNTRY."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=_LONGEST_NUMBER, examples=["+40721234567"])
    reason: str = Field("", max_length=500)


_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": Suppression.model_json_schema()}}}
}


def add_suppression(router: APIRouter, services: Services) -> None:
    """/do-not-call."""
    means = services.means

    def normal(text: str) -> str:
        number = read_number(text, means.policy.default_country)
        if isinstance(number, NoNumber):
            raise BadBody(f"number: none that could be called: {number.reason}")
        return number.e164

    @router.get(
        "/do-not-call", tags=["records"], responses={200: {"model": SuppressionList}}, dependencies=[Depends(only())]
    )
    async def list_suppressed() -> Response:
        """The do-not-call list."""
        rows = await means.store.read(lambda ledger: ledger.do_not_call.all())
        found = [{"number": number, "reason": reason, "added_at": iso(added_at)} for number, reason, added_at in rows]
        return Answer({"success": True, "do_not_call": found, "timestamp": iso(means.clock.now())})

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
        number, now = normal(suppression.number), means.clock.now()
        added = await means.store.write(lambda ledger: ledger.do_not_call.add(number, suppression.reason, now))
        return Answer({"success": True, "number": number, "added": added, "timestamp": iso(now)})

    @router.delete(
        "/do-not-call/{number}",
        tags=["records"],
        responses={200: {"model": Allowed}, **failures(404)},
        dependencies=[Depends(only())],
    )
    async def allow(number: Annotated[str, Path(max_length=_LONGEST_NUMBER)]) -> Response:
        """Take a number off the list."""
        wanted = normal(number)
        removed = await means.store.write(lambda ledger: ledger.do_not_call.remove(wanted))
        if not removed:
            return failure(404, "the number is not on the list")
        return Answer({"success": True, "number": wanted, "timestamp": iso(means.clock.now())})
