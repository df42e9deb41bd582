"""What a simulated seed came to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What one seed came to. `problems` is empty when all that must hold holds; `cpu` in seconds."""

    seed: int
    records: int
    problems: tuple[str, ...]
    trace: str
    fired: Counter[str]
    rings: int
    requests: int
    runs: int
    commits: int
    cpu: float


def figures_of(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Sums."""
    return {
        "seeds": len(outcomes),
        "records": sum(outcome.records for outcome in outcomes),
        "rings": sum(outcome.rings for outcome in outcomes),
        "faults": sum(outcome.fired.total() for outcome in outcomes),
        "violations": sum(len(outcome.problems) for outcome in outcomes),
        "cpu_seconds": sum(outcome.cpu for outcome in outcomes),
    }
