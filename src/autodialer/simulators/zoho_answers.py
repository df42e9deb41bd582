"""The shapes in which the simulated Zoho answers."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

JSON: Final = "application/json;charset=UTF-8"


class ZohoError(Exception):
    """A refusal; becomes Zoho's flat error envelope."""

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})

    def response(self) -> Response:
        """The envelope."""
        return json_response(envelope(self.code, self.message, self.details), self.status)

    def as_item(self) -> Response:
        """As an update answers: a 400 as the only item of `data`, all else flat."""
        if self.status != 400:  # noqa: PLR2004 - "bad request"
            return self.response()
        return json_response({"data": [envelope(self.code, self.message, self.details)]}, self.status)


def envelope(code: str, message: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """Zoho's error object, flat or as an item of `data`."""
    return {"code": code, "details": dict(details), "message": message, "status": "error"}


def json_response(body: Any, status: int = 200) -> Response:
    """JSON with the content type that Zoho sends."""
    return Response(msgspec.json.encode(body), status, {"content-type": JSON})


def nothing() -> Response:
    """204, without a body and without a content type."""
    return Response(status_code=204)


def not_modified() -> Response:
    """304: nothing changed since the time that the client named."""
    return Response(status_code=304)


def read_body(raw: bytes) -> dict[str, Any]:
    """The request's JSON object, whatever content type it was sent with. ZohoError otherwise."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ZohoError(400, "INVALID_DATA", "body") from problem
