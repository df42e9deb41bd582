"""The sessions of the simulated 8x8 and what they look like in a summary (8x8 page "Session Summary for IVR")."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid1

import phonenumbers

from autodialer.simulators.eightx8_callflow import ACTIONS, Callflow
from autodialer.simulators.eightx8_plan import ERRORS, Plan, PlannedLeg


@dataclass(slots=True, eq=False)
class Session:
    """An accepted call. `accepted` on the loop's own clock, for rates; `ended_at` None while it lives.

    `rang`: whether the person's phone rang. `deliveries`: for each summary sent, the HTTP status or what went wrong. `told`: the
    answers to each question that was asked in the call; `last_action` what was done last, where it was an answer that said so.
    """

    callflow: Callflow
    plan: Plan
    outcome: str
    accepted_at: datetime
    accepted: float
    subaccount_id: str
    session_id: str = field(default_factory=lambda: str(uuid1()))
    request_id: str = field(default_factory=lambda: str(uuid1()))
    call_ids: tuple[str, str] = field(default_factory=lambda: (str(uuid1()), str(uuid1())))
    ended_at: datetime | None = None
    deliveries: list[str] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    last_action: str | None = None

    @property
    def destination(self) -> str:
        """The person's number, E.164."""
        return e164(self.callflow.destination)

    @property
    def rang(self) -> bool:
        """False where the session ended with an error before anybody's phone rang."""
        return self.plan.error is None or self.plan.legs[0].connected is not None

    def report(self) -> dict[str, Any]:
        """The session for GET /_sim/sessions."""
        return {
            "sessionId": self.session_id,
            "clientRequestId": self.callflow.client_request_id,
            "destination": self.destination,
            "acceptedAt": instant(self.accepted_at),
            "endedAt": None if self.ended_at is None else instant(self.ended_at),
            "outcome": self.outcome,
            "sessionStatus": self.plan.status,
            "legs": [
                {"destination": leg.destination, "callStatus": leg.status, "callDuration": leg.duration}
                for leg in self.plan.legs
            ],
            "rang": self.rang,
            "deliveries": list(self.deliveries),
            "told": list(self.told),
        }


def summary(session: Session, plan: Plan, ended_at: datetime, *, echo: bool) -> dict[str, Any]:
    """The session summary (VSS). Times are reckoned back from `ended_at`, so that none lies in the future."""
    payload: dict[str, Any] = {
        "sessionId": session.session_id,
        "subAccountId": session.subaccount_id,
        "sessionStatus": plan.status,
        "startTime": _second(ended_at - timedelta(seconds=plan.seconds)),
        "endTime": _second(ended_at),
        "lastAction": session.last_action or _last_action(session.callflow.actions, plan),
        "callCount": len(plan.legs),
    }
    if echo and session.callflow.client_request_id is not None:
        payload["clientRequestId"] = session.callflow.client_request_id
    if plan.error is not None:
        payload["errorDetails"] = {"errorMsg": ERRORS.get(plan.error, "Unknown error"), "errorCode": plan.error}
    start = ended_at - timedelta(seconds=plan.seconds)
    payload["details"] = {
        key: _leg(session.callflow.source, call_id, leg, start)
        for key, call_id, leg in zip(("callA", "callB"), session.call_ids, plan.legs, strict=False)
    }
    return {
        "payload": payload,
        "namespace": "VOICE",
        "eventType": "SESSION_SUMMARY",
        "description": "Summary of a completed call session",
        "version": 5,
    }


def e164(number: str) -> str:
    """The number with its plus sign."""
    return number if number.startswith("+") else f"+{number}"


def instant(moment: datetime) -> str:
    """An instant with milliseconds and Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _second(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _last_action(actions: Sequence[str], plan: Plan) -> str:
    # A person who doesn't answer, or an agent who doesn't, ends the callflow where it is.
    return ACTIONS[actions[-1] if plan.status == "COMPLETED" else "makeCall"]


def _leg(source: str, call_id: str, leg: PlannedLeg, start: datetime) -> dict[str, Any]:
    timestamps = {"initiatedTimestamp": leg.initiated, "connectedTimestamp": leg.connected}
    shown: dict[str, Any] = {
        "callId": call_id,
        "callDirection": "OUTBOUND",
        "callType": "PSTN",
        **{
            name: _second(start + timedelta(seconds=seconds))
            for name, seconds in timestamps.items()
            if seconds is not None
        },
        "disconnectedTimestamp": _second(start + timedelta(seconds=leg.disconnected)),
        "source": e164(source),
        "destination": e164(leg.destination),
        "sourceFormat": "MSISDN",
        "destinationFormat": "MSISDN",
        "sourceCountryCode": _country(e164(source)),
        "destinationCountryCode": _country(e164(leg.destination)),
        "callStatus": leg.status,
        "callDuration": leg.duration,
    }
    if leg.connected is not None:
        shown["callQuality"] = {"mos": 4.5, "packetLossRate": 0, "jitter": 20}
    return shown


@lru_cache(maxsize=1024)
def _country(number: str) -> str:
    """ISO 3166 alpha-2 of the number's calling code; "" for none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_country_code(parsed.country_code or 0)
