"""The tests' oracle: who was rung, when and how often, as the Contact Center saw it."""

from collections import Counter
from typing import Any

from autodialer.simulators.contact_center_calls import Call


class ContactCenterJudge:
    """Keeps every call that was placed, and the highest concurrency and rate there ever were."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.refused: Counter[int] = Counter()
        self.max_concurrent = 0
        self.max_per_second = 0
        self._live: Counter[str] = Counter()
        self._concurrent_of_one = 0

    @property
    def live(self) -> int:
        """Calls that have not ended."""
        return self._live.total()

    def in_last_second(self, now: float) -> int:
        """Calls placed within the second before `now` (the loop's clock)."""
        count = 0
        for call in reversed(self.calls.values()):
            if call.accepted <= now - 1.0:
                break
            count += 1
        return count

    def accept(self, call: Call) -> None:
        """A call was placed and lives from now on."""
        self.calls[call.session_id] = call
        self._live[call.destination] += 1
        self._concurrent_of_one = max(self._concurrent_of_one, self._live[call.destination])
        self.max_concurrent = max(self.max_concurrent, self.live)
        self.max_per_second = max(self.max_per_second, self.in_last_second(call.accepted))

    def end(self, call: Call) -> None:
        """The call is over."""
        self._live[call.destination] -= 1

    def rings(self) -> dict[str, Any]:
        """GET /_sim/rings: each destination with its calls in order, and the totals."""
        by_number: dict[str, list[dict[str, Any]]] = {}
        for call in self.calls.values():
            entry = {
                "at": call.accepted_at.isoformat(),
                "monotonic": round(call.accepted, 6),
                "clientRequestId": call.attempt_id,
                "sessionId": call.session_id,
                "agentId": call.agent_id,
                "rang": call.rang,
                "outcome": call.outcome,
            }
            by_number.setdefault(call.destination, []).append(entry)
        ids = Counter(call.attempt_id for call in self.calls.values())
        ids.pop(None, None)
        totals = {
            "accepted": len(self.calls),
            "rang": sum(call.rang for call in self.calls.values()),
            "destinations": len(by_number),
            "live": self.live,
            "refused": {str(status): count for status, count in self.refused.items()},
            "max_rings_of_one_number": max(map(len, by_number.values()), default=0),
            "repeated_client_request_ids": sorted(str(own) for own, count in ids.items() if count > 1),
            "max_concurrent": self.max_concurrent,
            "max_concurrent_of_one_number": self._concurrent_of_one,
            "max_per_second": self.max_per_second,
        }
        return {"rings": by_number, "totals": totals}
