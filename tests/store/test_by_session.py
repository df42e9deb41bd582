"""A session's callbacks are found wherever they stand: settled, or new in any block of their numbers."""

from collections.abc import Sequence
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from autodialer.ports.rows import ASKING, InboxRow
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import INBOX_BLOCK, attempts, inbox
from store.made import NOW, Replicas, open_runs, person, placed, work

BLOCK = int(INBOX_BLOCK.rpartition("/")[2])
SESSIONS = ("s-1", "s-2", "s-3", None)
STATES = ("new", "new", "asking", "orphan", "applied", "ignored")
NUMBERS = st.integers(min_value=1, max_value=6 * BLOCK) | st.sampled_from(
    [edge + off for edge in (BLOCK, 5 * BLOCK, 9_000_000) for off in (-1, 0, 1)]
)
CALLBACKS = st.dictionaries(NUMBERS, st.tuples(st.sampled_from(SESSIONS), st.sampled_from(STATES)), max_size=25)


def fill(callbacks: dict[int, tuple[str | None, str]], ledger: SqlLedger) -> None:
    connection = ledger.inbox._db
    connection.execute(delete(inbox))
    for number, (session, state) in callbacks.items():
        asks = state == "asking"
        values = {
            "inbox_id": number,
            "dedupe_key": str(number),
            "source": "provider",
            "session_id": session,
            "body": "{}",
            "received_at": NOW,
            "state": "new" if asks else state,
            "note": ASKING if asks else "",
        }
        connection.execute(insert(inbox).values(values))


def of_session(session: str, ledger: SqlLedger) -> Sequence[InboxRow]:
    return ledger.inbox.of_session(session)


def orphans_of(session: str, ledger: SqlLedger) -> Sequence[InboxRow]:
    return ledger.inbox.orphans_of(session)


def take(number: int, session: str | None, ledger: SqlLedger) -> bool:
    return ledger.inbox.take(number, session, ())


def numbers(rows: Sequence[InboxRow]) -> list[int]:
    return [row.inbox_id for row in rows]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(callbacks=CALLBACKS)
def test_whichever_blocks_they_lie_in(store: SqlStore, callbacks: dict[int, tuple[str | None, str]]) -> None:
    def of(sessions: set[str | None], states: set[str]) -> list[int]:
        return sorted(
            number for number, (session, state) in callbacks.items() if session in sessions and state in states
        )

    def call(ledger: SqlLedger) -> None:
        ledger.attempts._db.execute(delete(attempts))
        placed(ledger, person(2), "s-2")
        placed(ledger, person(3), "s-3")

    if work(store, lambda ledger: ledger.runs.current()) is None:
        open_runs(store, "run-1")
    work(store, call)
    work(store, partial(fill, callbacks))
    for session in ("s-1", "s-2", "s-9"):
        assert numbers(work(store, partial(of_session, session))) == of({session}, set(STATES))
        assert numbers(work(store, partial(orphans_of, session))) == of({session}, {"orphan"})
    both = work(store, lambda ledger: ledger.inbox.of_calls([], ["s-1", "s-3"]))
    assert numbers(both) == of({"s-1", "s-3"}, set(STATES))
    assert numbers(work(store, lambda ledger: ledger.inbox.of_open_calls(99))) == of({"s-2", "s-3"}, {"new"})
    if store.database.is_sqlite:
        return  # there one process takes them in their order
    for number, (mine, state) in callbacks.items():
        waits = any(other < number for other in of({mine}, {"new"})) if mine else False
        assert work(store, partial(take, number, mine)) is (state in {"new", "asking"} and not waits)


def test_one_that_is_settled_or_opened_again_is_found_as_before(store: SqlStore) -> None:
    far = 7 * BLOCK
    work(store, partial(fill, {1: ("s-1", "new"), far: ("s-1", "new"), far + 1: ("s-2", "new")}))

    def found() -> list[tuple[int, str]]:
        return [(row.inbox_id, row.state) for row in work(store, partial(of_session, "s-1"))]

    assert found() == [(1, "new"), (far, "new")]
    assert work(store, lambda ledger: ledger.inbox.settle(1, "orphan", at=NOW))
    assert found() == [(1, "orphan"), (far, "new")]
    assert work(store, lambda ledger: ledger.inbox.settle(far, "orphan", at=NOW))
    assert found() == [(1, "orphan"), (far, "orphan")]
    work(store, lambda ledger: ledger.inbox.reopen([1]))
    assert found() == [(1, "new"), (far, "orphan")]


def test_an_earlier_one_is_waited_for_however_far_before_it_came(replicas: Replicas) -> None:
    store, far = SqlStore(replicas[0]), 7 * BLOCK
    work(store, partial(fill, {2: ("s-1", "new"), 3: ("s-1", "new"), far: ("s-1", "new"), 4: ("s-2", "new")}))
    assert [work(store, partial(take, number, "s-1")) for number in (2, 3, far)] == [True, False, False]
    assert work(store, partial(take, 4, "s-2"))
    work(store, lambda ledger: ledger.inbox.settle(2, "ignored", at=NOW))
    assert [work(store, partial(take, number, "s-1")) for number in (3, far)] == [True, False]
    work(store, lambda ledger: ledger.inbox.settle(3, "ignored", at=NOW))
    assert work(store, partial(take, far, "s-1"))
