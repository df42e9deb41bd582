"""The HTTP application: routes, guards, and errors in one shape."""

from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from autodialer import __version__
from autodialer.service.doorkeeping import Doorkeeper
from autodialer.service.services import Services
from autodialer.web.answers import Answer, bad_request, failure, iso
from autodialer.web.api import api_router
from autodialer.web.bodies import BadBody
from autodialer.web.callback_docs import CALLBACK_DOCS, CallbackTaken, NextActions
from autodialer.web.callbacks import callback_endpoint
from autodialer.web.console.access import COOKIE, may_send_file
from autodialer.web.console.app import Console, add_console, http_error, is_page
from autodialer.web.docs_page import docs_page
from autodialer.web.guards import CALLBACK_PATH, BodyLimit, LoopbackOnly
from autodialer.web.health import SchemaCheck, add_health
from autodialer.web.metrics import metrics_router
from autodialer.web.openapi import openapi_of
from autodialer.web.origins import EVERYWHERE, OriginGuard, Origins
from autodialer.web.safety import Safety
from autodialer.web.shapes import About
from autodialer.web.tokens import TokenGuard, Tokens

_DESCRIPTION = (
    "Calls the people in Zoho CRM through 8x8, each once, by explicit rules. Times are ISO 8601 in UTC. Every error is "
    '{"success": false, "message": …}; an address that does not exist answers 404, a method that it does not have 405.'
)
_MESSAGES = {
    404: "there is nothing at this address; see /docs",
    405: "this address does not have this method; see /docs",
}


@dataclass(frozen=True, slots=True)
class WebConfig:
    """`api_token` None: loopback only. `development`: inner errors in 500 answers. `dry_run`: nobody is called.

    `origins`: where callbacks may come from. `check_schema`: StoreError when the ledger is not one to work with.
    """

    api_token: str | None
    callback_token: str | None
    development: bool
    dry_run: bool
    check_schema: SchemaCheck
    origins: Origins = EVERYWHERE


def create_app(services: Services, config: WebConfig) -> FastAPI:
    """The application of one process."""
    tokens = Tokens(config.api_token, config.callback_token)
    means = services.means
    door = Doorkeeper(means.store, means.clock, means.log, config.api_token)
    app = FastAPI(
        title="8x8 Auto-Dialer Microservice",
        version=__version__,
        description=_DESCRIPTION,
        middleware=_guards(services, config, tokens, door),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the client named
        openapi_tags=[{"name": "dialing"}, {"name": "records"}, {"name": "service"}],
    )
    app.openapi = openapi_of(app, tokens)  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
    console = add_console(app, services, door)
    app.add_exception_handler(HTTPException, partial(_http_error, console))
    app.add_exception_handler(RequestValidationError, partial(_bad_request, console))
    app.add_exception_handler(BadBody, _bad_body)
    _open_routes(app, services)
    add_health(app, services, config.check_schema)
    app.add_api_route(
        CALLBACK_PATH,
        callback_endpoint(services),
        methods=["POST"],
        tags=["dialing"],
        responses={200: {"model": CallbackTaken | NextActions, "description": "stored"}},
        openapi_extra=CALLBACK_DOCS,
    )
    # Their prefix is theirs already; include_router would build each route a second time, at the first request.
    for router in (api_router(services, dry_run=config.dry_run), metrics_router(services), docs_page(app)):
        app.router.routes.extend(router.routes)
    return app


def _guards(services: Services, config: WebConfig, tokens: Tokens, door: Doorkeeper) -> list[Middleware]:
    """From the outermost to the innermost."""
    log = services.means.log
    guards = [Middleware(Safety, log=log, development=config.development)]
    if tokens.api is None:
        guards.append(Middleware(LoopbackOnly, guarded_callback=tokens.callback is not None))
    if config.origins.allowed:
        guards.append(Middleware(OriginGuard, origins=config.origins, log=log))
    limit = Middleware(BodyLimit, cookie=COOKIE, may_send_file=may_send_file(door))
    return [*guards, Middleware(TokenGuard, tokens=tokens, log=log), limit]


def _open_routes(app: FastAPI, services: Services) -> None:
    clock = services.means.clock

    @app.get("/", tags=["service"], responses={200: {"model": About}})
    async def about() -> Response:
        """What this is."""
        found = {"message": "8x8 Auto-Dialer Microservice", "version": __version__, "status": "running"}
        return Answer({**found, "timestamp": iso(clock.now())})


async def _http_error(console: Console, request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if is_page(request):
        return await http_error(console, request, error.status_code)
    message = _MESSAGES.get(error.status_code, str(error.detail))
    return failure(error.status_code, message, headers=error.headers)


async def _bad_request(console: Console, request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    if is_page(request):
        return await http_error(console, request, 400)
    problems = [_sentence(item["loc"], item["msg"], item["type"]) for item in error.errors()]
    return bad_request("the request can't be read", problems)


_FORMS = {
    "zoho_id": "must be a Zoho id: digits, 20 at most",
    "record_type": "must be lead or contact",
    "after": "is no place in a list: take next_after of the answer before, or leave it out",
}


def _sentence(loc: tuple[int | str, ...], message: str, kind: str) -> str:
    """What is wrong with one part of a request, without the pattern that it does not fit."""
    if kind == "string_pattern_mismatch":
        message = _FORMS.get(str(loc[-1]), "has another form than is documented")
    return f"{'.'.join(str(part) for part in loc)}: {message.removeprefix('Value error, ')}"


async def _bad_body(_request: Request, error: Exception) -> Response:
    if not isinstance(error, BadBody):
        raise error
    return bad_request("the request can't be read", error.problems, error.status)
