"""Updates that share their requests to Zoho: what leaves now, and what waits a moment for others."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import OutboxRow, Projection
from autodialer.service.together import LONGEST_WAIT, worth_their_requests
from service.virtual_time import pass_time
from service.world import MONDAY, World, lead, person

MOMENT = timedelta(milliseconds=100)


def waiting(number: int, record_type: RecordType, age: timedelta) -> OutboxRow:
    values: dict[str, Any] = {"status": None, "status_kept": None, "settled_at": None, "first_no_answer_at": None}
    return OutboxRow(
        outbox_id=number,
        key=RecordKey(record_type, str(number)),
        attempt_id=None,
        cause="result",
        expected_statuses=(),
        call_attempts=1,
        state="pending",
        tries=0,
        next_try_at=MONDAY - age,
        last_error="",
        created_at=MONDAY - age,
        **values,
    )


def some(record_type: RecordType, count: int, age: timedelta = MOMENT, first: int = 0) -> list[OutboxRow]:
    return [waiting(number, record_type, age) for number in range(first, first + count)]


def test_whole_looks_leave_and_what_is_over_waits() -> None:
    rows = [*some(RecordType.LEAD, 120), *some(RecordType.CONTACT, 49, first=200)]
    assert worth_their_requests(rows, MONDAY) == rows[:100]


def test_all_of_a_type_leave_when_one_of_them_has_waited_long_enough() -> None:
    old = some(RecordType.LEAD, 1, LONGEST_WAIT)
    young = some(RecordType.LEAD, 7, first=1)
    others = some(RecordType.CONTACT, 7, LONGEST_WAIT - MOMENT, first=200)
    assert worth_their_requests([*old, *others, *young], MONDAY) == [*old, *young]


@given(
    st.lists(st.tuples(st.sampled_from(RecordType), st.integers(0, 40)), max_size=150).map(
        lambda made: [waiting(n, kind, age * MOMENT) for n, (kind, age) in enumerate(made)]
    )
)
def test_nobody_waits_longer_than_that_and_the_order_stays(rows: list[OutboxRow]) -> None:
    chosen = worth_their_requests(rows, MONDAY)
    assert chosen == [row for row in rows if row in chosen]
    left = [row for row in rows if row not in chosen]
    assert all(MONDAY - row.created_at < LONGEST_WAIT for row in left)
    assert all(sum(row.key.record_type is kind for row in left) < 50 for kind in RecordType)


async def queue(world: World, *keys: RecordKey) -> None:
    def put(ledger: Ledger) -> None:
        for key in keys:
            projection = Projection(
                key=key,
                attempt_id=None,
                cause="result",
                expected_status="New",
                status=None,
                call_attempts=1,
                first_no_answer_at=None,
            )
            ledger.outbox.put(projection, world.clock.now())

    await world.write(put)


async def test_with_no_call_in_progress_they_leave_at_once(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    await queue(world, lead(0), lead(1), lead(2))
    assert not await world.services.write_back.drain_together()
    assert world.crm.batches == [3]


async def test_while_a_call_is_in_progress_they_wait_for_others_and_not_for_ever(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(60)))
    world.all_end(None)
    await world.run()
    world.crm.batches.clear()
    await queue(world, *(lead(n) for n in range(20)))
    assert await world.services.write_back.drain_together(), "some were left"
    assert world.crm.batches == []
    await queue(world, *(lead(n) for n in range(20, 60)))
    assert await world.services.write_back.drain_together()
    assert world.crm.batches == [50], "what filled a look"
    await pass_time(LONGEST_WAIT.total_seconds())
    assert not await world.services.write_back.drain_together()
    assert world.crm.batches == [50, 10]
