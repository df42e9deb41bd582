"""A world whose 8x8 speaks as the real one does: its callbacks are read by the real adapter."""

from typing import Any

import pytest

from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import VoiceConfig
from autodialer.ports.rows import AttemptRow
from service.conftest import MakeWorld
from service.world import World, lead, person

AGENT = "+40210000009"
SECOND_AGENT = "+40210000010"


def make_voice(**changes: Any) -> VoiceConfig:
    standard: dict[str, Any] = {
        "api_key": "key",
        "subaccount_id": "sub",
        "caller_id": "+40210000001",
        "agent_number": AGENT,
        "base_url": "http://127.0.0.1:9",
        "callback_url": "http://127.0.0.1:9/api/callback",
    }
    return VoiceConfig(**{**standard, **changes})


def speaking(make_world: MakeWorld, patch: pytest.MonkeyPatch, config: VoiceConfig, **options: Any) -> World:
    """A world that hears with the real adapter; with `press1` it is asked what to do next, too."""
    world: World
    if config.is_press1:
        world = make_world(interviewer=None, **options)
        adapter = VoiceTelephony(config, world.clock)
        world.process = world.boot("asked", interviewer=adapter)
    else:
        world = make_world(**options)
        adapter = VoiceTelephony(config, world.clock)
    patch.setattr(world.telephony, "read_callback", adapter.read_callback)
    return world


async def called(world: World, one: int = 1) -> AttemptRow:
    """One New lead, just called."""
    world.crm.add(person(lead(one), one))
    await world.run()
    return await world.attempt(lead(one))


def leg(number: str, status: str, *, seconds: int = 0, **more: Any) -> dict[str, Any]:
    """A leg that lasted so long."""
    return {
        "callDirection": "OUTBOUND",
        "initiatedTimestamp": "2026-03-02T10:00:00Z",
        "disconnectedTimestamp": f"2026-03-02T10:00:{seconds:02}Z",
        "destination": number,
        "callStatus": status,
        "callDuration": seconds if status == "COMPLETED" else 0,
        **more,
    }


def vss(attempt: AttemptRow, status: str, *legs: dict[str, Any], error: int | None = None) -> dict[str, Any]:
    """The summary of this attempt's session."""
    details = {f"call{letter}": leg for letter, leg in zip("AB", legs, strict=False)}
    payload: dict[str, Any] = {
        "sessionId": attempt.session_id,
        "sessionStatus": status,
        "callCount": len(legs),
        "details": details,
    }
    if error is not None:
        payload["errorDetails"] = {"errorCode": error, "errorMsg": "as 8x8 says it"}
    return {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": payload}


def error_of(attempt: AttemptRow, code: int, *, seconds: int = 0) -> dict[str, Any]:
    """A session that ended with this error; `seconds` passed until then."""
    return vss(attempt, "ERROR", leg(attempt.number or "", "ERROR", seconds=seconds), error=code)


def live(attempt: AttemptRow, event: str, status: str, identity: str = "event-1", **more: Any) -> dict[str, Any]:
    """A VCA or VCS about the person's leg."""
    payload = {
        "eventId": identity,
        "sessionId": attempt.session_id,
        "callStatus": status,
        "callDirection": "OUTBOUND",
        "destination": attempt.number,
        **more,
    }
    return {"namespace": "VOICE", "eventType": event, "payload": payload}


def vca(attempt: AttemptRow, data: object = None, identity: str = "event-1", **more: Any) -> dict[str, Any]:
    """A VCA after the question."""
    return live(attempt, "CALL_ACTION", "ACTION_COMPLETED", identity, eventData=data, **more)


async def hear(world: World, *bodies: dict[str, Any]) -> None:
    """Stored and applied."""
    for body in bodies:
        if await world.services.questions.answer(body) is None:
            await world.services.callbacks.take(body)
    await world.apply()
