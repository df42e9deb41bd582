"""What is removed says nothing to anybody any more: verdicts, drift, write-backs and proofs are the same without it."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus, Record, RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.pruning import Detail, Pruned
from autodialer.ports.rows import Reservation, RunState, StagedState
from autodialer.rules.decide import decide
from autodialer.rules.policy import Policy
from autodialer.service.drift import _sides
from autodialer.service.people import gather_facts
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import attempts, inbox, staged_records
from autodialer.store.verify import find_breaches
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    a_run,
    elsewhere,
    ended,
    lead,
    open_runs,
    person,
    phone,
    projection,
    released,
    staged,
    submitted,
    work,
)

DAY = timedelta(days=1)
LONG_AGO = NOW - 100 * DAY
BEFORE = NOW - 30 * DAY
POLICY = Policy()


def _step(
    detail: Detail, position: str | None, before: datetime, limit: int, remove: bool, ledger: SqlLedger
) -> Pruned:
    return ledger.pruning.step(detail, position, before, limit, remove=remove)


def prune(store: SqlStore, before: datetime = BEFORE, limit: int = 3, *, remove: bool = True) -> dict[Detail, int]:
    """All passes to their end, a few rows at a time."""
    removed = dict.fromkeys(Detail, 0)
    for detail in Detail:
        position: str | None = None
        while True:
            step = work(store, partial(_step, detail, position, before, limit, remove))
            removed[detail] += step.removed
            position = step.position
            if position is None:
                break
    return removed


def count(store: SqlStore, table: Any) -> int:
    return work(store, lambda ledger: ledger._connection.execute(select(func.count()).select_from(table)).scalar_one())


def heard(ledger: SqlLedger, key: str, at: datetime, state: str = "applied", **changes: Any) -> None:
    """A callback that came and was settled at once."""
    values = {"source": "provider", "session_id": None, "attempt_id": None, "body": f'{{"of": "{key}"}}', **changes}
    attempt_id = values.pop("attempt_id")
    ledger.inbox.add(dedupe_key=key, event_type="X", at=at, **values)
    row = ledger.inbox.find(key)
    assert row is not None
    ledger.inbox.settle(row.inbox_id, state, attempt_id=attempt_id, at=at)


# Callbacks ----------------------------------------------------------------------------------------


def test_old_callbacks_of_settled_calls_go_and_all_others_stay(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1), at=LONG_AGO)
        ended(ledger, person(2), Disposition.UNKNOWN, at=LONG_AGO)
        lost = submitted(ledger, person(3), at=LONG_AGO)
        ledger.attempts.lose(lost, lost.lose("x", LONG_AGO))
        heard(ledger, "gone", LONG_AGO, attempt_id="a-1")
        heard(ledger, "gone too", LONG_AGO, "ignored")
        heard(ledger, "of a closed unknown call", LONG_AGO, "ignored", session_id="session of a-2")
        heard(ledger, "of an unknown call", LONG_AGO, "ignored", attempt_id="a-3")
        heard(ledger, "orphan", LONG_AGO, "orphan")
        heard(ledger, "young", NOW - DAY, attempt_id="a-1")
        ledger.inbox.add(dedupe_key="new", source="provider", event_type="", session_id=None, body="{}", at=LONG_AGO)

    work(store, unit)
    assert prune(store, remove=False)[Detail.CALLBACKS] == 2
    assert count(store, inbox) == 7
    assert prune(store)[Detail.CALLBACKS] == 2
    left = work(store, lambda ledger: set(ledger._connection.execute(select(inbox.c.dedupe_key)).scalars()))
    assert left == {"of a closed unknown call", "of an unknown call", "orphan", "young", "new"}


def test_a_result_of_a_call_placed_elsewhere_is_known_again_for_ever_but_not_what_it_said(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ledger.attempts.add_elsewhere(elsewhere(happened_at=LONG_AGO))
        heard(ledger, "told", LONG_AGO, source="mission", attempt_id="e-1")

    work(store, unit)
    assert prune(store)[Detail.CALLBACKS] == 1
    row = work(store, lambda ledger: ledger.inbox.find("told"))
    assert row is not None
    assert (row.body, row.attempt_id) == ("{}", "e-1")
    assert not work(
        store,
        lambda ledger: ledger.inbox.add(
            dedupe_key="told", source="mission", event_type="", session_id=None, body="again", at=NOW
        ),
    )


# Updates ------------------------------------------------------------------------------------------


def written(ledger: SqlLedger, at: datetime, **changes: Any) -> None:
    """An update that Zoho took."""
    ledger.outbox.put(projection(**changes), at)
    for row in ledger.outbox.claim(OWNER, at, 10, at):
        ledger.outbox.sent(row.outbox_id, OWNER, at)


def test_an_update_goes_when_a_later_one_says_as_much_and_the_last_word_on_each_thing_stays(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        first = {"status": CrmStatus.NO_ANSWER, "first_no_answer_at": LONG_AGO}
        written(ledger, LONG_AGO, call_attempts=1, **first)
        for attempts_made in (2, 3, 4):
            written(ledger, LONG_AGO + attempts_made * MINUTE, call_attempts=attempts_made)
        written(ledger, LONG_AGO + DAY, status=CrmStatus.DEAD)
        ledger.outbox.put(projection(lead(2), call_attempts=1), LONG_AGO)
        ledger.outbox.put(projection(lead(2), call_attempts=2), LONG_AGO)
        ledger.outbox.park(ledger.outbox.claim(OWNER, NOW, 1, NOW)[0].outbox_id, OWNER, "refused", LONG_AGO)

    work(store, unit)
    assert prune(store, remove=False)[Detail.UPDATES] == 2
    assert prune(store)[Detail.UPDATES] == 2
    rows = work(store, lambda ledger: ledger.outbox.of_record(lead()))
    kept = [(row.status, row.call_attempts) for row in rows]
    assert kept == [(CrmStatus.NO_ANSWER, 1), (None, 4), (CrmStatus.DEAD, None)]
    states = [row.state for row in work(store, lambda ledger: ledger.outbox.of_record(lead(2)))]
    assert states == ["superseded", "parked"], "nothing that Zoho took says them again"


def test_an_update_said_again_after_the_pass_went_by_goes_with_the_next_one_of_its_record(store: SqlStore) -> None:
    work(store, lambda ledger: written(ledger, LONG_AGO, call_attempts=1))
    assert prune(store)[Detail.UPDATES] == 0
    work(store, lambda ledger: written(ledger, LONG_AGO + DAY, call_attempts=2))
    assert prune(store)[Detail.UPDATES] == 1


def test_verify_still_finds_a_result_that_never_reached_the_outbox(store: SqlStore) -> None:
    """Also of an old call, unless Zoho took a later count that holds it."""
    open_runs(store, "run-0", "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number, at in ((1, LONG_AGO), (2, LONG_AGO), (3, NOW - DAY)):
            ended(ledger, person(number), at=at)
        written(ledger, LONG_AGO + MINUTE, key=lead(1), attempt_id="other", call_attempts=1)
        written(ledger, NOW, key=lead(3), attempt_id="other", call_attempts=9)
        ledger.pruning._raise_pruned_to(BEFORE)

    work(store, unit)
    breaches = store.database.submit(find_breaches).result()
    assert {breach.subject for breach in breaches} == {"a-2", "a-3"}


# Runs and released attempts -------------------------------------------------------------------------


def test_the_records_of_old_runs_go_a_few_at_a_time_and_those_of_an_open_run_stay(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        for run_id, at, closed in (("old", LONG_AGO, True), ("young", NOW - DAY, True), ("open", LONG_AGO, False)):
            ledger.runs.open(a_run(run_id, started_at=at), NOW)
            ledger.staging.add(run_id, [staged(number, StagedState.CALLED) for number in range(7)])
            if closed:
                ledger.runs.advance(run_id, OWNER, RunState.FINISHED, at)

    work(store, unit)
    assert prune(store, remove=False)[Detail.STAGED] == 7
    assert prune(store)[Detail.STAGED] == 7
    left = work(
        store, lambda ledger: set(ledger._connection.execute(select(staged_records.c.run_id).distinct()).scalars())
    )
    assert left == {"young", "open"}


def test_released_attempts_go_unless_they_tell_of_the_number_or_something_tells_of_them(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        old: dict[str, Any] = {"policy_day": LONG_AGO.date().isoformat(), "reserved_at": LONG_AGO}
        for number in range(1, 6):
            released(ledger, person(number, **old))
        released(ledger, person(6, **old), number_refused=True)
        released(ledger, person(7, **old))
        heard(ledger, "told", NOW, attempt_id="a-7")
        released(ledger, person(8, **old))
        ledger.activities.put("a-8", NOW)
        released(ledger, person(9))
        ended(ledger, person(10, policy_day=old["policy_day"]), at=LONG_AGO)
        latest = submitted(ledger, person(11, **old), at=LONG_AGO + DAY)
        ledger.attempts.release(latest, latest.release("refused", LONG_AGO))

    work(store, unit)
    assert prune(store, remove=False)[Detail.RELEASED] == 5
    assert prune(store)[Detail.RELEASED] == 5
    left = work(store, lambda ledger: set(ledger._connection.execute(select(attempts.c.attempt_id)).scalars()))
    assert left == {"a-6", "a-7", "a-8", "a-9", "a-10", "a-11"}, "a-11 is by what a clock set back is noticed"


# Turns, places --------------------------------------------------------------------------------------


def _begin(at: datetime, ledger: SqlLedger) -> bool:
    return ledger.pruning.begin_daily(at)


def test_one_process_a_day_takes_the_daily_turn(store: SqlStore) -> None:
    turns = [NOW, NOW, NOW + DAY - MINUTE, NOW + DAY, NOW + DAY, NOW + 3 * DAY]
    taken = [work(store, partial(_begin, at)) for at in turns]
    assert taken == [True, False, False, True, False, True]


def test_a_pass_goes_on_where_the_last_one_stopped(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        for number in range(10):
            heard(ledger, f"c-{number}", LONG_AGO, "orphan" if number < 5 else "ignored")

    work(store, unit)
    first = work(store, lambda ledger: ledger.pruning.step(Detail.CALLBACKS, None, BEFORE, 6, remove=True))
    second = work(store, lambda ledger: ledger.pruning.step(Detail.CALLBACKS, None, BEFORE, 6, remove=True))
    assert (first.removed, second.removed, second.position) == (1, 4, None)


# Nothing that anybody reads changes ------------------------------------------------------------------


def a_day(ledger: SqlLedger, dice: random.Random, run_id: str, at: datetime, made: dict[int, int]) -> None:
    """A run's calls, and what became of them by results, errors, people and Zoho. `made`: the calls of each person so far."""
    for one in dice.sample(sorted(made), len(made) // 2):
        wanted = person(
            one,
            f"{run_id}-{one}",
            run_id=run_id,
            number=phone(dice.choice((one, one, one % 3))),
            policy_day=at.date().isoformat(),
            reserved_at=at,
            attempts_before=made[one],
            total_quota=99,
            day_quota=99,
            record_status=dice.choice(("New", "No Answer")),
            is_new=made[one] == 0 and dice.random() < 0.5,
        )
        if dice.random() < 0.2:
            released(ledger, wanted, number_refused=dice.random() < 0.2)
            continue
        made[one] += 1
        a_call(ledger, dice, wanted, at, made[one])


def a_call(ledger: SqlLedger, dice: random.Random, wanted: Reservation, at: datetime, made: int) -> None:
    end = dice.choice([*Disposition])
    ended(ledger, wanted, end, at)
    heard(ledger, wanted.attempt_id, at, attempt_id=wanted.attempt_id, session_id=f"session of {wanted.attempt_id}")
    if end is not Disposition.UNKNOWN:
        status = dice.choice((None, CrmStatus.NO_ANSWER, CrmStatus.DEAD))
        first = at if dice.random() < 0.3 else None
        says = {"status": status, "call_attempts": made, "first_no_answer_at": first}
        ledger.outbox.put(projection(wanted.key, attempt_id=wanted.attempt_id, **says), at)
        for row in ledger.outbox.claim(OWNER, at, 100, at):
            if dice.random() < 0.8:
                ledger.outbox.sent(row.outbox_id, OWNER, at, status_kept=dice.choice((None, "Onboarding")))
    if dice.random() < 0.1:
        ledger.attempts.lift_holds([wanted.key], at)


def seen(ledger: Ledger, keys: Sequence[RecordKey], dice: random.Random) -> list[object]:
    """All that is decided, compared and written by what the ledger holds."""
    found: list[object] = []
    for status in ("New", "No Answer"):
        records = [
            Record(key, status, call_attempts=dice.choice((None, 1, 4)), phone=phone(number))
            for number, key in enumerate(keys, start=1)
        ]
        for now in (NOW, NOW + DAY, NOW + 40 * DAY):
            facts = gather_facts(ledger, records, POLICY, now, now - timedelta(seconds=2))
            found += [(fact, decide(fact, POLICY, now)) for fact in facts]
    found.append(dict(_sides(ledger, keys)))
    found.append(ledger.attempts.latest_submitted())
    found.append(ledger.attempts.unknown())
    found.append(dict(ledger.stats.work_lists()))
    for key in keys:
        ledger.outbox.put(projection(key, attempt_id="next", call_attempts=1), NOW)
        found.append([row.call_attempts for row in ledger.outbox.of_record(key) if row.state == "pending"])
    return found


@pytest.mark.parametrize("seed", range(5))
def test_every_verdict_and_every_difference_is_the_same_before_and_after(store: SqlStore, seed: int) -> None:
    runs = [f"run-{number}" for number in range(9)]
    open_runs(store, *runs)
    keys = [lead(number) for number in range(1, 13)]

    def live(ledger: SqlLedger) -> None:
        dice, made = random.Random(seed), dict.fromkeys(range(1, len(keys) + 1), 0)
        for at, run_id in zip(sorted(NOW - dice.randrange(5, 120) * DAY for _ in runs), runs, strict=True):
            a_day(ledger, dice, run_id, at, made)

    def look(connection: Connection) -> list[object]:
        with connection.begin_nested() as trial:
            found = seen(SqlLedger(connection), keys, random.Random(seed))
            trial.rollback()  # the updates that were only tried
        return found

    work(store, live)
    sound = store.database.submit(find_breaches).result()
    before = store.database.submit(look).result()
    assert prune(store)[Detail.CALLBACKS] > 0
    assert store.database.submit(look).result() == before
    assert store.database.submit(find_breaches).result() == sound
    assert prune(store) == dict.fromkeys(Detail, 0), "all in one pass"
