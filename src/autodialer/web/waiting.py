"""Who waits for a person in Zoho: answered and untouched, or with data that nobody can call by. And how many wait in each list."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from autodialer.domain.errors import CrmError, NotWaiting
from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.work_lists import Flaw
from autodialer.service.glance import work_list_counts
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.bodies import no_body
from autodialer.web.cursors import AfterPerson, AfterRecord, last, person_cursor, read_person
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.records import RecordWord, ZohoId
from autodialer.web.runs import Limit
from autodialer.web.shown import outage
from autodialer.web.waiting_shapes import AnsweredList, FlawedList, LookedAgain, WorkLists
from autodialer.web.waiting_shown import answered_json, flawed_json, looked_json

ShownFlaw = Annotated[Flaw, Query()]


def key_of(record_type: str, zoho_id: str) -> RecordKey:
    """The record that an address names."""
    return RecordKey(RecordType(record_type.removesuffix("s").capitalize()), zoho_id)


def add_waiting(router: APIRouter, services: Services) -> None:
    """/work-lists, /answered, /repair and /records/…/look."""
    means = services.means

    @router.get("/work-lists", tags=["records"], responses={200: {"model": WorkLists}}, dependencies=[Depends(only())])
    async def count_work_lists() -> Response:
        """How many wait in each work list."""
        counts = await means.store.read(work_list_counts)
        return Answer({"success": True, "work_lists": counts, "timestamp": iso(means.clock.now())})

    @router.get(
        "/answered",
        tags=["records"],
        responses={200: {"model": AnsweredList}},
        dependencies=[Depends(only("limit", "after"))],
    )
    async def list_answered(limit: Limit = 200, after: AfterPerson = "") -> Response:
        """People who picked up and whose status nobody has changed since: not called again until a person does. Longest first."""
        rows = await means.store.read(lambda ledger: ledger.work_lists.answered(read_person(after), limit))
        body = {
            "success": True,
            "answered": [answered_json(row) for row in rows],
            "holds": means.policy.hold_after_answer,
            "next_after": person_cursor(last(rows, limit)),
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)

    @router.get(
        "/repair",
        tags=["records"],
        responses={200: {"model": FlawedList}},
        dependencies=[Depends(only("limit", "after", "flaw"))],
    )
    async def list_flawed(limit: Limit = 200, after: AfterRecord = "", flaw: ShownFlaw = Flaw.REPAIR) -> Response:
        """Records whose data keep them from being called, as the newest run saw them, and what to do in Zoho.

        `flaw=inferred`: those called in spite of an empty First No Answer At, by what the ledger knows.
        """
        run_id = await means.store.read(lambda ledger: ledger.work_lists.flawed_run())
        rows = (
            await means.store.read(lambda ledger: ledger.work_lists.flawed(run_id, flaw, after, limit))
            if run_id is not None
            else []
        )
        end = last(rows, limit)
        body = {
            "success": True,
            "run_id": run_id,
            "records": [flawed_json(row) for row in rows],
            "next_after": end.sort_key if end else None,
            "timestamp": iso(means.clock.now()),
        }
        return Answer(body)

    @router.post(
        "/records/{record_type}/{zoho_id}/look",
        tags=["records"],
        responses={200: {"model": LookedAgain}, **failures(404)},
        dependencies=[Depends(only()), Depends(no_body)],
    )
    async def look_again(record_type: RecordWord, zoho_id: ZohoId) -> Response:
        """Ask Zoho for this record now and lift what it waited for, if a person has changed what the rules ask for."""
        try:
            looked = await services.second_look.look(key_of(record_type, zoho_id))
        except NotWaiting as error:
            return failure(404, error.message, timestamp=means.clock.now())
        except CrmError as error:
            return outage(error, means.clock.now())
        return Answer({"success": True, "record": looked_json(looked), "timestamp": iso(means.clock.now())})
