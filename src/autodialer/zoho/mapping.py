"""Updates to Zoho's items, and the items of its answers back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from autodialer.domain.update import CrmUpdate, WriteResult, Written
from autodialer.zoho.answers import error_item
from autodialer.zoho.fields import ModuleFields
from autodialer.zoho.refusals import to_refusal


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
