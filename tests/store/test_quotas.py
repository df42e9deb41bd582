"""Slots: taken when reserved, returned when released, and never more of them than the quotas allow."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import IntegrityError

from autodialer.domain.attempt import PlacedCall, Reserved, Submitting, Unknown
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal
from autodialer.ports.rows import Reservation, RunState
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import attempts, runs
from store.made import NOW, OWNER, a_result, a_run, ended, lead, open_runs, phone, released, reservation, work

DAYS = ("2026-01-13", "2026-01-14", "2026-01-15")
RUNS = [f"run-{number}" for number in range(1, 13)]


def slots(database: Database, attempt_id: str) -> tuple[int | None, ...]:
    return database.submit(lambda connection: slots_in(connection, attempt_id)).result()


def slots_in(connection: Connection, attempt_id: str) -> tuple[int | None, ...]:
    a = attempts.c
    wanted = select(a.record_slot, a.number_slot, a.record_day_slot, a.number_day_slot).where(
        a.attempt_id == attempt_id
    )
    return tuple(connection.execute(wanted).one())


def call_person(store: SqlStore, wanted: Reservation) -> None:
    """One whole call."""
    work(store, lambda ledger: ended(ledger, wanted))


def test_each_call_takes_the_next_slot(store: SqlStore) -> None:
    open_runs(store, *RUNS)
    for number in range(1, 4):
        call = reservation(
            f"a-{number}", run_id=f"run-{number}", attempts_before=number - 1, day_attempts_before=number - 1
        )
        call_person(store, call)
        assert slots(store.database, f"a-{number}") == (number,) * 4


def test_a_released_attempt_returns_its_slots_and_the_hole_is_filled_first(store: SqlStore) -> None:
    open_runs(store, *RUNS)
    call_person(store, reservation("a-1"))
    reserved = work(store, lambda ledger: ledger.attempts.reserve(reservation("a-2", run_id="run-2")))
    assert slots(store.database, "a-2") == (2, 2, 2, 2)
    assert work(store, lambda ledger: ledger.attempts.release(reserved, reserved.release("paused", NOW)))
    assert slots(store.database, "a-2") == (None,) * 4
    call_person(store, reservation("a-3", run_id="run-3"))
    assert slots(store.database, "a-3") == (2, 2, 2, 2)


def test_a_hole_between_taken_slots_is_filled(store: SqlStore) -> None:
    """Two processes: the earlier reservation is released after the later one, on another number, was made."""
    open_runs(store, *RUNS)
    first = work(store, lambda ledger: ledger.attempts.reserve(reservation("a-1")))
    work(store, lambda ledger: ledger.attempts.submit(first, first.submit(NOW), NOW))
    lost = first.submit(NOW)
    work(store, lambda ledger: ledger.attempts.release(lost, lost.release("refused", NOW)))
    work(
        store,
        lambda ledger: ended(ledger, reservation("a-2", run_id="run-2", attempts_before=2, day_attempts_before=1)),
    )
    assert slots(store.database, "a-2") == (3, 3, 2, 2)
    call_person(store, reservation("a-3", run_id="run-3"))
    assert slots(store.database, "a-3") == (1, 1, 1, 1)
    call_person(store, reservation("a-4", run_id="run-4", policy_day=DAYS[1]))
    assert slots(store.database, "a-4") == (2, 2, 1, 1)
    call_person(store, reservation("a-5", run_id="run-5", policy_day=DAYS[1]))
    assert slots(store.database, "a-5") == (4, 4, 2, 2)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"attempts_before": 7}, "total_quota"),
        ({"attempts_before": 20}, "total_quota"),
        ({"day_attempts_before": 3}, "day_quota"),
        ({"total_quota": 0}, "total_quota"),
        ({"day_quota": 0}, "day_quota"),
    ],
)
def test_calls_that_only_the_crm_knows_count_too(store: SqlStore, changes: dict[str, Any], constraint: str) -> None:
    open_runs(store, "run-1")
    with pytest.raises(LedgerRefusal, match=constraint):
        work(store, lambda ledger: ledger.attempts.reserve(reservation(**changes)))


def test_the_last_call_of_the_quota_is_allowed_and_the_next_is_not(store: SqlStore) -> None:
    open_runs(store, *RUNS)
    last = reservation(attempts_before=6, day_attempts_before=2)
    call_person(store, last)
    assert slots(store.database, "a-1") == (7, 7, 3, 3)
    for before in (6, 7):
        with pytest.raises(LedgerRefusal, match="quota"):
            call_person(store, reservation("a-2", run_id="run-2", attempts_before=before))


def test_another_record_with_the_same_number_uses_up_the_numbers_quota(store: SqlStore) -> None:
    open_runs(store, *RUNS)
    for number in range(3):
        call = reservation(f"a-{number}", key=lead(number), run_id=RUNS[number])
        call_person(store, call)
    with pytest.raises(LedgerRefusal, match="day_quota_of_number"):
        work(store, lambda ledger: ledger.attempts.reserve(reservation("a-4", key=lead(4), run_id="run-4")))


def test_another_number_of_the_same_record_uses_up_the_records_quota(store: SqlStore) -> None:
    open_runs(store, *RUNS)
    for number in range(3):
        call = reservation(f"a-{number}", number=phone(number), run_id=RUNS[number])
        call_person(store, call)
    with pytest.raises(LedgerRefusal, match="day_quota_of_record"):
        work(store, lambda ledger: ledger.attempts.reserve(reservation("a-4", number=phone(4), run_id="run-4")))


def test_a_refused_reservation_takes_nothing(store: SqlStore) -> None:
    open_runs(store, *RUNS)
    with pytest.raises(LedgerRefusal):
        work(store, lambda ledger: ledger.attempts.reserve(reservation(attempts_before=7)))
    assert work(store, lambda ledger: ledger.attempts.row("a-1")) is None
    work(store, lambda ledger: released(ledger, reservation()))
    work(store, lambda ledger: ledger.attempts.reserve(reservation("a-2")))
    assert slots(store.database, "a-2") == (1, 1, 1, 1)


# Random histories, against a model in plain Python ------------------------------------------------


@dataclass
class Model:
    """Who holds which slots, as rules.md has it; `alive` are the attempts that are not released."""

    alive: dict[str, tuple[Reservation, dict[str, int]]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    handles: dict[str, Reserved | Submitting | PlacedCall | Unknown] = field(default_factory=dict)

    def wanted_slots(self, new: Reservation) -> dict[str, int]:
        key, number, day = new.key, new.number, new.policy_day
        olds = list(self.alive.values())
        taken_by = {
            "record": {taken["record"] for old, taken in olds if old.key == key},
            "number": {taken["number"] for old, taken in olds if old.number == number},
            "record_day": {taken["record_day"] for old, taken in olds if (old.key, old.policy_day) == (key, day)},
            "number_day": {taken["number_day"] for old, taken in olds if (old.number, old.policy_day) == (number, day)},
        }
        return {
            name: min(set(range((new.day_attempts_before if "day" in name else new.attempts_before) + 1, 40)) - taken)
            for name, taken in taken_by.items()
        }

    def take(self, new: Reservation, handle: Reserved) -> None:
        self.alive[new.attempt_id] = (new, self.wanted_slots(new))
        self.open.add(new.attempt_id)
        self.handles[new.attempt_id] = handle

    def allows(self, new: Reservation) -> bool:
        open_ones = [self.alive[attempt_id][0] for attempt_id in self.open]
        wanted = self.wanted_slots(new)
        return (
            all(old.key != new.key and old.number != new.number for old in open_ones)
            and all((old.run_id, old.key) != (new.run_id, new.key) for old, _ in self.alive.values())
            and max(wanted["record"], wanted["number"]) <= new.total_quota
            and max(wanted["record_day"], wanted["number_day"]) <= new.day_quota
        )


def step(ledger: SqlLedger, model: Model, rng: random.Random, name: str, handle: Any) -> None:
    """Move one open attempt on, in the ledger and in the model."""
    match handle:
        case Reserved():
            if rng.random() < 0.3:
                assert ledger.attempts.release(handle, handle.release("x", NOW))
                forget(model, name)
            else:
                model.handles[name] = after = handle.submit(NOW)
                assert ledger.attempts.submit(handle, after, NOW)
        case Submitting():
            what = rng.choice(["release", "place", "lose", "end"])
            if what == "release":
                assert ledger.attempts.release(handle, handle.release("x", NOW))
                forget(model, name)
            elif what == "place":
                model.handles[name] = taken = handle.place(f"s {name}", NOW)
                assert ledger.attempts.place(handle, taken)
            elif what == "lose":
                model.handles[name] = lost = handle.lose("x", NOW)
                assert ledger.attempts.lose(handle, lost)
            else:
                finish(ledger, model, name, handle)
        case PlacedCall():
            if rng.random() < 0.3:
                model.handles[name] = gone = handle.lose("x", NOW)
                assert ledger.attempts.lose(handle, gone)
            else:
                finish(ledger, model, name, handle)
        case Unknown():
            finish(ledger, model, name, handle)


def finish(ledger: SqlLedger, model: Model, name: str, handle: Submitting | PlacedCall | Unknown) -> None:
    assert ledger.attempts.end(handle, handle.end(Disposition.BUSY, NOW), a_result(Disposition.BUSY))
    model.open.discard(name)
    del model.handles[name]


def forget(model: Model, name: str) -> None:
    model.open.discard(name)
    del model.alive[name], model.handles[name]


def never_exceeds(connection: Connection, total: int, day: int) -> None:
    a = attempts.c
    rows = connection.execute(select(a.zoho_id, a.number, a.policy_day).where(a.state != "released")).all()
    in_total = Counter(("record", zoho_id) for zoho_id, _, _ in rows) + Counter(("number", n) for _, n, _ in rows)
    in_a_day = Counter(("record", r, d) for r, _, d in rows) + Counter(("number", n, d) for _, n, d in rows)
    assert max(in_total.values(), default=0) <= total
    assert max(in_a_day.values(), default=0) <= day


def start_anew(connection: Connection) -> SqlLedger:
    for table in (attempts, runs):
        connection.execute(delete(table))
    ledger = SqlLedger(connection)
    for run_id in RUNS:
        ledger.runs.open(a_run(run_id), NOW)
        ledger.runs.advance(run_id, OWNER, RunState.FINISHED, NOW)
    return ledger


def try_to_reserve(connection: Connection, wanted: Reservation) -> Reserved | None:
    """None when the database refused; the transaction goes on either way."""
    try:
        with connection.begin_nested():
            return SqlLedger(connection).attempts.reserve(wanted)
    except IntegrityError:
        return None


def random_reservation(rng: random.Random, number: int, limits: "Limits") -> Reservation:
    return reservation(
        f"a-{number}",
        run_id=rng.choice(RUNS),
        key=lead(rng.randrange(limits.people)),
        number=phone(rng.randrange(limits.numbers)),
        policy_day=rng.choice(DAYS),
        attempts_before=rng.choice([0, 0, 0, 1, 2, limits.total]),
        day_attempts_before=rng.choice([0, 0, 0, 1]),
        total_quota=limits.total,
        day_quota=limits.day,
    )


@dataclass(frozen=True)
class Limits:
    people: int
    numbers: int
    total: int
    day: int


def live_through(connection: Connection, rng: random.Random, steps: int, limits: Limits) -> None:
    ledger, model = start_anew(connection), Model()
    for number in range(steps):
        if model.handles and rng.random() < 0.6:
            name = rng.choice(sorted(model.handles))
            step(ledger, model, rng, name, model.handles[name])
            continue
        wanted = random_reservation(rng, number, limits)
        handle = try_to_reserve(connection, wanted)
        assert (handle is not None) == model.allows(wanted)
        if handle is not None:
            model.take(wanted, handle)
            assert slots_in(connection, wanted.attempt_id) == tuple(model.alive[wanted.attempt_id][1].values())
    never_exceeds(connection, limits.total, limits.day)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(20, 80),
    limits=st.builds(
        Limits, people=st.integers(1, 3), numbers=st.integers(1, 3), total=st.integers(1, 7), day=st.integers(1, 3)
    ),
)
def test_no_history_ever_exceeds_a_quota_and_none_is_refused_without_cause(
    database: Database, seed: int, steps: int, limits: Limits
) -> None:
    rng = random.Random(seed)
    database.submit(lambda connection: live_through(connection, rng, steps, limits)).result()


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=st.integers(0, 9), total=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_together_with_what_the_crm_knows_a_person_is_never_called_too_often(
    database: Database, known: int, total: int, seed: int
) -> None:
    """The CRM knows `known` calls that the ledger has never seen; `attempts_before` is the greater of both counts."""
    rng = random.Random(seed)

    def history(connection: Connection) -> int:
        ledger, alive = start_anew(connection), 0
        for number, run_id in enumerate(RUNS):
            before = rng.choice([known, max(known, alive)])
            day = f"2026-02-{number + 1:02}"
            call = reservation(f"a-{number}", run_id=run_id, attempts_before=before, policy_day=day, total_quota=total)
            if (reserved := try_to_reserve(connection, call)) is None:
                continue
            if rng.random() < 0.3:
                ledger.attempts.release(reserved, reserved.release("x", NOW))
                continue
            alive += 1
            ledger.attempts.submit(reserved, sent := reserved.submit(NOW), NOW)
            ledger.attempts.end(sent, sent.end(Disposition.BUSY, NOW), None)
        return alive

    assert known + database.submit(history).result() <= max(total, known)
