"""The /_sim pages of the simulated Zoho: look at the records, seed people, edit as a person would, revoke tokens."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import ADMIN_PREFIX, bad_request, read_json
from autodialer.simulators.people import Module, Person
from autodialer.simulators.zoho_limits import Meter
from autodialer.simulators.zoho_records import Records, State
from autodialer.simulators.zoho_tokens import Accounts
from autodialer.simulators.zoho_update import typed

_FORGET = "none"


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person does to a record: sets `fields`, puts it into a `state` ("none": out of it), or deletes it."""

    id: str
    module: Module
    fields: dict[str, Any] = {}
    state: str | None = None
    delete: bool = False


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grant code as it is made in the console. `scopes`: those of the accounts server, where none are given."""

    scopes: tuple[str, ...] | None = None
    minutes: float = 3
    offline: bool = True


class OAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to tokens.

    `expire_tokens`: all access tokens are invalid. `revoke`: all refresh tokens as well, for ever. `scopes`: those of the
    tokens to come. `in_milliseconds`: lifetimes are told in the old way. `code`: make a grant code; it is in the answer.
    """

    expire_tokens: bool = False
    revoke: bool = False
    scopes: tuple[str, ...] | None = None
    in_milliseconds: bool | None = None
    code: Code | None = None


def admin_routes(modules: Mapping[str, Records], accounts: Accounts, meter: Meter) -> list[BaseRoute]:
    """The pages."""
    pages = _Pages(modules, accounts, meter)
    return [
        Route(f"{ADMIN_PREFIX}/records", pages.records, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/people", pages.people, methods=["POST", "PUT"]),
        Route(f"{ADMIN_PREFIX}/edit", pages.edit, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/oauth", pages.oauth, methods=["GET", "POST"]),
    ]


class _Pages:
    """400 says what was wrong with the request."""

    def __init__(self, modules: Mapping[str, Records], accounts: Accounts, meter: Meter) -> None:
        self._modules = modules
        self._accounts = accounts
        self._meter = meter

    async def records(self, request: Request) -> Response:
        """The records of `?module=` as they are, with everything that was ever written to them."""
        records = self._modules.get(request.query_params.get("module", ""))
        if records is None:
            return bad_request(f"module must be one of {', '.join(self._modules)}")
        wanted = request.query_params.get("id")
        found = [record for record in records.by_id() if wanted in (None, str(record.id))]
        return JSONResponse(
            {
                "records": [
                    {
                        **records.row(record, ("id", *records.schema.types)),
                        "state": record.state,
                        "note": record.note,
                        "history": record.history,
                    }
                    for record in found
                ]
            }
        )

    async def people(self, request: Request) -> Response:
        """POST adds people, PUT replaces everybody."""
        try:
            people = msgspec.convert(await read_json(request), list[Person])
        except (msgspec.DecodeError, ValueError) as problem:
            return bad_request(str(problem))
        for module, records in self._modules.items():
            theirs = [person for person in people if person.module == module]
            if request.method == "PUT":
                records.replace(theirs)
            else:
                records.seed(theirs)
        return JSONResponse({module: len(records) for module, records in self._modules.items()})

    async def edit(self, request: Request) -> Response:
        """What a person does in Zoho."""
        try:
            wanted = msgspec.convert(await read_json(request), Edit)
            records = self._modules[wanted.module]
            record = records.get(int(wanted.id))
            if record is None:
                return bad_request(f"{wanted.module} has no record {wanted.id}")
            if wanted.delete:
                records.delete(record.id)
                return JSONResponse({"deleted": wanted.id})
            types, lengths = records.schema.types, records.schema.lengths
            values = {name: typed(value, types[name], lengths[name]) for name, value in wanted.fields.items()}
            if wanted.state is not None:
                record.state = None if wanted.state == _FORGET else msgspec.convert(wanted.state, State)
        except (msgspec.DecodeError, ValueError, KeyError) as problem:
            return bad_request(str(problem))
        if values:
            records.change(record, values, "human")
        return JSONResponse(records.row(record, ("id", *types)))

    async def oauth(self, request: Request) -> Response:
        """GET shows counters, POST changes what tokens may do."""
        accounts, made = self._accounts, {}
        if request.method == "POST":
            try:
                wanted = msgspec.convert(await read_json(request), OAuth)
            except (msgspec.DecodeError, ValueError) as problem:
                return bad_request(str(problem))
            if wanted.expire_tokens:
                accounts.expire_all()
            if wanted.revoke:
                accounts.revoke()
            if wanted.scopes is not None:
                accounts.scopes = wanted.scopes
            if wanted.in_milliseconds is not None:
                accounts.in_milliseconds = wanted.in_milliseconds
            if (code := wanted.code) is not None:
                lifetime = timedelta(minutes=code.minutes)
                made["code"] = accounts.issue_code(code.scopes, offline=code.offline, lifetime=lifetime)
        counters = {"minted": accounts.minted, "live": len(accounts.live()), "credits_spent": self._meter.spent}
        return JSONResponse({**counters, "scopes": accounts.scopes, **made})
