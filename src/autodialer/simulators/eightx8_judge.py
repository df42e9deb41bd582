"""The tests' oracle: who was rung, when and how often, as the provider saw it."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

from autodialer.simulators.eightx8_sessions import Session, instant

_WINDOW_SECONDS: Final = 1.0


class Judge:
    """Keeps every accepted call, and the highest concurrency and rate there ever were."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self._live: Counter[str] = Counter()
        self._recent: deque[float] = deque()
        self.max_concurrent = 0
        self.max_concurrent_per_number = 0
        self.max_per_second = 0
        self.refused: Counter[int] = Counter()

    @property
    def live(self) -> int:
        """Sessions that have not ended."""
        return self._live.total()

    def in_last_second(self, now: float) -> int:
        """Calls accepted within the second before `now` (the loop's clock)."""
        while self._recent and self._recent[0] <= now - _WINDOW_SECONDS:
            self._recent.popleft()
        return len(self._recent)

    def accept(self, session: Session) -> None:
        """A call was taken; its session lives from now on."""
        self.sessions[session.session_id] = session
        self._recent.append(session.accepted)
        self._live[session.destination] += 1
        self.max_per_second = max(self.max_per_second, self.in_last_second(session.accepted))
        self.max_concurrent = max(self.max_concurrent, self.live)
        self.max_concurrent_per_number = max(self.max_concurrent_per_number, self._live[session.destination])

    def end(self, session: Session) -> None:
        """The session is over."""
        self._live[session.destination] -= 1

    def rings(self) -> dict[str, Any]:
        """GET /_sim/rings: each destination with its accepted calls in order, and the totals."""
        by_number: dict[str, list[dict[str, Any]]] = {}
        for session in self.sessions.values():
            by_number.setdefault(session.destination, []).append(
                {
                    "at": instant(session.accepted_at),
                    "monotonic": round(session.accepted, 6),
                    "clientRequestId": session.callflow.client_request_id,
                    "sessionId": session.session_id,
                    "rang": session.rang,
                    "outcome": session.outcome,
                }
            )
        return {"rings": by_number, "totals": self._totals(by_number.values())}

    def _totals(self, calls: Iterable[list[dict[str, Any]]]) -> dict[str, Any]:
        ids = Counter(s.callflow.client_request_id for s in self.sessions.values())
        ids.pop(None, None)
        return {
            "accepted": len(self.sessions),
            "rang": sum(session.rang for session in self.sessions.values()),
            "destinations": len({session.destination for session in self.sessions.values()}),
            "agent_rang": sum(len(session.plan.legs) > 1 for session in self.sessions.values()),
            "live": self.live,
            "refused": {str(code): count for code, count in self.refused.items()},
            "max_rings_of_one_number": max((len(entries) for entries in calls), default=0),
            "repeated_client_request_ids": sorted(str(own) for own, count in ids.items() if count > 1),
            "max_concurrent": self.max_concurrent,
            "max_concurrent_of_one_number": self.max_concurrent_per_number,
            "max_per_second": self.max_per_second,
        }
