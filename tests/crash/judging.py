"""The always-assertions, told by the simulated 8x8 and CRM, never by the ledger that is judged."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from autodialer.simulators.people import Person
from e2e.processes import World

UNANSWERED = ("no_answer", "busy", "failed")
DAY_QUOTAS = (3, 2, 2)
TOTAL = 7
QUIET = (
    "SELECT NOT EXISTS (SELECT 1 FROM runs WHERE state IN ('staging', 'dialing')) "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE state IN ('reserved', 'submitting', 'placed')) "
    "AND NOT EXISTS (SELECT 1 FROM outbox WHERE state = 'pending') AND NOT EXISTS (SELECT 1 FROM inbox WHERE state = 'new')"
)


def was_heard(session: Mapping[str, Any]) -> bool:
    """Whether the service acknowledged the end of this call."""
    return "200" in session["deliveries"]


def check_intents(sessions: Sequence[Mapping[str, Any]], attempts: Iterable[Mapping[str, Any]]) -> None:
    """No attempt was sent twice, and the ledger knew of each call before it was sent (and counts it)."""
    ids = Counter(session["clientRequestId"] for session in sessions)
    assert [own for own, count in ids.items() if count > 1] == [], "an attempt was sent twice"
    rows = list(attempts)
    sent = {row["attempt_id"] for row in rows if row["submitted_at"] is not None}
    assert set(ids) <= sent, "a call was placed whose intent the ledger does not know"
    released = {row["attempt_id"] for row in rows if row["state"] == "released"}
    assert not released & set(ids), "a call was placed and its quota returned"


def check_people(everybody: Sequence[Person], world: World, now: datetime, *, run_finished: bool = True) -> None:
    """The CRM is what follows from the calls that were heard of, and all calls kept to the rules.

    `run_finished`: at least one run came to its end, so that who is beyond Day 2 is Dead.
    """
    totals = world.rings()["totals"]
    assert totals["max_concurrent_of_one_number"] <= 1, "one phone rang twice at once"
    crm = world.records()
    sessions: dict[str, list[Mapping[str, Any]]] = {}
    for session in world.sessions():
        sessions.setdefault(session["destination"], []).append(session)
    for person in everybody:
        record = crm[person.zoho_id]
        _check_person(person, record, world.status_of(record), sessions.get(person.number or "", []), now)
        if run_finished and _day_of(person, now) >= len(DAY_QUOTAS):
            assert world.status_of(record) == "Dead"


def _check_person(
    person: Person, record: Mapping[str, Any], status: object, calls: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    before, heard = person.call_attempts or 0, [call["outcome"] for call in calls if was_heard(call)]
    unanswered = any(outcome in UNANSWERED for outcome in heard)
    assert before + len(calls) <= TOTAL
    assert "answered" not in heard[:-1], "called again after an answer"
    assert (record["Call_Attempts"] or 0) == before + len(heard), "the CRM's count follows from the calls"
    if person.status == "New":
        assert len(calls) <= DAY_QUOTAS[0], "a day's quota"
        assert status == ("No Answer" if unanswered else "New")
        assert (record["First_No_Answer_At"] is not None) == unanswered
        return
    day = _day_of(person, now)
    if day >= len(DAY_QUOTAS):
        assert not calls, "called after Day 2"
        return
    assert len(calls) <= DAY_QUOTAS[day] - (before if day == 0 else 0), "a day's quota"
    assert status == "No Answer"


def _day_of(person: Person, now: datetime) -> int:
    first = person.first_no_answer_at
    return 0 if first is None else (now.date() - first.date()).days
