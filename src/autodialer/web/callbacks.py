"""POST /api/callback: one thin route for all callbacks, stored durably before it is answered."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import MalformedCallback, StoreError
from autodialer.service.services import Services
from autodialer.web.answers import Answer, bad_request, failure, iso
from autodialer.web.bodies import read_body

Endpoint = Callable[[Request], Awaitable[Response]]


def taken(now: datetime) -> dict[str, object]:
    """What the sender of a stored callback is told."""
    return {"success": True, "message": "Callback processed successfully", "timestamp": iso(now)}


def callback_endpoint(services: Services) -> Endpoint:
    """The route; its token was checked before."""

    async def take_callback(request: Request) -> Response:
        """Take a call's result.

        It is stored durably before it is answered. Takes a result of one call, or an event of 8x8, at the same address. Where
        people are asked to press a key (EIGHTX8_MODE=press1), 8x8's question what to do next is answered with a callflow.
        """
        body = await read_body(request)
        try:
            told = await services.questions.answer(body)
            if told is not None:
                return Answer(told)
            await services.callbacks.take(body)
        except MalformedCallback as error:
            return bad_request("the callback can't be read", error.problems)
        except StoreError as error:
            services.means.log.error("callback not stored", error=error.message)
            return failure(503, "the callback could not be stored, send it again", headers={"retry-after": "10"})
        return Answer(taken(services.means.clock.now()))

    return take_callback
