"""The /_sim pages of the simulated Contact Center: the judge, and what makes people, agents and the stream misbehave."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import ADMIN_PREFIX, bad_request, read_json
from autodialer.simulators.contact_center_floor import Floor
from autodialer.simulators.people import Behaviour, Outcome


class _Event(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One event more, of the newest call to `destination`; `more` are its own fields."""

    destination: str
    event: str
    more: dict[str, Any] = {}


def admin_routes(floor: Floor) -> list[BaseRoute]:
    """The pages, to be put next to those that all simulators share."""
    pages = _Pages(floor)
    return [
        Route(f"{ADMIN_PREFIX}/rings", pages.rings, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/calls", pages.calls, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/behaviour", pages.behaviour, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/settings", pages.settings, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/agents", pages.agents, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/event", pages.event, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/publish", pages.publish, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/stream", pages.stream, methods=["GET", "POST"]),
    ]


class _Pages:
    """400 says what was wrong with the body."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def rings(self, _request: Request) -> Response:
        return JSONResponse(self._floor.judge.rings())

    async def calls(self, _request: Request) -> Response:
        return JSONResponse({"calls": [call.report() for call in self._floor.judge.calls.values()]})

    async def behaviour(self, request: Request) -> Response:
        """`{"+40709000001": ["busy", "answered"]}`."""
        if request.method == "POST":
            try:
                scripts = msgspec.convert(await read_json(request), dict[str, tuple[Outcome, ...]])
            except msgspec.DecodeError as problem:
                return bad_request(str(problem))
            self._floor.behaviours.update({number: Behaviour(outcomes=script) for number, script in scripts.items()})
        return JSONResponse({number: list(one.outcomes) for number, one in self._floor.behaviours.items()})

    async def settings(self, request: Request) -> Response:
        """Only what is named in the body changes; `stream_faults` replaces all faults of the stream."""
        if request.method == "POST":
            try:
                self._floor.settings = self._floor.settings.changed(await read_json(request))
            except (msgspec.DecodeError, ValueError) as problem:
                return bad_request(str(problem))
        return JSONResponse(msgspec.to_builtins(self._floor.settings))

    async def agents(self, request: Request) -> Response:
        """`{"agSim001": 3}`: agents and their status codes; those that are not named stay as they are."""
        if request.method == "POST":
            try:
                self._floor.agents.update(msgspec.convert(await read_json(request), dict[str, int]))
            except msgspec.DecodeError as problem:
                return bad_request(str(problem))
        return JSONResponse(self._floor.agents)

    async def event(self, request: Request) -> Response:
        """Publish one event now. Repeatable."""
        try:
            told = msgspec.convert(await read_json(request), _Event)
        except msgspec.DecodeError as problem:
            return bad_request(str(problem))
        calls = [call for call in self._floor.judge.calls.values() if call.destination == told.destination]
        if not calls:
            return bad_request("no call went to this destination")
        self._floor.tell(calls[-1], told.event, **told.more)
        return JSONResponse(calls[-1].report())

    async def publish(self, request: Request) -> Response:
        """Publish these messages as they are, of whatever call: `[{"Interaction": {...}}]`."""
        try:
            messages = msgspec.convert(await read_json(request), list[dict[str, dict[str, Any]]])
        except msgspec.DecodeError as problem:
            return bad_request(str(problem))
        for message in messages:
            self._floor.pulsar.publish(str(message.get("Interaction", {}).get("event")), message)
        return JSONResponse({"published": len(messages)})

    async def stream(self, request: Request) -> Response:
        """`{"cut": true}` closes the connections, `{"refuse": 503}` turns new ones away until `{"refuse": 0}`."""
        pulsar = self._floor.pulsar
        if request.method == "POST":
            try:
                wanted = msgspec.convert(await read_json(request), dict[str, int])
            except msgspec.DecodeError as problem:
                return bad_request(str(problem))
            pulsar.refuse = wanted.get("refuse", pulsar.refuse)
            if wanted.get("cut"):
                await pulsar.cut()
        shown = {
            name: {
                "connected": one.consumer is not None,
                "backlog": len(one.backlog),
                "acknowledged": one.acknowledged,
                "redelivered": one.redelivered,
            }
            for name, one in pulsar.subscriptions.items()
        }
        return JSONResponse({"subscriptions": shown, "connections": pulsar.connections, "refuse": pulsar.refuse})
