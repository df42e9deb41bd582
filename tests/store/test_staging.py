"""The records of a run, in its order."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from sqlalchemy import event, select

from autodialer.domain.disposition import Disposition
from autodialer.ports.rows import Staged, StagedState
from autodialer.store import staging
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import staged_records
from store.made import MINUTE, NOW, OWNER, contact, elsewhere, ended, lead, open_runs, person, phone, staged, work

DUE, CLAIMED, SKIP, DEAD = StagedState.DUE, StagedState.CLAIMED, StagedState.SKIP, StagedState.DEAD


@pytest.fixture(autouse=True)
def _a_run(store: SqlStore) -> None:
    open_runs(store, "run-0", "run-1")


def stage(store: SqlStore, *rows: Staged, run_id: str = "run-1") -> None:
    work(store, lambda ledger: ledger.staging.add(run_id, rows))


def ids(rows: Sequence[Staged]) -> list[str]:
    return [row.key.zoho_id for row in rows]


def all_rows(store: SqlStore, run_id: str = "run-1") -> dict[str, Staged]:
    return {row.key.zoho_id: row for row in work(store, lambda ledger: ledger.staging.rows(run_id))}


def test_rows_come_back_as_they_were_staged_and_in_the_runs_order(store: SqlStore) -> None:
    rows = [
        staged(3, SKIP, reason="day_quota", detail="tomorrow", next_at=NOW + MINUTE, number=None, contends=True),
        staged(1, facts={"call_attempts": "seven", "update_waiting": False, "name": "Zoë"}, status=None),
        staged(2, DEAD, reason="window_over"),
    ]
    stage(store, *rows)
    found = work(store, lambda ledger: ledger.staging.rows("run-1"))
    assert list(found) == [rows[1], rows[2], rows[0]]


def test_a_record_that_stands_already_is_left_as_it_is(store: SqlStore) -> None:
    stage(store, staged(1), staged(2))
    stage(store, staged(1, SKIP), staged(3))
    stage(store)
    assert {key: row.state for key, row in all_rows(store).items()} == {"1": DUE, "2": DUE, "3": DUE}


def test_a_lead_and_a_contact_with_one_id_are_two_records(store: SqlStore) -> None:
    stage(store, staged(1), staged(1, key=contact(1), sort_key="10001-Contact"))
    assert [row.key for row in work(store, lambda ledger: ledger.staging.rows("run-1"))] == [contact(1), lead(1)]


def test_rows_are_read_page_by_page_and_by_state(store: SqlStore) -> None:
    stage(store, *(staged(number, DEAD if number % 2 else DUE) for number in range(1, 8)))

    def page(after: str, state: StagedState | None = None) -> list[str]:
        return ids(work(store, lambda ledger: ledger.staging.rows("run-1", state, after=after, limit=3)))

    assert page("") == ["1", "2", "3"]
    assert page("10003-Lead") == ["4", "5", "6"]
    assert page("10006-Lead") == ["7"]
    assert page("10007-Lead") == []
    assert page("", DEAD) == ["1", "3", "5"]
    assert page("10005-Lead", DEAD) == ["7"]


def test_clearing_forgets_one_run_only(store: SqlStore) -> None:
    stage(store, staged(1), staged(2))
    stage(store, staged(1), run_id="run-0")
    work(store, lambda ledger: ledger.staging.clear("run-1"))
    assert all_rows(store) == {}
    assert list(all_rows(store, "run-0")) == ["1"]


def test_of_the_records_with_one_number_the_smallest_rank_is_called(store: SqlStore) -> None:
    shared = phone(99)
    stage(
        store,
        staged(1, number=shared, rank="2"),
        staged(2, number=shared, rank="1", detail="call 1 of 7"),
        staged(3, SKIP, number=shared, rank="3", contends=True, reason="day_quota", next_at=NOW),
        staged(4, SKIP, number=shared, rank="0", contends=False, reason="do_not_call"),
        staged(5),
        staged(6, number=None, rank="1"),
        staged(7, number=None, rank="2"),
    )
    stage(store, staged(8, number=shared, rank="0"), run_id="run-0")
    assert work(store, lambda ledger: ledger.staging.settle_duplicates("run-1")) == 2
    found = all_rows(store)
    assert {key for key, row in found.items() if row.state is DUE} == {"2", "5", "6", "7"}
    assert {key for key, row in found.items() if row.reason == "same_phone_as"} == {"1", "3"}
    assert found["1"].detail == "the same number as Lead 2, who is called instead"
    assert found["3"].next_at is None
    assert (found["2"].detail, found["4"].reason) == ("call 1 of 7", "do_not_call")
    assert all_rows(store, "run-0")["8"].state is DUE


def test_a_winner_that_may_not_be_called_now_still_keeps_the_others_back(store: SqlStore) -> None:
    """One person is one person: the other record must not use up the day for the first."""
    shared = phone(99)
    stage(
        store,
        staged(1, SKIP, number=shared, rank="1", contends=True, reason="day_quota"),
        staged(2, number=shared, rank="2"),
    )
    assert work(store, lambda ledger: ledger.staging.settle_duplicates("run-1")) == 1
    assert {key: row.reason for key, row in all_rows(store).items()} == {"1": "day_quota", "2": "same_phone_as"}


def test_the_dead_limit_lets_the_first_in_order_through(store: SqlStore) -> None:
    stage(store, *(staged(number, DEAD, reason="window_over") for number in (5, 3, 1, 4, 2)), staged(6))
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 9)) == 0
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 5)) == 0
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 3)) == 2
    found = all_rows(store)
    assert {key for key, row in found.items() if row.state is DEAD} == {"1", "2", "3"}
    assert {(row.state, row.reason) for key, row in found.items() if key in "45"} == {(SKIP, "dead_limit")}
    assert found["6"].state is DUE
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 0)) == 3


def test_records_are_counted_by_state_and_reason(store: SqlStore) -> None:
    stage(store, staged(1), staged(2), staged(3, SKIP, reason="status"), staged(4, reason="no_answer"))
    counts = work(store, lambda ledger: ledger.staging.counts("run-1"))
    assert counts == {("due", "new"): 2, ("skip", "status"): 1, ("due", "no_answer"): 1}
    assert work(store, lambda ledger: ledger.staging.counts("run-0")) == {}


def test_records_are_claimed_in_order_and_once(store: SqlStore) -> None:
    stage(store, *(staged(number) for number in (4, 2, 5, 1, 3)), staged(0, SKIP))
    stage(store, staged(9), run_id="run-0")
    claimed = [ids(work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 2))) for _ in range(4)]
    assert claimed == [["1", "2"], ["3", "4"], ["5"], []]
    assert {key: row.state for key, row in all_rows(store).items()} == {"0": SKIP, **dict.fromkeys("12345", CLAIMED)}
    assert all_rows(store, "run-0")["9"].state is DUE


def test_a_claim_says_who_made_it(store: SqlStore) -> None:
    stage(store, staged(1))
    work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 1))
    owner = select(staged_records.c.owner)
    assert store.database.submit(lambda connection: connection.execute(owner).scalar()).result() == OWNER


def test_marking_says_what_became_of_one_record(store: SqlStore) -> None:
    stage(store, staged(1), staged(2))
    work(
        store,
        lambda ledger: ledger.staging.mark(
            "run-1",
            lead(1),
            StagedState.ERROR,
            reason="refused",
            detail="4xx",
            next_at=NOW,
            attempt_id="a-1",
            add_try=True,
        ),
    )
    assert all_rows(store)["1"] == replace(
        staged(1), state=StagedState.ERROR, reason="refused", detail="4xx", next_at=NOW, attempt_id="a-1", tries=1
    )
    assert all_rows(store)["2"] == staged(2)
    work(store, lambda ledger: ledger.staging.mark("run-1", lead(1), DUE, reason="new", add_try=True))
    assert all_rows(store)["1"] == replace(staged(1), attempt_id="a-1", tries=2)


def test_what_a_stopped_run_did_not_reach_is_skipped(store: SqlStore) -> None:
    stage(store, staged(1), staged(2), staged(3, StagedState.CALLED), staged(4, DEAD), staged(5, StagedState.ERROR))
    stage(store, staged(6, DEAD))
    work(store, lambda ledger: ledger.staging.mark("run-1", lead(4), DEAD, add_try=True))  # its update was queued
    work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 1))
    assert work(store, lambda ledger: ledger.staging.skip_rest("run-1", "run_stopped", "Zoho is gone")) == 3
    states = {key: (row.state.value, row.reason, row.detail) for key, row in all_rows(store).items()}
    assert states["1"] == states["2"] == states["6"] == ("skip", "run_stopped", "Zoho is gone")
    assert [states[key][0] for key in "345"] == ["called", "dead", "error"]
    assert work(store, lambda ledger: ledger.staging.skip_rest("run-1", "run_stopped", "again")) == 0


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_many_are_skipped_in_parts_and_each_of_them_once(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(staging, "_PART", part)
    stage(store, *(staged(number) for number in range(1, 7)), *(staged(number, DEAD) for number in range(7, 10)))
    stage(store, staged(1), staged(2, DEAD), run_id="run-0")
    work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 3))
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 1)) == 2
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 1)) == 0
    assert work(store, lambda ledger: ledger.staging.skip_rest("run-1", "run_stopped", "")) == 7
    assert work(store, lambda ledger: ledger.staging.states("run-1")) == {SKIP: 9}
    assert work(store, lambda ledger: ledger.staging.limit_dead("run-1", 0)) == 0
    assert work(store, lambda ledger: ledger.staging.states("run-0")) == {DUE: 1, DEAD: 1}


def test_what_a_dead_process_had_claimed_is_due_again(store: SqlStore) -> None:
    stage(store, staged(1), staged(2), staged(3, StagedState.CALLED))
    work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 1))
    assert work(store, lambda ledger: ledger.staging.unclaim("run-1", OWNER)) == 1
    assert [row.state for row in all_rows(store).values()] == [DUE, DUE, StagedState.CALLED]
    assert work(store, lambda ledger: ledger.staging.unclaim("run-1", OWNER)) == 0


def test_what_was_claimed_and_not_reserved_is_due_again_and_what_is_on_its_way_is_not(store: SqlStore) -> None:
    stage(store, staged(1), staged(2), staged(3))

    def unit(ledger: SqlLedger) -> None:
        for row in ledger.staging.claim("run-1", OWNER, 3):
            ledger.staging.mark("run-1", row.key, StagedState.CLAIMED, attempt_id=f"a-{row.key.zoho_id}")
        ledger.staging.mark("run-1", lead(2), DUE)  # that attempt was given back
        assert [row.attempt_id for row in ledger.staging.claim("run-1", OWNER, 3)] == [None]

    work(store, unit)
    assert work(store, lambda ledger: ledger.staging.unclaim("run-1", "another", without_attempt=True)) == 0
    assert work(store, lambda ledger: ledger.staging.unclaim("run-1", OWNER, without_attempt=True)) == 1
    assert [row.state for row in all_rows(store).values()] == [StagedState.CLAIMED, DUE, StagedState.CLAIMED]


def test_the_latest_run_that_saw_a_record_tells_of_it(store: SqlStore) -> None:
    stage(store, staged(1, SKIP, reason="day_quota"), staged(2), run_id="run-0")
    stage(store, staged(1))
    assert work(store, lambda ledger: ledger.staging.latest(lead(1))) == ("run-1", staged(1))
    assert work(store, lambda ledger: ledger.staging.latest(lead(2))) == ("run-0", staged(2))
    assert work(store, lambda ledger: ledger.staging.latest(contact(1))) is None
    assert work(store, lambda ledger: ledger.staging.latest(lead(3))) is None
    everybody = [lead(1), lead(2), contact(1), lead(3)]
    assert work(store, lambda ledger: ledger.staging.latest_of(everybody)) == {lead(1): staged(1), lead(2): staged(2)}
    assert work(store, lambda ledger: ledger.staging.latest_of(everybody, compared=True)) == {}


def test_who_is_held_and_was_not_seen_by_a_whole_pull_has_another_status_now(store: SqlStore) -> None:
    answered = Disposition.ANSWERED

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1), answered)
        ended(ledger, person(2), answered)
        ended(ledger, person(3), Disposition.NO_ANSWER)
        ended(ledger, person(4, key=contact(4)), answered)
        ended(ledger, person(5), answered)
        ledger.attempts.lift_holds([lead(5)], NOW)
        ledger.attempts.add_elsewhere(elsewhere("e-1", key=lead(6), disposition=answered))
        ledger.attempts.add_elsewhere(elsewhere("e-2", key=lead(6), disposition=answered))

    work(store, unit)
    stage(store, staged(1, SKIP), staged(4))
    stage(store, staged(2), run_id="run-0")
    assert sorted(work(store, lambda ledger: ledger.staging.unseen_holds("run-1", 1000))) == [
        contact(4),
        lead(2),
        lead(6),
    ]


def test_a_claim_is_one_statement(database: Database) -> None:
    store = SqlStore(database)
    stage(store, *(staged(number) for number in range(1, 40)))
    statements: list[str] = []
    event.listen(database._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    claimed = work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 30))
    assert [row.sort_key for row in claimed] == sorted(row.sort_key for row in claimed)
    assert len(claimed) == 30
    assert sum("staged_records" in statement for statement in statements) == 1


def test_holds_of_many_people_are_lifted_with_a_few_statements(database: Database) -> None:
    store, people = SqlStore(database), range(1, 41)
    work(store, lambda ledger: [ended(ledger, person(number), Disposition.ANSWERED) for number in people] and None)
    statements: list[str] = []
    event.listen(database._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert work(store, lambda ledger: ledger.attempts.lift_holds([lead(number) for number in people], NOW)) == len(
        people
    )
    assert sum("hold_lifted_at" in statement for statement in statements) == 1


def test_the_records_of_a_run_are_counted_by_state(store: SqlStore) -> None:
    stage(store, staged(1), staged(2), staged(3, SKIP))
    stage(store, staged(4), run_id="run-0")
    assert work(store, lambda ledger: ledger.staging.states("run-1")) == {DUE: 2, SKIP: 1}


def test_the_records_of_a_run_are_found_by_reason(store: SqlStore) -> None:
    stage(store, staged(1), staged(2, SKIP, reason="day_quota"), staged(3, SKIP, reason="status"))
    rows = work(store, lambda ledger: ledger.staging.rows("run-1", reason="day_quota"))
    assert [row.key for row in rows] == [lead(2)]


def test_all_sightings_of_a_record_are_found_with_their_runs_the_newest_first(store: SqlStore) -> None:
    stage(store, staged(1, SKIP), staged(2), run_id="run-0")
    stage(store, staged(1))
    found = work(store, lambda ledger: ledger.staging.sightings(lead(1)))
    assert [(run.run_id, row) for run, row in found] == [("run-1", staged(1)), ("run-0", staged(1, SKIP))]
    assert [run.run_id for run, _ in work(store, lambda ledger: ledger.staging.sightings(lead(1), 1))] == ["run-1"]
    assert work(store, lambda ledger: ledger.staging.sightings(contact(1))) == []


def test_the_records_of_a_run_are_found_by_their_number_and_by_its_last_digits(store: SqlStore) -> None:
    stage(store, staged(1), staged(2), staged(3, number=phone(1)), staged(4, number=None))
    number = phone(1)
    assert sorted(work(store, lambda ledger: ledger.staging.of_number("run-1", number))) == [lead(1), lead(3)]
    assert work(store, lambda ledger: ledger.staging.of_number("run-0", number)) == []
    ending = work(store, lambda ledger: ledger.staging.ending_with("run-1", number[-6:]))
    assert sorted(ending) == [(lead(1), number), (lead(3), number)]
    assert len(work(store, lambda ledger: ledger.staging.ending_with("run-1", number[-6:], 1))) == 1
    with pytest.raises(ValueError, match="digits"):
        work(store, lambda ledger: ledger.staging.ending_with("run-1", "1%"))


def test_whether_the_rows_of_a_run_still_stand_is_known(store: SqlStore) -> None:
    stage(store, staged(1))
    kept = work(store, lambda ledger: [ledger.staging.is_kept(f"run-{number}") for number in (0, 1)])
    assert kept == [False, True]
