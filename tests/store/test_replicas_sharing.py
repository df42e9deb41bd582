"""Replicas share what waits: each takes what no other has, and what a dead one had is anybody's; late words change nothing."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection

from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.outbox import CLAIM_LEASE
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    SECOND,
    TODAY,
    Replicas,
    lead,
    on,
    person,
    placed,
    projection,
    work,
)

OTHER = "host:2:bbbb"
LEASE = 6 * SECOND


def put(ledger: SqlLedger, count: int) -> None:
    for number in range(1, count + 1):
        ledger.outbox.put(projection(lead(number), call_attempts=1), NOW)


def claim(ledger: SqlLedger, owner: str, limit: int = 9, at: timedelta = timedelta()) -> list[str]:
    rows = ledger.outbox.claim(owner, NOW, limit, NOW + at)
    assert {row.claimed_by for row in rows} <= {owner}
    return [row.key.zoho_id for row in rows]


def add(ledger: SqlLedger, *sessions: str | None) -> list[int]:
    for number, session in enumerate(sessions):
        ledger.inbox.add(
            dedupe_key=f"k{number}", source="provider", event_type="X", session_id=session, body="{}", at=NOW
        )
    return [row.inbox_id for row in ledger.inbox.waiting(99)]


def test_two_replicas_claim_updates_at_once_without_waiting_and_without_overlap(replicas: Replicas) -> None:
    first, second = replicas
    on(first, lambda ledger: put(ledger, 7))

    def claim_while_the_other_does(ledger: SqlLedger) -> tuple[list[str], list[str]]:
        mine = claim(ledger, OWNER, 3)
        return mine, second.submit(lambda other: claim(SqlLedger(other), OTHER, 3)).result(10)

    assert on(first, claim_while_the_other_does) == (["1", "2", "3"], ["4", "5", "6"])
    assert on(second, lambda ledger: claim(ledger, OTHER)) == ["4", "5", "6", "7"], "its own again, and what is left"


LATE: dict[str, Callable[[SqlLedger, int], bool]] = {
    "sent": lambda ledger, row: ledger.outbox.sent(row, OWNER, NOW),
    "retry": lambda ledger, row: ledger.outbox.retry(row, OWNER, "late", NOW + MINUTE),
    "park": lambda ledger, row: ledger.outbox.park(row, OWNER, "late", NOW),
    "postpone": lambda ledger, row: ledger.outbox.postpone(row, OWNER, NOW + MINUTE),
}


@pytest.mark.parametrize("word", LATE)
@pytest.mark.parametrize("is_superseded", [False, True])
def test_what_a_dead_replica_had_is_anybody_s_and_its_late_word_changes_nothing(
    store: SqlStore, word: str, is_superseded: bool
) -> None:
    def story(ledger: SqlLedger) -> None:
        put(ledger, 1)
        assert claim(ledger, OWNER) == ["1"]
        (row,) = ledger.outbox.of_record(lead())
        if is_superseded:
            ledger.outbox.put(projection(call_attempts=2), NOW)
        assert claim(ledger, OTHER) == []
        ledger.outbox.disown(OTHER)
        assert claim(ledger, OTHER) == [], "only the dead one's are freed"
        ledger.outbox.disown(OWNER)
        assert claim(ledger, OTHER) == ["1"]
        before = ledger.outbox.of_record(lead())
        assert LATE[word](ledger, row.outbox_id) is False
        assert ledger.outbox.of_record(lead()) == before
        assert ledger.outbox.sent(before[-1].outbox_id, OTHER, NOW)

    work(store, story)


def test_a_process_that_starts_alone_frees_whatever_was_claimed(store: SqlStore) -> None:
    def story(ledger: SqlLedger) -> None:
        put(ledger, 2)
        claim(ledger, OWNER, 1)
        claim(ledger, OTHER, 1)
        assert claim(ledger, "new") == []
        ledger.outbox.disown("")
        assert claim(ledger, "new") == ["1", "2"]

    work(store, story)


def test_a_claim_that_nobody_frees_comes_to_its_end(store: SqlStore) -> None:
    def story(ledger: SqlLedger) -> None:
        put(ledger, 2)
        claim(ledger, OWNER)
        ledger.outbox.put(projection(call_attempts=2), NOW)
        assert claim(ledger, OTHER, at=CLAIM_LEASE) == []
        assert claim(ledger, OTHER, at=CLAIM_LEASE + SECOND) == ["2", "1"]

    work(store, story)


def test_numbers_that_an_older_update_may_have_overwritten_are_queued_again_but_no_status(store: SqlStore) -> None:
    def story(ledger: SqlLedger) -> None:
        put(ledger, 1)
        claim(ledger, OWNER)
        ledger.outbox.put(projection(call_attempts=2, first_no_answer_at=NOW), NOW)
        ledger.outbox.rewrite(lead(), NOW)
        assert [row.state for row in ledger.outbox.of_record(lead())] == ["superseded", "pending"]
        ledger.outbox.disown(OWNER)
        claim(ledger, OTHER)
        newest = ledger.outbox.of_record(lead())[-1]
        ledger.outbox.sent(newest.outbox_id, OTHER, NOW)
        ledger.outbox.rewrite(lead(), NOW)
        again = ledger.outbox.of_record(lead())[-1]
        assert (again.state, again.status, again.call_attempts, again.first_no_answer_at) == ("pending", None, 2, NOW)
        ledger.outbox.rewrite(lead(77), NOW)
        assert ledger.outbox.of_record(lead(77)) == []

    work(store, story)


def test_a_callback_that_one_replica_applies_is_left_out_by_the_other(replicas: Replicas) -> None:
    first, second = replicas
    one, two = on(first, lambda ledger: add(ledger, None, None))

    def take(ledger: SqlLedger) -> list[bool]:
        assert ledger.inbox.take(one, None, ())
        other = second.submit(
            lambda theirs: [SqlLedger(theirs).inbox.take(number, None, ()) for number in (one, two)]
        ).result(10)
        ledger.inbox.settle(one, "applied", at=NOW)
        return other

    assert on(first, take) == [False, True]
    assert not on(second, lambda ledger: ledger.inbox.take(one, None, ())), "it is applied"


def test_a_callback_waits_while_another_replica_applies_an_earlier_one_of_its_session(replicas: Replicas) -> None:
    first, second = replicas
    early, other_session, late = on(first, lambda ledger: add(ledger, "s", "t", "s"))

    def theirs(left: tuple[int, ...]) -> list[bool]:
        def take(ledger: SqlLedger) -> list[bool]:
            return [ledger.inbox.take(other_session, "t", left), ledger.inbox.take(late, "s", left)]

        return on(second, take)

    def apply(ledger: SqlLedger) -> None:
        assert ledger.inbox.take(early, "s", ())
        ledger.inbox.settle(early, "applied", at=NOW)
        assert theirs(()) == [True, False]
        assert ledger.inbox.take(late, "s", ()), "whoever applied the earlier one goes on"

    on(first, apply)
    assert theirs(()) == [True, True]


def test_a_callback_does_not_wait_for_an_earlier_one_that_can_not_be_applied_yet(replicas: Replicas) -> None:
    early, late = on(replicas[0], lambda ledger: add(ledger, "s", "s"))
    assert not on(replicas[1], lambda ledger: ledger.inbox.take(late, "s", {0}))
    assert on(replicas[1], lambda ledger: ledger.inbox.take(late, "s", {early}))
    on(replicas[0], lambda ledger: ledger.inbox.ask(early))
    assert on(replicas[1], lambda ledger: ledger.inbox.take(late, "s", {0})), "what waits for the CRM stands in no way"


def test_two_replicas_that_sweep_at_once_move_different_attempts_on(replicas: Replicas) -> None:
    first, second = replicas

    def late(ledger: SqlLedger, limit: int) -> list[str]:
        rows = ledger.attempts.overdue(placed_before=NOW, now=NOW, today=TODAY)
        return [row.attempt_id for row in rows][:limit]

    on(first, lambda ledger: [placed(ledger, person(number)) for number in (1, 2)])

    def sweep(ledger: SqlLedger) -> tuple[list[str], list[str]]:
        return late(ledger, 9), second.submit(lambda other: late(SqlLedger(other), 9)).result(10)

    assert on(first, sweep) == (["a-1", "a-2"], [])


def test_one_replica_has_a_duty_as_long_as_it_renews_its_lease(store: SqlStore) -> None:
    def story(ledger: SqlLedger) -> None:
        take = ledger.duties.take
        assert take("prune", OWNER, NOW, LEASE)
        assert not take("prune", OTHER, NOW + 5 * SECOND, LEASE)
        assert take("prune", OWNER, NOW + 5 * SECOND, LEASE)
        assert not take("prune", OTHER, NOW + 10 * SECOND, LEASE)
        assert take("another", OTHER, NOW, LEASE)
        assert ledger.duties.holder("prune", NOW + 10 * SECOND) == OWNER
        assert ledger.duties.holder("prune", NOW + 11 * SECOND) is None
        assert take("prune", OTHER, NOW + 11 * SECOND, LEASE)
        assert not take("prune", OWNER, NOW + 11 * SECOND, LEASE), "who was too late has lost it"

    work(store, story)


def test_a_duty_is_free_at_once_when_its_replica_gives_it_back_or_the_clock_was_set_back(store: SqlStore) -> None:
    def story(ledger: SqlLedger) -> None:
        take = ledger.duties.take
        assert take("prune", OWNER, NOW, LEASE)
        ledger.duties.release(OTHER)
        assert not take("prune", OTHER, NOW, LEASE)
        ledger.duties.release(OWNER)
        assert take("prune", OTHER, NOW, LEASE)
        ledger.duties.release("")
        assert take("prune", OWNER, NOW, LEASE)
        assert take("prune", OTHER, NOW - MINUTE, LEASE), "a lease can't be so long"

    work(store, story)


def test_two_replicas_that_take_a_duty_at_once_do_not_both_get_it(replicas: Replicas) -> None:
    first, second = replicas

    def take(owner: str, connection: Connection) -> bool:
        return SqlLedger(connection).duties.take("prune", owner, NOW, LEASE)

    both = ((first, partial(take, OWNER)), (second, partial(take, OTHER)))
    taken = [replica.submit(unit) for _ in range(20) for replica, unit in both]
    answers = [done.result(10) for done in taken]
    assert sorted({(answers[::2][n], answers[1::2][n]) for n in range(20)}) in ([(False, True)], [(True, False)])
