"""How a run counts (rules.md, "How a run counts"): processed = called + errors + skipped."""

from collections.abc import Mapping

from autodialer.ports.rows import StagedState


def totals_of(counts: Mapping[tuple[str, str], int]) -> dict[str, object]:
    """The `results` of a run from its (state, reason) counts."""
    by_state: dict[str, int] = dict.fromkeys(StagedState, 0)
    reasons: dict[str, int] = {}
    for (state, reason), count in counts.items():
        by_state[state] += count
        if state != StagedState.CALLED:
            reasons[reason] = reasons.get(reason, 0) + count
    waiting = by_state[StagedState.DUE] + by_state[StagedState.CLAIMED]
    dead = by_state[StagedState.DEAD]
    return {
        "processed": sum(by_state.values()),
        "called": by_state[StagedState.CALLED],
        "errors": by_state[StagedState.ERROR],
        "skipped": by_state[StagedState.SKIP] + dead,
        "marked_dead": dead,
        **({"still_due": waiting} if waiting else {}),
        "reasons": dict(sorted(reasons.items())),
    }
