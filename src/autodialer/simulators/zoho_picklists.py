"""The /_sim page on which an administrator of the simulated Zoho renames a value of a picklist."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from autodialer.simulators.common import ADMIN_PREFIX, bad_request, read_json
from autodialer.simulators.people import Module
from autodialer.simulators.zoho_records import Records

Metadata = Mapping[str, list[dict[str, Any]]]


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`value`: the stored value it is about. What is left out stays.

    `display_value`: what people see. `actual_value`: what is stored from now on; the records that hold the
    old one get it too, unless `move_records` is false. `used`: whether people can still choose it.
    """

    module: Module
    field: str
    value: str
    display_value: str | None = None
    actual_value: str | None = None
    used: bool | None = None
    move_records: bool = True


def picklist_routes(metadata: Metadata, modules: Mapping[str, Records]) -> list[BaseRoute]:
    """The page: `POST /_sim/picklist`."""

    async def rename(request: Request) -> Response:
        try:
            wanted = msgspec.convert(await read_json(request), Rename)
            options = _options(metadata[wanted.module], wanted)
        except (msgspec.DecodeError, ValueError, KeyError) as problem:
            return bad_request(str(problem))
        for option in options:
            if wanted.display_value is not None:
                option["display_value"] = wanted.display_value
            if wanted.used is not None:
                option["type"] = "used" if wanted.used else "unused"
            if wanted.actual_value is not None:
                option["actual_value"] = wanted.actual_value
        moved = _move(modules[wanted.module], wanted)
        return JSONResponse({"pick_list_values": options, "records_moved": moved})

    return [Route(f"{ADMIN_PREFIX}/picklist", rename, methods=["POST"])]


def _options(metas: list[dict[str, Any]], wanted: Rename) -> list[dict[str, Any]]:
    found = [
        option
        for meta in metas
        if meta["api_name"] == wanted.field
        for option in meta["pick_list_values"]
        if option["actual_value"] == wanted.value
    ]
    if not found:
        raise ValueError(f"{wanted.module} has no field {wanted.field} with a value {wanted.value}")
    return found


def _move(records: Records, wanted: Rename) -> int:
    """Zoho changes the records along with the list; their Modified_Time stays."""
    if wanted.actual_value is None or not wanted.move_records:
        return 0
    holders = [record for record in records.by_id() if record.values.get(wanted.field) == wanted.value]
    for record in holders:
        record.values[wanted.field] = wanted.actual_value
    return len(holders)
