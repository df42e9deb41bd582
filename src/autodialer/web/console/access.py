"""Who is asking for a page, and whether he may: sign-in, roles, and the token that each form carries."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NoReturn
from urllib.parse import quote

from starlette.datastructures import URL, FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from autodialer.service.doorkeeping import Doorkeeper, Visitor
from autodialer.web.console.languages import N_
from autodialer.web.guards import REFUSED

COOKIE = "autodialer_sign_in"
CSRF = "csrf"
HOME = "/console"
SIGN_IN = f"{HOME}/sign-in"


class SignInNeeded(Exception):
    """Nobody is signed in."""


class NotAllowed(Exception):
    """He may not; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NoSuchPage(Exception):
    """What the address names does not exist."""


class Access:
    """The dependencies of the pages: `viewer` for those that show, `operator` for those that act (POST, with a form)."""

    def __init__(self, door: Doorkeeper) -> None:
        self.door = door

    async def viewer(self, request: Request) -> Visitor:
        """Anybody who is signed in. A POST of his must carry the form's token. SignInNeeded, NotAllowed; 413 for a large one."""
        visitor = await self.door.visitor(request.cookies.get(COOKIE))
        if visitor is None:
            raise SignInNeeded
        request.state.visitor = visitor
        if REFUSED in request.scope:
            raise HTTPException(request.scope[REFUSED])
        if request.method != "GET":
            await _check_form(request, visitor)
        return visitor

    async def operator(self, request: Request) -> Visitor:
        """The same for operators alone."""
        visitor = await self.viewer(request)
        if not visitor.is_operator:
            raise NotAllowed(N_("Only operators may do this."))
        return visitor


def may_send_file(door: Doorkeeper) -> Callable[[str | None], Awaitable[bool]]:
    """Whether whoever has this cookie may send a file: read before the body is (guards.BodyLimit)."""

    async def may(token: str | None) -> bool:
        visitor = await door.visitor(token)
        return visitor is not None and visitor.is_operator

    return may


async def read_form(request: Request, **limits: int) -> FormData:
    """`request.form()`; 400 for one that is not in the charset that it names."""
    try:
        return await request.form(**limits)
    except UnicodeError as error:
        raise HTTPException(400) from error


async def form_of(request: Request) -> Mapping[str, str]:
    """The plain fields of a form, blanks around all but a password taken off. 400 where a text, or a file's name, can't be kept."""
    form = await read_form(request)
    for value in form.values():
        if not _can_be_kept((value.filename or "") if isinstance(value, UploadFile) else value):
            await form.close()
            raise HTTPException(400)
    texts = {name: value for name, value in form.items() if not isinstance(value, UploadFile)}
    return {name: value if name == "password" else value.strip() for name, value in texts.items()}


def _can_be_kept(text: str) -> bool:
    """Surrogates come with charsets such as UTF-7."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not has_nul(text)


def has_nul(text: str) -> bool:
    """PostgreSQL's text takes none: what looks for it, or keeps it, would fail there."""
    return "\0" in text


def is_tls(request: Request) -> bool:
    """Whether the browser speaks TLS to us, or to a proxy before us, which says so: then no cookie ever travels without it."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return scheme.partition(",")[0].strip().lower() == "https"


async def _check_form(request: Request, visitor: Visitor) -> None:
    shown = request.headers.get("x-csrf-token") or (await form_of(request)).get(CSRF, "")
    if not hmac.compare_digest(shown.encode(), visitor.csrf.encode()):
        raise NotAllowed(N_("This form is too old. Go back, load the page again and repeat it."))


def safe_next(wanted: str | None) -> str:
    """A page of ours to go to; anything else becomes the first page."""
    is_ours = wanted is not None and (wanted == HOME or wanted.startswith((f"{HOME}/", f"{HOME}?")))
    if not is_ours or wanted is None or wanted.startswith(SIGN_IN) or any(c in wanted for c in "\\\r\n"):
        return HOME
    return wanted


def sign_in_address(request: Request) -> str:
    """Where to sign in and come back from. Who sent a form is told there that nothing was done."""
    here, lost = None, ""
    if request.method == "POST":
        lost = "&lost=1"
        with suppress(ValueError):
            here = URL(request.headers.get("referer", "")).path or None
    if request.method == "GET":
        with suppress(ValueError):  # an address that is none, such as http://[
            # A part of a page: the page itself is where he was.
            url = URL(request.headers.get("hx-current-url", "")) if "hx-request" in request.headers else request.url
            here = url.path + (f"?{url.query}" if url.query else "")
    return f"{SIGN_IN}?next={quote(safe_next(here))}{lost}"


def no_such_page() -> NoReturn:
    """404 as a page."""
    raise NoSuchPage
