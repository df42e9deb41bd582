"""What must hold over all replicas, told by the simulated 8x8 and CRM; the ledger is asked only about what it kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from autodialer.store.verify import find_breaches
from crash.judging import check_intents, check_people
from crash.town import NOON
from replicas.city import City

_SETTLED = {"ended", "released", "unknown"}
_SKEW = timedelta(seconds=1)  # a replica's clock begins when it starts, a moment after it was told the time


def most_in_a_second(moments: Sequence[float]) -> int:
    """In any window of one second, not only in those of the clock."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def check(here: City) -> None:
    """Everything, when all is said and done and all replicas have ended."""
    sessions, attempts = here.world.sessions(), here.attempts()
    check_intents(sessions, attempts)
    check_rings(here, sessions)
    check_results(sessions, attempts)
    check_lines(here, sessions, attempts)
    assert here.read(find_breaches) == []
    check_people(here.everybody, here.world, NOON)
    assert not here.left_over(), "somebody was never called"


def check_rings(here: City, sessions: Sequence[Mapping[str, Any]]) -> None:
    """Nobody rings again who has answered, nobody twice in one run; never too many calls in any second."""
    runs = len(here.sql("SELECT run_id FROM runs"))
    most = Counter(call["destination"] for call in sessions)
    assert all(count <= runs for count in most.values()), "somebody was called twice in one run"
    for number in most:
        outcomes = [call["outcome"] for call in sessions if call["destination"] == number]
        assert "answered" not in outcomes[:-1], "somebody who had answered was called again"
    check_pace(here)


def check_pace(here: City) -> None:
    """Never more calls in a second than may be, and one more; and as many as pile up while this machine stands still.

    On an idle machine that is none. It is never more than the calls of another second: many replicas that each kept a pace of their
    own would place more.
    """
    limit = here.limits.per_second
    piled_up = min(limit, int(here.stalls.longest * limit))
    fastest = most_in_a_second(here.ring_times())
    assert fastest <= limit + 1 + piled_up, f"{fastest} calls in one second, longest stall {here.stalls.longest:.2f} s"


def check_results(sessions: Sequence[Mapping[str, Any]], attempts: Sequence[Mapping[str, Any]]) -> None:
    """Each call that ended is applied as it ended; each attempt has come to an end, or is in the list of unknown ones."""
    of = {row["attempt_id"]: row for row in attempts}
    lost = [
        call["sessionId"]
        for call in sessions
        if (of[call["clientRequestId"]]["state"], of[call["clientRequestId"]]["disposition"])
        != ("ended", call["outcome"])
    ]
    assert not lost, "results that 8x8 told of are not in the ledger"
    assert {row["state"] for row in attempts} <= _SETTLED
    placed = {call["clientRequestId"] for call in sessions}
    assert not [row for row in attempts if row["state"] == "unknown" and row["attempt_id"] in placed]


def unexplained(here: City, attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons of unknown calls that are no consequence of anything that was done to the process that placed them."""
    return [
        row["reason"]
        for row in attempts
        if row["state"] == "unknown" and int(row["owner"].split(":")[1]) not in here.fleet.shaken
    ]


def check_lines(here: City, sessions: Sequence[Mapping[str, Any]], attempts: Sequence[Mapping[str, Any]]) -> None:
    """Never more calls at once than there are lines.

    A call whose request left only after it had been given up as unknown (its process stood still, and went on) is not counted:
    its line was free by then.
    """
    given_up = {row["attempt_id"]: _real(here, row["unknown_at"]) for row in attempts if row["unknown_at"]}
    counted = [
        (_instant(call["acceptedAt"]), _instant(call["endedAt"]))
        for call in sessions
        if _instant(call["acceptedAt"]) + _SKEW
        < given_up.get(call["clientRequestId"], datetime.max.replace(tzinfo=UTC))
    ]
    most = most_at_once(counted)
    assert most <= here.limits.lines, f"{most} calls at once"


def most_at_once(calls: Sequence[tuple[datetime, datetime]]) -> int:
    """Of calls that began and ended so. One that begins in the millisecond in which another ends comes after it."""
    changes = sorted([(began, 1) for began, _ in calls] + [(ended, -1) for _, ended in calls])
    return max(accumulate((change for _, change in changes), initial=0))


def _instant(told: str) -> datetime:
    return datetime.fromisoformat(told)


def _real(here: City, milliseconds: int) -> datetime:
    """When that was on this machine's clock, by which the simulators tell the time."""
    return datetime.fromtimestamp(milliseconds / 1000 - NOON.timestamp() + here.began, UTC)
