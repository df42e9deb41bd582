"""A call of the simulated Contact Center: which events it causes, when, and how they look (8x8 page "Event reference")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import uuid4

from autodialer.simulators.contact_center_settings import ContactCenterSettings
from autodialer.simulators.people import Outcome

REASONS: Final[Mapping[Outcome, str]] = {
    "answered": "CEC_DISCONNECT_NORMAL",
    "no_answer": "CEC_DISCONNECT_NOANSWER",
    "busy": "CEC_DISCONNECT_BUSY",
    "failed": "CEC_DISCONNECT_FAILED",
    "silent": "CEC_DISCONNECT_NOANSWER",
    "refused": "CEC_DISCONNECT_FAILED",
}
_STATES: Final[Mapping[str, str]] = {
    "InteractionCreated": "CS_IDLE",
    "InteractionAssigned": "CS_INPROGRESS",
    "InteractionAccepted": "CS_INPROGRESS",
    "InteractionCustomerAccepted": "CS_CONNECTED",
    "InteractionRejected": "CS_QUEUED",
}
_TIMEOUT = 1  # InteractionRejected.rejectReason: the agent let it ring


@dataclass(frozen=True, slots=True)
class Step:
    """One event, `at` simulated seconds after the call was placed; `more` are its own fields."""

    at: float
    event: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Call:
    """A call that was placed. `accepted` on the loop's own clock; `ended_at` None while it lives; `rang`: the person's phone."""

    agent_id: str
    destination: str
    attempt_id: str | None
    user_data: Sequence[Mapping[str, Any]]
    steps: Sequence[Step]
    outcome: str
    rang: bool
    accepted_at: datetime
    accepted: float
    tenant: str
    session_id: str = ""
    ended_at: datetime | None = None
    published: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session_id = f"int-{uuid4().hex[:11]}-{uuid4().hex}-phone-00-{self.tenant}"

    def report(self) -> dict[str, Any]:
        """The call for GET /_sim/calls."""
        return {
            "interactionGuid": self.session_id,
            "attemptId": self.attempt_id,
            "agentId": self.agent_id,
            "destination": self.destination,
            "outcome": self.outcome,
            "rang": self.rang,
            "ended": self.ended_at is not None,
            "published": list(self.published),
        }


def plan(outcome: Outcome, settings: ContactCenterSettings, draw: Random, *, agent_takes: bool) -> list[Step]:
    """The events of a call: the agent is rung first, then the person."""
    begin = [
        Step(0, "InteractionCreated"),
        Step(0, "InteractionAssigned", {"promptingTimeout": settings.prompt_seconds}),
    ]
    if not agent_takes:
        gone = settings.prompt_seconds
        return [
            *begin,
            Step(gone, "InteractionRejected", {"rejectReason": _TIMEOUT}),
            Step(gone, "InteractionDeassigned"),
            _end(gone, "CEC_DISCONNECT_NORMAL", "SYSTEM"),
        ]
    begin.append(Step(1, "InteractionAccepted"))
    if outcome != "answered":
        rung = 1 + (settings.ring_seconds if outcome in ("no_answer", "silent") else draw.randint(1, 4))
        return [*begin, Step(rung, "InteractionDeassigned"), _end(rung, REASONS[outcome], "SYSTEM")]
    picked_up = 1 + draw.randint(2, max(2, settings.ring_seconds - 5))
    over = picked_up + settings.talk_seconds
    done = over + settings.wrap_seconds
    return [
        *begin,
        Step(picked_up, "InteractionCustomerAccepted"),
        Step(over, "InteractionPostProcess"),
        Step(done, "InteractionEndPostProcess"),
        Step(done, "InteractionDeassigned"),
        _end(done, REASONS[outcome], draw.choice(("AGENT", "CUSTOMER"))),
    ]


def _end(at: float, reason: str, initiator: str) -> Step:
    more = {"callHangupReason": reason, "hangupInitiator": initiator, "dispositionCode": 1000}
    return Step(at, "InteractionDeleted", more)


def event_of(call: Call, step: Step, now: datetime, number: int, *, echo: bool) -> dict[str, Any]:
    """The event as the stream carries it; types are as loose as 8x8's."""
    data: list[dict[str, Any]] = [
        {"attachedDataKey": "@pri", "attachedDataValue": 100},
        {"attachedDataKey": "phoneNum", "attachedDataValue": int(call.destination.lstrip("+"))},
    ]
    if echo and step.event in ("InteractionCreated", "InteractionAssigned", "InteractionDeleted"):
        told = ";".join(f"{one.get('name')}={one.get('value')}" for one in call.user_data)
        data += [{"attachedDataKey": key, "attachedDataValue": told} for key in ("ctl_userdata", "extTransactionData")]
    return {
        "Interaction": {
            "agentId": call.agent_id,
            "attachedData": {"attachedDatum": data},
            "callState": _STATES.get(step.event, "CS_DISCONNECTED"),
            "direction": "out",
            "event": step.event,
            "interactionGUID": call.session_id,
            "isOutboundCall": "true",
            "mediaType": "phone",
            "msgInfo": {"sequenceId": number, "timestamp": int(now.timestamp() * 1000)},
            **step.more,
        }
    }
