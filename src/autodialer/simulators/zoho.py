"""A simulated Zoho CRM v8 with its accounts server: behaves as documented, with faults on request.

What the documents leave open is read in the way that is harder for a client.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import Gate, SimClock, SimulatorApp
from autodialer.simulators.people import Person
from autodialer.simulators.zoho_activities import Activities
from autodialer.simulators.zoho_admin import admin_routes
from autodialer.simulators.zoho_answers import ZohoError, json_response, nothing, read_body
from autodialer.simulators.zoho_coql import parse
from autodialer.simulators.zoho_limits import Limits, Meter
from autodialer.simulators.zoho_query import select
from autodialer.simulators.zoho_records import Records
from autodialer.simulators.zoho_schema import Schema, default_metadata
from autodialer.simulators.zoho_tokens import Accounts, Credentials
from autodialer.simulators.zoho_update import BatchGuard, update

ORG_ZONE: Final = ZoneInfo("America/Los_Angeles")
_MAX_IDS_LENGTH: Final = 1024
_MAX_FIELDS: Final = 50
_MAX_PER_PAGE: Final = 200
_MAX_PAGED_ROWS: Final = 2000

Endpoint = Callable[[Request], Awaitable[Response]]


class ZohoSimulator(SimulatorApp):
    """The application for uvicorn; `records`, `accounts` and `meter` hold its state, for tests in the same process."""

    def __init__(
        self,
        gate: Gate,
        metadata: Mapping[str, Sequence[Mapping[str, Any]]],
        credentials: Credentials,
        limits: Limits,
        org_zone: tzinfo,
    ) -> None:
        self.clock = gate.clock
        self.batch_guard: BatchGuard = "whole"
        self.metadata = {module: list(fields) for module, fields in metadata.items()}
        self.accounts = Accounts(credentials, gate.clock)
        self.meter = Meter(limits, gate.clock)
        self.records = {
            module: Records(module, Schema.of(fields), gate.clock, org_zone) for module, fields in metadata.items()
        }
        self.activities = Activities(self.records, gate.clock, org_zone, self.meter, self._require)
        gate.doorman = self.meter.doorman
        super().__init__(gate, [*self._routes(), *admin_routes(self.records, self.accounts, self.meter)])

    def _routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth/v2/token", self._token, methods=["POST"]),
            Route("/crm/v8/coql", self._guarded(self._coql), methods=["POST"]),
            Route("/crm/v8/settings/fields", self._guarded(self._fields), methods=["GET"]),
            *self.activities.routes(self._guarded),
            Route("/crm/v8/{module}", self._guarded(self._list), methods=["GET"]),
            Route("/crm/v8/{module}", self._guarded(self._update), methods=["PUT"]),
            Route("/crm/v8/{module}/{id:int}", self._guarded(self._show), methods=["GET"]),
            Route("/crm/v8/{module}/{id:int}", self._guarded(self._update), methods=["PUT"]),
            Route("/crm/{rest:path}", _no_such_url, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """Refusals become Zoho's envelope; every answer has the simulated time as its Date, and what is left of credits."""

        async def guarded(request: Request) -> Response:
            try:
                response = await endpoint(request)
            except ZohoError as refusal:
                response = refusal.response()
            response.headers.update({"date": format_datetime(self.clock.now(), usegmt=True), **self.meter.headers()})
            return response

        return guarded

    async def _token(self, request: Request) -> Response:
        """The values may stand in the body, as a form, or in the query."""
        form = dict(parse_qsl((await request.body()).decode("latin-1"))) | dict(request.query_params)
        status, body = self.accounts.mint(form, str(request.base_url).rstrip("/"))
        return json_response(body, status)

    async def _coql(self, request: Request) -> Response:
        self._require(request, "ZohoCRM.coql.READ")
        text = read_body(await request.body()).get("select_query")
        if not isinstance(text, str):
            raise ZohoError(400, "MANDATORY_NOT_FOUND", "required field not found", {"api_name": "select_query"})
        query = parse(text)
        records = self.activities.calls if query.module == "Calls" else self.records.get(query.module)
        if records is None:
            raise ZohoError(400, "INVALID_QUERY", "unsupported module", {"module": query.module})
        self._require(request, _module_scope(query.module, "READ"))
        self.meter.charge(1 if query.limit <= 200 else 2 if query.limit <= 1000 else 3)  # noqa: PLR2004 - Zoho's steps
        rows, more = select(query, records)
        if not rows:
            return nothing()
        return json_response({"data": rows, "info": {"count": len(rows), "more_records": more}})

    async def _fields(self, request: Request) -> Response:
        self._require(request, "ZohoCRM.settings.fields.READ")
        self.meter.charge(1)
        module = request.query_params.get("module", "")
        if module not in self.metadata:
            raise ZohoError(400, "INVALID_MODULE", "the module name given seems to be invalid", {})
        return json_response({"fields": self.metadata[module]})

    async def _list(self, request: Request) -> Response:
        records = self._module(request, "READ")
        names = _field_names(request)
        self.meter.charge(1)
        ids = request.query_params.get("ids")
        if ids is not None:
            return self._listed(records, names, ids)
        page, per_page = _paging(request)
        found = list(records.by_id())[(page - 1) * per_page : page * per_page + 1]
        if not found:
            return nothing()
        rows = [records.row(record, names) for record in found[:per_page]]
        info = {"per_page": per_page, "count": len(rows), "page": page, "more_records": len(found) > per_page}
        return json_response({"data": rows, "info": info})

    def _listed(self, records: Records, names: Sequence[str], ids: str) -> Response:
        if len(ids) > _MAX_IDS_LENGTH:
            raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"maximum_length": _MAX_IDS_LENGTH})
        wanted = [records.get(int(part)) for part in ids.split(",") if part.strip().isdecimal()]
        rows = [records.row(record, names) for record in wanted if record is not None]
        if not rows:
            return nothing()
        info = {"per_page": _MAX_PER_PAGE, "count": len(rows), "page": 1, "more_records": False}
        return json_response({"data": rows, "info": info})

    async def _show(self, request: Request) -> Response:
        records = self._module(request, "READ")
        self.meter.charge(1)
        record = records.get(request.path_params["id"])
        if record is None:
            return nothing()
        return json_response({"data": [records.row(record, records.schema.types)]})

    async def _update(self, request: Request) -> Response:
        records = self._module(request, "UPDATE")
        body = read_body(await request.body())
        items = body.get("data")
        if "id" in request.path_params and isinstance(items, list) and items and isinstance(items[0], dict):
            body = {**body, "data": [{**items[0], "id": str(request.path_params["id"])}]}
        self.meter.charge(-(-len(items) // 10) if isinstance(items, list) and items else 1)
        unless = request.headers.get("if-unmodified-since")
        status, answer = update(records, body, unless, self.batch_guard)
        return json_response(answer, status)

    def _module(self, request: Request, right: str) -> Records:
        module = request.path_params["module"]
        records = self.records.get(module)
        if records is None:
            self._require(request, "ZohoCRM.coql.READ")
            raise ZohoError(400, "INVALID_MODULE", "the module name given seems to be invalid", {})
        self._require(request, _module_scope(module, right))
        return records

    def _require(self, request: Request, scope: str) -> None:
        self.accounts.require(request.headers.get("authorization"), scope)


def create_app(
    people: Iterable[Person],
    *,
    clock: SimClock | None = None,
    latency_seconds: float = 0.0,
    metadata: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    credentials: Credentials | None = None,
    limits: Limits | None = None,
    org_zone: tzinfo = ORG_ZONE,
) -> ZohoSimulator:
    """A simulator that holds `people`.

    `clock`: shared with other simulators; it also dates tokens, credits and changes. `latency_seconds`
    (real ones) delays each answer. `metadata`: the fields of each module, as zoho_schema makes them.
    `org_zone`: the offset of all times that it answers.
    """
    clock = clock or SimClock()
    app = ZohoSimulator(
        Gate(clock, latency_seconds),
        metadata or default_metadata(),
        credentials or Credentials(),
        limits or Limits(),
        org_zone,
    )
    everybody = list(people)
    for module, records in app.records.items():
        records.seed(person for person in everybody if person.module == module)
    return app


def _module_scope(module: str, right: str) -> str:
    return f"ZohoCRM.modules.{module.casefold()}.{right}"


def _field_names(request: Request) -> list[str]:
    names = [name for name in request.query_params.get("fields", "").split(",") if name]
    if not names:
        raise ZohoError(400, "REQUIRED_PARAM_MISSING", "one of the expected parameters is missing", {"param": "fields"})
    if len(names) > _MAX_FIELDS:
        raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"limit": _MAX_FIELDS})
    return names


def _paging(request: Request) -> tuple[int, int]:
    asked = (request.query_params.get("page", "1"), request.query_params.get("per_page", str(_MAX_PER_PAGE)))
    if not all(text.isdecimal() and int(text) > 0 for text in asked):
        raise ZohoError(400, "INVALID_DATA", "invalid data", {"param": "page"})
    page, per_page = int(asked[0]), int(asked[1])
    if per_page > _MAX_PER_PAGE or page * per_page > _MAX_PAGED_ROWS:
        raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"limit": _MAX_PAGED_ROWS})
    return page, per_page


async def _no_such_url(_request: Request) -> Response:
    return ZohoError(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one").response()
