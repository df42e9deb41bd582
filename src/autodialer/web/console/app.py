"""Puts the console together: pages, static files, errors as pages."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from autodialer.domain.errors import StoreError
from autodialer.service.doorkeeping import Doorkeeper
from autodialer.service.services import Services
from autodialer.web.console.access import (
    COOKIE,
    HOME,
    Access,
    NoSuchPage,
    NotAllowed,
    SignInNeeded,
    has_nul,
    sign_in_address,
)
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.audit import add_audit
from autodialer.web.console.pages.conflicts import add_conflicts
from autodialer.web.console.pages.do_not_call import add_do_not_call
from autodialer.web.console.pages.door import add_door
from autodialer.web.console.pages.drift import add_drift
from autodialer.web.console.pages.health import add_health_page
from autodialer.web.console.pages.orphans import add_orphans
from autodialer.web.console.pages.parked import add_parked
from autodialer.web.console.pages.people import add_people
from autodialer.web.console.pages.plan import add_plan
from autodialer.web.console.pages.policy import add_policy
from autodialer.web.console.pages.runs import add_runs_pages
from autodialer.web.console.pages.simulate import add_simulate
from autodialer.web.console.pages.switch import add_switch
from autodialer.web.console.pages.today import add_today
from autodialer.web.console.pages.unknown import add_unknown
from autodialer.web.console.pages.waiting import add_waiting
from autodialer.web.console.pages.work_lists import add_work_lists
from autodialer.web.console.rendering import HEADERS, STATIC, Pages

_KEEP = "public, max-age=31536000, immutable"  # their addresses change with their content


@dataclass(frozen=True, slots=True)
class Console:
    """What the application needs of it for errors under /console."""

    pages: Pages
    access: Access

    async def error(self, request: Request, status: int, sentence: str) -> Response:
        """A page that says what went wrong, with the menu for who is signed in; without it when the ledger can't be asked."""
        told = {"status": status, "sentence": sentence}
        try:
            if not hasattr(request.state, "visitor"):
                request.state.visitor = await self.access.door.visitor(request.cookies.get(COOKIE))
            return await self.pages.page(request, "error.html", status, **told)
        except StoreError:
            request.state.visitor = None
            return await self.pages.page(request, "error.html", status, **told)


def add_console(app: FastAPI, services: Services, door: Doorkeeper) -> Console:
    """The routes and the errors of the console."""
    pages = Pages(services)
    access = Access(door)
    console = Console(pages, access)
    router = APIRouter(prefix=HOME, include_in_schema=False, route_class=_route_of(console))
    add_door(router, pages, access)
    add_switch(router, pages, access)
    add_today(router, pages, access)
    add_plan(router, pages, access)
    add_policy(router, pages, access)
    add_simulate(router, pages, access)
    add_people(router, pages, access)
    for add in (
        add_work_lists,
        add_unknown,
        add_orphans,
        add_conflicts,
        add_parked,
        add_waiting,
        add_drift,
        add_do_not_call,
        add_audit,
    ):
        add(router, pages, access)
    add_runs_pages(router, pages, access)
    add_health_page(router, pages, access)
    app.router.routes.extend(router.routes)  # include_router would build each of them a second time
    app.mount(f"{HOME}/static", _Static(directory=STATIC), name="static")
    _add_errors(app, console)
    return console


def is_page(request: Request) -> bool:
    """Whether an error of this request is to be shown as a page."""
    return request.url.path == HOME or request.url.path.startswith(f"{HOME}/")


class _Static(StaticFiles):
    def file_response(self, *arguments: object, **more: object) -> Response:  # passed on as it is
        answer = super().file_response(*arguments, **more)  # type: ignore[arg-type]  # as above
        answer.headers["cache-control"] = _KEEP
        return answer

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path.endswith((".md", ".txt")):
            raise HTTPException(404)
        return await super().get_response(path, scope)


_SENTENCES = {
    400: N_("This request can't be read."),
    404: N_("There is nothing at this address."),
    405: N_("This address can't be used like that."),
    408: N_("What you sent did not arrive in time: nothing was changed. Try again."),
    413: N_("What you sent is too large: nothing was changed. A file may have 5 MB."),
    429: N_("You have had Zoho asked very often within an hour, which costs its credits. Try again in some minutes."),
    503: N_("The database can't be used right now. Try again in some seconds."),
}


async def http_error(console: Console, request: Request, status: int) -> Response:
    """For what Starlette itself refuses."""
    return await console.error(request, status, _SENTENCES.get(status, N_("This did not work; see the log.")))


_EXPECTED = (HTTPException, RequestValidationError, SignInNeeded, NotAllowed, NoSuchPage, StoreError)


def _route_of(console: Console) -> type[APIRoute]:
    """Pages whose unexpected errors are pages too; the other errors have handlers below."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def safely(request: Request) -> Response:
                if has_nul(request.url.path) or "%00" in request.url.query:
                    return await http_error(console, request, 404)
                try:
                    return await answer(request)
                except _EXPECTED:
                    raise
                except Exception as error:
                    log = console.pages.services.means.log
                    log.error("request failed unexpectedly", path=request.url.path, exc_info=error)
                    return await http_error(console, request, 500)

            return safely

    return PageRoute


def _add_errors(app: FastAPI, console: Console) -> None:
    async def sign_in(request: Request, _error: Exception) -> Response:
        address = sign_in_address(request)
        if "hx-request" in request.headers:  # htmx would put the sign-in page into a corner of this one
            return Response(status_code=401, headers={**HEADERS, "hx-redirect": address})
        return RedirectResponse(address, 303, headers=HEADERS)

    async def not_allowed(request: Request, error: Exception) -> Response:
        return await console.error(request, 403, error.sentence if isinstance(error, NotAllowed) else "")

    async def no_such_page(request: Request, _error: Exception) -> Response:
        return await http_error(console, request, 404)

    async def no_ledger(request: Request, error: Exception) -> Response:
        if not is_page(request):
            raise error
        console.pages.services.means.log.error("the ledger can't be used", path=request.url.path, error=str(error))
        request.state.visitor = None
        return await http_error(console, request, 503)

    app.add_exception_handler(SignInNeeded, sign_in)
    app.add_exception_handler(NotAllowed, not_allowed)
    app.add_exception_handler(NoSuchPage, no_such_page)
    app.add_exception_handler(StoreError, no_ledger)
