"""8x8 asks what to do next in a live call: the webhook "Voice Call Action" (VCA), and our answer, a callflow."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from autodialer.domain.result import Progress
from autodialer.eightx8.callflow import make_call
from autodialer.eightx8.config import VoiceConfig
from autodialer.eightx8.numbers import caller_id_for
from autodialer.eightx8.press1 import CONFIRM_DIGIT
from autodialer.eightx8.words import as_int, as_text, digits, normalize_status, plain, session_of
from autodialer.ports.questions import Told

CALL_ACTION = "CALL_ACTION"
CALL_STATUS = "CALL_STATUS"
_NAMES = {CALL_ACTION: "VCA", CALL_STATUS: "VCS"}
_PICKED_UP = {"CALL_CONNECTED", "DTMF_RECEIVED"}
_HANGUP = {"action": "hangup"}


@dataclass(frozen=True, slots=True)
class VoiceQuestion:
    """One VCA of a call that is being asked to press a key. `next_agent`: whose turn it is if they did."""

    identity: str
    session_id: str | None
    attempt_id: str | None
    number: str | None
    digit: str | None
    config: VoiceConfig
    next_agent: Callable[[], str]

    def answer(self, attempt_id: str | None, *, connected: bool) -> Told:
        """The callflow: the agent, goodbye, or nothing more. See ports.questions.Question."""
        if attempt_id is None:
            return Told({"callflow": [_HANGUP]})
        flow: list[object] = []
        connects = False
        if connected or self.digit is None:
            # Another action was completed, or the agent is being called: a hangup here would end the talk.
            pass
        elif self.digit == CONFIRM_DIGIT and (source := caller_id_for(self.config.caller_ids, self.number or "")):
            flow, connects = [make_call(source, self.next_agent(), recording=self.config.press1.recording)], True
        else:
            press1 = self.config.press1
            opts_out = self.digit != "" and self.digit == press1.opt_out_digit
            flow = [press1.say(press1.opt_out_text if opts_out else press1.goodbye), _HANGUP]
        return Told({"clientActionId": attempt_id, "callflow": flow}, connects=connects)


def read_question(
    config: VoiceConfig, body: Mapping[str, object], next_agent: Callable[[], str]
) -> VoiceQuestion | None:
    """The question in a callback; None when it asks nothing."""
    payload = body.get("payload")
    if normalize_status(body.get("eventType")) != CALL_ACTION or not isinstance(payload, Mapping):
        return None
    identity = as_text(payload.get("eventId")) or hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
    return VoiceQuestion(
        identity=identity,
        session_id=session_of(payload.get("sessionId")),
        attempt_id=as_text(payload.get("clientActionId")),
        number=_number(payload),
        digit=_digit(payload),
        config=config,
        next_agent=next_agent,
    )


def read_progress(config: VoiceConfig, event_type: str, payload: Mapping[str, object]) -> Progress:
    """What a VCA or VCS tells of a live call; its words are only noted."""
    status = normalize_status(payload.get("callStatus"))
    digit = _digit(payload) if event_type == CALL_ACTION else None
    code = as_int(payload.get("sipCode"))
    sip = code if code is not None and 100 <= code <= 699 else None  # noqa: PLR2004 - the range of SIP's codes
    inbound = normalize_status(payload.get("callDirection")) == "INBOUND"
    of_person = not inbound and digits(payload.get("destination")) not in config.agent_digits
    pressed = f"pressed {plain(digit) or 'nothing'}" if digit is not None else ""
    words = (
        f"{_NAMES.get(event_type, event_type)} {status or 'without a status'}",
        pressed,
        f"SIP {sip}" if sip else "",
    )
    opts_out = bool(digit) and config.is_press1 and digit == config.press1.opt_out_digit
    return Progress(
        event_type=event_type,
        note=", ".join(filter(None, words)),
        session_id=session_of(payload.get("sessionId")),
        attempt_id=as_text(payload.get("clientActionId")),
        number=_number(payload),
        sip_code=sip,
        picked_up=of_person and (digit is not None or status in _PICKED_UP),
        confirmed=config.is_press1 and of_person and digit == CONFIRM_DIGIT,
        do_not_call=of_person and opts_out,
    )


def _number(payload: Mapping[str, object]) -> str | None:
    number = digits(payload.get("destination"))
    return f"+{number}" if number else None


def _digit(payload: Mapping[str, object]) -> str | None:
    """The key that was pressed, "" for none; None where it is not about keys at all.

    8x8 documents an object with `dtmf`; a bare text was seen too.
    """
    data = payload.get("eventData")
    if isinstance(data, Mapping):
        named = [value for name, value in data.items() if isinstance(name, str) and name.lower() == "dtmf"]
        if not named:
            return None
        data = "" if named[0] is None else named[0]
    if isinstance(data, int) and not isinstance(data, bool):
        data = str(data)
    return data.strip().rstrip("#")[:32] if isinstance(data, str) else None
