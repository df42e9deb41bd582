"""Whether 8x8 takes a callflow (8x8 pages "Send Callflow", "Voice Status Codes").

Documented with an HTTP status are -1007 (400) and -1013 (422); the other refusals follow the kind of their code.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from autodialer.simulators.eightx8_settings import VoiceSettings

ACTIONS: Final[Mapping[str, str]] = {
    "makeCall": "MAKE_CALL",
    "say": "SAY",
    "playFile": "PLAY_FILE",
    "sayAndCapture": "SAY_AND_CAPTURE",
    "hangup": "HANGUP",
}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "makeCall": ("source", "destination"),
    "say": ("text", "voiceProfile"),
    "playFile": ("fileUrl",),
    "sayAndCapture": ("promptMessage", "voiceProfile"),
    "hangup": (),
}
_MOST_CALLS = 2
_LONGEST_TEXT = 3000
# Names such as BenjaminRUS, EmilyNeural, Standard-A and Neural2-C (8x8 page "Get speech profiles" lists them).
_VOICE_PROFILE = re.compile(r"[a-z]{2,3}-[A-Z]{2}(-[A-Za-z0-9]+)+")
_MSISDN = re.compile(r"\+?[1-9][0-9]{6,14}")
_VALID_UNTIL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True, slots=True)
class Callflow:
    """A callflow that is taken. `agent`: the second makeCall's destination. `actions`: all of them, in order.

    `asks`: the person is asked to press a key.
    """

    source: str
    destination: str
    agent: str | None
    actions: tuple[str, ...]
    client_request_id: str | None
    valid_until: str | None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class NotCreated:
    """A refusal: the HTTP status, 8x8's status code and message."""

    http_status: int
    code: int
    message: str


def read_callflow(
    body: bytes, settings: VoiceSettings, now: datetime, *, has_vca_webhook: bool
) -> Callflow | NotCreated:
    """The callflow, or the first reason for which it is refused."""
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        request = None
    if not isinstance(request, dict):
        return NotCreated(400, -1001, "Invalid JSON request body")
    actions = request.get("callflow")
    if not isinstance(actions, list) or not actions or not all(isinstance(a, dict) for a in actions):
        return NotCreated(400, -1009, "Invalid callflow entry")
    return (
        _wrong_actions(actions, settings, has_vca_webhook=has_vca_webhook)
        or _wrong_numbers(actions, settings)
        or _expired(request.get("validUntil"), now)
        or _taken(request, actions)
    )


def _wrong_actions(
    actions: Sequence[Mapping[str, Any]], settings: VoiceSettings, *, has_vca_webhook: bool
) -> NotCreated | None:
    for index, entry in enumerate(actions):
        name = entry.get("action")
        if not isinstance(name, str) or name not in ACTIONS:
            known = "say,playFile,sayAndCapture"
            return NotCreated(400, -1007, f"$.callflow[{index}].action should be one of: {known}")
    names = [entry["action"] for entry in actions]
    if names[0] != "makeCall":
        return NotCreated(422, -1013, "Invalid Callflow : First action should be a MakeCall action")
    if names.count("makeCall") > _MOST_CALLS:
        return NotCreated(422, -1010, "Invalid Callflow : Too many MakeCall actions")
    if names.count("makeCall") == _MOST_CALLS and not settings.two_calls:
        return NotCreated(422, -1011, "Multiple destination phone numbers found in the request")
    if "hangup" in names[:-1]:
        return NotCreated(422, -1012, "Invalid Callflow : Hangup should be the last action")
    if "sayAndCapture" in names and not has_vca_webhook:
        return NotCreated(422, -1004, "DTMF callback url not provided")
    return _wrong_params(actions)


