"""Callbacks as they came: each once, in their order, until they are settled."""

from functools import partial

import pytest

from autodialer.ports.rows import Arrival, InboxRow
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import MINUTE, NOW, ended, open_runs, person, placed, work


def arrive(store: SqlStore, key: str, session_id: str | None = None, at_minute: int = 0) -> bool:
    def unit(ledger: SqlLedger) -> bool:
        return ledger.inbox.add(
            dedupe_key=key,
            source="provider",
            event_type="SESSION_SUMMARY",
            session_id=session_id,
            body=f'{{"key":"{key}"}}',
            at=NOW + at_minute * MINUTE,
        )

    return work(store, unit)


def add_all(group: list[Arrival], ledger: SqlLedger) -> None:
    ledger.inbox.add_all(group)


def waiting(store: SqlStore, limit: int = 100) -> list[InboxRow]:
    return list(work(store, lambda ledger: ledger.inbox.waiting(limit)))


def keys(rows: list[InboxRow]) -> list[str]:
    return [row.body[8:-2] for row in rows]


def test_a_callback_is_stored_as_it_came(store: SqlStore) -> None:
    assert arrive(store, "a", "s-1")
    (row,) = waiting(store)
    assert row == InboxRow(
        inbox_id=row.inbox_id,
        source="provider",
        event_type="SESSION_SUMMARY",
        session_id="s-1",
        body='{"key":"a"}',
        received_at=NOW,
        deliveries=1,
        state="new",
        attempt_id=None,
        note="",
    )


def test_the_same_callback_again_is_counted_and_not_stored(store: SqlStore) -> None:
    assert arrive(store, "a")
    assert not arrive(store, "a", at_minute=1)
    assert arrive(store, "b")
    assert not arrive(store, "a", "another session", at_minute=2)
    assert [(row.deliveries, row.received_at, row.session_id) for row in waiting(store)] == [
        (3, NOW, None),
        (1, NOW, None),
    ]


