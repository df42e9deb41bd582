"""The webhooks of the simulated sub-account (8x8 page "Webhooks API"): one URL per type."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from autodialer.simulators.common import SimClock, read_json
from autodialer.simulators.eightx8_sessions import instant
from autodialer.simulators.eightx8_settings import VoiceSettings

_TYPES: Final = ("VCS", "VCA", "VSS", "VRU", "VNU")
_DELETABLE: Final = ("VCS", "VCA", "VSS", "VRU")


@dataclass(frozen=True, slots=True)
class Registration:
    """One webhook. `header` is sent verbatim as Authorization, None for none."""

    kind: str
    url: str
    header: str | None
    enabled: bool

    def shown(self) -> dict[str, Any]:
        """The webhook as 8x8 lists it: never its header."""
        return {
            "type": self.kind,
            "url": self.url,
            "enabled": self.enabled,
            "httpAuthHeaderAvailable": self.header is not None,
        }


class Webhooks:
    """All registrations, and the endpoints that change them."""

    def __init__(self, clock: SimClock, settings: VoiceSettings) -> None:
        self._clock = clock
        self.settings = settings
        self._by_kind: dict[str, Registration] = {}

    def register(self, registration: Registration) -> None:
        """Set the webhook of this type."""
        self._by_kind[registration.kind] = registration

    def enabled(self, kind: str) -> Registration | None:
        """The webhook of this type if there is one and it is enabled."""
        registration = self._by_kind.get(kind)
        return registration if registration is not None and registration.enabled else None

    async def show(self, _request: Request) -> Response:
        """GET …/webhooks."""
        return self._listed()

    async def create(self, request: Request) -> Response:
        """POST …/webhooks. `enabled` is the schema's word, `active` the guides'; both missing means enabled."""
        try:
            body = await read_json(request)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        registration = _registration(body)
        if registration is None:
            return invalid(self._clock.now(), "Invalid JSON request body")
        if registration.kind in self._by_kind and not self.settings.webhook_replaces:
            return invalid(self._clock.now(), "Webhook already exists")
        self.register(registration)
        return self._listed()

    async def delete(self, request: Request) -> Response:
        """DELETE …/webhooks/{type}. 404 where there is none."""
        kind = request.path_params["kind"]
        gone = self._by_kind.pop(kind, None) if kind in _DELETABLE else None
        if gone is None:
            return Response(status_code=404)
        shown = {**gone.shown(), "enabled": False}
        return JSONResponse(
            {
                "subAccountId": self.settings.subaccount_id,
                **shown,
                "statusCode": 0,
                "statusMessage": "deleted",
            }
        )

    def _listed(self) -> Response:
        webhooks = [registration.shown() for registration in self._by_kind.values()]
        return JSONResponse(
            {
                "subAccountId": self.settings.subaccount_id,
                "count": len(webhooks),
                "webhooks": webhooks,
                "statusCode": 0,
                "statusMessage": "ok",
            }
        )


def invalid(now: datetime, message: str) -> Response:
    """422 with the management API's own envelope, in which the status code is text."""
    return JSONResponse(
        {
            "errorId": str(uuid4()),
            "statusCode": "1001",
            "statusMessage": message,
            "timestamp": instant(now),
        },
        status_code=422,
    )


def _registration(body: object) -> Registration | None:
    if not isinstance(body, dict):
        return None
    kind, url, header = body.get("type"), body.get("url"), body.get("httpAuthHeader")
    enabled = [value for name in ("enabled", "active") if (value := body.get(name)) is not None]
    if kind not in _TYPES or not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return None
    if not (header is None or isinstance(header, str)) or not all(isinstance(v, bool) for v in enabled):
        return None
    return Registration(kind=kind, url=url, header=header, enabled=all(enabled))
