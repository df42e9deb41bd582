"""Signing in and out, and choosing a language."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autodialer.service.doorkeeping import STAYS, NotLetIn, Visitor
from autodialer.web.console.access import (
    COOKIE,
    HOME,
    SIGN_IN,
    Access,
    NotAllowed,
    form_of,
    is_tls,
    no_such_page,
    safe_next,
)
from autodialer.web.console.languages import COOKIE as LANGUAGE_COOKIE
from autodialer.web.console.languages import LANGUAGES, N_
from autodialer.web.console.rendering import HEADERS, Pages

_LOST = N_("You were signed out: what you sent was not done. Sign in and do it again.")
_A_YEAR = 365 * 24 * 3600
_SENTENCES = {
    "the name or the password is wrong": N_("The name or the password is wrong."),
    "too many tries: wait 30 seconds": N_("Too many tries: wait 30 seconds."),
    "too many sign-ins at once: try again in some seconds": N_("Too many sign-ins at once: try again in some seconds."),
}


def add_door(router: APIRouter, pages: Pages, access: Access) -> None:
    """/sign-in, /sign-out, /language/{language}."""

    @router.get("/sign-in")
    async def show_door(request: Request) -> Response:
        wanted = safe_next(request.query_params.get("next"))
        if await access.door.visitor(request.cookies.get(COOKIE)) is not None:
            return RedirectResponse(wanted, 303, headers=HEADERS)
        problem = pages.say(request, _LOST) if "lost" in request.query_params else ""
        return await pages.page(request, "sign_in.html", 200, wanted=wanted, name="", problem=problem)

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise NotAllowed(N_("Sign in on this page, not from another one."))
        form = await form_of(request)
        wanted = safe_next(form.get("next"))
        name = form.get("name", "")
        try:
            peer = request.client.host if request.client else None
            token = await access.door.sign_in(name, form.get("password", ""), peer)
        except NotLetIn as refusal:
            problem = pages.say(request, _SENTENCES.get(refusal.message, refusal.message))
            return await pages.page(request, "sign_in.html", 401, wanted=wanted, name=name, problem=problem)
        answer = RedirectResponse(wanted, 303, headers=HEADERS)
        secure = is_tls(request)
        lifetime = round(STAYS.total_seconds())
        answer.set_cookie(COOKIE, token, max_age=lifetime, path=HOME, httponly=True, samesite="lax", secure=secure)
        return answer

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        visitor: Visitor = await access.viewer(request)
        token = request.cookies.get(COOKIE)
        if token:
            await access.door.sign_out(token, visitor.name)
        answer = RedirectResponse(SIGN_IN, 303, headers=HEADERS)
        answer.delete_cookie(COOKIE, path=HOME)
        return answer

    @router.get("/language/{language}")
    async def choose_language(request: Request, language: str) -> Response:
        if language not in LANGUAGES:
            no_such_page()
        answer = RedirectResponse(safe_next(request.query_params.get("next")), 303, headers=HEADERS)
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_A_YEAR, path=HOME, samesite="lax", httponly=True)
        return answer
