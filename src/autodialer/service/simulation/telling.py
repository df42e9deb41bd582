"""What simulations came to, as people, the API and CSV files see it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from autodialer.domain.record import RecordKey
from autodialer.rules.policy import Policy
from autodialer.service.simulation.diff import Difference
from autodialer.service.simulation.tally import Entry, Tally

LOG_COLUMNS = ("record_type", "zoho_id", "run_at", "at", "did", "reason", "detail", "ended")
DIFF_COLUMNS = (
    "record_type",
    "zoho_id",
    "run_at",
    "first_did",
    "first_reason",
    "first_detail",
    "second_did",
    "second_reason",
    "second_detail",
    "first_calls",
    "second_calls",
    "first_fate",
    "second_fate",
)


def told(policy: Policy, tally: Tally) -> dict[str, object]:
    """The sums and loads of one policy."""
    return {
        "policy": policy.hash,
        "policy_warnings": policy.warnings(),
        "totals": tally.totals(),
        "by_day": [
            {
                "date": day.isoformat(),
                "runs": of_day.runs,
                "calls": of_day.calls,
                "answered": of_day.answered,
                "dead": of_day.dead,
                "zoho_credits": of_day.credits,
            }
            for day, of_day in sorted(tally.days.items())
        ],
        "by_hour": [
            {"hour": hour, "calls": calls, "answered": tally.answered_by_hour[hour]}
            for hour, calls in sorted(tally.by_hour.items())
        ],
        "by_attempt": [
            {"attempt": attempt, "calls": calls, "answered": tally.answered_by_attempt[attempt]}
            for attempt, calls in sorted(tally.by_attempt.items())
        ],
        "ends": {end.value: count for end, count in sorted(tally.ends.items())},
        "skips": dict(sorted(tally.skips.items())),
    }


def told_of_both(changes: Sequence[Difference]) -> dict[str, object]:
    """Who changes, summed up: by how they end, and by what each policy first did otherwise."""
    fates = Counter((one.fates[0].value, one.fates[1].value) for one in changes)
    reasons = Counter((_act(one.first), _act(one.second)) for one in changes)
    return {
        "people_changed": len(changes),
        "fates_changed": sum(one.fates[0] is not one.fates[1] for one in changes),
        "fates": [{"first": one, "second": other, "people": count} for (one, other), count in _greatest(fates)],
        "reasons": [{"first": one, "second": other, "people": count} for (one, other), count in _greatest(reasons)],
    }


def in_order_of_weight(changes: Sequence[Difference]) -> list[Difference]:
    """Those who end otherwise first, then those who get more or fewer calls."""
    return sorted(
        changes, key=lambda one: (one.fates[0] is one.fates[1], one.calls[0] == one.calls[1], one.slot, one.key)
    )


def change_fields(one: Difference) -> dict[str, object]:
    """A person with whom two policies deal differently."""
    return {
        **_of(one.key),
        "run_at": one.slot,
        "first": _entry(one.first),
        "second": _entry(one.second),
        "calls": {"first": one.calls[0], "second": one.calls[1]},
        "fates": {"first": one.fates[0].value, "second": one.fates[1].value},
    }


def log_cells(tally: Tally) -> Iterator[list[object]]:
    """Everything that was done, a line each, as LOG_COLUMNS."""
    for key, entry in tally.entries():
        end = None if entry.end is None else entry.end.value
        cells = [entry.slot.isoformat(), entry.at.isoformat(), entry.did.value, entry.reason, entry.detail, end]
        yield [*_of(key).values(), *cells]


def diff_cells(changes: Sequence[Difference]) -> Iterator[list[object]]:
    """Everybody who changes, a line each, as DIFF_COLUMNS."""
    for one in changes:
        acts = [(entry.did.value, entry.reason, entry.detail) for entry in (one.first, one.second)]
        fates = [fate.value for fate in one.fates]
        yield [*_of(one.key).values(), one.slot.isoformat(), *acts[0], *acts[1], *one.calls, *fates]


def _of(key: RecordKey) -> dict[str, object]:
    return {"record_type": key.record_type.value, "zoho_id": key.zoho_id}


def _entry(entry: Entry) -> dict[str, object]:
    end = None if entry.end is None else entry.end.value
    return {"did": entry.did.value, "reason": entry.reason, "detail": entry.detail, "at": entry.at, "ended": end}


def _act(entry: Entry) -> str:
    return f"{entry.did.value}: {entry.reason}"


def _greatest(counts: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
