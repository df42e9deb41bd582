"""Notes and Calls in Zoho as a ports.ActivityLog. Source: Zoho's pages "Insert Records", "Create Notes", "Get Related Records".

Inserting is not idempotent. What stands there already is found by the attempt's id: Calls by a query; Notes, which queries don't
know, in the list of their record.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from autodialer.domain.activity import Activity, ActivityForm, ActivityResult, Logged, Unclear
from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.update import NotWritten, Refusal
from autodialer.service.gathering import gather_or_cancel
from autodialer.zoho import coql
from autodialer.zoho.answers import Answer, UnreadableError, error_for, error_item, read_items, read_page
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import MODULES
from autodialer.zoho.mapping import item_details, to_zoho_time
from autodialer.zoho.refusals import MEANINGS, is_about_the_body, refusal_for, to_refusal
from autodialer.zoho.transport import ApiCall, Transport

MAX_SUBJECT: Final = 255
MAX_TITLE: Final = 120
_PER_PAGE: Final = 200
_MAX_PAGES: Final = 10
_PATHS: Final = {ActivityForm.NOTE: "/crm/v8/Notes", ActivityForm.CALL: "/crm/v8/Calls"}
_TOO_MANY: Final = frozenset({"TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED"})
_SCOPES: Final = (
    "; ZOHO_LOG_CALLS needs ZohoCRM.modules.notes.CREATE and .READ too, for calls also ZohoCRM.modules.calls.CREATE "
    "and .READ"
)


class ZohoActivities:
    """Adds and finds. `config` for its trigger: what a new Call may set off."""

    def __init__(self, config: ZohoConfig, transport: Transport) -> None:
        self._trigger = config.trigger
        self._transport = transport

    async def find(self, activities: Sequence[Activity]) -> Mapping[str, str]:
        """See ports.ActivityLog.find."""
        calls = [one for one in activities if one.form is ActivityForm.CALL]
        notes: dict[RecordKey, list[Activity]] = {}
        for one in activities:
            if one.form is ActivityForm.NOTE:
                notes.setdefault(one.key, []).append(one)
        work = [self._find_notes(key, some) for key, some in notes.items()]
        found: dict[str, str] = {}
        for some in await gather_or_cancel([*work, *([self._find_calls(calls)] if calls else [])]):
            found |= some
        return found

    async def add(self, activities: Sequence[Activity]) -> Sequence[ActivityResult]:
        """See ports.ActivityLog.add."""
        results: dict[str, ActivityResult] = {}
        for form in ActivityForm:
            mine = [one for one in activities if one.form is form]
            if mine:
                added = await self._insert(form, mine)
                results |= zip((one.attempt_id for one in mine), added, strict=True)
        return [results[one.attempt_id] for one in activities]

    def _body(self, form: ActivityForm, activities: Sequence[Activity]) -> bytes:
        if form is ActivityForm.NOTE:
            return msgspec.json.encode({"data": [_note(one) for one in activities]})
        return msgspec.json.encode({"data": [_call(one) for one in activities], "trigger": list(self._trigger)})

    async def _insert(self, form: ActivityForm, activities: Sequence[Activity]) -> Sequence[ActivityResult]:
        """One result for each. What is refused as a whole, so that nothing was added, is sent one by one."""
        credits_used = -(-len(activities) // 10)
        body = self._body(form, activities)
        call = ApiCall("POST", _PATHS[form], content=body, credits=credits_used, is_repeatable=False)
        try:
            return await self._transport.send(call, lambda answer: _read_added(answer, len(activities)))
        except CrmError as error:
            if len(activities) == 1 or not is_about_the_body(error):
                return [_result_of(error)] * len(activities)
        singles = await gather_or_cancel([self._insert(form, [one]) for one in activities])
        return [single for (single,) in singles]

    async def _find_calls(self, calls: Sequence[Activity]) -> dict[str, str]:
        found: dict[str, str] = {}
        for at in range(0, len(calls), coql.MAX_CRITERIA):
            some = calls[at : at + coql.MAX_CRITERIA]
            marks = [coql.Criterion(f"Subject like {coql.literal(f'%{one.attempt_id}%')}") for one in some]
            query = coql.select(("id", "Subject"), "Calls", coql.any_of(marks), limit=200)
            content = msgspec.json.encode({"select_query": query})
            page = await self._transport.send(
                ApiCall("POST", "/crm/v8/coql", content=content, is_heavy=True), read_page
            )
            found |= _marked(page.data, "Subject", some)
        return found

    async def _find_notes(self, key: RecordKey, notes: Sequence[Activity]) -> dict[str, str]:
        """Page by page through the record's notes. Of a record that is gone there are none."""
        found: dict[str, str] = {}
        for page_number in range(1, _MAX_PAGES + 1):
            params = {"fields": "id,Note_Title", "per_page": str(_PER_PAGE), "page": str(page_number)}
            path = f"/crm/v8/{MODULES[key.record_type]}/{key.zoho_id}/Notes"
            try:
                page = await self._transport.send(ApiCall("GET", path, params=params), read_page)
            except CrmError as error:
                if error.permanent and error.code == "INVALID_DATA":
                    return found
                raise
            found |= _marked(page.data, "Note_Title", notes)
            if not page.info.more_records or len(found) == len(notes):
                break
        return found


