"""What is counted of the calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Figure:
    """How many calls were alike. `day`: YYYY-MM-DD in the policy's zone; `hour`: in which they were sent, 0 to 23, UTC.

    `attempt_number`: which call to this person it was, from 1. `end`: a disposition (answered, no_answer, busy, failed, unknown) or
    no_result_yet; one that is unknown for now counts as unknown.
    """

    day: str
    hour: int
    attempt_number: int
    end: str
    calls: int


class Stats(Protocol):
    """Figures for /api/stats and `stats`."""

    def today(self, policy_day: str) -> Mapping[str, object]:
        """total_records, total_attempts, how they ended; of these agent_unreached and unconfirmed; beside them not_rung."""
        ...

    def of_run(self, run_id: str) -> Mapping[str, int]:
        """How the calls of a run ended so far."""
        ...

    def unreached_of_run(self, run_id: str) -> int:
        """How many of its answered calls found no agent."""
        ...

    def calls_since(self, since: datetime) -> int:
        """Calls sent at or after `since`."""
        ...

    def work_lists(self) -> Mapping[str, int]:
        """How many unknown calls, orphans, parked updates, answered-waiting people."""
        ...

    def ended(self) -> Mapping[str, int]:
        """All calls that ever ended, by disposition."""
        ...

    def figures(self, first_day: str, last_day: str) -> Sequence[Figure]:
        """The calls that were sent on these days of the policy, both included, in the order of Figure's fields; for charts."""
        ...
