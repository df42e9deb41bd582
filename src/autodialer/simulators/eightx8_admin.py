"""The /_sim pages of the simulated 8x8: the judge, and what makes people and webhooks misbehave."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import ADMIN_PREFIX, bad_request, read_json
from autodialer.simulators.eightx8_sessions import Session, e164
from autodialer.simulators.eightx8_switch import Switch
from autodialer.simulators.people import USUAL, Behaviour, Outcome


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    outcomes: tuple[Outcome, ...] = ()
    weights: dict[Outcome, float] = msgspec.field(default_factory=lambda: dict(USUAL))
    key: str = "1"
    hours: dict[int, float] | None = None
    rings: tuple[int, int] | None = None


class _Report(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """`status`: what the summary claims of the person's leg; None: how the call really goes."""

    session_id: str | None = None
    client_request_id: str | None = None
    destination: str | None = None
    status: str | None = None
    error_code: int = -2004


def admin_routes(switch: Switch) -> list[BaseRoute]:
    """The pages, to be put next to those that all simulators share."""
    pages = _Pages(switch)
    return [
        Route(f"{ADMIN_PREFIX}/rings", pages.rings, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/sessions", pages.sessions, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/behaviour", pages.behaviour, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/settings", pages.settings, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/vss", pages.vss, methods=["POST"]),
    ]


class _Pages:
    """400 says what was wrong with the body."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    async def rings(self, _request: Request) -> Response:
        return JSONResponse(self._switch.judge.rings())

    async def sessions(self, _request: Request) -> Response:
        return JSONResponse({"sessions": [s.report() for s in self._switch.judge.sessions.values()]})

    async def behaviour(self, request: Request) -> Response:
        """`{"+40709000001": ["busy", "answered"]}`, or weights: `{"+40709000001": {"weights": {"busy": 1}}}`."""
        if request.method == "POST":
            try:
                scripts = msgspec.convert(await read_json(request), dict[str, tuple[Outcome, ...] | _Script])
            except msgspec.DecodeError as problem:
                return bad_request(str(problem))
            self._switch.behaviours.update({e164(number): _behaviour(script) for number, script in scripts.items()})
        return JSONResponse({number: _shown(b) for number, b in self._switch.behaviours.items()})

    async def settings(self, request: Request) -> Response:
        """Only what is named in the body changes; `vss_faults` replaces all faults of summaries."""
        if request.method == "POST":
            try:
                self._switch.change(self._switch.settings.changed(await read_json(request)))
            except (msgspec.DecodeError, ValueError) as problem:
                return bad_request(str(problem))
        return JSONResponse(msgspec.to_builtins(self._switch.settings))

    async def vss(self, request: Request) -> Response:
        """Send a summary now, for the session named; its call ends if it had not. Repeatable."""
        try:
            report = msgspec.convert(await read_json(request), _Report)
        except msgspec.DecodeError as problem:
            return bad_request(str(problem))
        session = self._named(report)
        if session is None:
            return bad_request("no session has this sessionId, clientRequestId or destination")
        self._switch.end(session)
        body = self._switch.delivery.body(session, report.status, report.error_code)
        await self._switch.delivery.send(session, body)
        return JSONResponse({"sent": body, "delivery": session.deliveries[-1]})

    def _named(self, report: _Report) -> Session | None:
        """The newest session that fits."""
        for session in reversed(self._switch.judge.sessions.values()):
            if report.session_id == session.session_id:
                return session
            if report.client_request_id is not None:
                if report.client_request_id == session.callflow.client_request_id:
                    return session
            elif report.destination is not None and e164(report.destination) == session.destination:
                return session
        return None


def _behaviour(script: "tuple[Outcome, ...] | _Script") -> Behaviour:
    if isinstance(script, tuple):
        return Behaviour(outcomes=script)
    return Behaviour(script.outcomes, script.weights, script.key, script.hours, script.rings)


def _shown(behaviour: Behaviour) -> Mapping[str, Any]:
    return {"outcomes": list(behaviour.outcomes), "weights": dict(behaviour.weights), "key": behaviour.key}
