"""Small JSON Schemas of our own for the part of Zoho's API that is used: every request sent, every answer given.

ROUTES says what may be sent where and what may come back with which status; traffic that no line of it
allows fails. Source: Zoho's pages of the calls, and the samples of its published specifications.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from autodialer.simulators.common import Exchange

Schema = dict[str, Any]

ID: Schema = {"type": "string", "pattern": "^[0-9]{17,19}$"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$"}
UTC_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"}
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}


def _object(required: list[str], **properties: Any) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list_of(items: Schema, most: int, least: int = 1) -> Schema:
    return {"type": "array", "minItems": least, "maxItems": most, "items": items}


TOKEN = _object(
    ["access_token", "api_domain", "token_type", "expires_in"],
    access_token={"type": "string", "minLength": 10},
    scope=TEXT,
    api_domain={"type": "string", "pattern": "^https?://"},
    token_type={"const": "Bearer"},
    expires_in={"type": "integer", "minimum": 1},
    expires_in_sec={"type": "integer", "minimum": 1},
    refresh_token={"type": "string", "pattern": r"^1000\.[0-9a-f]+\.[0-9a-f]+$"},
)
REFUSED_TOKEN = _object(["error"], error={"enum": ["invalid_code", "invalid_client", "invalid_client_secret"]})
THROTTLED_TOKEN = _object(
    ["error", "error_description", "status"],
    error={"const": "Access Denied"},
    error_description=TEXT,
    status={"const": "failure"},
)
ERROR = _object(
    ["code", "details", "message", "status"],
    code={"type": "string", "pattern": "^[A-Z_]+$", "not": {"const": "SUCCESS"}},
    details={"type": "object"},
    message=TEXT,
    status={"const": "error"},
)


def _error(*codes: str) -> Schema:
    return {"allOf": [ERROR, {"properties": {"code": {"enum": list(codes)}}}]}


COQL_REQUEST = _object(
    ["select_query"],
    select_query={
        "type": "string",
        "pattern": r"^select id(, [A-Za-z]\w*)* from (Leads|Contacts|Calls) where .+ order by id asc limit [1-9]\d{0,3}$",
    },
)
ROW: Schema = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": ID, "Created_Time": _or_null(TIME), "Modified_Time": _or_null(TIME)},
}
COQL_PAGE = _object(
    ["data", "info"],
    data=_list_of(ROW, 2000),
    fields={"type": "object"},
    info=_object(["count", "more_records"], count=WHOLE, more_records=FLAG),
)
COQL_ERROR = _error(
    *("SYNTAX_ERROR", "LIMIT_EXCEEDED", "INVALID_QUERY", "INVALID_DATA", "INVALID_MODULE", "DUPLICATE_DATA"),
    *("MANDATORY_NOT_FOUND", "INVALID_REQUEST_METHOD"),
)
LIST = _object(
    ["data", "info"],
    data=_list_of(ROW, 200),
    info=_object(
        ["per_page", "count", "page", "sort_by", "sort_order", "more_records", "next_page_token", "page_token_expiry"],
        per_page={"type": "integer", "minimum": 1, "maximum": 200},
        count={"type": "integer", "minimum": 1, "maximum": 200},
        page={"type": "integer", "minimum": 1},
        sort_by={"enum": ["id", "Created_Time", "Modified_Time"]},
        sort_order={"enum": ["asc", "desc"]},
        more_records=FLAG,
        next_page_token=_or_null({"type": "string", "maxLength": 96}),
        previous_page_token=_or_null({"type": "string", "maxLength": 96}),
        page_token_expiry=_or_null(TIME),
        call=FLAG,
        email=FLAG,
    ),
)
RECORD = _object(["data"], data=_list_of(ROW, 1))
UPDATE_REQUEST = _object(
    ["data", "trigger"],
    data=_list_of(
        {
            **_object(
                ["id"],
                id=ID,
                Lead_Status=TEXT,
                Status=TEXT,
                Call_Attempts=WHOLE,
                Tries=WHOLE,  # as an organisation may have named it
                First_No_Answer_At=UTC_TIME,
            ),
            "minProperties": 2,
        },
        100,
    ),
    trigger=_list_of({"enum": ["workflow", "approval", "blueprint", "pathfinder", "orchestration"]}, 5, least=0),
)
DONE = _object(
    ["code", "details", "message", "status"],
    code={"const": "SUCCESS"},
    details={
        "type": "object",
        "required": ["id", "Modified_Time"],
        "properties": {"id": ID, "Modified_Time": TIME, "Created_Time": TIME},
    },
    message=TEXT,
    status={"const": "success"},
)


def _items(schema: Schema, **more: Any) -> Schema:
    return _object(["data"], data={**_list_of(schema, 100), **more})


ALL_DONE = _items(DONE)
SOME_DONE = _items({"anyOf": [DONE, ERROR]}, allOf=[{"contains": DONE}, {"contains": ERROR}])
NONE_DONE: Schema = {"anyOf": [_items(ERROR), ERROR]}
CHANGED_MEANWHILE = _items(_error("ALREADY_MODIFIED"))
PICKLIST_VALUE: Schema = {"type": "object", "required": ["display_value", "actual_value", "reference_value", "type"]}
FIELD: Schema = {
    "type": "object",
    "required": [
        *("api_name", "field_label", "display_label", "data_type", "json_type", "length", "read_only"),
        *("field_read_only", "operation_type", "custom_field", "visible", "pick_list_values"),
    ],
    "properties": {
        "api_name": {"type": "string", "pattern": r"^[A-Za-z]\w*$"},
        "operation_type": _object(
            ["web_update", "api_create", "web_create", "api_update"],
            **dict.fromkeys(("web_update", "api_create", "web_create", "api_update"), FLAG),
        ),
        "pick_list_values": {"type": "array", "items": PICKLIST_VALUE},
    },
}
FIELDS = _object(["fields"], fields={"type": "array", "minItems": 1, "items": FIELD})
NEW_FIELDS = _object(
    ["fields"],
    fields=_list_of(
        _object(
            ["field_label", "data_type"],
            field_label={"type": "string", "minLength": 1, "maxLength": 25},
            data_type={"enum": ["integer", "datetime"]},
            length={"type": "integer", "minimum": 1, "maximum": 9},
        ),
        5,
    ),
)
FIELD_DONE = _object(
    ["code", "details", "message", "status"],
    code={"const": "SUCCESS"},
    details=_object(["id"], id=ID),
    message=TEXT,
    status={"const": "success"},
)
MADE = _object(["fields"], fields=_list_of({"anyOf": [FIELD_DONE, ERROR]}, 5))
NOT_MADE: Schema = {"anyOf": [MADE, ERROR]}
NEW_NOTES = _object(
    ["data"],
    data=_list_of(
        _object(
            ["Parent_Id", "Note_Title", "Note_Content"],
            Parent_Id=_object(
                ["module", "id"], module=_object(["api_name"], api_name={"enum": ["Leads", "Contacts"]}), id=ID
            ),
            Note_Title={"type": "string", "maxLength": 120},
            Note_Content={"type": "string", "maxLength": 65535},
        ),
        10,
    ),
)
NEW_CALLS = _object(
    ["data", "trigger"],
    data=_list_of(
        {
            "type": "object",
            "required": ["Subject", "Call_Type", "Outbound_Call_Status", "Call_Start_Time", "Call_Duration"],
            "properties": {
                "Subject": {"type": "string", "maxLength": 255},
                "Call_Type": {"const": "Outbound"},
                "Outbound_Call_Status": {"const": "Completed"},
                "Call_Start_Time": UTC_TIME,
                "Call_Duration": {"type": "string", "pattern": r"^\d\d+:[0-5]\d$"},
            },
            "oneOf": [{"required": ["Who_Id"]}, {"required": ["What_Id", "$se_module"]}],
        },
        10,
    ),
    trigger={"type": "array", "items": TEXT},
)
NOTES = _object(
    ["data", "info"],
    data=_list_of({"type": "object", "required": ["id"]}, 200),
    info=_object(["count", "more_records"], count=WHOLE, more_records=FLAG),
)
ORGS = _object(["org"], org=_list_of({"type": "object", "required": ["id"]}, 1))
# What any call may be answered; an empty schema stands for an empty body.
EMPTY: Schema = {}
ANYWHERE: dict[int, Schema] = {
    401: _error("INVALID_TOKEN", "AUTHENTICATION_FAILURE", "OAUTH_SCOPE_MISMATCH"),
    403: _error("NO_PERMISSION"),
    404: _error("INVALID_URL_PATTERN"),
    405: _error("INVALID_REQUEST_METHOD"),
    413: _error("REQUEST_ENTITY_TOO_LARGE"),
    415: _error("MEDIA_TYPE_NOT_SUPPORTED"),
    429: _error("TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED"),
    500: _error("INTERNAL_ERROR"),
}


@dataclass(frozen=True)
class Rule:
    """What may be sent by `method` to paths like `path`, and what comes back with which status."""

    method: str
    path: str
    answers: dict[int, Schema]
    request: Schema | None = None
    query: frozenset[str] = field(default_factory=frozenset)


_MODULE = r"/crm/v8/\w+"
_ANY = "GET|POST|PUT|PATCH|DELETE"
RULES = (
    Rule("POST", "/oauth/v2/token", {200: {"anyOf": [TOKEN, REFUSED_TOKEN]}, 400: THROTTLED_TOKEN}),
    Rule("POST", "/crm/v8/coql", {200: COQL_PAGE, 204: EMPTY, 400: COQL_ERROR}, COQL_REQUEST),
    Rule("GET", "/crm/v8/settings/fields", {200: FIELDS, 400: ERROR}, query=frozenset({"module"})),
    Rule(
        "POST",
        "/crm/v8/settings/fields",
        {200: MADE, 201: MADE, 207: MADE, 400: NOT_MADE},
        NEW_FIELDS,
        query=frozenset({"module"}),
    ),
    Rule("GET", "/crm/v8/org", {200: ORGS}),
    Rule("GET", _MODULE, {200: LIST, 204: EMPTY, 304: EMPTY, 400: ERROR}),
    Rule("GET", rf"{_MODULE}/\d+", {200: RECORD, 204: EMPTY, 304: EMPTY, 400: ERROR}),
    Rule(
        "GET",
        rf"{_MODULE}/\d+/Notes",
        {200: NOTES, 204: EMPTY, 400: ERROR},
        query=frozenset({"fields", "per_page", "page"}),
    ),
    Rule(
        "PUT",
        rf"{_MODULE}(/\d+)?",
        {200: ALL_DONE, 207: SOME_DONE, 400: NONE_DONE, 412: CHANGED_MEANWHILE},
        UPDATE_REQUEST,
    ),
    Rule("POST", "/crm/v8/Notes", {201: ALL_DONE, 207: SOME_DONE, 400: NONE_DONE}, NEW_NOTES),
    Rule("POST", "/crm/v8/Calls", {201: ALL_DONE, 207: SOME_DONE, 400: NONE_DONE}, NEW_CALLS),
    Rule(_ANY, rf"{_MODULE}(/.*)?", {400: _error("INVALID_REQUEST_METHOD", "INVALID_MODULE")}),
    Rule(_ANY, "/crm/.*", {}),
)


def rule_for(exchange: Exchange) -> Rule:
    """The first rule for it. AssertionError when there is none."""
    for rule in RULES:
        if re.fullmatch(rule.method, exchange.method) and re.fullmatch(rule.path, exchange.path):
            return rule
    raise AssertionError(f"no rule allows {exchange.method} {exchange.path}")


def check(exchange: Exchange, *, ours: bool) -> None:
    """Fail unless the request (when `ours`) and the answer, if one was given, have their documented shape."""
    rule = rule_for(exchange)
    if ours:
        _check_request(exchange, rule)
    if exchange.status:
        _check_answer(exchange, rule)


def _check_request(exchange: Exchange, rule: Rule) -> None:
    if exchange.path == "/oauth/v2/token":
        assert exchange.query == "", "no secret in the address"
        assert exchange.headers["content-type"] == "application/x-www-form-urlencoded"
        return
    assert exchange.headers["authorization"].startswith("Zoho-oauthtoken ")
    assert {part.partition("=")[0] for part in exchange.query.split("&") if part} == rule.query
    _validate(_or_null(TIME), exchange.headers.get("if-unmodified-since"))
    if exchange.method in ("POST", "PUT"):
        assert exchange.headers["content-type"] == "application/json"
    else:
        assert exchange.body == b""
    if rule.request is not None:
        _validate(rule.request, json.loads(exchange.body))


def _check_answer(exchange: Exchange, rule: Rule) -> None:
    schema = {**ANYWHERE, **rule.answers}.get(exchange.status)
    assert schema is not None, f"{exchange.method} {exchange.path} is never answered {exchange.status}"
    headers = exchange.answer_headers
    assert headers.get("x-api-credits-remaining", "0").isdecimal()
    assert "retry-after" not in headers, "Zoho promises none"
    if schema is EMPTY:
        assert exchange.answer == b""
        assert "content-type" not in headers
        return
    assert headers["content-type"] == "application/json;charset=UTF-8"
    body = json.loads(exchange.answer)
    _validate(schema, _shortened(body))


def _shortened(body: Schema) -> Schema:
    """Of a long page only some rows are looked at, after their number."""
    rows = body.get("data")
    if not isinstance(rows, list) or len(rows) <= 100 or "info" not in body:
        return body
    assert len(rows) == body["info"]["count"] <= 2000
    return {**body, "data": rows[:10] + rows[-10:]}


def _validate(schema: Schema, value: object) -> None:
    Draft202012Validator(schema).validate(value)
