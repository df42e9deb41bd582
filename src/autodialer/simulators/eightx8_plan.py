"""How a call goes: who is rung when, and how each leg and the session end. Pure; seconds are simulated ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Outcome

STATUS_OF: Final[Mapping[Outcome, str]] = {
    "answered": "COMPLETED",
    "no_answer": "NO_ANSWER",
    "busy": "BUSY",
    "failed": "FAILED",
    "silent": "NO_ANSWER",
    "voicemail": "COMPLETED",
}
ERRORS: Final[Mapping[int, str]] = {
    -2001: "Internal error",
    -2002: "Connectivity error",
    -2003: "Invalid callflow",
    -2004: "No coverage available for requested area",
    -2007: "Validity period expired",
    -2008: "Caller ID not whitelisted",
    -2010: "Trunk capacity exceeded",
}
_SIP: Final[Mapping[str, int]] = {
    "COMPLETED": 200, "NO_ANSWER": 480, "BUSY": 486, "FAILED": 503, "CANCELED": 487, "ERROR": 500,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One leg; times are seconds from the session's start."""

    destination: str
    status: str
    initiated: int
    connected: int | None
    disconnected: int

    @property
    def duration(self) -> int:
        """Seconds connected."""
        return 0 if self.connected is None else self.disconnected - self.connected

    @property
    def sip_status(self) -> int:
        """The final SIP code that such an end has (8x8 page "SIP Response Codes")."""
        return _SIP.get(self.status, 500)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole session. `legs`: the person's, then the agent's if it came to that. `error`: code, or None."""

    legs: tuple[PlannedLeg, ...]
    status: str
    seconds: int
    error: int | None = None


def plan_call(
    destination: str,
    agent: str | None,
    outcomes: tuple[Outcome, Outcome],
    settings: VoiceSettings,
    draw: Random,
    rings: tuple[int, int] | None = None,
) -> Plan:
    """The person is rung first; if they answer, the agent. `outcomes`: the person's, the agent's; `rings`: how long, in seconds."""
    status = STATUS_OF[outcomes[0]]
    if status != "COMPLETED":
        seconds = _ringing(status, settings, draw)
        return Plan((PlannedLeg(destination, status, 0, None, seconds),), status, seconds)
    picked_up = draw.randint(*(rings or (2, max(2, settings.ring_seconds - 5))))
    if agent is None:
        end = picked_up + settings.talk_seconds
        return Plan((PlannedLeg(destination, status, 0, picked_up, end),), status, end)
    return with_agent(destination, agent, STATUS_OF[outcomes[1]], (picked_up, picked_up), settings, draw)


def failed_session(destination: str, code: int) -> Plan:
    """Nobody is rung: an asynchronous error (8x8 page "Voice Error Codes")."""
    return Plan((PlannedLeg(destination, "ERROR", 0, None, 0),), "ERROR", 0, code)


def with_status(plan: Plan, status: str, error_code: int) -> Plan:
    """The same call with another end of the person's leg; the agent was then called only if that is COMPLETED."""
    if status == "ERROR":
        return failed_session(plan.legs[0].destination, error_code)
    lead = plan.legs[0]
    if status == "COMPLETED":
        connected = lead.connected if lead.connected is not None else max(0, lead.disconnected - 1)
        return replace(plan, legs=(replace(lead, status=status, connected=connected),), status=status)
    return replace(plan, legs=(replace(lead, status=status, connected=None),), status=status)


def with_agent(
    destination: str,
    agent: str,
    agent_status: str,
    at: tuple[int, int],
    settings: VoiceSettings,
    draw: Random,
) -> Plan:
    """The agent is rung while the person waits; `at`: when the person picked up, and when the agent's phone begins to ring.

    The session's status follows the agent's leg (8x8 page "Session Summary", the table of leg A and leg B).
    """
    picked_up, rung = at
    if agent_status == "COMPLETED":
        bridged = rung + draw.randint(2, 8)
        end = bridged + settings.talk_seconds
    else:
        bridged, end = None, rung + _ringing(agent_status, settings, draw)
    legs = (
        PlannedLeg(destination, "COMPLETED", 0, picked_up, end),
        PlannedLeg(agent, agent_status, rung, bridged, end),
    )
    return Plan(legs, agent_status, end)


def _ringing(status: str, settings: VoiceSettings, draw: Random) -> int:
    return settings.ring_seconds if status == "NO_ANSWER" else draw.randint(1, 4)
