"""/openapi.json: what FastAPI derives, with the answers that the guards give and without those that nobody gives."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from autodialer.web.guards import CALLBACK_PATH
from autodialer.web.shapes import Failure
from autodialer.web.tokens import Tokens

Responses = dict[int | str, dict[str, Any]]
_TEXTS = {
    400: "the request can't be read; every problem is named",
    401: "the token is missing or wrong",
    403: "without API_TOKEN only this machine may ask",
    404: "there is no such thing",
    408: "the body did not arrive in time",
    409: "a run is going, `run_id` says which",
    413: "the body is larger than 64 KiB",
    415: "the body is not JSON, or compressed",
    503: "the database, Zoho or 8x8 can't be used; nothing was done",
}
_NEVER_GIVEN = "422"  # FastAPI's own code for what we answer with 400
_OPEN = ("/", "/health", "/health/live", "/health/ready", "/docs")
API, CALLBACK_HEADER, CALLBACK_QUERY = "API_TOKEN", "CALLBACK_TOKEN", "CALLBACK_TOKEN in the address"


def failures(*codes: int) -> Responses:
    """The error answers of an endpoint, for `responses=`."""
    return {code: {"model": Failure, "description": _TEXTS[code]} for code in codes}


def openapi_of(app: FastAPI, tokens: Tokens) -> Callable[[], dict[str, Any]]:
    """What to put in the place of `app.openapi`."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            for path, operations in found["paths"].items():
                for operation in operations.values():
                    _complete(path, operation, tokens)
            _declare(found, tokens)
            app.openapi_schema = found
        return app.openapi_schema

    return schema


def _complete(path: str, operation: dict[str, Any], tokens: Tokens) -> None:
    responses = operation["responses"]
    responses.pop(_NEVER_GIVEN, None)
    codes = [400, 408, 413, 415]
    guarded = path not in _OPEN
    token = tokens.callback if path == CALLBACK_PATH else tokens.api
    if guarded and token is not None:
        codes.append(401)
        names = [CALLBACK_HEADER, CALLBACK_QUERY] if path == CALLBACK_PATH else [API]
        operation["security"] = [{name: []} for name in names]
    if tokens.api is None:
        codes.append(403)
    if guarded:
        codes.append(503)
    for code in codes:
        answer = {"schema": {"$ref": "#/components/schemas/Failure"}}
        responses.setdefault(str(code), {"description": _TEXTS[code], "content": {"application/json": answer}})
    operation["responses"] = dict(sorted(responses.items()))


def _declare(found: dict[str, Any], tokens: Tokens) -> None:
    components = found["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    schemes: dict[str, Any] = {}
    if tokens.api is not None:
        schemes[API] = {"type": "http", "scheme": "bearer"}
    if tokens.callback is not None:
        schemes[CALLBACK_HEADER] = {"type": "http", "scheme": "bearer", "description": "also without the word Bearer"}
        schemes[CALLBACK_QUERY] = {"type": "apiKey", "in": "query", "name": "token"}
    if schemes:
        components["securitySchemes"] = schemes
