"""The simulated 8x8 asks what to do next (VCA), and follows the callflow with which it is answered (page "Simple IVR")."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import uuid1

import msgspec

from autodialer.simulators.eightx8_callflow import ACTIONS, speech_problem
from autodialer.simulators.eightx8_plan import Plan, PlannedLeg
from autodialer.simulators.eightx8_sessions import Session, e164, instant
from autodialer.simulators.eightx8_settings import VoiceSettings

BAD_ANSWER: Final = -2003
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "makeCall": ("source", "destination"),
    "say": ("text", "voiceProfile"),
    "playFile": ("fileUrl",),
    "sayAndCapture": ("promptMessage", "voiceProfile"),
    "hangup": (),
}
_WAITS = 5  # seconds until a person who hears nothing more hangs up
_SAYS = 4


def question(session: Session, at: datetime, event_data: object, own_id: str | None) -> dict[str, Any]:
    """The body of one VCA. `event_data`: absent where it is None; `own_id`: what the answer before called itself."""
    payload = {
        "eventId": str(uuid1()),
        "callId": session.call_ids[0],
        "sessionId": session.session_id,
        "subAccountId": session.subaccount_id,
        "callStatus": "ACTION_COMPLETED",
        "callDirection": "OUTBOUND",
        "callType": "PSTN",
        "source": e164(session.callflow.source),
        "destination": session.destination,
        "sourceFormat": "MSISDN",
        "destinationFormat": "MSISDN",
        "callDuration": 0,
        "sipCode": 200,
        "timestamp": instant(at),
        **({} if event_data is None else {"eventData": event_data}),
        **({} if own_id is None else {"clientActionId": own_id}),
    }
    description = "Action request of a call"
    return {"namespace": "VOICE", "eventType": "CALL_ACTION", "description": description, "payload": payload}


def read_answer(status: int, body: bytes) -> Mapping[str, Any] | None:
    """The answer, if it is a callflow that can be followed."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    flow = answer.get("callflow") if isinstance(answer, dict) else None
    if status != 200 or not isinstance(flow, list):  # noqa: PLR2004 - HTTP's OK
        return None
    return answer if all(_is_action(entry) for entry in flow) else None


def _is_action(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("action") not in ACTIONS:
        return False
    action, params = entry["action"], entry.get("params", {})
    complete = isinstance(params, dict) and all(isinstance(params.get(name), str) for name in _NEEDED[action])
    return complete and speech_problem(action, params) is None


def agent_in(answer: Mapping[str, Any]) -> str | None:
    """Whom to call next."""
    calls = [entry["params"]["destination"] for entry in answer["callflow"] if entry["action"] == "makeCall"]
    return str(calls[0]) if calls else None


def hangs_up(answer: Mapping[str, Any]) -> bool:
    """Whether the call ends with this answer."""
    return any(entry["action"] == "hangup" for entry in answer["callflow"])


def ended_here(session: Session, now: int, answer: Mapping[str, Any]) -> Plan:
    """Nobody else is called: what is said is heard, then the call is over."""
    flow: Sequence[Mapping[str, Any]] = answer["callflow"]
    says = sum(_SAYS for entry in flow if entry["action"] == "say")
    end = now + says + (0 if hangs_up(answer) else _WAITS)
    return Plan((_person(session, "COMPLETED", end),), "COMPLETED", end)


def broken(session: Session, now: int) -> Plan:
    """The answer was bad, late, or none: the session ends with an error, the person is dropped."""
    return Plan((_person(session, "ERROR", now),), "ERROR", now, BAD_ANSWER)


def _person(session: Session, status: str, end: int) -> PlannedLeg:
    return PlannedLeg(session.callflow.destination, status, 0, session.plan.legs[0].connected, end)


def asked_for(settings: VoiceSettings, draw: Random) -> int:
    """Seconds until a person has heard enough and presses a key, or has not."""
    return settings.prompt_seconds + draw.randint(0, 3)