def test_callbacks_that_are_stored_together_are_as_if_they_had_been_stored_one_by_one(store: SqlStore) -> None:
    def event(key: str, session_id: str | None, minute: int) -> Arrival:
        body = f'{{"key":"{key}"}}'
        return Arrival(key, "provider", "SESSION_SUMMARY", session_id, body, NOW + minute * MINUTE)

    assert arrive(store, "stood before")
    groups = [
        [event("b", "s-1", 1), event("a", "s-1", 2), event("b", "another", 3), event("stood before", "s-2", 4)],
        [],
        [event("c", None, 5), event("a", "s-1", 6), event("c", "s-3", 7), event("c", None, 8)],
    ]
    for group in groups:
        work(store, partial(add_all, group))
    found = [
        (key, row.session_id, row.deliveries, (row.received_at - NOW) // MINUTE)
        for key, row in zip(keys(waiting(store)), waiting(store), strict=True)
    ]
    assert found == [("stood before", None, 2, 0), ("b", "s-1", 2, 1), ("a", "s-1", 2, 2), ("c", None, 3, 5)]


def test_a_large_group_is_stored_in_the_order_in_which_it_came(store: SqlStore) -> None:
    names = [f"{(number * 37) % 101:03}" for number in range(101)]
    group = [Arrival(name, "provider", "X", name, f'{{"key":"{name}"}}', NOW) for name in [*names, *names[:30]]]
    work(store, partial(add_all, group))
    assert keys(waiting(store, 200)) == names
    assert [row.deliveries for row in waiting(store, 200)] == [2] * 30 + [1] * 71


def test_a_repeated_callback_does_not_wait_again_after_it_was_settled(store: SqlStore) -> None:
    arrive(store, "a")
    (row,) = waiting(store)
    work(store, lambda ledger: ledger.inbox.settle(row.inbox_id, "applied", attempt_id="a-1", note="busy", at=NOW))
    assert not arrive(store, "a")
    assert waiting(store) == []
    (settled,) = work(store, lambda ledger: ledger.inbox.of_attempts(["a-1"]))
    assert (settled.state, settled.note, settled.attempt_id, settled.deliveries) == ("applied", "busy", "a-1", 2)


def test_a_callback_is_settled_once_and_the_first_note_stands(store: SqlStore) -> None:
    arrive(store, "a")
    (row,) = waiting(store)
    assert work(
        store, lambda ledger: ledger.inbox.settle(row.inbox_id, "applied", attempt_id="a-1", note="busy", at=NOW)
    )
    assert not work(store, lambda ledger: ledger.inbox.settle(row.inbox_id, "conflict", note="slower", at=NOW))
    (settled,) = work(store, lambda ledger: ledger.inbox.of_attempts(["a-1"]))
    assert (settled.state, settled.note) == ("applied", "busy")


def test_callbacks_wait_in_the_order_in_which_they_came(store: SqlStore) -> None:
    for key in "cabd":
        arrive(store, key)
    assert keys(waiting(store)) == ["c", "a", "b", "d"]
    assert keys(waiting(store, 2)) == ["c", "a"]


@pytest.mark.parametrize("state", ["applied", "ignored", "conflict", "orphan"])
def test_a_settled_callback_waits_no_longer(store: SqlStore, state: str) -> None:
    arrive(store, "a", "s-1")
    arrive(store, "b", "s-1")
    first = waiting(store)[0]
    work(store, lambda ledger: ledger.inbox.settle(first.inbox_id, state, at=NOW))
    assert keys(waiting(store)) == ["b"]
    assert work(store, lambda ledger: ledger.inbox.count(state)) == 1
    assert work(store, lambda ledger: ledger.inbox.count("new")) == 1


def test_orphans_of_a_session_can_be_matched_again_and_nothing_else(store: SqlStore) -> None:
    for key, session in (("a", "s-1"), ("b", "s-2"), ("c", "s-1"), ("d", "s-1"), ("e", None)):
        arrive(store, key, session)
    rows = dict(zip("abcde", waiting(store), strict=True))

    def settle(ledger: SqlLedger) -> None:
        for key, state in (("a", "orphan"), ("b", "orphan"), ("c", "applied"), ("d", "orphan"), ("e", "orphan")):
            ledger.inbox.settle(rows[key].inbox_id, state, at=NOW)

    work(store, settle)
    orphans = work(store, lambda ledger: ledger.inbox.orphans_of("s-1"))
    assert keys(list(orphans)) == ["a", "d"]
    assert work(store, lambda ledger: ledger.inbox.orphans_of("s-9")) == []
    work(store, lambda ledger: ledger.inbox.reopen([rows["a"].inbox_id, rows["c"].inbox_id, rows["d"].inbox_id]))
    assert keys(waiting(store)) == ["a", "d"]
    work(store, lambda ledger: ledger.inbox.reopen([]))
    assert work(store, lambda ledger: ledger.inbox.count("orphan")) == 2


def test_what_waits_for_the_crm_stands_apart_until_it_is_settled(store: SqlStore) -> None:
    for key in "abcd":
        arrive(store, key, "s-1")
    a, b, c, d = waiting(store)

    def ask(ledger: SqlLedger) -> None:
        for row in (b, c, d):
            ledger.inbox.ask(row.inbox_id)

    work(store, ask)
    assert keys(waiting(store)) == ["a"]
    asking = work(store, lambda ledger: ledger.inbox.asking(2))
    assert (keys(list(asking)), [row.waits_for_crm for row in asking]) == (["b", "c"], [True, True])
    assert keys(list(work(store, lambda ledger: ledger.inbox.asking(2, c.inbox_id)))) == ["d"]
    assert work(store, lambda ledger: ledger.inbox.count("new")) == 4
    work(store, lambda ledger: ledger.inbox.settle(b.inbox_id, "orphan", note="no such record", at=NOW))
    work(store, lambda ledger: ledger.inbox.ask(b.inbox_id))
    assert keys(list(work(store, lambda ledger: ledger.inbox.asking(9)))) == ["c", "d"]
    work(store, lambda ledger: ledger.inbox.reopen([b.inbox_id]))
    assert keys(waiting(store)) == ["a", "b"], "what is matched again is looked at anew"
    assert work(store, lambda ledger: ledger.inbox.take(b.inbox_id, "s-1", {a.inbox_id}))
    assert work(store, lambda ledger: ledger.inbox.take(d.inbox_id, None, ()))


def test_what_came_of_calls_in_progress_is_found_among_all_that_waits(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def call(ledger: SqlLedger) -> None:
        ended(ledger, person(1))
        for number in (2, 3):
            placed(ledger, person(number), f"s-{number}")

    work(store, call)
    for key, session in (
        ("a", "s-3"),
        ("b", "session of a-1"),
        ("c", "s-2"),
        ("d", None),
        ("e", "s-3"),
        ("f", "s-3"),
        ("g", "x"),
    ):
        arrive(store, key, session)
    rows = dict(zip("abcdefg", waiting(store), strict=True))
    work(store, lambda ledger: ledger.inbox.settle(rows["e"].inbox_id, "ignored", at=NOW))
    assert keys(list(work(store, lambda ledger: ledger.inbox.of_open_calls(9)))) == ["a", "c", "f"]
    assert keys(list(work(store, lambda ledger: ledger.inbox.of_open_calls(2)))) == ["a", "c"]
    work(store, lambda ledger: ledger.inbox.ask(rows["c"].inbox_id))
    assert keys(list(work(store, lambda ledger: ledger.inbox.of_open_calls(9)))) == ["a", "f"]


def test_what_was_heard_of_attempts_is_told_in_order(store: SqlStore) -> None:
    for key in "abc":
        arrive(store, key)
    rows = waiting(store)

    def settle(ledger: SqlLedger) -> None:
        for row, attempt_id in zip(rows, ("a-1", "a-2", "a-1"), strict=True):
            ledger.inbox.settle(row.inbox_id, "applied", attempt_id=attempt_id, at=NOW)

    work(store, settle)
    assert keys(list(work(store, lambda ledger: ledger.inbox.of_attempts(["a-1", "a-9"])))) == ["a", "c"]
    assert work(store, lambda ledger: ledger.inbox.of_attempts([])) == []


@pytest.mark.parametrize(
    "body",
    [
        '{"name":"Ștefan 🙂 \\u0007 \'; DROP TABLE inbox; --"}',
        '{"percent":"%s %(name)s 100 %", "path":"C:\\\\u0000\\\\n", "quote":"\\"", "line":"\u2028\\n"}',
        '{"arrays":"{NULL,\\"a\\",{}}", "empty":""}',
    ],
)
def test_any_text_survives(store: SqlStore, body: str) -> None:
    def unit(ledger: SqlLedger) -> bool:
        ledger.inbox.add_all([Arrival("together", "provider", body[:20], body[-20:], body, NOW)])
        return ledger.inbox.add(dedupe_key="k", source="provider", event_type="X", session_id=None, body=body, at=NOW)

    assert work(store, unit)
    together, alone = waiting(store)
    assert together.body == alone.body == body
    assert (together.event_type, together.session_id) == (body[:20], body[-20:])


def test_what_came_of_calls_is_found_by_attempt_and_by_session_each_once_in_the_order_in_which_it_came(
    store: SqlStore,
) -> None:
    for key, session in (("a", "s-1"), ("b", "s-2"), ("c", None), ("d", "s-1"), ("e", "s-3")):
        arrive(store, key, session)
    rows = {row.body[8:-2]: row.inbox_id for row in waiting(store)}

    def settle(ledger: SqlLedger) -> None:
        for key in ("a", "c"):
            ledger.inbox.settle(rows[key], "applied", attempt_id="a-1", at=NOW + MINUTE)

    work(store, settle)
    found = work(store, lambda ledger: ledger.inbox.of_calls(["a-1"], ["s-1", "s-2"]))
    assert keys(list(found)) == ["a", "b", "c", "d"]
    assert [row.applied_at for row in found] == [NOW + MINUTE, None, NOW + MINUTE, None]
    assert work(store, lambda ledger: ledger.inbox.of_calls([], [])) == []
