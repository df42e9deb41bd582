"""Who waits for a person in Zoho: answered and untouched, or with data that nobody can call by; and a second look at one record."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import CrmError, NotWaiting
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, Staged
from autodialer.ports.work_lists import Flaw
from autodialer.service.doorkeeping import Visitor
from autodialer.service.looking_again import Looked
from autodialer.web.console.access import Access
from autodialer.web.console.advice import on_flaw
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import PAGE, key_of, older, place
from autodialer.web.console.pages.work_lists import NOTHING_CHANGED, ListPages
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import PERSON, SORT_KEY, last, person_cursor, read_person

_WOULD = {
    "call": N_("the next run would call"),
    "mark_dead": N_("the next run would make the record Dead"),
    "gone": N_("the record is not in Zoho any more"),
    "skip": N_("not called"),
}
_LIFTED = N_("The status was changed since the answered call: the hold is lifted.")
_LIFTED_OF_NOBODY = N_("Its answered call holds nobody any more: another record with this number may be called.")


def add_waiting(router: APIRouter, pages: Pages, access: Access) -> None:
    """/answered, /repair, /look."""
    services = pages.services
    store = services.means.store
    lists = ListPages(pages)
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type

    @router.get("/answered")
    async def list_answered(request: Request, _visitor: Viewer) -> Response:
        after = read_person(place(request, PERSON))
        rows = await store.read(lambda ledger: ledger.work_lists.answered(after, PAGE))
        next_page = older(request, person_cursor(last(rows, PAGE)))
        holds = services.means.policy.hold_after_answer
        return await lists.show(request, "answered.html", rows=rows, holds=holds, older_page=next_page)

    @router.get("/repair")
    async def list_flawed(request: Request, _visitor: Viewer) -> Response:
        wanted = request.query_params.get("flaw", "")
        flaw = Flaw(wanted) if wanted in tuple(Flaw) else Flaw.REPAIR
        after = place(request, SORT_KEY)
        run, found = await store.read(lambda ledger: _flawed(ledger, flaw, after))
        end = last(found, PAGE)
        rows = [(row, on_flaw(row.reason, row.detail)) for row in found]
        next_page = older(request, end.sort_key if end else None)
        return await lists.show(request, "repair.html", run=run, rows=rows, flaw=flaw.value, older_page=next_page)

    @router.post("/look/{record_type}/{zoho_id}")
    async def look(
        request: Request, record_type: str, zoho_id: str, visitor: Annotated[Visitor, Depends(access.operator)]
    ) -> Response:
        key = key_of(record_type, zoho_id)
        try:
            looked = await services.second_look.look(key, visitor.name)
        except (CrmError, NotWaiting) as error:
            return await lists.back(request, NOTHING_CHANGED, why=pages.why(request, error))
        return await lists.back(request, "%(told)s", told=_told(pages, request, key, looked))


def _told(pages: Pages, request: Request, key: RecordKey, looked: Looked) -> str:
    would = pages.say(request, _WOULD[looked.would])
    more = f" ({looked.detail})" if looked.detail and looked.would == "skip" else ""
    found = [f"{key}: {would}{more}."]
    if looked.lifted:
        found.append(pages.say(request, _LIFTED_OF_NOBODY if looked.would == "gone" else _LIFTED))
    if looked.repaired:
        found.append(pages.say(request, N_("The data are in order: it has left the list.")))
    return " ".join(found)


def _flawed(ledger: Ledger, flaw: Flaw, after: str) -> tuple[Run | None, list[Staged]]:
    run_id = ledger.work_lists.flawed_run()
    if run_id is None:
        return None, []
    return ledger.runs.get(run_id), list(ledger.work_lists.flawed(run_id, flaw, after, PAGE))
