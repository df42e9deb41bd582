"""Updates on their way to the CRM: one waits per record, and it says the newest whole."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from autodialer.domain.record import CrmStatus
from autodialer.ports.rows import OutboxRow, Projection
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import MINUTE, NOW, OWNER, contact, lead, projection, work

LATER = NOW + MINUTE
NO_ANSWER, DEAD = CrmStatus.NO_ANSWER, CrmStatus.DEAD


def put(store: SqlStore, *wanted: Projection, at: datetime = NOW) -> None:
    def unit(ledger: SqlLedger) -> None:
        for one in wanted:
            ledger.outbox.put(one, at)

    work(store, unit)


def history(store: SqlStore) -> list[OutboxRow]:
    return list(work(store, lambda ledger: ledger.outbox.of_record(lead())))


def due(store: SqlStore, now: datetime = NOW, limit: int = 10) -> list[OutboxRow]:
    """What a replica would get, and gives back."""

    def look(ledger: SqlLedger) -> list[OutboxRow]:
        rows = ledger.outbox.claim("who looks", now, limit, NOW)
        ledger.outbox.disown("who looks")
        return [replace(row, claimed_by=None) for row in rows]

    return work(store, look)


def claim(store: SqlStore, owner: str = OWNER, now: datetime = NOW, limit: int = 10) -> list[int]:
    return [row.outbox_id for row in work(store, lambda ledger: ledger.outbox.claim(owner, now, limit, now))]


def only(store: SqlStore) -> OutboxRow:
    (row,) = due(store, NOW + 60 * MINUTE)
    return row


def test_an_update_waits_as_it_was_put(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER, call_attempts=1, first_no_answer_at=NOW, cause="result"))
    row = only(store)
    assert row == OutboxRow(
        outbox_id=row.outbox_id,
        key=lead(),
        attempt_id="a-1",
        cause="result",
        expected_statuses=("New",),
        status=NO_ANSWER,
        call_attempts=1,
        first_no_answer_at=NOW,
        state="pending",
        status_kept=None,
        tries=0,
        next_try_at=NOW,
        last_error="",
        created_at=NOW,
        settled_at=None,
    )


def test_a_later_update_of_the_same_record_takes_the_place_of_the_one_that_waits(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER, call_attempts=1, first_no_answer_at=NOW))
    put(store, projection(attempt_id="a-2", expected_status="No Answer", call_attempts=2), at=LATER)
    old, new = history(store)
    assert (old.state, old.settled_at) == ("superseded", LATER)
    assert (new.state, new.attempt_id, new.created_at, new.next_try_at) == ("pending", "a-2", LATER, LATER)
    assert (new.status, new.call_attempts, new.first_no_answer_at) == (NO_ANSWER, 2, NOW)
    assert new.expected_statuses == ("New",)
    assert work(store, lambda ledger: ledger.outbox.count("pending")) == 1


def test_call_attempts_never_go_down(store: SqlStore) -> None:
    put(store, projection(call_attempts=3), projection(call_attempts=2), projection(call_attempts=None))
    assert only(store).call_attempts == 3
    put(store, projection(lead(2), call_attempts=None), projection(lead(2), call_attempts=0))
    newest = work(store, lambda ledger: ledger.outbox.newest([lead(2)], NOW))
    assert newest[lead(2)].call_attempts == 0


def test_the_newest_status_and_first_no_answer_are_written(store: SqlStore) -> None:
    put(
        store,
        projection(status=NO_ANSWER, first_no_answer_at=NOW),
        projection(status=DEAD, expected_status="No Answer", first_no_answer_at=LATER, cause="dead", attempt_id=None),
    )
    row = only(store)
    assert (row.status, row.first_no_answer_at, row.cause, row.attempt_id) == (DEAD, LATER, "dead", None)


def test_expected_statuses_pile_up_each_once_with_what_may_have_been_written_meanwhile(store: SqlStore) -> None:
    put(
        store,
        projection(status=NO_ANSWER, expected_status="new "),
        projection(status=DEAD, expected_status="New"),
        projection(expected_status="New"),
        projection(expected_status=None),
    )
    row = only(store)
    assert (row.expected_statuses, row.our_statuses) == (("new ", "New"), (NO_ANSWER, DEAD))


def test_an_update_that_only_counts_does_not_let_a_waiting_status_go_over_what_it_met(store: SqlStore) -> None:
    """A person had set it meanwhile: "Dead" was decided on "No Answer", and goes over nothing else."""
    put(
        store,
        projection(status=DEAD, expected_status="No Answer", cause="dead"),
        projection(expected_status="Recruiting", call_attempts=6),
    )
    row = only(store)
    assert (row.status, row.expected_statuses, row.call_attempts) == (DEAD, ("No Answer",), 6)


def test_a_status_goes_only_over_what_was_met_by_those_that_set_one(store: SqlStore) -> None:
    put(
        store,
        projection(expected_status="Recruiting", call_attempts=1),
        projection(status=NO_ANSWER, expected_status="New", call_attempts=2),
    )
    assert only(store).expected_statuses == ("New",)


def test_what_we_wrote_ourselves_is_kept_by_its_meaning_apart_from_the_words_of_the_crm(store: SqlStore) -> None:
    """The policy may spell "No Answer" otherwise, and "No Answer" may be another status there."""
    put(store, projection(status=NO_ANSWER, expected_status="Dead"), projection(status=DEAD, expected_status="Dead"))
    row = only(store)
    assert (row.expected_statuses, row.our_statuses, row.status) == (("Dead",), (NO_ANSWER,), DEAD)


def test_call_attempts_do_not_go_down_when_the_result_of_an_earlier_call_comes_last(store: SqlStore) -> None:
    put(store, projection(attempt_id="later", call_attempts=3))
    (sent,) = claim(store)
    work(store, lambda ledger: ledger.outbox.sent(sent, OWNER, NOW))
    put(store, projection(attempt_id="earlier", call_attempts=2))
    assert only(store).call_attempts == 3


def test_answered_takes_back_a_status_that_has_not_been_written_yet(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER, call_attempts=1, first_no_answer_at=NOW))
    put(store, projection(call_attempts=1, drops_status=True))
    row = only(store)
    assert (row.status, row.call_attempts, row.first_no_answer_at) == (None, 1, None)


def test_answered_leaves_a_status_that_an_earlier_call_had_queued(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER, call_attempts=1, first_no_answer_at=NOW, attempt_id="earlier"))
    put(store, projection(call_attempts=2, attempt_id="later", drops_status=True))
    row = only(store)
    assert (row.status, row.call_attempts, row.first_no_answer_at) == (NO_ANSWER, 2, NOW)


def test_an_update_merges_with_one_that_was_parked_and_is_tried_again(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER, call_attempts=1))
    (refused,) = claim(store)
    work(store, lambda ledger: ledger.outbox.park(refused, OWNER, "bad value", NOW))
    put(store, projection(call_attempts=2))
    old, new = history(store)
    assert (old.state, new.state, new.status, new.call_attempts) == ("superseded", "pending", NO_ANSWER, 2)


def test_updates_of_different_records_do_not_meet(store: SqlStore) -> None:
    put(
        store, projection(call_attempts=1), projection(contact(), call_attempts=5), projection(lead(2), call_attempts=2)
    )
    assert [(row.key, row.call_attempts) for row in due(store)] == [(lead(), 1), (contact(), 5), (lead(2), 2)]


def test_updates_are_due_oldest_first_and_not_before_their_time(store: SqlStore) -> None:
    put(store, projection(lead(3)), at=LATER)
    put(store, projection(lead(1)), projection(lead(2)))
    assert [row.key for row in due(store)] == [lead(1), lead(2)]
    assert [row.key for row in due(store, LATER)] == [lead(1), lead(2), lead(3)]
    assert [row.key for row in due(store, LATER, 1)] == [lead(1)]
    assert work(store, lambda ledger: ledger.outbox.next_due_at()) == NOW


def test_an_update_that_failed_is_tried_later_and_says_why(store: SqlStore) -> None:
    put(store, projection())
    for number in (1, 2):
        (first,) = claim(store, now=NOW + 60 * MINUTE)
        work(store, lambda ledger: ledger.outbox.retry(first, OWNER, "throttled", LATER))  # noqa: B023 - run at once
        assert only(store).tries == number
    assert due(store) == []
    assert only(store).last_error == "throttled"
    assert work(store, lambda ledger: ledger.outbox.next_due_at()) == LATER


def test_a_parked_update_waits_for_a_person(store: SqlStore) -> None:
    put(store, projection(call_attempts=1))
    (parked,) = claim(store)
    work(store, lambda ledger: ledger.outbox.retry(parked, OWNER, "throttled", NOW))
    assert claim(store) == [parked]
    work(store, lambda ledger: ledger.outbox.park(parked, OWNER, "the record is gone", LATER))
    assert due(store, LATER) == []
    assert work(store, lambda ledger: ledger.outbox.next_due_at()) is None
    (row,) = work(store, lambda ledger: ledger.outbox.parked())
    assert (row.state, row.last_error, row.settled_at) == ("parked", "the record is gone", LATER)
    assert not work(store, lambda ledger: ledger.outbox.retry(parked, OWNER, "late", NOW))
    assert work(store, lambda ledger: ledger.outbox.count("parked")) == 1
    assert work(store, lambda ledger: ledger.outbox.unparked(parked, LATER))
    assert not work(store, lambda ledger: ledger.outbox.unparked(parked, LATER))
    row = only(store)
    assert (row.state, row.tries, row.next_try_at, row.settled_at) == ("pending", 0, LATER, None)


def test_an_update_that_the_crm_took_is_sent(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER))
    (sending,) = claim(store)
    assert work(store, lambda ledger: ledger.outbox.sent(sending, OWNER, LATER, status_kept="Recruiting"))
    (sent,) = history(store)
    assert (sent.state, sent.settled_at, sent.status_kept) == ("sent", LATER, "Recruiting")
    assert due(store, LATER) == []
    put(store, projection(call_attempts=2), at=LATER)
    assert [row.state for row in history(store)] == ["sent", "pending"]
    assert only(store).status is None


@pytest.mark.parametrize("answer", ["sent", "retry", "park", "postpone"])
def test_an_update_that_was_superseded_on_its_way_stays_so_and_the_newer_one_waits(
    store: SqlStore, answer: str
) -> None:
    put(store, projection(call_attempts=1))
    (on_its_way,) = claim(store)
    put(store, projection(call_attempts=2))
    assert claim(store, "another") == [], "it would overtake the one that is on its way"
    answers: dict[str, Callable[[SqlLedger], bool]] = {
        "sent": lambda ledger: ledger.outbox.sent(on_its_way, OWNER, LATER),
        "retry": lambda ledger: ledger.outbox.retry(on_its_way, OWNER, "throttled", LATER),
        "park": lambda ledger: ledger.outbox.park(on_its_way, OWNER, "bad", LATER),
        "postpone": lambda ledger: ledger.outbox.postpone(on_its_way, OWNER, LATER),
    }
    assert work(store, answers[answer])
    old, new = history(store)
    assert (old.state, old.settled_at, old.tries) == ("superseded", NOW, 0)
    assert (new.state, new.call_attempts) == ("pending", 2)
    assert claim(store, "another") == [new.outbox_id]


def test_the_newest_update_is_the_one_that_the_crm_may_not_show_yet(store: SqlStore) -> None:
    put(store, *(projection(lead(number), call_attempts=number) for number in range(1, 6)))
    rows = {row.key: row.outbox_id for row in due(store)}
    claim(store)

    def settle(ledger: SqlLedger) -> None:
        ledger.outbox.sent(rows[lead(2)], OWNER, NOW)
        ledger.outbox.sent(rows[lead(3)], OWNER, LATER)
        ledger.outbox.park(rows[lead(4)], OWNER, "bad", NOW)
        ledger.outbox.sent(rows[lead(5)], OWNER, LATER)
        ledger.outbox.put(projection(lead(5), call_attempts=9), LATER)

    work(store, settle)
    keys = [lead(number) for number in range(1, 8)]
    newest = work(store, lambda ledger: ledger.outbox.newest(keys, NOW))
    assert {key: row.call_attempts for key, row in newest.items()} == {lead(1): 1, lead(3): 3, lead(4): 4, lead(5): 9}
    assert work(store, lambda ledger: ledger.outbox.newest([], NOW)) == {}


def test_our_own_statuses_are_known_whatever_became_of_them(store: SqlStore) -> None:
    put(store, projection(status=NO_ANSWER), projection(call_attempts=1, drops_status=True))
    put(store, projection(lead(2), status=NO_ANSWER), projection(lead(2), status=DEAD), projection(lead(3)))
    keys = [lead(1), lead(2), lead(3), lead(4)]
    written = work(store, lambda ledger: ledger.outbox.written_statuses(keys))
    assert written == {lead(1): {NO_ANSWER}, lead(2): {NO_ANSWER, DEAD}}


def test_statuses_of_a_contact_are_not_those_of_a_lead_with_its_id(store: SqlStore) -> None:
    put(store, projection(contact(), status=NO_ANSWER, call_attempts=1))
    assert lead() not in work(store, lambda ledger: ledger.outbox.written_statuses([lead()]))
    assert lead() not in work(store, lambda ledger: ledger.outbox.newest([lead()], NOW))
    assert history(store) == []


def test_updates_are_walked_from_the_latest_back(store: SqlStore) -> None:
    put(store, *(projection(lead(one), call_attempts=one) for one in range(1, 6)))
    walked: list[int | None] = []
    before: int | None = None
    while rows := work(store, lambda ledger, at=before: ledger.outbox.newest_first(at, 2)):  # type: ignore[misc] # bound now
        walked += [row.call_attempts for row in rows]
        before = rows[-1].outbox_id
    assert walked == [5, 4, 3, 2, 1]


def test_the_updates_of_many_records_come_oldest_first_and_no_one_elses(store: SqlStore) -> None:
    put(store, projection(call_attempts=1), projection(lead(2), call_attempts=5), projection(call_attempts=2))
    put(store, projection(contact(), call_attempts=9), projection(lead(3)))
    rows = work(store, lambda ledger: ledger.outbox.of_records([lead(1), lead(2)]))
    of_lead = [row.call_attempts for row in rows if row.key == lead(1)]
    assert of_lead == [1, 2]
    assert {row.key for row in rows} == {lead(1), lead(2)}
    assert work(store, lambda ledger: ledger.outbox.of_records([])) == []


def test_it_is_known_how_long_the_oldest_update_waits(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.outbox.oldest_pending()) is None
    work(store, lambda ledger: ledger.outbox.put(projection(lead(1)), NOW + MINUTE))
    work(store, lambda ledger: ledger.outbox.put(projection(lead(2)), NOW))
    assert work(store, lambda ledger: ledger.outbox.oldest_pending()) == NOW
