"""Small JSON Schemas of our own for the part of Zoho's API that is used: every request sent, every answer given."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from autodialer.simulators.common import Exchange

ID = {"type": "string", "pattern": "^[0-9]{17,19}$"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$"}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TOKEN = _object(
    ["access_token", "api_domain", "token_type", "expires_in"],
    access_token={"type": "string", "minLength": 10},
    scope={"type": "string"},
    api_domain={"type": "string", "pattern": "^https?://"},
    token_type={"const": "Bearer"},
    expires_in={"type": "integer", "minimum": 1},
)
TOKEN_ERROR = _object(
    ["error"], error={"type": "string"}, error_description={"type": "string"}, status={"const": "failure"}
)
FLAT_ERROR = _object(
    ["code", "details", "message", "status"],
    code={"type": "string", "pattern": "^[A-Z_]+$"},
    details={"type": "object"},
    message={"type": "string"},
    status={"const": "error"},
)
COQL_REQUEST = _object(
    ["select_query"],
    select_query={
        "type": "string",
        "pattern": r"^select id(, [A-Za-z]\w*)* from (Leads|Contacts|Calls) where .+ order by id asc limit [1-9]\d{0,3}$",
    },
)
ROW = {"type": "object", "required": ["id"], "properties": {"id": ID, "Created_Time": TIME, "Modified_Time": TIME}}
PAGE = _object(
    ["data", "info"],
    data={"type": "array", "minItems": 1, "maxItems": 2000, "items": ROW},
    info=_object(["count", "more_records"], count={"type": "integer"}, more_records={"type": "boolean"}),
)
UPDATE_REQUEST = _object(
    ["data", "trigger"],
    data={
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": {
            "type": "object",
            "required": ["id"],
            "minProperties": 2,
            "properties": {
                "id": {"type": "string"},
                "Lead_Status": {"type": "string"},
                "Status": {"type": "string"},
                "Call_Attempts": {"type": "integer", "minimum": 0},
                "First_No_Answer_At": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"},
            },
            "additionalProperties": False,
        },
    },
    trigger={"type": "array", "items": {"type": "string"}},
)
ITEM = {
    "oneOf": [
        _object(
            ["code", "details", "message", "status"],
            code={"const": "SUCCESS"},
            details={
                "type": "object",
                "required": ["id", "Modified_Time"],
                "properties": {"id": ID, "Modified_Time": TIME, "Created_Time": TIME},
            },
            message={"type": "string"},
            status={"const": "success"},
        ),
        {"allOf": [FLAT_ERROR, {"properties": {"code": {"not": {"const": "SUCCESS"}}}}]},
    ]
}
NOTES_REQUEST = _object(
    ["data"],
    data={
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": _object(
            ["Parent_Id", "Note_Title", "Note_Content"],
            Parent_Id=_object(
                ["module", "id"], module=_object(["api_name"], api_name={"enum": ["Leads", "Contacts"]}), id=ID
            ),
            Note_Title={"type": "string", "maxLength": 120},
            Note_Content={"type": "string", "maxLength": 65535},
        ),
    },
)
CALLS_REQUEST = _object(
    ["data", "trigger"],
    data={
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {
            "type": "object",
            "required": ["Subject", "Call_Type", "Outbound_Call_Status", "Call_Start_Time", "Call_Duration"],
            "properties": {
                "Subject": {"type": "string", "maxLength": 255},
                "Call_Type": {"const": "Outbound"},
                "Outbound_Call_Status": {"const": "Completed"},
                "Call_Start_Time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"},
                "Call_Duration": {"type": "string", "pattern": r"^\d\d+:[0-5]\d$"},
            },
            "oneOf": [{"required": ["Who_Id"]}, {"required": ["What_Id", "$se_module"]}],
        },
    },
    trigger={"type": "array", "items": {"type": "string"}},
)
_INSERTS = {"/crm/v8/Notes": NOTES_REQUEST, "/crm/v8/Calls": CALLS_REQUEST}
UPDATED = _object(["data"], data={"type": "array", "minItems": 1, "maxItems": 100, "items": ITEM})
FIELDS = _object(
    ["fields"],
    fields={
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["api_name", "field_label", "display_label", "data_type", "operation_type", "field_read_only"],
            "properties": {
                "pick_list_values": {
                    "type": "array",
                    "items": {"type": "object", "required": ["display_value", "actual_value", "reference_value"]},
                }
            },
        },
    },
)
_ROWS_LOOKED_AT = 20


def check(exchange: Exchange, *, ours: bool) -> None:
    """Fail unless the request (when `ours`) and the answer, if one was given, have their documented shape."""
    if ours:
        _check_request(exchange)
    if exchange.status:
        _check_answer(exchange)


def _check_request(exchange: Exchange) -> None:
    if exchange.path == "/oauth/v2/token":
        assert exchange.query == "", "no secret in the address"
        assert exchange.headers["content-type"] == "application/x-www-form-urlencoded"
        return
    assert exchange.headers["authorization"].startswith("Zoho-oauthtoken ")
    if exchange.method in ("POST", "PUT"):
        assert exchange.headers["content-type"] == "application/json"
    if exchange.path == "/crm/v8/coql":
        _validate(COQL_REQUEST, json.loads(exchange.body))
    elif exchange.method == "PUT":
        _validate(UPDATE_REQUEST, json.loads(exchange.body))
    elif exchange.method == "POST" and exchange.path in _INSERTS:
        _validate(_INSERTS[exchange.path], json.loads(exchange.body))


def _check_answer(exchange: Exchange) -> None:
    if exchange.status == 204:
        assert exchange.answer == b""
        assert "content-type" not in exchange.answer_headers
        return
    assert exchange.answer_headers["content-type"] == "application/json;charset=UTF-8"
    body = json.loads(exchange.answer)
    _validate(_schema_of(exchange, body), _shortened(body))


def _schema_of(exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
    if exchange.path == "/oauth/v2/token":
        return TOKEN_ERROR if "error" in body else TOKEN
    if (exchange.method == "PUT" or exchange.path in _INSERTS) and "data" in body:
        return UPDATED
    if exchange.status >= 400:
        return FLAT_ERROR
    if exchange.path == "/crm/v8/settings/fields":
        return FIELDS
    return PAGE if exchange.path == "/crm/v8/coql" else {"type": "object", "required": ["data"]}


def _shortened(body: dict[str, Any]) -> dict[str, Any]:
    rows = body.get("data")
    return {**body, "data": rows[:_ROWS_LOOKED_AT]} if isinstance(rows, list) and len(rows) > 100 else body


def _validate(schema: dict[str, Any], value: object) -> None:
    Draft202012Validator(schema).validate(value)
