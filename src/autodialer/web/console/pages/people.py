"""People: find one, and why he or she was, is, or will be called or not."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.phone import NoNumber
from autodialer.domain.record import RecordKey, RecordType
from autodialer.masking import Masker
from autodialer.rules.reading import Unreadable, read_instant
from autodialer.service.allowance import Allowance
from autodialer.service.doorkeeping import Visitor
from autodialer.service.explaining.explanation import Explanation
from autodialer.service.explaining.timeline import Event, Kind
from autodialer.service.people import e164_of
from autodialer.web.console.access import Access, form_of, no_such_page
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.do_not_call import NO_NUMBER, ON_LIST, SUPPRESSED
from autodialer.web.console.pages.lists import Links, reason_of
from autodialer.web.console.pages.work_lists import NO_REASON
from autodialer.web.console.rendering import Pages

_LONGEST_QUESTION = 100
_MOST_EVENTS = 300
_ID = re.compile(r"[0-9]{1,20}")
_masker = Masker()


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event with what only some may see. `body`: a callback as it came, numbers masked, for operators."""

    event: Event
    body: str | None


def add_people(router: APIRouter, pages: Pages, access: Access) -> None:
    """/people, /people/{lead|contact}/{id}."""
    services = pages.services
    links = Links(services)
    allowance = Allowance(services.means.clock)
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type

    def asks_zoho(visitor: Visitor) -> None:
        """429 for a viewer who has asked too often: with a script one could use up the credits of a day, and no run would start."""
        if not visitor.is_operator and not allowance.take(visitor.name):
            raise HTTPException(429)

    @router.get("/people")
    async def search(request: Request, visitor: Viewer) -> Response:
        question = request.query_params.get("q", "").strip()[:_LONGEST_QUESTION]
        if question:
            asks_zoho(visitor)
        whole = not visitor.is_operator
        people = await (services.finder.find(question, whole=whole) if question else services.finder.recent())
        return await pages.page(request, "people.html", q=question, people=people, address_of=links.here)

    @router.get("/people/{record_type}/{zoho_id}")
    async def show(request: Request, visitor: Viewer, record_type: str, zoho_id: str) -> Response:
        key = _key(record_type, zoho_id)
        asks_zoho(visitor)
        wanted, problem = _moment(request.query_params.get("at", ""), pages)
        found = await services.explainer.explain(key, wanted)
        if found is None:
            no_such_page()
        return await pages.page(
            request,
            "person.html",
            found=found,
            record_key=key,
            number=_number(found),
            first_no_answer_at=_instant(found, services.means.policy.zone),
            attempts=[row for row in found.dossier.attempts if row.key == key],
            events=_events(found, visitor),
            link=links.zoho(key),
            at=request.query_params.get("at", ""),
            problem=problem,
            address_of=links.here,
        )

    @router.post("/people/{record_type}/{zoho_id}/do-not-call")
    async def suppress(
        request: Request,
        visitor: Annotated[Visitor, Depends(access.operator)],
        record_type: str,
        zoho_id: str,
    ) -> Response:
        here = links.here(_key(record_type, zoho_id))
        reason, number = await reason_of(request), services.suppressor.read((await form_of(request)).get("number", ""))
        if not reason:
            return pages.back(request, here, NO_REASON)
        if isinstance(number, NoNumber):
            return pages.back(request, here, NO_NUMBER)
        added = await services.suppressor.add(number.e164, reason, visitor.name)
        return pages.back(request, here, SUPPRESSED if added else ON_LIST, number=number.e164)


def _key(record_type: str, zoho_id: str) -> RecordKey:
    if record_type not in ("lead", "contact") or _ID.fullmatch(zoho_id) is None:
        no_such_page()
    return RecordKey(RecordType(record_type.capitalize()), zoho_id)


def _moment(text: str, pages: Pages) -> tuple[datetime | None, str]:
    """What the form gave, in the policy's zone where it names no other; and what is wrong with it."""
    moment = read_instant(text, pages.services.means.policy.zone)
    if isinstance(moment, Unreadable):
        return None, N_("This is no date and time.")
    return moment, ""


def _instant(found: Explanation, zone: tzinfo) -> datetime | None:
    """First No Answer At, where it can be read."""
    value = read_instant(found.record.first_no_answer_at, zone) if found.record else None
    return None if isinstance(value, Unreadable) else value


def _number(found: Explanation) -> str | None:
    """As it is dialled; what the ledger dialled last where Zoho shows none."""
    if found.number is not None and not isinstance(found.number, NoNumber):
        return e164_of(found.number)
    return next((row.number for row in reversed(found.dossier.attempts) if row.number), None)


def _events(found: Explanation, visitor: Visitor) -> list[ShownEvent]:
    newest = list(reversed(found.events))[:_MOST_EVENTS]
    return [ShownEvent(event, _body(event) if visitor.is_operator else None) for event in newest]


def _body(event: Event) -> str | None:
    if event.kind is not Kind.CALLBACK or event.body is None:
        return None
    try:
        body = json.loads(event.body)
    except ValueError:
        return _masker.text(event.body)
    return json.dumps(_masker.value("body", body), ensure_ascii=False, indent=2)
