"""Builds session summaries in 8x8's shape for the tests of the mapping."""

from collections.abc import Callable
from typing import Any

from autodialer.domain.result import CallEvent, CallResult, NoResult
from autodialer.eightx8.mapping import read_callback
from contract.eightx8.support import AGENT, CALLER_ID, LEAD, voice_config

SESSION = "a089b40d-f059-11f0-8937-99c7872ee3c4"


def leg(destination: str, status: object, **more: Any) -> dict[str, Any]:
    return {
        "callId": "a08f331e-f059-11f0-816b-2daade7d6599",
        "callDirection": "OUTBOUND",
        "callType": "PSTN",
        "initiatedTimestamp": "2026-03-02T09:59:00Z",
        "disconnectedTimestamp": "2026-03-02T09:59:40Z",
        "source": CALLER_ID,
        "destination": destination,
        "callStatus": status,
        "callDuration": 23 if status == "COMPLETED" else 0,
        **more,
    }


def vss(session_status: object, details: object, **payload: Any) -> dict[str, Any]:
    count = len(details) if isinstance(details, dict) else 0
    return {
        "namespace": "VOICE",
        "eventType": "SESSION_SUMMARY",
        "description": "Summary of a completed call session",
        "version": 5,
        "payload": {
            "sessionId": SESSION,
            "subAccountId": "simulated_voice",
            "sessionStatus": session_status,
            "startTime": "2026-03-02T09:59:00Z",
            "endTime": "2026-03-02T09:59:50Z",
            "lastAction": "MAKE_CALL",
            "callCount": count,
            "clientRequestId": "att-1",
            "details": details,
            **payload,
        },
    }


def always(number: str | None) -> Callable[[str], str | None]:
    return lambda _known: number


def read(body: dict[str, Any], number: str | None = LEAD, agent: str | None = AGENT) -> CallEvent:
    return read_callback(body, always(number), voice_config("http://127.0.0.1:9", agent_number=agent))


def result(body: dict[str, Any], number: str | None = LEAD) -> CallResult:
    event = read(body, number)
    assert isinstance(event, CallResult), event
    return event


def nothing(body: dict[str, Any], number: str | None = LEAD) -> NoResult:
    event = read(body, number)
    assert isinstance(event, NoResult), event
    return event
