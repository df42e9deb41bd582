"""A simulated 8x8 Contact Center tenant over HTTP and WebSocket: behaves as documented, with faults on request.

What the documents leave open is a setting (contact_center_settings.ContactCenterSettings).
"""

import base64
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from autodialer.simulators.common import Gate, SimClock, SimulatorApp
from autodialer.simulators.contact_center_admin import admin_routes
from autodialer.simulators.contact_center_floor import Floor
from autodialer.simulators.contact_center_settings import ContactCenterSettings
from autodialer.simulators.people import Behaviour

_TENANT: Final = "/api/v1/tenants/{tenant}"
_STREAM: Final = "/ws/v2/{kind}/persistent/{tenant}/event-v1/{topic}"
_REQUIRED: Final = ("agentId", "prefix", "number", "callerId")
_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")


class ContactCenterSimulator(SimulatorApp):
    """The application for uvicorn; `floor` holds its state, for tests in the same process."""

    def __init__(self, floor: Floor, gate: Gate) -> None:
        self.floor = floor
        super().__init__(gate, [*_routes(floor), *admin_routes(floor)], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.floor.aclose()


def create_app(
    behaviours: Mapping[str, Behaviour] | None = None,
    *,
    clock: SimClock | None = None,
    settings: ContactCenterSettings | None = None,
    latency_seconds: float = 0.0,
    seed: int = 0,
) -> ContactCenterSimulator:
    """A simulator of a Contact Center. `behaviours`: by E.164 number (people.behaviours). The same `seed` gives the same calls."""
    clock = clock or SimClock()
    floor = Floor(behaviours or {}, clock, settings or ContactCenterSettings(), seed)
    return ContactCenterSimulator(floor, Gate(clock, latency_seconds))


def _routes(floor: Floor) -> list[BaseRoute]:
    async def place(request: Request) -> Response:
        answer = _turned_away(floor, request) or await _place(floor, request)
        if answer.status_code >= 400:  # noqa: PLR2004 - no success
            floor.judge.refused[answer.status_code] += 1
        return answer

    async def statuses(request: Request) -> Response:
        return _turned_away(floor, request) or _statuses(floor, None)

    async def status(request: Request) -> Response:
        return _turned_away(floor, request) or _statuses(floor, request.path_params["agent_id"])

    async def stream(websocket: WebSocket) -> None:
        refusal = _stream_refusal(floor, websocket)
        if refusal is not None:
            await websocket.send_denial_response(refusal)
        elif websocket.path_params["kind"] == "consumer":
            await floor.pulsar.consume(websocket)
        else:
            await floor.pulsar.read(websocket)

    return [
        Route(f"{_TENANT}/calls", place, methods=["POST"]),
        Route(f"{_TENANT}/agentstatus/agents", statuses, methods=["GET"]),
        Route(f"{_TENANT}/agentstatus/agents/{{agent_id}}", status, methods=["GET"]),
        WebSocketRoute(_STREAM, stream),
        WebSocketRoute(f"{_STREAM}/{{subscription}}", stream),
    ]


async def _place(floor: Floor, request: Request) -> Response:
    if floor.throttled():
        headers = {"retry-after": str(floor.settings.retry_after)}
        return JSONResponse(_fault("Too many requests"), status_code=429, headers=headers)
    try:
        body = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict) or any(name not in body for name in _REQUIRED):
        return JSONResponse(_fault(f"{', '.join(_REQUIRED)} are required"), status_code=400)
    number, agent_id = str(body["number"]), str(body["agentId"])
    if _NUMBER.fullmatch(number) is None:
        return JSONResponse(_fault("Invalid phone number"), status_code=400)
    number = number if number.startswith("+") else f"+{number}"
    if not floor.is_free(agent_id):
        said = f"Agent=[{agent_id}] not available to handle interaction"
        return JSONResponse(_fault(said), status_code=floor.settings.unavailable_status)
    if floor.refuses(number):
        return JSONResponse(_fault("The phone number is not allowed"), status_code=400)
    user_data = [one for one in body.get("ctlUserData") or [] if isinstance(one, dict)]
    call = await floor.place(agent_id, number, user_data)
    return JSONResponse(
        {"reasons": ["Call successfully initiated"], "message": "OK", "interactionGuid": call.session_id}
    )


def _fault(reason: str) -> dict[str, Any]:
    return {"reasons": [reason], "message": "Error"}


def _statuses(floor: Floor, agent_id: str | None) -> Response:
    if not floor.settings.status_api:
        return Response(status_code=403)
    known = [{"agent-id": one, "name": one, "agent-status": status} for one, status in floor.agents.items()]
    if agent_id is not None:
        found = [entry for entry in known if entry["agent-id"] == agent_id]
        return JSONResponse(found[0]) if found else Response(status_code=404)
    page = {"pageSize": 500, "totalElements": len(known), "totalPages": 1, "pageIndex": 0}
    return JSONResponse({"data": known, "page": page})


def _turned_away(floor: Floor, request: Request) -> Response | None:
    """401 and 403, for which no body is documented."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return Response(status_code=401)
    if scheme.lower() != "basic" or not token or floor.settings.action_token not in {None, token}:
        return Response(status_code=401)
    tenant = floor.settings.tenant
    return None if user == tenant == request.path_params["tenant"] else Response(status_code=403)


def _stream_refusal(floor: Floor, connection: HTTPConnection) -> Response | None:
    key = connection.headers.get("x-api-key", "")
    if not key or floor.settings.stream_key not in {None, key}:
        return Response(status_code=401)
    named = connection.path_params
    wanted = named["kind"] == ("consumer" if "subscription" in named else "reader")
    return None if named["tenant"] == floor.settings.tenant and wanted else Response(status_code=404)
