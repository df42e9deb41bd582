"""Makes pages out of templates: language, the visitor, what dialing does now, and the headers that keep a browser strict."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from autodialer.domain.errors import DialerError
from autodialer.service.glance import Standing
from autodialer.service.services import Services
from autodialer.web.console import formatting
from autodialer.web.console.access import HOME, is_tls
from autodialer.web.console.languages import LANGUAGES, Counted, language_of, texts_of
from autodialer.web.console.navigation import MENU, is_under

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # without any, browsers send no Origin with a form
    "cache-control": "no-store",
    "vary": "Cookie, Accept-Language, HX-Request",
}
SAID = "autodialer_said"
_HELD = (Standing.HELD, Standing.UNREADY, Standing.DRY_RUN)
_SAID_FOR = 30  # seconds in which a sentence waits for the next page


@dataclass(frozen=True, slots=True)
class DialingState:
    """What every page shows at its top. `held`: why no call can be placed, though nobody paused."""

    paused: bool
    held: str | None
    run_id: str | None


class Pages:
    """Renders templates and answers forms."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def _environment(self, language: str) -> Environment:
        found = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        texts = texts_of(language)
        found.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
        found.filters.update(
            at=formatting.time_in(self.services.means.policy.zone),
            duration=formatting.seconds,
            count=formatting.thousands,
            phone=formatting.phone,
            words=formatting.words,
            name=formatting.name,
            known=formatting.known,
            said=formatting.said,
        )
        found.globals.update(
            asset=asset, languages=LANGUAGES, menu=MENU, is_under=is_under, home=HOME, language=language
        )
        return found

    async def page(self, request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
        """A whole page. Its template extends base.html."""
        said = _said(request)
        state = await self.state() if getattr(request.state, "visitor", None) else None
        answer = self._render(request, template, status, {**values, "said": said, "state": state})
        if said:
            answer.delete_cookie(SAID, path=HOME)
        return answer

    def part(self, request: Request, template: str, /, **values: Any) -> Response:
        """A part of a page, for htmx to put into it."""
        return self._render(request, template, 200, values)

    def back(self, request: Request, address: str, sentence: str, /, **values: object) -> Response:
        """After a form: go to `address` (303), where the sentence, translated, is shown once."""
        text = self.say(request, sentence, **values)
        answer = RedirectResponse(address, 303, headers=HEADERS)
        encoded = urlsafe_b64encode(text.encode()[:2000]).decode()
        secure = is_tls(request)
        answer.set_cookie(SAID, encoded, max_age=_SAID_FOR, path=HOME, httponly=True, samesite="strict", secure=secure)
        return answer

    def count(self, request: Request, sentence: Counted, number: int) -> str:
        """A sentence about so many in the visitor's language."""
        return texts_of(language_of(request)).ngettext(*sentence, number) % {"num": number}

    def say(self, request: Request, sentence: str, /, **values: object) -> str:
        """A sentence in the visitor's language; `%(name)s` in it are replaced."""
        text = texts_of(language_of(request)).gettext(sentence)
        return text % values if values else text

    def why(self, request: Request, error: DialerError) -> str:
        """What an error says, in the visitor's language where there are words for it."""
        if error.sentence is None:
            return error.message
        translate = texts_of(language_of(request)).gettext
        return error.sentence.said(translate, lambda value: translate(str(value)))

    async def state(self) -> DialingState:
        """What dialing does now."""
        glance = await self.services.glancer.look()
        run = glance.run.run if glance.run and glance.run.run.is_open else None
        held = glance.reason if glance.standing in _HELD else None
        return DialingState(glance.pause is not None, held, run.run_id if run else None)

    def _render(self, request: Request, template: str, status: int, values: Mapping[str, Any]) -> Response:
        visitor = getattr(request.state, "visitor", None)
        policy = self.services.means.policy
        here = _here(request)
        shared = {
            "visitor": visitor,
            "path": request.url.path,
            "back_to": here,
            "here": quote(here),
            "now": self.services.means.clock.now(),
            "zone": str(policy.zone),
        }
        page = self._environments[language_of(request)].get_template(template)
        return HTMLResponse(page.render({**shared, **values}), status, headers=HEADERS)


@cache
def asset(name: str) -> str:
    """The address of a static file, which changes with its content: browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{HOME}/static/{name}?v={digest}"


def _here(request: Request) -> str:
    """Where forms and links come back to: this page, or, where a form was answered, the menu's page that the form belongs to."""
    path = request.url.path
    if request.method == "GET":
        return path + (f"?{request.url.query}" if request.url.query else "")
    return next((address for address, _ in MENU if is_under(address, path)), HOME)


def _said(request: Request) -> str:
    try:
        return urlsafe_b64decode(request.cookies.get(SAID, "")).decode(errors="replace")
    except ValueError:
        return ""
