"""Several processes on one PostgreSQL: each `Database` here has connections of its own, as a replica has."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import pytest

from autodialer.domain.errors import LedgerRefusal
from autodialer.ports.rows import Run, RunKind
from autodialer.store.ledger import SqlLedger
from databases import Postgres
from store.made import MINUTE, NOW, SECOND, Replicas, a_run, lead, on, phone, projection, reservation, staged

T = TypeVar("T")
OTHER = "host:2:bbbb"
LEASE = NOW + 10 * SECOND


def at_once(
    postgres: Postgres, replicas: Replicas, mine: Callable[[SqlLedger], T], theirs: Callable[[SqlLedger], T]
) -> tuple[T, Future[T]]:
    """The first replica commits `mine` only when the second, running `theirs`, has come upon it and waits."""
    first, second = replicas

    def unit(ledger: SqlLedger) -> tuple[T, Future[T]]:
        result = mine(ledger)
        other = second.submit(lambda connection: theirs(SqlLedger(connection)))
        wait_until_one_waits(postgres)
        return result, other

    return on(first, unit)


def wait_until_one_waits(postgres: Postgres) -> None:
    with postgres.admin() as admin:
        for _ in range(500):
            if admin.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone():
                return
            time.sleep(0.01)
    raise AssertionError("the second replica does not wait for the first")


def test_two_replicas_claim_at_once_without_waiting_and_without_overlap(replicas: Replicas) -> None:
    first, second = replicas
    on(first, lambda ledger: ledger.staging.add("run-1", [staged(number) for number in range(1, 8)]))

    def claim(ledger: SqlLedger, owner: str) -> list[str]:
        return [row.key.zoho_id for row in ledger.staging.claim("run-1", owner, 3)]

    def claim_while_the_other_does(ledger: SqlLedger) -> tuple[list[str], list[str]]:
        return claim(ledger, "me"), second.submit(lambda other: claim(SqlLedger(other), OTHER)).result(10)

    assert on(first, claim_while_the_other_does) == (["1", "2", "3"], ["4", "5", "6"])
    assert on(second, lambda ledger: claim(ledger, OTHER)) == ["7"]


def test_two_replicas_that_open_a_run_at_once_get_one(postgres: Postgres, replicas: Replicas) -> None:
    """The second waits for the first one's commit and then learns that it was too late."""
    postgres.fresh()

    def opening(run_id: str) -> Callable[[SqlLedger], Run | None]:
        run = a_run(run_id, kind=RunKind.SCHEDULED, slot=NOW)
        return lambda ledger: ledger.runs.open(run, LEASE)

    mine, theirs = at_once(postgres, replicas, opening("mine"), opening("other"))
    assert mine is not None
    assert theirs.result(10) is None
    assert [run.run_id for run in on(replicas[1], lambda ledger: ledger.runs.recent(9))] == ["mine"]


def test_a_manual_and_a_scheduled_run_at_once_are_one_run(postgres: Postgres, replicas: Replicas) -> None:
    postgres.fresh()
    scheduled = a_run("scheduled", kind=RunKind.SCHEDULED, slot=NOW)
    mine, theirs = at_once(
        postgres,
        replicas,
        lambda ledger: ledger.runs.open(a_run("manual"), LEASE),
        lambda ledger: ledger.runs.open(scheduled, LEASE),
    )
    assert mine is not None
    assert theirs.result(10) is None


def test_two_replicas_that_take_over_a_run_at_once_do_not_both_get_it(postgres: Postgres, replicas: Replicas) -> None:
    late = NOW + 2 * MINUTE
    mine, theirs = at_once(
        postgres,
        replicas,
        lambda ledger: ledger.runs.take_over("run-1", "me", late, late + MINUTE),
        lambda ledger: ledger.runs.take_over("run-1", OTHER, late, late + MINUTE),
    )
    assert (mine, theirs.result(10)) == (True, False)


@pytest.mark.parametrize("other_record", [1, 2], ids=["the same record", "another record with its number"])
def test_two_replicas_that_reserve_one_person_at_once_get_one_attempt(
    postgres: Postgres, replicas: Replicas, other_record: int
) -> None:
    other = reservation("other", key=lead(other_record), owner=OTHER)
    _, theirs = at_once(
        postgres,
        replicas,
        lambda ledger: ledger.attempts.reserve(reservation("mine")),
        lambda ledger: ledger.attempts.reserve(other),
    )
    assert isinstance(theirs.exception(10), LedgerRefusal)
    rows = on(replicas[1], lambda ledger: ledger.attempts.of_people([], [phone()]))
    assert [row.attempt_id for row in rows] == ["mine"]


def test_two_replicas_that_submit_one_attempt_at_once_do_not_both_send_it(
    postgres: Postgres, replicas: Replicas
) -> None:
    """The second one sees the same reserved row and still may not send."""
    reserved = on(replicas[0], lambda ledger: ledger.attempts.reserve(reservation()))

    def submit(ledger: SqlLedger) -> bool:
        return ledger.attempts.submit(reserved, reserved.submit(NOW), NOW + MINUTE)

    mine, theirs = at_once(postgres, replicas, submit, submit)
    assert (mine, theirs.result(10)) == (True, False)


def test_one_callback_that_two_replicas_get_at_once_is_stored_once(postgres: Postgres, replicas: Replicas) -> None:
    def add(ledger: SqlLedger) -> bool:
        return ledger.inbox.add(dedupe_key="same", source="provider", event_type="X", session_id="s", body="{}", at=NOW)

    mine, theirs = at_once(postgres, replicas, add, add)
    assert (mine, theirs.result(10)) == (True, False)
    assert [row.deliveries for row in on(replicas[1], lambda ledger: ledger.inbox.waiting(9))] == [2]


def test_of_two_updates_put_at_once_the_later_is_refused_and_merges_when_put_again(
    postgres: Postgres, replicas: Replicas
) -> None:
    """Whoever applies the callback does it again, whole."""

    def putting(attempts: int) -> Callable[[SqlLedger], None]:
        return lambda ledger: ledger.outbox.put(projection(call_attempts=attempts), NOW)

    _, theirs = at_once(postgres, replicas, putting(2), putting(1))
    assert isinstance(theirs.exception(10), LedgerRefusal)
    on(replicas[1], putting(1))
    claimed = on(replicas[0], lambda ledger: ledger.outbox.claim(OTHER, NOW, 9, NOW))
    assert [row.call_attempts for row in claimed] == [2]
