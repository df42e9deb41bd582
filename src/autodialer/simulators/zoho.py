"""A simulated Zoho CRM v8 with its accounts server: behaves as documented, with faults on request.

What the documents leave open is read in the way that is harder for a client.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import deepcopy
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
from autodialer.simulators.zoho_answers import ZohoError, json_response, read_body
from autodialer.simulators.zoho_coql import parse
from autodialer.simulators.zoho_coql_page import answered, cost, read_query
from autodialer.simulators.zoho_limits import Limits, Meter
from autodialer.simulators.zoho_lists import listed, shown
from autodialer.simulators.zoho_new_fields import SCOPE, NewFields
from autodialer.simulators.zoho_picklists import picklist_routes
from autodialer.simulators.zoho_records import Records
from autodialer.simulators.zoho_schema import Schema, default_metadata
from autodialer.simulators.zoho_tokens import Accounts, Credentials
from autodialer.simulators.zoho_update import BatchGuard, update

ORG_ZONE: Final = ZoneInfo("America/Los_Angeles")
_MAX_BODY: Final = 20 * 2**20  # Zoho names this size for files only
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_RIGHTS: Final = {"POST": "CREATE", "DELETE": "DELETE"}
# The pages of queries and records name 400 for a wrong method; for all others there is only the page "Status Codes".
_WRONG_METHOD: Final = {"/crm/v8/settings/fields": 405}

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
        self.metadata = {module: [deepcopy(dict(meta)) for meta in fields] for module, fields in metadata.items()}
        self.accounts = Accounts(credentials, gate.clock)
        self.meter = Meter(limits, gate.clock)
        self.records = {
            module: Records(module, Schema.of(fields), gate.clock, org_zone) for module, fields in metadata.items()
        }
        self.new_fields = NewFields(self.metadata, self.records)
        self.activities = Activities(self.records, gate.clock, org_zone, self.meter, self._require)
        gate.doorman = self.meter.doorman
        admin = [
            *admin_routes(self.records, self.accounts, self.meter),
            *picklist_routes(self.metadata, self.records),
        ]
        super().__init__(gate, [*self._routes(), *admin])

    def _routes(self) -> list[BaseRoute]:
        as_item = ZohoError.as_item
        return [
            Route("/oauth/v2/token", self._token, methods=["POST"]),
            Route("/crm/v8/coql", self._guarded(self._coql), methods=["POST"]),
            Route("/crm/v8/settings/fields", self._guarded(self._fields), methods=["GET"]),
            Route("/crm/v8/settings/fields", self._guarded(self._create_fields), methods=["POST"]),
            *self._other_methods("/crm/v8/coql", "/crm/v8/settings/fields"),
            *self.activities.routes(self._guarded),
            Route("/crm/v8/{module}", self._guarded(self._list), methods=["GET"]),
            Route("/crm/v8/{module}", self._guarded(self._update, as_item), methods=["PUT"]),
            Route("/crm/v8/{module}/{id:int}", self._guarded(self._show), methods=["GET"]),
            Route("/crm/v8/{module}/{id:int}", self._guarded(self._update, as_item), methods=["PUT"]),
            *self._other_methods("/crm/v8/{module}", "/crm/v8/{module}/{id:int}"),
            Route("/crm/bulk/v8/read", self._guarded(self._bulk_read), methods=["POST"]),
            Route("/crm/{rest:path}", _no_such_url, methods=_METHODS),
        ]

    def _other_methods(self, *paths: str) -> Iterable[BaseRoute]:
        """To stand behind all other routes of these paths."""
        return [Route(path, self._guarded(self._other_method), methods=_METHODS) for path in paths]

    def _guarded(self, endpoint: Endpoint, refused: Callable[[ZohoError], Response] = ZohoError.response) -> Endpoint:
        """Refusals become Zoho's envelope; every answer has the simulated time as its Date, and what is left of credits."""

        async def guarded(request: Request) -> Response:
            try:
                await _refuse_large(request)
                response = await endpoint(request)
            except ZohoError as refusal:
                response = refused(refusal)
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
        text, wants_fields = read_query(read_body(await request.body()))
        query = parse(text)
        records = self.activities.calls if query.module == "Calls" else self.records.get(query.module)
        if records is None:
            raise ZohoError(400, "INVALID_MODULE", "the given module is not supported in api")
        self._require(request, _module_scope(query.module, "READ"))
        if wants_fields:
            self._require(request, "ZohoCRM.settings.fields.READ")
        self.meter.charge(cost(query))
        return answered(query, records, self.metadata[query.module] if wants_fields else None)

    async def _fields(self, request: Request) -> Response:
        self._require(request, "ZohoCRM.settings.fields.READ")
        self.meter.charge(1)
        module = request.query_params.get("module", "")
        if module not in self.metadata:
            raise ZohoError(400, "INVALID_MODULE", "the module name given seems to be invalid", {})
        return json_response({"fields": self.metadata[module]})

    async def _create_fields(self, request: Request) -> Response:
        self._require(request, SCOPE)
        self.meter.charge(1)
        module = request.query_params.get("module", "")
        status, answer = self.new_fields.create(module, read_body(await request.body()))
        return json_response(answer, status)

    async def _list(self, request: Request) -> Response:
        records = self._module(request, "READ")
        self.meter.charge(1)
        return listed(records, request.query_params, request.headers.get("if-modified-since"), self.clock.now())

    async def _show(self, request: Request) -> Response:
        records = self._module(request, "READ")
        self.meter.charge(1)
        since = request.headers.get("if-modified-since")
        return shown(records, request.path_params["id"], request.query_params, since)

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

    async def _other_method(self, request: Request) -> Response:
        """What is not simulated needs a scope that the tokens do not have; what does not exist says so."""
        right = _RIGHTS.get(request.method)
        if "module" in request.path_params and right is not None:
            self._module(request, right)
        self._require(request, "ZohoCRM.coql.READ")
        status = _WRONG_METHOD.get(request.url.path, 400)
        raise ZohoError(status, "INVALID_REQUEST_METHOD", "The http request method type is not a valid one")

    async def _bulk_read(self, request: Request) -> Response:
        """Only what every bulk job asks first: unlike all other pages it insists on the content type."""
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise ZohoError(415, "MEDIA_TYPE_NOT_SUPPORTED", "Media Type is not supported")
        self._require(request, "ZohoCRM.bulk.READ")
        return await _no_such_url(request)

    def _module(self, request: Request, right: str) -> Records:
        module = request.path_params["module"]
        records = self.records.get(module)
        if records is None:
            self._require(request, "ZohoCRM.coql.READ")
            details = {"resource_path_index": 0}
            raise ZohoError(400, "INVALID_MODULE", "the module name given seems to be invalid", details)
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


async def _refuse_large(request: Request) -> None:
    if len(await request.body()) > _MAX_BODY:
        raise ZohoError(413, "REQUEST_ENTITY_TOO_LARGE", "the request is too large")


async def _no_such_url(_request: Request) -> Response:
    return ZohoError(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one").response()
