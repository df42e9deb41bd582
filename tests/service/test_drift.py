"""`drift` on a real ledger: who is compared, in which order, a page at a time."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.domain.update import NotWritten, Refusal
from autodialer.ports.rows import Projection
from service.world import DAY, MONDAY, NEW, NO_ANSWER, World, chasing, contact, lead, person


@pytest.fixture
async def called(sqlite_world: World) -> World:
    """Six people New were called, nobody answered, all was written back."""
    world = sqlite_world
    world.crm.add(*(person(lead(n), n) for n in range(1, 6)), person(contact(6), 6))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    return world


async def drift(world: World, days: int = 7, limit: int = 200) -> dict[RecordKey, list[str]]:
    """The reasons by record, over all pages."""
    found: dict[RecordKey, list[str]] = {}
    for page in await pages(world, days, limit):
        assert not found.keys() & {one.key for one in page.records}
        found |= {one.key: [each.reason for each in one.differences] for one in page.records}
    return found


async def pages(world: World, days: int = 7, limit: int = 200) -> Sequence[Any]:
    walked, after = [], ""
    while True:
        page = await world.services.drift.page(days, limit, after)
        walked.append(page)
        if page.next_after is None:
            return walked
        after = page.next_after


async def test_after_a_run_that_was_written_back_nothing_differs(called: World) -> None:
    page = await called.services.drift.page(7, 200)
    assert (page.records, page.checked, page.next_after) == ((), 6, None)
    assert len(called.crm.looks[-1][1]) == 6


async def test_what_people_change_in_zoho_is_told_by_its_kind(called: World) -> None:
    called.crm.change(lead(1), call_attempts=4)
    called.crm.change(lead(2), status="Onboarding")
    called.crm.change(lead(3), status=NEW, first_no_answer_at=None)
    called.crm.change(lead(4), call_attempts=None)
    called.crm.remove(lead(5))
    assert await drift(called) == {
        lead(1): ["attempts_above"],
        lead(2): ["status_changed"],
        lead(3): ["first_no_answer_differs", "status_set_back"],
        lead(4): ["attempts_below"],
        lead(5): ["gone"],
    }


async def test_what_still_waits_in_the_outbox_is_no_drift(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    assert await drift(world) == {key: ["result_awaited"] for key in (lead(1), lead(2))}
    await asyncio.gather(*world.telephony.tasks)
    await world.apply()
    waiting = ["attempts_waiting", "first_no_answer_waiting", "status_waiting"]
    assert await drift(world) == {lead(1): waiting, lead(2): waiting}
    await world.drain()
    assert await drift(world) == {}


async def test_a_parked_update_is_drift_with_zoho_s_reason(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    world.crm.refusals[lead(1)] = deque([NotWritten("INVALID_DATA", "bad", Refusal.NEVER)])
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    (one,) = (await world.services.drift.page(7, 200)).records
    assert [each.reason for each in one.differences] == ["attempts_parked", "first_no_answer_parked", "status_parked"]
    assert all("INVALID_DATA: bad" in each.detail for each in one.differences)


async def test_an_unknown_call_is_a_note_also_where_zoho_had_counted_before(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY, attempts=2))
    world.all_end(None)
    await world.run()
    assert await drift(world) == {lead(1): ["result_awaited"]}
    world.clock.move_to(MONDAY + DAY)
    for _ in range(2):  # the result is overdue, then the day of the call is over
        await world.services.reconciler.sweep()
    assert (await world.attempt(lead(1))).disposition is Disposition.UNKNOWN
    assert await drift(world) == {lead(1): ["unknown_calls"]}


async def test_a_persons_status_that_was_kept_is_no_drift(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    world.crm.change(lead(1), status="Recruiting")
    await world.settle()
    assert await drift(world) == {}
    world.crm.change(lead(1), status="Onboarding")
    assert await drift(world) == {}


async def test_records_are_walked_in_pages_latest_first_and_each_once(called: World) -> None:
    called.crm.add(chasing(lead(9), 9, MONDAY - 4 * DAY))
    await called.run(confirm=True)  # lead 9 becomes Dead without a call, the others are called again
    await called.settle()
    for key in [*map(lead, range(1, 6)), contact(6), lead(9)]:
        called.crm.change(key, status="Changed")
    walked = await pages(called, limit=2)
    assert all(page.checked <= 2 for page in walked)
    keys = [one.key for page in walked for one in page.records]
    assert len(keys) == len(set(keys)) == 7
    assert keys[-1] == lead(9), "who was only written to comes last"
    attempts = [max(row.submitted_at for row in await called.attempts(key) if row.submitted_at) for key in keys[:-1]]
    assert attempts == sorted(attempts, reverse=True)
    assert sum(page.checked for page in walked) == 7


async def test_only_the_last_days_are_looked_at(called: World) -> None:
    called.crm.change(lead(1), call_attempts=4)
    called.clock.move_to(MONDAY + 3 * DAY)
    assert await drift(called, days=4) == {lead(1): ["attempts_above"]}
    assert await drift(called, days=2) == {}
    assert (await called.services.drift.page(2, 200)).checked == 0


async def test_what_changes_while_zoho_is_asked_is_not_taken_for_drift(called: World) -> None:
    row = Projection(lead(1), None, "dead", NO_ANSWER, CrmStatus.DEAD, None, None)
    called.crm.change(lead(1), status="Dead")
    store, reads = called.process.store, []
    inner = store.read

    async def read(work: Any) -> Any:
        reads.append(work)
        if len(reads) == 2:
            await called.write(lambda ledger: ledger.outbox.put(row, called.clock.now()))
        return await inner(work)

    store.read = read  # type: ignore[method-assign] # the second look at the ledger comes after a write of another process
    (one,) = (await called.services.drift.page(7, 200)).records
    assert [(each.weight.value, each.reason) for each in one.differences] == [("waiting", "changing")]


async def test_zoho_out_of_reach_is_an_error_and_an_empty_ledger_is_not(sqlite_world: World) -> None:
    assert (await sqlite_world.services.drift.page(7, 200)).checked == 0
    assert sqlite_world.crm.looks == []
    sqlite_world.crm.add(person(lead(1), 1))
    await sqlite_world.run()
    sqlite_world.crm.look_fails = CrmError("out of reach", permanent=False)
    with pytest.raises(CrmError, match="out of reach"):
        await sqlite_world.services.drift.page(7, 200)


async def test_each_question_to_zoho_stands_in_the_audit_trail(called: World) -> None:
    await called.services.drift.page(7, 200, by="oana")
    called.clock.move_to(MONDAY + 3 * DAY)
    await called.services.drift.page(2, 200)
    called.crm.look_fails = CrmError("out of reach", permanent=False)
    with pytest.raises(CrmError):
        await called.services.drift.page(7, 200)
    rows = await called.read(lambda ledger: ledger.audit.newest_first(None, 10, action="find_drift"))
    assert [(row.who, row.detail) for row in rows] == [("API", "6 records of 7 days"), ("oana", "6 records of 7 days")]
