"""After a simulated week `explain` says of a hundred people what an independent replay of the ledger's bare rows says."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from autodialer.domain.record import RecordKey
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.tables import metadata
from service.replayed import dialled, happened, instant, is_of, next_slot, raw_rows, verdict
from service.week import STOP_STATUSES, Week
from service.world import World

SEED = 7
PEOPLE = 100


@pytest.fixture
def memory() -> Iterator[SqlStore]:
    database = Database("sqlite://")
    database.run_migrations(metadata.create_all)
    yield SqlStore(database)
    database.close()


async def test_for_a_hundred_people_after_a_week_explain_agrees_with_a_replay_of_the_ledger(memory: SqlStore) -> None:
    world = World(memory)
    week = Week(world, random.Random(SEED))
    await week.live()
    now, rows, records = world.clock.now(), await world.read(raw_rows), world.crm.records
    shared = Counter(dialled(record) for record in records.values())
    reasons: Counter[str] = Counter()
    for key in week.chance.sample(sorted(records), PEOPLE):
        found = await world.explained(key)
        expected = verdict(records[key], rows, records, now, now)
        reasons[expected] += 1
        assert _reason(found["now"]) == expected, (key, found["now"])
        assert _next(found["next"]) == next_slot(records[key], rows, records, now), (key, found["next"])
        if shared[dialled(records[key])] == 1:
            _agree_on_the_past(key, found, happened(key, rows))
        _tell_of_edits(week, key, found)
    assert len(reasons) >= 10, reasons
    await _agree_on_moments(week)


def _reason(judged: Any) -> str:
    return "call" if judged["would"] == "call" else str(judged["reason"])


def _next(coming: Any) -> tuple[str, datetime] | None:
    if coming["call_at"] is not None:
        return "call", coming["call_at"]
    return ("window_over", coming["dead_at"]) if coming["dead_at"] is not None else None


def _agree_on_the_past(key: RecordKey, found: Any, rows: set[tuple[datetime, str]]) -> None:
    told = [event for event in found["timeline"] if event["kind"] not in ("edited", "not_pulled", "suppressed", "deed")]
    assert {(event["at"], event["kind"]) for event in told} == rows, key
    instants = [event["at"] for event in found["timeline"]]
    assert instants == sorted(instants)


def _tell_of_edits(week: Week, key: RecordKey, found: Any) -> None:
    """Of an edit only where a person made it; and always where one set a status that we never write."""
    edits = week.edits[key]
    told = [event for event in found["timeline"] if event["kind"] == "edited"]
    for event in told:
        made = [(field, value) for at, field, value in edits if at <= event["at"]]
        assert any(field == event["facts"]["field"] and f"is now {value}:" in event["text"] for field, value in made), (
            event
        )
    is_last_of_theirs = bool(edits) and edits[-1][2] in STOP_STATUSES
    if is_last_of_theirs and any(event["kind"] == "pulled" for event in found["timeline"]):
        assert any(f"is now {edits[-1][2]}:" in event["text"] for event in told), (key, edits)


async def _agree_on_moments(week: Week) -> None:
    """What was true then, as it was reckoned then from the rows and from Zoho itself."""
    world, checked = week.world, Counter[str]()
    for snapshot in week.snapshots[:-1]:  # the last one is of this very moment
        started = {run["run_id"]: instant(run["started_at"]) for run in snapshot.rows.runs}
        shared = Counter(dialled(record) for record in snapshot.records.values())
        for key in week.chance.sample(sorted(snapshot.records), 4):
            record = snapshot.records[key]
            pulled = [started[row["run_id"]] for row in snapshot.rows.staged_records if is_of(row, key)]
            edited = any(at >= max(pulled, default=at) for at, _, _ in week.edits[key] if at < snapshot.at)
            found = await world.explained(key, snapshot.at)
            then = found["moment"]["then"]
            if not pulled:
                assert then is None
            elif not edited and shared[dialled(record)] == 1:
                expected = verdict(record, snapshot.rows, snapshot.records, snapshot.at, snapshot.at)
                assert _reason(then) == expected, (key, snapshot.at, then)
                checked[expected] += 1
    assert checked.total() > 40, checked
