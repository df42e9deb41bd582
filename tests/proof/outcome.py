"""What a simulated seed came to, and many of them in one line."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PROPERTY = "simulated"
"""The name under which a test records its figures (record_property)."""


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
    """Sums; `cpu` in seconds."""
    return {
        "seeds": len(outcomes),
        "records": sum(outcome.records for outcome in outcomes),
        "rings": sum(outcome.rings for outcome in outcomes),
        "faults": sum(outcome.fired.total() for outcome in outcomes),
        "violations": sum(len(outcome.problems) for outcome in outcomes),
        "cpu": sum(outcome.cpu for outcome in outcomes),
    }


def line_of(parts: Iterable[Mapping[str, float]]) -> str:
    """One line for all of them."""
    total: dict[str, float] = {}
    for part in parts:
        total |= {name: total.get(name, 0) + value for name, value in part.items()}
    cpu = total.pop("cpu")
    return json.dumps({"simulation": {**total, "cpu_seconds_per_seed": round(cpu / max(1, total["seeds"]), 2)}})
