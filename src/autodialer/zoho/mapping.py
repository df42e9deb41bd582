"""Zoho's rows to records, updates to Zoho's items, and the items of its answers back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from autodialer.domain.record import Record, RecordKey
from autodialer.domain.update import CrmUpdate, WriteResult, Written
from autodialer.zoho.answers import error_item
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.coql import is_id
from autodialer.zoho.fields import ModuleFields, squash_value
from autodialer.zoho.refusals import to_refusal


def to_record(row: object, fields: ModuleFields, config: ZohoConfig) -> Record | None:
    """A row as a record; None for what has no valid id.

    The status comes back as configured where the picklist spells it otherwise (rules.md row 31). Everything
    else is what Zoho sent; numbers that the field's type makes texts or fractions become integers where
    they are some.
    """
    if not isinstance(row, dict):
        return None
    zoho_id = str(row.get("id", ""))
    if not is_id(zoho_id):
        return None
    modified = row.get("Modified_Time")
    names = [str(row[name]) for name in fields.names if row.get(name)]
    return Record(
        key=RecordKey(fields.record_type, zoho_id),
        status=_status(row.get(fields.status), fields, config),
        call_attempts=_number(row.get(fields.attempts), fields),
        first_no_answer_at=row.get(fields.first_no_answer),
        phone=_text(row.get(fields.phone)) if fields.phone else None,
        mobile=_text(row.get(fields.mobile)) if fields.mobile else None,
        created_time=row.get("Created_Time"),
        modified_time=modified if isinstance(modified, str) else None,
        name=" ".join(names) or None,
    )


def to_item(update: CrmUpdate, fields: ModuleFields) -> dict[str, Any]:
    """An update as an item of the body; only what is to be written stands in it."""
    item: dict[str, Any] = {"id": update.key.zoho_id}
    if update.status is not None:
        item[fields.status] = fields.written[update.status]
    if update.call_attempts is not None:
        item[fields.attempts] = str(update.call_attempts) if fields.attempts_is_text else update.call_attempts
    if update.first_no_answer_at is not None:
        item[fields.first_no_answer] = to_zoho_time(update.first_no_answer_at)
    return item


def to_zoho_time(instant: datetime) -> str:
    """`yyyy-MM-ddTHH:mm:ss+00:00`, without milliseconds. ValueError for a time without zone."""
    if instant.tzinfo is None:
        raise ValueError("the time needs a zone")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def to_body(items: list[dict[str, Any]], trigger: tuple[str, ...]) -> bytes:
    """The body of an update. `trigger` is always said: left out, Zoho would run every workflow."""
    return msgspec.json.encode({"data": items, "trigger": list(trigger)})


def to_result(item: object) -> WriteResult:
    """One item of the answer to an update."""
    found = error_item(item)
    if found.code == "SUCCESS":
        modified = item_details(item).get("Modified_Time")
        return Written(modified if isinstance(modified, str) else None)
    return to_refusal(found)


def item_details(item: object) -> Mapping[str, Any]:
    """What an item says beyond its code; empty when nothing."""
    details = error_item(item).details
    return details if isinstance(details, dict) else {}


def _status(value: object, fields: ModuleFields, config: ZohoConfig) -> str | None:
    if not isinstance(value, str):
        return None
    meaning = fields.meanings.get(squash_value(value))
    return value if meaning is None else config.label(meaning)


def _number(value: object, fields: ModuleFields) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if fields.attempts_is_text and isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
