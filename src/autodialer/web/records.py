"""Explain a person."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from autodialer.domain.record import RecordKey, RecordType
from autodialer.service.explaining.explanation import fields_of
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.shapes import RecordAnswer
from autodialer.web.shown import shown

RecordWord = Annotated[str, Path(pattern=r"^([Ll]ead|[Cc]ontact)s?$")]
ZohoId = Annotated[str, Path(pattern=r"^[0-9]{1,20}$")]


def add_records(router: APIRouter, services: Services) -> None:
    """/records."""
    means = services.means

    @router.get(
        "/records/{record_type}/{zoho_id}",
        tags=["records"],
        responses={200: {"model": RecordAnswer}, **failures(404)},
        dependencies=[Depends(only())],
    )
    async def show_record(record_type: RecordWord, zoho_id: ZohoId) -> Response:
        """One person: what the rules say now and why, and all that happened."""
        key = RecordKey(RecordType(record_type.removesuffix("s").capitalize()), zoho_id)
        found = await services.explainer.explain(key)
        if found is None:
            return failure(404, f"neither Zoho nor the ledger knows {key}")
        fields = fields_of(found, means.policy)
        return Answer({"success": True, "record": shown(fields), "timestamp": iso(means.clock.now())})
