"""A webhook of 8x8 in our words: pure, and silent rather than guessing (8x8 page "Voice Session Summary")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallEvent, CallResult, NoResult, Trouble
from autodialer.eightx8.actions import CALL_ACTION, CALL_STATUS, read_progress
from autodialer.eightx8.config import VoiceConfig
from autodialer.eightx8.errors import trouble_of
from autodialer.eightx8.legs import Leg, agent_leg, is_from_outside, lead_leg, read_legs
from autodialer.eightx8.words import as_instant, as_int, as_text, normalize_status, plain, session_of

_SUMMARY = "SESSION_SUMMARY"
# What the words of one call, and of a session in which the person opted out, mean: (disposition, reason).
ENDS: Mapping[str, tuple[Disposition, str]] = {
    "COMPLETED": (Disposition.ANSWERED, ""),
    "NO_ANSWER": (Disposition.NO_ANSWER, ""),
    "BUSY": (Disposition.BUSY, ""),
    "FAILED": (Disposition.FAILED, ""),
    "CANCELED": (Disposition.FAILED, "canceled"),
    "ERROR": (Disposition.FAILED, "error"),
}
OPT_OUTS: Mapping[str, tuple[Disposition, str]] = {
    "COMPLETED_UNSUBSCRIBED": (Disposition.ANSWERED, "asked not to be called again"),
    "COMPLETED_UNSUB_ERROR": (Disposition.ANSWERED, "asked not to be called again"),
    "UNSUBSCRIBED_CONTACT": (Disposition.FAILED, "not dialled: had asked before not to be called"),
}
_NO_WORD_OF_A_PERSON = (None, "ERROR", "FAILED", "CANCELED")


@dataclass(frozen=True, slots=True)
class _Summary:
    payload: Mapping[str, object]
    session_id: str | None
    attempt_id: str | None
    session_status: str | None
    legs: list[Leg]
    asks: bool  # the person is asked to press a key before an agent is called


def read_callback(body: Mapping[str, object], number_of: Callable[[str], str | None], config: VoiceConfig) -> CallEvent:
    """What `body` says; what is neither a session summary nor about a live call, and every status that nobody can map, is NoResult.

    The person's own leg decides, because the session's status follows the agent's. `number_of(session or
    attempt id)` gives the number that we dialled. MalformedCallback when it is no webhook of 8x8, or when what
    a result depends on has the wrong type.
    """
    event_type, payload = _envelope(body)
    if event_type in (CALL_ACTION, CALL_STATUS):
        return read_progress(config, event_type, payload)
    if event_type != _SUMMARY:
        reason = "only session summaries end a call"
        return NoResult(event_type[:64], reason, session_of(payload.get("sessionId")))
    summary = _read(payload, asks=config.is_press1)
    number = _number(summary, number_of)
    if number is None and summary.attempt_id is None and is_from_outside(summary.legs):
        return _nothing(summary, "somebody called in: no call of ours begins so")
    lead = lead_leg(summary.legs, number, config.agent_digits)
    if lead is not None and (end := ENDS.get(lead.status or "")):
        return _from_leg(summary, lead, end)
    if lead is not None and lead.status is not None and summary.session_status not in OPT_OUTS:
        return _nothing(summary, f"the call status {plain(lead.raw_status)!r} is not known")
    return _from_session(summary)


def _envelope(body: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    problems = []
    if normalize_status(body.get("namespace")) != "VOICE":
        problems.append("namespace: must be VOICE")
    event_type = normalize_status(body.get("eventType"))
    if event_type is None:
        problems.append("eventType: must be text")
    payload = body.get("payload")
    if not isinstance(payload, Mapping):
        problems.append("payload: must be an object")
    if problems or event_type is None or not isinstance(payload, Mapping):
        raise MalformedCallback(problems)
    return event_type, payload


def _read(payload: Mapping[str, object], *, asks: bool) -> _Summary:
    problems: list[str] = []
    session_id, attempt_id = session_of(payload.get("sessionId")), as_text(payload.get("clientRequestId"))
    if session_id is None and attempt_id is None:
        problems.append("payload.sessionId: must be text of 1 to 200 characters")
    status = payload.get("sessionStatus")
    if status is not None and not isinstance(status, str):
        problems.append("payload.sessionStatus: must be text")
    legs = read_legs(payload.get("details"), problems)
    if problems:
        raise MalformedCallback(problems)
    return _Summary(payload, session_id, attempt_id, normalize_status(status), legs, asks)


def _number(summary: _Summary, number_of: Callable[[str], str | None]) -> str | None:
    ids = (summary.session_id, summary.attempt_id)
    return next((number for known in ids if known is not None and (number := number_of(known))), None)


def _from_leg(summary: _Summary, lead: Leg, end: tuple[Disposition, str]) -> CallEvent:
    agent = agent_leg(summary.legs, lead)
    answered = end[0] is Disposition.ANSWERED
    unreached = answered and agent is not None and agent.status is not None and agent.status != "COMPLETED"
    confirmed = agent is not None if summary.asks else None
    return _result(summary, end, lead, agent_unreached=unreached, confirmed=confirmed)


def _from_session(summary: _Summary) -> CallEvent:
    """The session's status counts only where it can't be about the agent's leg."""
    status = summary.session_status or ""
    if status in OPT_OUTS:
        return _result(summary, OPT_OUTS[status], None)
    calls = as_int(summary.payload.get("callCount"))
    usable = any(leg.status is not None for leg in summary.legs)
    if status in ENDS and calls is not None and 0 <= calls <= 1 and not usable:
        return _result(summary, ENDS[status], None, confirmed=False if summary.asks else None)
    return _nothing(summary, "nothing in it tells how the call to the person ended")


def _result(
    summary: _Summary,
    end: tuple[Disposition, str],
    lead: Leg | None,
    *,
    agent_unreached: bool = False,
    confirmed: bool | None = None,
) -> CallResult:
    disposition, reason = end
    opt_out = OPT_OUTS.get(summary.session_status or "")
    ended = (lead.disconnected_at if lead else None) or as_instant(summary.payload.get("endTime"))
    return CallResult(
        disposition=disposition,
        call_status=lead.raw_status if lead else str(summary.payload["sessionStatus"]).strip(),
        session_id=summary.session_id,
        attempt_id=summary.attempt_id,
        happened_at=ended,
        reason=" ".join(filter(None, (reason or (opt_out[1] if opt_out else ""), _error(summary, disposition)))),
        duration_seconds=lead.duration_seconds if lead else None,
        agent_unreached=agent_unreached,
        do_not_call=opt_out is not None,
        confirmed=confirmed,
        trouble=_trouble(summary, lead, disposition),
    )


def _error(summary: _Summary, disposition: Disposition) -> str:
    details = summary.payload.get("errorDetails")
    if disposition is not Disposition.FAILED or not isinstance(details, Mapping):
        return ""
    code, message = as_int(details.get("errorCode")), plain(details.get("errorMsg"))
    return f"{'' if code is None else code} {message}".strip()


def _trouble(summary: _Summary, lead: Leg | None, disposition: Disposition) -> Trouble | None:
    """8x8's own failure: only where the session says so and the person's leg is not about the person.

    8x8's pages "Session Status" and "SIP Response Codes" differ on whether a leg may be ERROR; so one that FAILED or was CANCELED
    is about the person only if it lasted.
    """
    details = summary.payload.get("errorDetails")
    failed = lead is None or lead.status in (None, "ERROR") or not lead.lasted
    if summary.session_status != "ERROR" or disposition is not Disposition.FAILED or not failed:
        return None
    if not isinstance(details, Mapping):
        return None
    rang = any(leg.lasted or leg.status not in _NO_WORD_OF_A_PERSON for leg in summary.legs)
    return trouble_of(as_int(details.get("errorCode")), plain(details.get("errorMsg")), rang=rang)


def _nothing(summary: _Summary, reason: str) -> NoResult:
    return NoResult(_SUMMARY, reason, summary.session_id)
