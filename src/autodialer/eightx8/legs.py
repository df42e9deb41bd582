"""The legs of a session summary, and which of them is the call to the person."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from autodialer.eightx8.words import as_instant, as_int, digits, normalize_status

_LEG_KEY = re.compile(r"call[a-z]", re.IGNORECASE)
_LONGEST_CALL = 7 * 24 * 3600
_NO_TIME = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Leg:
    """One call of a session. `name`: calla, callb …; `status` normalised, `raw_status` as 8x8 wrote it.

    `lasted`: it was connected, or seconds passed until it was given up, in which a phone may have rung.
    """

    name: str
    outbound: bool
    destination: str
    status: str | None
    raw_status: str
    duration_seconds: int | None
    disconnected_at: datetime | None
    lasted: bool = False


def read_legs(details: object, problems: list[str]) -> list[Leg]:
    """The legs of `payload.details`, whatever their keys' case; what can't be read goes to `problems`."""
    if details is None:
        return []
    if not isinstance(details, Mapping):
        problems.append("payload.details: must be an object")
        return []
    legs: dict[str, Leg] = {}
    for key, value in details.items():
        if not isinstance(key, str) or _LEG_KEY.fullmatch(key) is None or value is None:
            continue
        name = key.lower()
        where = f"payload.details.{name}"
        if not isinstance(value, Mapping):
            problems.append(f"{where}: must be an object")
        elif name in legs:
            problems.append(f"{where}: stands twice")
        else:
            legs[name] = _leg(name, value, where, problems)
    return sorted(legs.values(), key=lambda leg: leg.name)


def lead_leg(legs: Sequence[Leg], number: str | None, agents: AbstractSet[str]) -> Leg | None:
    """The call to the person: the outbound leg to the number that we dialled, else callA; None if neither is.

    An agent's own leg is never taken for the person's, unless it is the number that we dialled. `agents`: digits of their numbers.
    """
    dialled = digits(number)
    if dialled:
        for leg in legs:
            if leg.outbound and leg.destination == dialled:
                return leg
    others = [leg for leg in legs if leg.destination not in agents]
    return next((leg for leg in others if leg.name == "calla"), None)


def is_from_outside(legs: Sequence[Leg]) -> bool:
    """Whether somebody called a number of the account: the first call of a session of ours goes out (docs/8x8.md, section 3)."""
    return any(leg.name == "calla" and not leg.outbound for leg in legs)


def agent_leg(legs: Sequence[Leg], lead: Leg) -> Leg | None:
    """The other leg, if the agent was called at all."""
    return next((leg for leg in legs if leg is not lead), None)


def lasted(began: datetime | None, connected: datetime | None, ended: datetime | None, seconds: int | None) -> bool:
    """Whether a call was connected, for `seconds` if 8x8 counted them, or took so long that a phone may have rung."""
    took = ended - began if began is not None and ended is not None else timedelta()
    return took > _NO_TIME or connected is not None or seconds not in (None, 0)


def _leg(name: str, value: Mapping[str, object], where: str, problems: list[str]) -> Leg:
    raw = value.get("callStatus")
    if raw is not None and not isinstance(raw, str):
        problems.append(f"{where}.callStatus: must be text")
    seconds = as_int(value.get("callDuration"))
    began, ended = as_instant(value.get("initiatedTimestamp")), as_instant(value.get("disconnectedTimestamp"))
    return Leg(
        name=name,
        outbound=normalize_status(value.get("callDirection")) != "INBOUND",
        destination=digits(value.get("destination")),
        status=normalize_status(raw),
        raw_status=raw.strip() if isinstance(raw, str) else "",
        duration_seconds=seconds if seconds is not None and 0 <= seconds <= _LONGEST_CALL else None,
        disconnected_at=ended,
        lasted=lasted(began, as_instant(value.get("connectedTimestamp")), ended, seconds),
    )
