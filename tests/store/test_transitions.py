"""Each transition of an attempt happens once, by its owner, from the state it starts in, or not at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from autodialer.domain.attempt import Ended, PlacedCall, Released, Reserved, Submitting, Unknown
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal
from autodialer.ports.ledger import Attempt
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import attempts
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    a_result,
    elsewhere,
    ended,
    open_runs,
    person,
    placed,
    released,
    reservation,
    submitted,
    work,
)

LATER = NOW + MINUTE
Move = Callable[[SqlLedger, Any], bool]


def make_reserved(ledger: SqlLedger) -> Attempt:
    return ledger.attempts.reserve(reservation())


def make_submitting(ledger: SqlLedger) -> Attempt:
    return submitted(ledger, reservation())


def make_placed(ledger: SqlLedger) -> Attempt:
    return placed(ledger, reservation(), "s-1")


def make_unknown(ledger: SqlLedger) -> Attempt:
    before = submitted(ledger, reservation())
    after = before.lose("no answer from 8x8", NOW)
    assert ledger.attempts.lose(before, after)
    return after


def make_released(ledger: SqlLedger) -> Attempt:
    reserved = released(ledger, reservation())
    return reserved.release("changed its mind", NOW)


def make_ended(ledger: SqlLedger) -> Attempt:
    return ended(ledger, reservation())


def submit(ledger: SqlLedger, before: Reserved) -> bool:
    return ledger.attempts.submit(before, before.submit(LATER), LATER)


def release(ledger: SqlLedger, before: Reserved | Submitting | Unknown) -> bool:
    return ledger.attempts.release(before, before.release("refused", LATER))


def place(ledger: SqlLedger, before: Submitting) -> bool:
    return ledger.attempts.place(before, before.place("s-2", LATER))


def lose(ledger: SqlLedger, before: Submitting | PlacedCall) -> bool:
    return ledger.attempts.lose(before, before.lose("nobody answered", LATER))


def end(ledger: SqlLedger, before: Submitting | PlacedCall | Unknown) -> bool:
    after = before.end(Disposition.BUSY, LATER)
    return ledger.attempts.end(before, after, a_result(Disposition.BUSY))


def overrule(ledger: SqlLedger, before: Ended) -> bool:
    after = Ended(before.intent, Disposition.ANSWERED, LATER)
    return ledger.attempts.overrule(before, after, a_result(Disposition.ANSWERED))


MAKERS: dict[type[Any], Callable[[SqlLedger], Attempt]] = {
    Reserved: make_reserved,
    Submitting: make_submitting,
    PlacedCall: make_placed,
    Unknown: make_unknown,
    Released: make_released,
    Ended: make_ended,
}
LEGAL: list[tuple[type[Any], Move, type[Any]]] = [
    (Reserved, submit, Submitting),
    (Reserved, release, Released),
    (Submitting, release, Released),
    (Submitting, place, PlacedCall),
    (Submitting, lose, Unknown),
    (Submitting, end, Ended),
    (PlacedCall, lose, Unknown),
    (PlacedCall, end, Ended),
    (PlacedCall, release, Released),
    (Unknown, end, Ended),
    (Unknown, release, Released),
    (Ended, overrule, Ended),
]
MOVES = [(start, move) for start, move, _ in LEGAL]
NAMES = [f"{start.__name__}-{move.__name__}" for start, move, _ in LEGAL]


@pytest.fixture(autouse=True)
def _a_run(store: SqlStore) -> None:
    open_runs(store, "run-1", "run-2")


def everything(store: SqlStore) -> list[Any]:
    rows = store.database.submit(lambda connection: connection.execute(select(attempts)).all()).result()
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(("start", "move", "finish"), LEGAL, ids=NAMES)
def test_a_legal_transition_works_once(store: SqlStore, start: type[Any], move: Move, finish: type[Any]) -> None:
    before = work(store, MAKERS[start])
    assert work(store, lambda ledger: move(ledger, before))
    after = work(store, lambda ledger: ledger.attempts.load("a-1"))
    assert isinstance(after, finish)
    assert after.intent == before.intent
    first = everything(store)
    assert not work(store, lambda ledger: move(ledger, before))
    assert everything(store) == first


@pytest.mark.parametrize(("start", "move"), MOVES, ids=NAMES)
def test_nobody_but_the_owner_moves_an_attempt(store: SqlStore, start: type[Any], move: Move) -> None:
    before: Any = work(store, MAKERS[start])
    first = everything(store)
    stranger = replace(before, intent=replace(before.intent, owner="host:2:bbbb"))
    assert not work(store, lambda ledger: move(ledger, stranger))
    assert everything(store) == first


@pytest.mark.parametrize(
    ("stands", "start", "move"),
    [(stands, start, move) for start, move in MOVES for stands in MAKERS if stands is not start],
    ids=[
        f"{name}-when-{stands.__name__}"
        for name, (start, _) in zip(NAMES, MOVES, strict=True)
        for stands in MAKERS
        if stands is not start
    ],
)
def test_a_transition_from_a_state_that_is_not_there_changes_nothing(
    store: SqlStore, stands: type[Any], start: type[Any], move: Move
) -> None:
    """Somebody else was faster: what one holds is stale."""
    there = work(store, MAKERS[stands])
    stale: dict[type[Any], Any] = {
        Reserved: Reserved(there.intent, NOW),
        Submitting: Submitting(there.intent, NOW),
        PlacedCall: PlacedCall(there.intent, "s-1", NOW),
        Unknown: Unknown(there.intent, "x", NOW),
        Ended: Ended(there.intent, Disposition.NO_ANSWER, NOW),
    }
    first = everything(store)
    assert not work(store, lambda ledger: move(ledger, stale[start]))
    assert everything(store) == first


def test_an_attempt_that_is_not_there_can_not_be_moved(store: SqlStore) -> None:
    before = work(store, lambda ledger: ledger.attempts.reserve(reservation()))
    nobody = replace(before, intent=replace(before.intent, attempt_id="a-9"))
    assert not work(store, lambda ledger: submit(ledger, nobody))
    assert work(store, lambda ledger: ledger.attempts.load("a-9")) is None
    assert work(store, lambda ledger: ledger.attempts.row("a-9")) is None


@pytest.mark.parametrize("state", MAKERS, ids=[state.__name__ for state in MAKERS])
def test_each_state_is_loaded_as_it_was_written(store: SqlStore, state: type[Any]) -> None:
    written = work(store, MAKERS[state])
    assert work(store, lambda ledger: ledger.attempts.load("a-1")) == written


def test_the_history_of_a_call_stands_in_its_row(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        reserved = ledger.attempts.reserve(reservation(is_new=True, first_no_answer_at=NOW - MINUTE))
        sent = reserved.submit(NOW + 1 * MINUTE)
        ledger.attempts.submit(reserved, sent, NOW + 4 * MINUTE)
        row = ledger.attempts.row("a-1")
        assert row is not None
        assert row.lease_until == NOW + 4 * MINUTE
        taken = sent.place("s-1", NOW + 2 * MINUTE)
        ledger.attempts.place(sent, taken)
        lost = taken.lose("no result", NOW + 3 * MINUTE)
        ledger.attempts.lose(taken, lost)
        result = a_result(Disposition.ANSWERED, reason="late", duration_seconds=31, agent_unreached=True)
        ledger.attempts.end(lost, lost.end(Disposition.ANSWERED, NOW + 4 * MINUTE), result)

    work(store, unit)
    row = work(store, lambda ledger: ledger.attempts.row("a-1"))
    assert row is not None
    assert (row.reserved_at, row.submitted_at, row.placed_at) == (NOW, NOW + MINUTE, NOW + 2 * MINUTE)
    assert (row.unknown_at, row.ended_at, row.lease_until) == (NOW + 3 * MINUTE, NOW + 4 * MINUTE, None)
    assert (row.disposition, row.call_status, row.reason) == (Disposition.ANSWERED, "ANSWERED", "late")
    assert (row.duration_seconds, row.agent_unreached, row.session_id) == (31, True, "s-1")
    assert (row.is_new, row.first_no_answer_at, row.owner) == (True, NOW - MINUTE, OWNER)


def test_an_end_without_a_result_keeps_the_reason_why_it_was_lost(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        lost = make_unknown(ledger)
        assert isinstance(lost, Unknown)
        assert ledger.attempts.end(lost, lost.end(Disposition.UNKNOWN, LATER), None)

    work(store, unit)
    row = work(store, lambda ledger: ledger.attempts.row("a-1"))
    assert row is not None
    assert (row.disposition, row.reason, row.call_status) == (Disposition.UNKNOWN, "no answer from 8x8", None)


def closed_unknown(ledger: SqlLedger) -> Ended:
    lost = make_unknown(ledger)
    assert isinstance(lost, Unknown)
    after = lost.end(Disposition.UNKNOWN, NOW)
    assert ledger.attempts.end(lost, after, None)
    return after


def test_what_was_closed_as_unknown_can_be_released_once_and_gives_its_slots_back(store: SqlStore) -> None:
    before = work(store, closed_unknown)
    after = before.release("a person said so", LATER)
    assert work(store, lambda ledger: ledger.attempts.release(before, after))
    assert not work(store, lambda ledger: ledger.attempts.release(before, after))
    row = work(store, lambda ledger: ledger.attempts.row("a-1"))
    assert row is not None
    assert (row.disposition, row.reason, row.ended_at) == (None, "a person said so", LATER)
    assert work(store, lambda ledger: ledger.attempts.load("a-1")) == after
    again = reservation("a-2", run_id="run-1", total_quota=1, day_quota=1)
    assert isinstance(work(store, lambda ledger: ledger.attempts.reserve(again)), Reserved)


def test_an_end_that_came_meanwhile_is_not_released(store: SqlStore) -> None:
    before = work(store, closed_unknown)
    work(store, lambda ledger: ledger.attempts.overrule(before, before.settle(Disposition.BUSY, LATER), a_result()))
    first = everything(store)
    assert not work(store, lambda ledger: ledger.attempts.release(before, before.release("too late", LATER)))
    assert everything(store) == first


@pytest.mark.parametrize("length", [40, 41, 5000])
def test_a_call_status_is_kept_as_far_as_its_column_holds_it(store: SqlStore, length: int) -> None:
    def unit(ledger: SqlLedger) -> None:
        before = placed(ledger, reservation(), "s-1")
        ledger.attempts.end(before, before.end(Disposition.BUSY, LATER), a_result(call_status="é" * length))
        ledger.attempts.add_elsewhere(elsewhere(key=person(2).key, call_status="é" * length))

    work(store, unit)
    for row in work(store, lambda ledger: [ledger.attempts.row("a-1"), ledger.attempts.row("e-1")]):
        assert row is not None
        assert row.call_status == "é" * 40


def test_a_refused_number_is_remembered(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        sent = submitted(ledger, reservation())
        ledger.attempts.release(sent, sent.release("refused", NOW), number_refused=True)

    work(store, unit)
    row = work(store, lambda ledger: ledger.attempts.row("a-1"))
    assert row is not None
    assert (row.number_refused, row.reason, row.ended_at) == (True, "refused", NOW)


def test_answered_overrules_the_end_that_it_was_shown_and_no_other(store: SqlStore) -> None:
    work(store, make_ended)

    def say(ledger: SqlLedger, stands: Disposition) -> bool:
        before = ledger.attempts.load("a-1")
        assert isinstance(before, Ended)
        shown = Ended(before.intent, stands, before.ended_at)
        result = a_result(Disposition.ANSWERED, duration_seconds=12)
        return ledger.attempts.overrule(shown, Ended(before.intent, Disposition.ANSWERED, LATER), result)

    assert not work(store, lambda ledger: say(ledger, Disposition.BUSY))
    assert work(store, lambda ledger: say(ledger, Disposition.NO_ANSWER))
    assert not work(store, lambda ledger: say(ledger, Disposition.NO_ANSWER))
    row = work(store, lambda ledger: ledger.attempts.row("a-1"))
    assert row is not None
    assert (row.disposition, row.ended_at, row.duration_seconds) == (Disposition.ANSWERED, LATER, 12)


def test_a_session_is_learned_once_and_never_replaced(store: SqlStore) -> None:
    work(store, make_unknown)
    work(store, lambda ledger: ledger.attempts.learn_session("a-1", "s-7"))
    work(store, lambda ledger: ledger.attempts.learn_session("a-1", "s-8"))
    found = work(store, lambda ledger: ledger.attempts.find_session("s-7"))
    assert found is not None
    assert found.attempt_id == "a-1"
    assert work(store, lambda ledger: ledger.attempts.find_session("s-8")) is None


def test_a_session_belongs_to_one_attempt(store: SqlStore) -> None:
    work(store, make_placed)
    second = work(store, lambda ledger: submitted(ledger, person(2)))
    with pytest.raises(LedgerRefusal):
        work(store, lambda ledger: ledger.attempts.place(second, second.place("s-1", NOW)))
    with pytest.raises(LedgerRefusal):
        work(store, lambda ledger: ledger.attempts.learn_session("a-2", "s-1"))
    assert isinstance(work(store, lambda ledger: ledger.attempts.load("a-2")), Submitting)


def test_a_second_open_attempt_is_refused_until_the_first_is_closed(store: SqlStore) -> None:
    first = work(store, make_reserved)
    again = reservation("a-2", run_id="run-2")
    with pytest.raises(LedgerRefusal):
        work(store, lambda ledger: ledger.attempts.reserve(again))
    assert isinstance(first, Reserved)
    work(store, lambda ledger: release(ledger, first))
    assert isinstance(work(store, lambda ledger: ledger.attempts.reserve(again)), Reserved)


def test_a_call_placed_elsewhere_is_written_as_ended_and_takes_no_slot(store: SqlStore) -> None:
    work(store, lambda ledger: ledger.attempts.add_elsewhere(elsewhere(session_id="s-1")))
    row = work(store, lambda ledger: ledger.attempts.find_session("s-1"))
    assert row is not None
    assert (row.run_id, row.disposition, row.reason) == (None, Disposition.NO_ANSWER, "placed elsewhere")
    assert (row.submitted_at, row.ended_at, row.reserved_at) == (NOW - MINUTE, NOW - MINUTE, NOW)
    assert (row.attempts_before, row.first_no_answer_at, row.call_status) == (2, NOW, "no_answer")
    work(store, make_reserved)
    work(store, lambda ledger: ledger.attempts.add_elsewhere(elsewhere("e-2", number=None)))
    with pytest.raises(LedgerRefusal):
        work(store, lambda ledger: ledger.attempts.add_elsewhere(elsewhere("e-3", session_id="s-1")))


def test_a_call_placed_elsewhere_can_be_overruled_like_any_other(store: SqlStore) -> None:
    work(store, lambda ledger: ledger.attempts.add_elsewhere(elsewhere()))
    before = work(store, lambda ledger: ledger.attempts.load("e-1"))
    assert isinstance(before, Ended)
    assert work(store, lambda ledger: overrule(ledger, before))
