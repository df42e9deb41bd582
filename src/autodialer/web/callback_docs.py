"""What /docs says of POST /api/callback, whose body is read by hand."""

from typing import Any

from autodialer.web.shapes import Instant, Shape


class CallbackTaken(Shape):
    """It is stored."""

    success: bool
    message: str
    timestamp: Instant


class NextActions(Shape):
    """It is stored, and this is what 8x8 is to do next in the call."""

    callflow: list[dict[str, Any]]


_RESULT = {
    "type": "object",
    "title": "Result",
    "required": ["zoho_id", "record_type", "call_status"],
    "properties": {
        "zoho_id": {"type": "string", "pattern": "^[0-9]{1,20}$", "description": "a whole number is taken too"},
        "record_type": {"enum": ["Lead", "Contact"]},
        "call_status": {"enum": ["answered", "no_answer", "busy", "failed"]},
        "timestamp": {"type": ["string", "null"], "format": "date-time", "pattern": "^20"},
        "call_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 120},
    },
    "not": {"anyOf": [{"required": ["namespace"]}, {"required": ["eventType"]}]},
    "example": {
        "zoho_id": "4150868000000002175",
        "record_type": "Lead",
        "call_status": "no_answer",
        "timestamp": "2026-01-13T08:26:58.000Z",
        "call_id": "f1b7a1c2-6f0e-11f0-9d5c-0242ac120002",
    },
}
_PROVIDER = {
    "type": "object",
    "title": "8x8 event",
    "required": ["namespace", "eventType", "payload"],
    "properties": {
        "namespace": {"type": "string", "minLength": 1, "maxLength": 60},
        "eventType": {"type": "string", "minLength": 1, "maxLength": 60},
        "payload": {"type": "object"},
    },
}
CALLBACK_DOCS = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [_RESULT, _PROVIDER]}}},
    },
}
