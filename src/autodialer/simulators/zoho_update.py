"""Updates of the simulated records. Source: Zoho's pages "Update Records" and "Insert Records" (field types).

Like Zoho it takes picklist values that are not in the list, and ignores names of fields that do
not exist; fields that may not be updated are ignored as well.

What If-Unmodified-Since means for a request with several records is not documented, so it can be chosen (`BatchGuard`):
`whole` refuses all of them when one was modified, with a single item in the answer; `per_record` refuses that one; `ignored`
updates all.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from autodialer.simulators.zoho_answers import ZohoError, envelope
from autodialer.simulators.zoho_records import Records, SimRecord, parse_time

BatchGuard = Literal["whole", "per_record", "ignored"]
MAX_RECORDS: Final = 100
_BIGGEST_INTEGER: Final = 999_999_999
_PHONE: Final = re.compile(r"[-+0-9a-zA-Z .()/;#,*]*\Z")
_BLOCKED: Final = {
    "locked": ("RECORD_LOCKED", "record is locked", {"action": "record_locking"}),
    "not_approved": ("NOT_APPROVED", "record not approved", {}),
    "not_reviewed": ("NOT_REVIEWED", "record not reviewed", {}),
    "converted": ("CONVERTED_RECORD", "can't update the converted record", {}),
}


def update(
    records: Records, body: Mapping[str, Any], unless_modified_since: str | None, batch_guard: BatchGuard = "whole"
) -> tuple[int, dict[str, Any]]:
    """The HTTP status and body. ZohoError when the request as a whole is refused."""
    items = body.get("data")
    if not isinstance(items, list) or not items:
        raise ZohoError(400, "MANDATORY_NOT_FOUND", "required field not found", {"api_name": "data"})
    if len(items) > MAX_RECORDS:
        raise ZohoError(
            400,
            "LIMIT_EXCEEDED",
            "count of records in your request exceeds the limit",
            {"maximum_length": MAX_RECORDS},
        )
    since = None if unless_modified_since is None else parse_time(unless_modified_since)
    if unless_modified_since is not None and since is None:
        raise ZohoError(400, "INVALID_DATA", "invalid data", {"api_name": "If-Unmodified-Since"})
    if since is not None and len(items) > 1:
        stale = _first_stale(records, items, since) if batch_guard == "whole" else None
        if stale is not None:
            return 412, {"data": [stale]}
        since = since if batch_guard == "per_record" else None
    answers = [_update_one(records, item, place, since) for place, item in enumerate(items)]
    return _status(answers), {"data": answers}


def _status(answers: Sequence[Mapping[str, Any]]) -> int:
    """200 when all were taken, 207 for some; 412 or 400 for none."""
    codes = {answer["code"] for answer in answers}
    if codes == {"SUCCESS"}:
        return 200
    if "SUCCESS" in codes:
        return 207
    return 412 if codes == {"ALREADY_MODIFIED"} else 400


def _update_one(records: Records, item: object, place: int, since: datetime | None) -> dict[str, Any]:
    path = f"$.data[{place}]"
    if not isinstance(item, dict) or item.get("id") is None:
        details = {"api_name": "id", "json_path": f"{path}.id"}
        return envelope("MANDATORY_NOT_FOUND", "required field not found", details)
    record = _find(records, item["id"])
    if record is None:
        details = {"api_name": "id", "json_path": f"{path}.id"}
        return envelope("INVALID_DATA", "the id given seems to be invalid", details)
    refusal = _refusal(records, record, item, since)
    if refusal is not None:
        return refusal
    values: dict[str, Any] = {}
    for name, value in item.items():
        if name not in records.schema.writable:
            continue
        try:
            values[name] = typed(value, records.schema.types[name], records.schema.lengths[name])
        except ValueError as expected:
            details = {**expected.args[0], "api_name": name, "json_path": f"{path}.{name}"}
            return envelope("INVALID_DATA", "invalid data", details)
    records.change(record, values, "api")
    return {
        "code": "SUCCESS",
        "details": records.stamp(record),
        "message": "record updated",
        "status": "success",
    }


def _find(records: Records, given: object) -> SimRecord | None:
    """Ids may come as texts or as numbers."""
    text = str(given)
    return records.get(int(text)) if text.isdecimal() and not isinstance(given, bool) else None


def _first_stale(records: Records, items: Sequence[object], since: datetime) -> dict[str, Any] | None:
    named = [_find(records, item.get("id")) for item in items if isinstance(item, dict)]
    stale = next((record for record in named if record is not None and record.modified > since), None)
    return None if stale is None else _already_modified(records, stale)


def _already_modified(records: Records, record: SimRecord) -> dict[str, Any]:
    told = "record updated time has already passed if-unmodified-since time"
    return envelope("ALREADY_MODIFIED", told, records.stamp(record))


def _refusal(
    records: Records, record: SimRecord, item: Mapping[str, Any], since: datetime | None
) -> dict[str, Any] | None:
    """Why this record can't be updated at all."""
    if since is not None and record.modified > since:
        return _already_modified(records, record)
    if record.state == "blueprint":
        return (
            envelope("RECORD_IN_BLUEPRINT", "The record is in blue print", {"api_name": records.schema.status})
            if records.schema.status in item
            else None
        )
    if record.state is None:
        return None
    code, message, details = _BLOCKED[record.state]
    return envelope(code, message, {**details, "id": str(record.id)})


def typed(value: Any, data_type: str, length: int) -> Any:
    """A JSON value as it is kept. ValueError with the details of the refusal; null clears any field."""
    if value is None:
        return None
    if data_type == "integer":
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _BIGGEST_INTEGER:
            raise ValueError({"expected_data_type": "integer"})
        return value
    if data_type == "double":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError({"expected_data_type": "double"})
        return float(value)
    if data_type == "bigint":
        if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).removeprefix("-").isdecimal():
            raise ValueError({"expected_data_type": "bigint"})
        return int(value)
    if data_type == "datetime":
        moment = parse_time(value)
        if moment is None:
            raise ValueError({"expected_data_type": "datetime"})
        return moment
    return _typed_text(value, data_type, length)


def _typed_text(value: Any, data_type: str, length: int) -> str:
    if not isinstance(value, str) or (data_type == "phone" and _PHONE.match(value) is None):
        raise ValueError({"expected_data_type": data_type})
    if len(value) > length:
        raise ValueError({"maximum_length": length})
    return value