def _wrong_params(actions: Sequence[Mapping[str, Any]]) -> NotCreated | None:
    for index, entry in enumerate(actions):
        params = entry.get("params", {})
        needed = _REQUIRED[entry["action"]]
        complete = isinstance(params, dict) and all(isinstance(params.get(name), str) for name in needed)
        if not complete or (entry["action"] == "makeCall" and len(params) > len(needed)):
            return NotCreated(400, -1009, f"$.callflow[{index}].params is invalid")
        if (problem := speech_problem(entry["action"], params)) is not None:
            return problem
    return None


def _wrong_numbers(actions: Sequence[Mapping[str, Any]], settings: VoiceSettings) -> NotCreated | None:
    for params in (entry["params"] for entry in actions if entry["action"] == "makeCall"):
        source, destination = params["source"], params["destination"]
        if re.search(r"[^+0-9]", source + destination):
            return NotCreated(400, -1016, "Special characters are not accepted")
        if _MSISDN.fullmatch(destination) is None:
            return NotCreated(400, -1017, "Invalid MSISDN format in Destination")
        allowed = settings.caller_ids
        if allowed is not None and bare(source) not in {bare(number) for number in allowed}:
            return NotCreated(422, -1014, "Source or caller ID is not allowed")
    return None


def _expired(valid_until: object, now: datetime) -> NotCreated | None:
    if valid_until is None:
        return None
    if not isinstance(valid_until, str) or _VALID_UNTIL.fullmatch(valid_until) is None:
        return NotCreated(400, -1001, "Invalid JSON request body")
    try:
        moment = datetime.fromisoformat(valid_until)
    except ValueError:
        return NotCreated(400, -1001, "Invalid JSON request body")
    return NotCreated(422, -1015, "Validity period expired") if moment.astimezone(UTC) <= now else None


def _taken(request: Mapping[str, Any], actions: Sequence[Mapping[str, Any]]) -> Callflow:
    calls = [entry["params"] for entry in actions if entry["action"] == "makeCall"]
    own_id = request.get("clientRequestId")
    return Callflow(
        source=calls[0]["source"],
        destination=calls[0]["destination"],
        agent=calls[1]["destination"] if len(calls) == _MOST_CALLS else None,
        actions=tuple(entry["action"] for entry in actions),
        client_request_id=own_id if isinstance(own_id, str) else None,
        valid_until=request.get("validUntil"),
        asks=any(entry["action"] == "sayAndCapture" for entry in actions),
    )


def speech_problem(action: str, params: Mapping[str, Any]) -> NotCreated | None:
    """What is wrong with a text that is to be said, or with the key that is to be waited for."""
    if action not in ("say", "sayAndCapture"):
        return None
    try:
        return _speech_problem(action, params)
    except TypeError:  # a text where a number belongs, or null
        return NotCreated(400, -1001, "Invalid JSON request body")


def _speech_problem(action: str, params: Mapping[str, Any]) -> NotCreated | None:
    text = params["text" if action == "say" else "promptMessage"]
    if not _VOICE_PROFILE.fullmatch(params["voiceProfile"]):
        return NotCreated(400, -1002, "Speech profile or language parameter invalid")
    if not 1 <= len(text) <= _LONGEST_TEXT or not 0.5 <= params.get("speed", 1) <= 2:  # noqa: PLR2004 - as documented
        return NotCreated(400, -1001, "Invalid JSON request body")
    if action == "say":
        return None if params.get("repetition", 1) in (1, 2, 3) else NotCreated(400, -1001, "Invalid JSON request body")
    least, most = params.get("minDigits", 1), params.get("maxDigits", 1)
    one, all_of_it = params.get("digitTimeout", 5000), params.get("overallTimeout", 30000)
    if least > most or (not params.get("completeOnHash", True) and not 1 <= most <= 25):  # noqa: PLR2004 - as documented
        return NotCreated(400, -1003, "maxDigits is invalid")
    if all_of_it < one:
        return NotCreated(400, -1005, "overallTimeout is invalid")
    if one < 1:
        return NotCreated(400, -1006, "digitTimeout is invalid")
    return None


def bare(number: str) -> str:
    """The number without its plus sign, which 8x8 accepts and does not need."""
    return number.removeprefix("+")
