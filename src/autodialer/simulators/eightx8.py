"""A simulated 8x8 CPaaS Voice sub-account over HTTP: behaves as documented, with faults on request.

What the documents leave open is a setting (eightx8_settings.VoiceSettings), by default in its harder reading.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid1

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import Gate, SimClock, SimulatorApp
from autodialer.simulators.eightx8_admin import admin_routes
from autodialer.simulators.eightx8_callflow import NotCreated, read_callflow
from autodialer.simulators.eightx8_export import Exports
from autodialer.simulators.eightx8_sessions import Session
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.eightx8_switch import Switch
from autodialer.simulators.people import Behaviour

_Endpoint = Callable[[Request], Awaitable[Response]]
_BASE: Final = "/api/v1/subaccounts/{subaccount_id}"


class VoiceSimulator(SimulatorApp):
    """The application for uvicorn; `switch` holds its state, for tests in the same process."""

    def __init__(self, switch: Switch, gate: Gate) -> None:
        self.switch = switch
        self.exports = Exports(switch.clock, switch.judge)
        routes = [*_voice_routes(self), *admin_routes(switch)]
        super().__init__(gate, routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.switch.delivery.open()
        try:
            yield
        finally:
            await self.switch.delivery.aclose()


def create_app(
    behaviours: Mapping[str, Behaviour] | None = None,
    *,
    clock: SimClock | None = None,
    settings: VoiceSettings | None = None,
    latency_seconds: float = 0.0,
    seed: int = 0,
) -> VoiceSimulator:
    """A simulator of 8x8. `behaviours`: by E.164 number (people.behaviours); `clock`: shared with other simulators.

    `latency_seconds` (real ones) delays each answer. The same `seed` gives the same calls.
    """
    clock = clock or SimClock()
    switch = Switch(behaviours or {}, clock, settings or VoiceSettings(), seed)
    return VoiceSimulator(switch, Gate(clock, latency_seconds))


def _voice_routes(simulator: VoiceSimulator) -> list[BaseRoute]:
    switch, exports = simulator.switch, simulator.exports

    async def place(request: Request) -> Response:
        return await _place(switch, request)

    async def start_export(request: Request) -> Response:
        return await exports.start(request, switch.settings)

    async def show_export(request: Request) -> Response:
        return await exports.show(request, switch.settings)

    async def download(request: Request) -> Response:
        return await exports.download(request, switch.settings)

    def guarded(endpoint: _Endpoint) -> _Endpoint:
        async def checked(request: Request) -> Response:
            return _refusal(switch.settings, request) or await endpoint(request)

        return checked

    job = f"{_BASE}/messages/exports/{{job_id}}"
    return [
        Route(f"{_BASE}/callflows", place, methods=["POST"]),
        Route(f"{_BASE}/webhooks", guarded(switch.webhooks.show), methods=["GET"]),
        Route(f"{_BASE}/webhooks", guarded(switch.webhooks.create), methods=["POST"]),
        Route(f"{_BASE}/webhooks/{{kind}}", guarded(switch.webhooks.delete), methods=["DELETE"]),
        Route(f"{_BASE}/messages/exports", guarded(start_export), methods=["POST"]),
        Route(job, guarded(show_export), methods=["GET"]),
        Route(job, guarded(exports.cancel), methods=["DELETE"]),
        Route(f"{_BASE}/messages/download/{{token}}", download, methods=["GET"]),
    ]


async def _place(switch: Switch, request: Request) -> Response:
    settings = switch.settings
    subaccount_id = request.path_params["subaccount_id"]
    if not _authorized(settings, request):
        return _not_created(switch, NotCreated(401, 401, "Authentication header not found or token invalid"))
    if subaccount_id != settings.subaccount_id:
        return _not_created(switch, NotCreated(404, 404, f"SubAccount not found by Id : {subaccount_id}"))
    if settings.answer_with is not None:
        return _documented(switch, settings)
    if switch.throttled():
        answer = _not_created(switch, NotCreated(429, 429, "Too Many Requests"))
        answer.headers["retry-after"] = str(settings.retry_after)
        return answer
    has_vca = switch.webhooks.enabled("VCA") is not None
    callflow = read_callflow(await request.body(), settings, switch.clock.now(), has_vca_webhook=has_vca)
    taken = callflow if isinstance(callflow, NotCreated) else await switch.accept(callflow)
    if isinstance(taken, NotCreated):
        http_status = settings.refusal_status or taken.http_status
        return _not_created(switch, NotCreated(http_status, taken.code, taken.message))
    return _created(taken)


# As the specification's examples, the pages "API Error Codes" and "API Rate Limiting" have them.
_DOCUMENTED: Final = {
    400: (-1007, "$.callflow[0].action should be one of: say,playFile,sayAndCapture"),
    401: (401, "Authentication header not found or token invalid"),
    404: (404, "SubAccount not found by Id : 8x8_Testing"),
    422: (-1013, "Invalid Callflow : First action should be a MakeCall action"),
    426: (426, "Upgrade Required"),
    429: (429, "Too Many Requests"),
    500: (500, "Internal server error"),
}


def _documented(switch: Switch, settings: VoiceSettings) -> Response:
    status = settings.answer_with or 500
    answer = _not_created(switch, NotCreated(status, *_DOCUMENTED[status]))
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        answer.headers["retry-after"] = str(settings.retry_after)
    return answer


def _created(session: Session) -> Response:
    valid_until = session.callflow.valid_until
    return JSONResponse(
        {
            "sessionId": session.session_id,
            "sessionStatus": "CREATED",
            "callFlowRequestId": session.request_id,
            **({} if valid_until is None else {"validUntil": valid_until}),
            "statusCode": 1,
            "statusMessage": "Created",
        }
    )


def _not_created(switch: Switch, refusal: NotCreated) -> Response:
    switch.judge.refused[refusal.code] += 1
    return JSONResponse(
        {
            "sessionStatus": "NOT_CREATED",
            "callFlowRequestId": str(uuid1()),
            "statusCode": refusal.code,
            "statusMessage": refusal.message,
        },
        status_code=refusal.http_status,
    )


def _refusal(settings: VoiceSettings, request: Request) -> Response | None:
    """The management endpoints document no body for these."""
    if not _authorized(settings, request):
        return Response(status_code=401)
    if request.path_params["subaccount_id"] != settings.subaccount_id:
        return Response(status_code=404)
    return None


def _authorized(settings: VoiceSettings, request: Request) -> bool:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(key) and settings.api_key in {None, key}
