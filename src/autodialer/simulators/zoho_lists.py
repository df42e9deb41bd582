"""Reading records of a module without a query. Source: Zoho's page "Get Records" and the errors of its specification.

Page by number reaches 2,000 records, by token 100,000; a token lasts a day and holds for the same
parameters only. Newest ids come first unless asked otherwise; converted leads stay hidden unless asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from starlette.responses import Response

from autodialer.simulators.zoho_answers import ZohoError, json_response, not_modified, nothing
from autodialer.simulators.zoho_records import Records, SimRecord, parse_time

MAX_FIELDS: Final = 50
MAX_PER_PAGE: Final = 200
MAX_BY_NUMBER: Final = 2000
MAX_BY_TOKEN: Final = 100_000
MAX_IDS_LENGTH: Final = 1024
TOKEN_LIFETIME: Final = timedelta(hours=24)
_SORT_BY: Final = ("id", "Created_Time", "Modified_Time")
_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "sort_by": _SORT_BY,
    "sort_order": ("asc", "desc"),
    "converted": ("false", "true", "both"),
}

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Window:
    """Which rows of all were asked for."""

    start: int
    per_page: int

    @property
    def end(self) -> int:
        return self.start + self.per_page


def listed(records: Records, params: Params, modified_since: str | None, now: datetime) -> Response:
    """A page of records: 200, 204 when there are none, 304 when none changed. ZohoError 400."""
    names = _fields(records, params)
    _check_choices(params)
    window = _window(params, now)
    since = _since(modified_since)
    found = _wanted(records, params, since)
    rows = found[window.start : window.end]
    if not rows:
        return nothing() if since is None else not_modified()
    more = len(found) > window.end
    info = {
        "per_page": window.per_page,
        "count": len(rows),
        "page": window.start // window.per_page + 1,
        "sort_by": params.get("sort_by", "id"),
        "sort_order": params.get("sort_order", "desc"),
        "more_records": more,
        "next_page_token": _token(params, window.end, now) if more else None,
        "previous_page_token": _token(params, window.start - window.per_page, now) if window.start else None,
        "page_token_expiry": records.time(now + TOKEN_LIFETIME) if more else None,
        "call": False,
        "email": False,
    }
    return json_response({"data": [records.row(record, names) for record in rows], "info": info})


def shown(records: Records, record_id: int, params: Params, modified_since: str | None) -> Response:
    """One record, with all fields unless some were asked for."""
    since = _since(modified_since)
    record = records.get(record_id)
    if record is None:
        return nothing()
    if since is not None and record.modified <= since:
        return not_modified()
    names = _fields(records, params) if "fields" in params else list(records.schema.types)
    return json_response({"data": [records.row(record, names)]})


def _fields(records: Records, params: Params) -> list[str]:
    """The fields asked for; names that the module does not have are left out without a word."""
    names = [name for name in params.get("fields", "").split(",") if name]
    if not names:
        raise ZohoError(400, "REQUIRED_PARAM_MISSING", "required param is missing", {"param_name": "fields"})
    if len(names) > MAX_FIELDS:
        raise ZohoError(400, "LIMIT_EXCEEDED", "limit exceeded", {"limit": MAX_FIELDS, "param_name": "fields"})
    return [name for name in names if name in records.schema.types]


def _check_choices(params: Params) -> None:
    for name, choices in _CHOICES.items():
        if params.get(name, choices[0]) not in choices:
            raise _invalid(name, supported_values=list(choices))
    if "cvid" in params:
        if "sort_by" in params:
            raise _ambiguous("cvid", "sort_by")
        raise _invalid("cvid")


def _window(params: Params, now: datetime) -> _Window:
    per_page = _positive(params, "per_page", MAX_PER_PAGE)
    if per_page > MAX_PER_PAGE:
        details = {"limit": MAX_PER_PAGE, "param_name": "per_page"}
        raise ZohoError(400, "LIMIT_EXCEEDED", "limit exceeded", details)
    if "page_token" in params:
        if "page" in params:
            raise _ambiguous("page", "page_token")
        window = _Window(_position(params, now), per_page)
        if window.end > MAX_BY_TOKEN:
            said = f"You can only get upto {MAX_BY_TOKEN} records using page_token param"
            raise ZohoError(400, "PAGINATION_LIMIT_EXCEEDED", said, {"param_name": "page_token"})
        return window
    window = _Window((_positive(params, "page", 1) - 1) * per_page, per_page)
    if window.end > MAX_BY_NUMBER:
        said = f"You can only get the first {MAX_BY_NUMBER} records without using page_token param"
        raise ZohoError(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", said, {"limit": MAX_BY_NUMBER})
    return window


def _positive(params: Params, name: str, default: int) -> int:
    text = params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise _invalid(name)
    return int(text)


def _token(params: Params, start: int, now: datetime) -> str:
    """Says where to go on, until when, and for which parameters; opaque to a client."""
    return f"{start:x}.{int((now + TOKEN_LIFETIME).timestamp()):x}.{_bound(params)}"


def _position(params: Params, now: datetime) -> int:
    parts = params["page_token"].split(".")
    try:
        start, until, bound = int(parts[0], 16), int(parts[1], 16), parts[2]
    except (ValueError, IndexError):
        bound, start, until = "", 0, 0
    if bound != _bound(params):
        said = "The page_token given seems to be invalid or input param is added or altered or deleted"
        raise ZohoError(400, "TOKEN_BOUND_DATA_MISMATCH", said, {"param_name": "page_token"})
    if until < now.timestamp():
        details = {"api_name": "page_token", "json_path": "$.query.page_token"}
        raise ZohoError(400, "EXPIRED_VALUE", "Page token expired", details)
    return start


def _bound(params: Params) -> str:
    kept = sorted((name, value) for name, value in params.items() if name not in ("page", "page_token"))
    return sha256(repr(kept).encode()).hexdigest()[:40]


def _since(header: str | None) -> datetime | None:
    """If-Modified-Since, as ISO 8601 like all of Zoho's times."""
    if header is None:
        return None
    moment = parse_time(header)
    if moment is None:
        raise ZohoError(400, "INVALID_DATA", "invalid data", {"param_name": "If-Modified-Since"})
    return moment


def _wanted(records: Records, params: Params, since: datetime | None) -> list[SimRecord]:
    converted = params.get("converted", "false")
    found: list[SimRecord] = [
        record
        for record in _named(records, params)
        if converted in ("both", str(record.state == "converted").lower())
        and (since is None or record.modified > since)
    ]
    column = params.get("sort_by", "id")
    found.sort(key=lambda r: r.id if column == "id" else r.values[column], reverse=params.get("sort_order") != "asc")
    return found


def _named(records: Records, params: Params) -> list[SimRecord]:
    ids = params.get("ids")
    if ids is None:
        return list(records.by_id())
    if len(ids) > MAX_IDS_LENGTH:
        raise ZohoError(400, "LIMIT_EXCEEDED", "limit exceeded", {"limit": MAX_IDS_LENGTH, "param_name": "ids"})
    wanted = [records.get(int(part)) for part in dict.fromkeys(ids.split(",")) if part.strip().isdecimal()]
    return [record for record in wanted if record is not None]


def _invalid(name: str, **details: Any) -> ZohoError:
    return ZohoError(400, "INVALID_DATA", "invalid data", {"param_name": name, **details})


def _ambiguous(*names: str) -> ZohoError:
    details = {"ambiguity_due_to": [{"param_name": name} for name in names]}
    return ZohoError(400, "AMBIGUITY_DURING_PROCESSING", "Ambiguity while processing", details)