def _note(activity: Activity) -> dict[str, Any]:
    module = MODULES[activity.key.record_type]
    return {
        "Parent_Id": {"module": {"api_name": module}, "id": activity.key.zoho_id},
        "Note_Title": activity.subject[:MAX_TITLE],
        "Note_Content": activity.text,
    }


def _call(activity: Activity) -> dict[str, Any]:
    """A Contact is a call's Who_Id; a Lead its What_Id, with the module named."""
    whom: dict[str, Any] = {"Who_Id": {"id": activity.key.zoho_id}}
    if activity.key.record_type is RecordType.LEAD:
        whom = {"What_Id": {"id": activity.key.zoho_id}, "$se_module": MODULES[RecordType.LEAD]}
    return {
        "Subject": activity.subject[:MAX_SUBJECT],
        "Call_Type": "Outbound",
        "Outbound_Call_Status": "Completed",
        "Call_Start_Time": to_zoho_time(activity.started_at),
        "Call_Duration": "{:02}:{:02}".format(*divmod(max(1, activity.duration_seconds), 60)),
        "Description": activity.text,
        **whom,
    }


def _read_added(answer: Answer, count: int) -> list[ActivityResult]:
    """One result for each, by place. CrmError when all were refused together; UnreadableError when nothing is known."""
    items = read_items(answer)
    if items is not None and len(items) == count and answer.status not in (401, 403):
        return [_to_added(item) for item in items]
    if answer.is_success:
        raise UnreadableError("no items, or not as many as were sent")
    raise error_for(answer)


def _to_added(item: object) -> ActivityResult:
    found = error_item(item)
    if found.code == "SUCCESS":
        activity_id = str(item_details(item).get("id", ""))
        return Logged(activity_id) if coql.is_id(activity_id) else Unclear("Zoho took it and named no id")
    refused = to_refusal(found)
    return Unclear(f"{refused.code}: {refused.message}") if refused.refusal is Refusal.RETRY else refused


def _result_of(error: CrmError) -> ActivityResult:
    """Refused as a whole, or throttled: nothing was added. Everything else leaves it open."""
    if error.permanent:
        told = f"{error.message}{_SCOPES}" if error.code == "OAUTH_SCOPE_MISMATCH" else error.message
        # No word of a record's but of credentials or addresses: the same for all until a person acts.
        refusal = refusal_for(error.code) if error.code in MEANINGS else Refusal.STOP
        return NotWritten(error.code, told, Refusal.STOP if refusal is Refusal.REREAD else refusal)
    if error.code in _TOO_MANY:
        return NotWritten(error.code, error.message, Refusal.RETRY)
    return Unclear(error.message)


def _marked(rows: Sequence[Any], name: str, activities: Sequence[Activity]) -> dict[str, str]:
    """Zoho's id of each activity whose attempt id stands in that field of a row."""
    return {
        one.attempt_id: str(row["id"])
        for row in rows
        if isinstance(row, dict) and isinstance(row.get(name), str) and coql.is_id(str(row.get("id", "")))
        for one in activities
        if one.attempt_id in row[name]
    }
