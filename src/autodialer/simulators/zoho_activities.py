"""Notes and Calls of the simulated CRM. Source: Zoho's pages "Insert Records" (Calls), "Create Notes", "Get Related Records".

Inserting twice makes two. Of the trouble that Zoho documents for Calls: a completed one needs a start and a length that is not
zero; a Contact is its Who_Id, anything else its What_Id with $se_module.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import ADMIN_PREFIX, SimClock
from autodialer.simulators.zoho_answers import ZohoError, envelope, json_response, nothing, read_body
from autodialer.simulators.zoho_limits import Meter
from autodialer.simulators.zoho_records import Records, SimRecord, parse_time
from autodialer.simulators.zoho_schema import Schema, field_meta

ACTIVITY_SCOPES: Final = (
    "ZohoCRM.modules.notes.CREATE",
    "ZohoCRM.modules.notes.READ",
    "ZohoCRM.modules.calls.CREATE",
    "ZohoCRM.modules.calls.READ",
)
_MAX_RECORDS: Final = 100
_MAX_SUBJECT: Final = 255
_MAX_TITLE: Final = 120
_PER_PAGE: Final = 200
_FIRST_ID: Final = 4150868000009000001
_MANDATORY: Final = ("Subject", "Call_Type")
_OF_COMPLETED: Final = ("Call_Start_Time", "Call_Duration")

Endpoint = Callable[[Request], Any]
Require = Callable[[Request, str], None]


class Calls(Records):
    """The module Calls: what was inserted, for COQL too."""

    def __init__(self, clock: SimClock, zone: tzinfo) -> None:
        super().__init__("Calls", Schema.of(_call_fields()), clock, zone)

    def insert(self, values: Mapping[str, Any], at: datetime) -> SimRecord:
        """A new one."""
        moment = at.replace(microsecond=0)
        kept = dict.fromkeys(self.schema.types) | dict(values) | {"Created_Time": moment, "Modified_Time": moment}
        record = SimRecord(_FIRST_ID + len(self), kept)
        self._by_id[record.id] = record
        self._ids.append(record.id)
        return record


class Activities:
    """The routes, and what they hold: `calls`, and `notes` as they were sent with their id."""

    def __init__(
        self, modules: Mapping[str, Records], clock: SimClock, zone: tzinfo, meter: Meter, require: Require
    ) -> None:
        self.calls = Calls(clock, zone)
        self.notes: list[dict[str, Any]] = []
        self._modules = modules
        self._clock = clock
        self._meter = meter
        self._require = require

    def routes(self, guarded: Callable[[Endpoint], Endpoint]) -> list[BaseRoute]:
        """To be put before the routes of any module."""
        return [
            Route("/crm/v8/Calls", guarded(self._add_calls), methods=["POST"]),
            Route("/crm/v8/Notes", guarded(self._add_notes), methods=["POST"]),
            Route("/crm/v8/{module}/{id:int}/Notes", guarded(self._list_notes), methods=["GET"]),
            Route(f"{ADMIN_PREFIX}/activities", self._show, methods=["GET"]),
        ]

    async def _show(self, _request: Request) -> Response:
        calls = [self.calls.row(record, self.calls.schema.types) for record in self.calls.by_id()]
        return JSONResponse({"calls": calls, "notes": self.notes})

    async def _add_calls(self, request: Request) -> Response:
        self._require(request, "ZohoCRM.modules.calls.CREATE")
        return self._inserted(read_body(await request.body()), self._add_call)

    async def _add_notes(self, request: Request) -> Response:
        self._require(request, "ZohoCRM.modules.notes.CREATE")
        body = read_body(await request.body())
        if set(body) != {"data"}:
            raise ZohoError(400, "INVALID_DATA", "invalid data", {"api_name": "data"})
        return self._inserted(body, self._add_note)

    def _inserted(self, body: Mapping[str, Any], add: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Response:
        items = body.get("data")
        if not isinstance(items, list) or not items:
            raise ZohoError(400, "MANDATORY_NOT_FOUND", "required field not found", {"api_name": "data"})
        if len(items) > _MAX_RECORDS:
            raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"maximum_length": _MAX_RECORDS})
        self._meter.charge(-(-len(items) // 10))
        answers = [add(item) if isinstance(item, dict) else _refused("INVALID_DATA", "data") for item in items]
        taken = {answer["code"] == "SUCCESS" for answer in answers}
        return json_response({"data": answers}, 201 if taken == {True} else 207 if True in taken else 400)

    def _add_call(self, item: Mapping[str, Any]) -> dict[str, Any]:
        completed = item.get("Call_Type") == "Outbound" and item.get("Outbound_Call_Status") == "Completed"
        missing = [name for name in (*_MANDATORY, *(_OF_COMPLETED if completed else ())) if not item.get(name)]
        if missing:
            return _refused("MANDATORY_NOT_FOUND", missing[0], "required field not found")
        if len(item["Subject"]) > _MAX_SUBJECT:
            return _refused("INVALID_DATA", "Subject", maximum_length=_MAX_SUBJECT)
        started = parse_time(item.get("Call_Start_Time"))
        if started is None:
            return _refused("INVALID_DATA", "Call_Start_Time", expected_data_type="datetime")
        if not str(item.get("Call_Duration", "")).strip("0: "):
            return _refused("DEPENDENT_MISMATCH", "Call_Duration", "Call Duration can not be zero.")
        problem = self._stranger(item)
        if problem is not None:
            return problem
        texts = {name: item.get(name) for name in ("Subject", "Call_Type", "Outbound_Call_Status", "Call_Duration")}
        about = str((item.get("Who_Id") or item["What_Id"])["id"])
        values = {**texts, "Call_Start_Time": started, "About": about, "Description": item.get("Description")}
        return self._success(self.calls.insert(values, self._clock.now()).id)

    def _stranger(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """Why the call can't be of whom it names."""
        if item.get("Who_Id") is not None:
            return None if self._knows("Contacts", item["Who_Id"]) else _refused("INVALID_DATA", "Who_Id")
        if item.get("What_Id") is None or not item.get("$se_module"):
            return _refused("MANDATORY_NOT_FOUND", "$se_module" if item.get("What_Id") else "What_Id")
        return None if self._knows(item["$se_module"], item["What_Id"]) else _refused("INVALID_DATA", "What_Id")

    def _add_note(self, item: Mapping[str, Any]) -> dict[str, Any]:
        parent = item.get("Parent_Id")
        module = parent.get("module", {}).get("api_name") if isinstance(parent, dict) else None
        if module is None:
            return _refused("MANDATORY_NOT_FOUND", "Parent_Id", "required field not found")
        if not self._knows(module, parent):
            return _refused("INVALID_DATA", "Parent_Id", "the id given seems to be invalid")
        if not item.get("Note_Content") and not item.get("Note_Title"):
            return _refused("EXPECTED_FIELD_MISSING", "Note_Content")
        if len(item.get("Note_Title") or "") > _MAX_TITLE:
            return _refused("INVALID_DATA", "Note_Title", maximum_length=_MAX_TITLE)
        note_id = _FIRST_ID + 500_000 + len(self.notes)
        self.notes.append({**item, "id": str(note_id)})
        return self._success(note_id)

    def _knows(self, module: str, whom: object) -> bool:
        records = self._modules.get(module)
        given = str(whom.get("id", "")) if isinstance(whom, dict) else ""
        return records is not None and given.isdecimal() and records.get(int(given)) is not None

    def _success(self, new_id: int) -> dict[str, Any]:
        at = self.calls.time(self._clock.now())
        user = {"name": "Simulated User", "id": "4150868000000200013"}
        details = {"id": str(new_id), "Created_Time": at, "Modified_Time": at, "Created_By": user, "Modified_By": user}
        return {"code": "SUCCESS", "details": details, "message": "record added", "status": "success"}

    async def _list_notes(self, request: Request) -> Response:
        self._require(request, "ZohoCRM.modules.notes.READ")
        self._meter.charge(1)
        names = [name for name in request.query_params.get("fields", "").split(",") if name]
        if not names:
            raise ZohoError(
                400, "REQUIRED_PARAM_MISSING", "one of the expected parameters is missing", {"param": "fields"}
            )
        whom = {"id": str(request.path_params["id"])}
        if not self._knows(request.path_params["module"], whom):
            raise ZohoError(400, "INVALID_DATA", "the relation name given seems to be invalid", {})
        mine = [note for note in self.notes if note["Parent_Id"]["id"] == whom["id"]]
        at = (int(request.query_params.get("page", "1")) - 1) * _PER_PAGE
        rows = [{"id": note["id"], **{name: note.get(name) for name in names}} for note in mine[at : at + _PER_PAGE]]
        if not rows:
            return nothing()
        return json_response({"data": rows, "info": {"count": len(rows), "more_records": len(mine) > at + _PER_PAGE}})


def _refused(code: str, name: str, message: str = "invalid data", **more: Any) -> dict[str, Any]:
    return envelope(code, message, {"api_name": name, **more})


def _call_fields() -> Sequence[dict[str, Any]]:
    return [
        field_meta("Subject", "Subject", "text"),
        field_meta("Call_Type", "Call Type", "picklist", values=("Inbound", "Outbound", "Missed")),
        field_meta("Outbound_Call_Status", "Outbound Call Status", "picklist", values=("Scheduled", "Completed")),
        field_meta("Call_Start_Time", "Call Start Time", "datetime"),
        field_meta("Call_Duration", "Call Duration", "text"),
        field_meta("Description", "Description", "text", length=32000),
        field_meta("About", "About", "text"),
        field_meta("Created_Time", "Created Time", "datetime", writable=False),
        field_meta("Modified_Time", "Modified Time", "datetime", writable=False),
    ]
