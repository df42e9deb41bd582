"""Events of the stream in our words: pure, and silent rather than guessing (8x8 pages "Event Streaming", "Event reference")."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallEvent, CallResult, NoResult, NotDialled
from autodialer.ports import Heard
from autodialer.telephony_http.words import as_int, as_text, normalize_status, plain

NAMESPACE = "CONTACT_CENTER"
DELETED, REJECTED, ASSIGNED = "INTERACTIONDELETED", "INTERACTIONREJECTED", "INTERACTIONASSIGNED"
CUSTOMER_ACCEPTED = "INTERACTIONCUSTOMERACCEPTED"
# An agent took the call: from then on the person's phone may have rung.
_AGENT_TOOK = frozenset(
    {"INTERACTIONACCEPTED", "INTERACTIONPOSTPROCESS", "INTERACTIONENDPOSTPROCESS", CUSTOMER_ACCEPTED}
)
_SILENT = frozenset({None, "CEC_NONE", "CEC_DISCONNECT_NORMAL", "CEC_DISCONNECT_CANCELLED"})
ENDS: Mapping[str, tuple[Disposition, str]] = {
    "CEC_DISCONNECT_NOANSWER": (Disposition.NO_ANSWER, ""),
    "CEC_DISCONNECT_BUSY": (Disposition.BUSY, ""),
    "CEC_DISCONNECT_REJECTED": (Disposition.BUSY, "declined"),
    "CEC_DISCONNECT_BADADDRESS": (Disposition.FAILED, "the number can't be reached"),
    "CEC_DISCONNECT_BLOCKED": (Disposition.FAILED, "blocked"),
    "CEC_DISCONNECT_FAILED": (Disposition.FAILED, ""),
    "CEC_DISCONNECT_CANCELLED": (Disposition.FAILED, "canceled"),
}
_OURS = frozenset({"ctl_userdata", "ctluserdata", "externaluserdata", "exttransactiondata", "externaltransactiondata"})
_ATTEMPT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_SESSION = 120
_LONGEST_EVENT = 60
_SECONDS = 100_000_000_000  # a greater number of seconds would lie beyond the year 5000: it counts milliseconds


def reduce(message: object) -> dict[str, object] | None:
    """What is kept of one message of the stream, in the form of a callback; None for what can't be a phone call of ours.

    Names and numbers of the tenant's customers stay at 8x8.
    """
    event = message.get("Interaction") if isinstance(message, Mapping) else None
    if not isinstance(event, Mapping):
        return None
    name, session_id = as_text(event.get("event")), as_text(event.get("interactionGUID"))
    if name is None or len(name) > _LONGEST_EVENT or session_id is None or len(session_id) > _LONGEST_SESSION:
        return None
    if _word(event.get("mediaType")) not in (None, "PHONE") or _word(event.get("direction")) in ("IN", "INBOUND"):
        return None
    told = {
        "sessionId": session_id,
        "attemptId": _attempt_id(event),
        "agentId": as_text(event.get("agentId")),
        "callState": as_text(event.get("callState")),
        "callHangupReason": as_text(event.get("callHangupReason")),
        "hangupInitiator": as_text(event.get("hangupInitiator")),
        "rejectReason": as_int(event.get("rejectReason")),
        "at": _at(event),
    }
    payload = {key: value for key, value in told.items() if value is not None}
    return {"namespace": NAMESPACE, "eventType": name, "payload": payload}


def read(body: Mapping[str, object], heard: Heard) -> CallEvent:
    """What a kept event says. MalformedCallback when it is none of ours.

    The person's answer is a result at once: nothing has to be remembered until the call is over, and nothing can be lost between.
    Every other end comes with InteractionDeleted, unless the person had answered.
    """
    name, payload, session_id = _envelope(body)
    if name == CUSTOMER_ACCEPTED:
        return _result(payload, session_id, (Disposition.ANSWERED, ""), "CustomerAccepted", [])
    if name != DELETED:
        return NoResult(name[:64], "only the person's answer and the end of an interaction end a call", session_id)
    events = heard(session_id)
    earlier = [payload, *map(_payload, events)]
    before = set(map(_name, events))
    reason = _word(payload.get("callHangupReason"))
    if CUSTOMER_ACCEPTED in before:
        return _result(payload, session_id, (Disposition.ANSWERED, ""), reason or "none", earlier)
    if REJECTED in before and not before & _AGENT_TOOK:
        return _declined(payload, session_id, reason, events)
    if reason is not None and reason in ENDS:
        return _result(payload, session_id, ENDS[reason], reason, earlier)
    return NoResult(name, f"{plain(reason) or 'no reason'} without an answer of the person tells nothing", session_id)


def _declined(
    payload: Mapping[str, object], session_id: str, reason: str | None, events: Sequence[Mapping[str, object]]
) -> CallEvent:
    """The agent, who is rung first, declined or let it ring, and no other took it: nobody has rung the person.

    Unless somebody was offered the call and did not decline: 8x8's own sequence of an unanswered call has no word of the agent's
    taking it. Or the reason speaks of a phone: then it can't be told whose that was, the agent's or the person's.
    """
    if _is_offered(events):
        return NoResult(DELETED, "offered again after an agent declined: who took it is not told", session_id)
    if reason in _SILENT:
        attempt_id = _first_attempt_id([payload, *map(_payload, events)])
        return NotDialled(
            "the agent did not take the call, the person was not rung", session_id, attempt_id, among_others=True
        )
    return NoResult(DELETED, f"{plain(reason)} after the agent declined: whose phone is not told", session_id)


def _is_offered(events: Sequence[Mapping[str, object]]) -> bool:
    """Whether an agent was given the call and has not declined since; where not all are named, whether that came last.

    In the order of arrival or in that of the events' own times: what was not acknowledged comes again, behind what followed it.
    """
    told = [one for one in events if _name(one) in (ASSIGNED, REJECTED)]
    by_time = sorted(told, key=lambda one: _instant(_payload(one).get("at")) or _NO_TIME)
    return _ends_offered(told) or _ends_offered(by_time)


def _ends_offered(events: Sequence[Mapping[str, object]]) -> bool:
    words = [(_payload(one).get("agentId"), _name(one)) for one in events]
    named = all(agent_id for agent_id, _ in words)
    return ASSIGNED in {agent_id if named else "": word for agent_id, word in words}.values()


def _result(
    payload: Mapping[str, object],
    session_id: str,
    end: tuple[Disposition, str],
    call_status: str,
    earlier: Sequence[Mapping[str, object]],
) -> CallResult:
    disposition, reason = end
    return CallResult(
        disposition=disposition,
        call_status=call_status,
        session_id=session_id,
        attempt_id=_first_attempt_id([payload, *earlier]),
        happened_at=_instant(payload.get("at")),
        reason=reason,
        among_others=True,
    )


def _envelope(body: Mapping[str, object]) -> tuple[str, Mapping[str, object], str]:
    name, payload = _name(body), _payload(body)
    session_id = as_text(payload.get("sessionId"))
    problems = []
    if body.get("namespace") != NAMESPACE:
        problems.append(f"namespace: must be {NAMESPACE}")
    if not name:
        problems.append("eventType: must be text")
    if session_id is None:
        problems.append("payload.sessionId: must be text of 1 to 200 characters")
    if problems or session_id is None:
        raise MalformedCallback(problems)
    return name, payload, session_id


def _name(body: Mapping[str, object]) -> str:
    return (_word(body.get("eventType")) or "").replace("_", "")


def _payload(body: Mapping[str, object]) -> Mapping[str, object]:
    payload = body.get("payload")
    return payload if isinstance(payload, Mapping) else {}


def _word(value: object) -> str | None:
    word = normalize_status(value)
    return "CEC_DISCONNECT_CANCELLED" if word == "CEC_DISCONNECT_CANCELED" else word


def _first_attempt_id(payloads: Sequence[Mapping[str, object]]) -> str | None:
    return next((found for payload in payloads if (found := as_text(payload.get("attemptId"))) is not None), None)


def _attempt_id(event: Mapping[str, object]) -> str | None:
    """Ours, wherever 8x8 echoes it: the names are documented, the form of the text is not."""
    attached = event.get("attachedData")
    listed = attached.get("attachedDatum") if isinstance(attached, Mapping) else None
    for datum in listed if isinstance(listed, list) else [listed]:
        if isinstance(datum, Mapping) and str(datum.get("attachedDataKey")).lower() in _OURS:
            found = _ATTEMPT.search(str(datum.get("attachedDataValue")))
            if found is not None:
                return found[0]
    return None


def _at(event: Mapping[str, object]) -> str | None:
    """When it happened, as far as that can be told."""
    info = event.get("msgInfo")
    stamps = [info.get("timestamp") if isinstance(info, Mapping) else None]
    for stamp in [*stamps, event.get("interactionEventTS"), event.get("eventTS")]:
        number = as_int(stamp)
        if number is not None and number > 0:
            try:
                return datetime.fromtimestamp(number / 1000 if number > _SECONDS else number, UTC).isoformat()
            except (ValueError, OverflowError, OSError):
                continue
    return None


def _instant(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
