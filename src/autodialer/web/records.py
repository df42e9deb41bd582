"""Find people, and explain one."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from autodialer.domain.phone import mask_number
from autodialer.domain.record import RecordKey, RecordType, mask_name
from autodialer.rules.reading import Unreadable, read_instant
from autodialer.service.explaining.explanation import fields_of
from autodialer.service.finding import FoundPerson
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso, plain
from autodialer.web.bodies import BadBody
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.shapes_people import PeopleFound, RecordAnswer
from autodialer.web.shown import from_the_crm, shown

RecordWord = Annotated[str, Path(pattern=r"^([Ll]ead|[Cc]ontact)s?$")]
Moment = Annotated[str | None, Query(max_length=40, json_schema_extra={"format": "date-time"})]
Wanted = Annotated[str, Query(min_length=1, max_length=100)]
ZohoId = Annotated[str, Path(pattern=r"^[0-9]{1,20}$")]


def key_of(record_type: str, zoho_id: str) -> RecordKey:
    """As it stands in an address: lead or contact, in the plural too."""
    return RecordKey(RecordType(record_type.removesuffix("s").capitalize()), zoho_id)


def read_moment(text: str | None) -> datetime | None:
    """An instant in an address. BadBody when it is none."""
    moment = read_instant(text, UTC)
    if isinstance(moment, Unreadable):
        raise BadBody("query.at: must be an instant such as 2026-01-13T08:26:58Z")
    return moment


def person_json(found: FoundPerson) -> dict[str, object]:
    """Somebody who was found, with name and number masked, also a number in the status."""
    return {
        "record_type": found.key.record_type.value,
        "zoho_id": found.key.zoho_id,
        "name": mask_name(found.name) if found.name else None,
        "status": from_the_crm(found.status),
        "number": mask_number(found.number) if found.number else None,
        "called_at": plain(found.called_at),
        "ended_as": plain(found.ended_as),
        "in_crm": found.in_crm,
    }


def add_records(router: APIRouter, services: Services) -> None:
    """/records."""
    means = services.means

    @router.get(
        "/records/{record_type}/{zoho_id}",
        tags=["records"],
        responses={200: {"model": RecordAnswer}, **failures(404)},
        dependencies=[Depends(only("at"))],
    )
    async def show_record(record_type: RecordWord, zoho_id: ZohoId, at: Moment = None) -> Response:
        """One person: what the rules say now and why, what would change it, what comes next, and all that happened.

        `at` is an instant of the past or the future (ISO 8601, UTC where no offset is given): `moment` then says how it stood, or
        will stand if nothing changes.
        """
        key = key_of(record_type, zoho_id)
        found = await services.explainer.explain(key, read_moment(at))
        if found is None:
            return failure(404, f"neither Zoho nor the ledger knows {key}")
        fields = fields_of(found)
        return Answer({"success": True, "record": shown(fields), "timestamp": iso(means.clock.now())})

    @router.get(
        "/people",
        tags=["records"],
        responses={200: {"model": PeopleFound}},
        dependencies=[Depends(only("q"))],
    )
    async def find_people(q: Wanted) -> Response:
        """Look for people by Zoho id, phone number (any spelling, or its last four digits and more) or name; at most 50."""
        people = await services.finder.find(q)
        found = {
            "people": [person_json(one) for one in people.found],
            "asked_as": [way.value for way in people.ways],
            "has_more": people.has_more,
            "crm_error": None if people.crm_error is None else shown({"crm_error": people.crm_error})["crm_error"],
        }
        return Answer({"success": True, **found, "timestamp": iso(means.clock.now())})
