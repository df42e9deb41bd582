"""How many of the people who answered today found nobody to talk to."""

from collections.abc import Mapping
from dataclasses import dataclass

from autodialer.rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Agents:
    """Today's figures; `is_alarming` by the policy's `agent_unreached_alarm`."""

    unreached: int
    answered: int
    is_alarming: bool


def agents_of(today: Mapping[str, object], policy: Policy) -> Agents:
    """From the figures of ledger.stats.today."""
    ends = today["by_disposition"]
    answered = int(ends.get("answered", 0)) if isinstance(ends, Mapping) else 0
    unreached = int(str(today["agent_unreached"]))
    return Agents(unreached, answered, policy.is_alarming(unreached, answered))
