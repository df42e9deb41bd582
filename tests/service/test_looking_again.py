"""A person mends a record in Zoho and has it looked at again: what it waited for is lifted by the rules, and by nothing else."""

from typing import Any

import pytest

from autodialer.domain.access import Action
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError, NotWaiting
from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import Staged
from autodialer.ports.work_lists import Flaw
from autodialer.service.looking_again import Looked
from service.fakes import zoho_down
from service.test_orphans import trail
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, contact, lead, person

YESTERDAY = MONDAY - DAY


async def answered(world: World, **fields: Any) -> None:
    """Lead 1 answered a call of the run of Monday, 10:00."""
    world.crm.add(chasing(lead(1), 1, YESTERDAY, **fields))
    world.all_end(Disposition.ANSWERED)
    await world.run()
    await world.settle()
    assert await waiting(world) == 1


async def waiting(world: World) -> int:
    return len(await world.read(lambda ledger: ledger.work_lists.answered(None, 10)))


async def look(world: World, one: int = 1) -> Looked:
    return await world.services.second_look.look(lead(one), "ana")


async def test_row_11_while_nobody_changes_the_status_a_second_look_lifts_nothing(world: World) -> None:
    await answered(world)
    looked = await look(world)
    assert (looked.would, looked.reason, looked.lifted) == ("skip", "answered_waiting", 0)
    assert await waiting(world) == 1
    assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


async def test_row_11_our_own_write_is_no_change_by_a_person(world: World) -> None:
    """New, nobody answered, so that we write No Answer; then answered wins."""
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    assert world.crm.records[lead(1)].status == "No Answer"
    assert (await look(world)).lifted == 0
    assert await waiting(world) == 1


@pytest.mark.parametrize(("status", "would"), [("Onboarding", "skip"), ("New", "skip")])
async def test_row_11_the_hold_is_lifted_when_a_person_has_changed_the_status(
    world: World, status: str, would: str
) -> None:
    await answered(world)
    world.crm.change(lead(1), status=status)
    looked = await look(world)
    assert (looked.lifted, looked.would, looked.status) == (1, would, status)
    assert await waiting(world) == 0
    assert (await trail(world))[-1][:3] == ("ana", Action.LOOK_AGAIN, str(lead(1)))
    assert "1 held calls lifted" in (await trail(world))[-1][3]
    assert (await look(world)).lifted == 0


async def test_a_record_that_is_gone_holds_nobody(world: World) -> None:
    await answered(world)
    world.crm.remove(lead(1))
    looked = await look(world)
    assert (looked.would, looked.reason, looked.lifted) == ("gone", "record_gone", 1)


async def test_a_mistyped_id_is_nobody_who_is_gone(world: World) -> None:
    await answered(world)
    with pytest.raises(NotWaiting, match="neither Zoho nor the ledger knows Lead 1"):
        await world.services.second_look.look(RecordKey(RecordType.LEAD, "1"), "ana")
    assert [entry for entry in await trail(world) if entry[2] == "Lead 1"] == []


async def test_a_call_that_was_answered_after_the_look_still_holds(world: World) -> None:
    await answered(world)
    world.crm.change(lead(1), status="Onboarding")
    first = await world.attempt(lead(1))

    looked_before = world.services.second_look._note

    def late(ledger: Any, key: Any, record: Any, _before: Any, *rest: Any) -> Looked:
        return looked_before(ledger, key, record, [], *rest)  # nothing was held when the look began

    world.services.second_look._note = late  # type: ignore[assignment, method-assign]  # as if it were slow
    assert (await look(world)).lifted == 0
    assert (await world.attempt(lead(1))) == first


async def test_nothing_is_lifted_while_zoho_can_not_be_asked(world: World) -> None:
    await answered(world)
    world.crm.down = zoho_down()
    with pytest.raises(CrmError):
        await look(world)
    assert await waiting(world) == 1
    assert await trail(world) == []


async def to_repair(world: World) -> list[Staged]:
    def rows(ledger: Any) -> list[Staged]:
        run_id = ledger.work_lists.flawed_run()
        return list(ledger.work_lists.flawed(run_id, Flaw.REPAIR, "", 100)) if run_id else []

    return await world.read(rows)


async def test_a_mended_record_leaves_the_list_and_one_that_is_not_stays(world: World) -> None:
    world.crm.add(
        person(lead(1), 1, call_attempts=-3),
        person(lead(2), 2, phone="12", mobile=None),
        person(contact(3), 3, call_attempts=2),
        person(lead(4), 4),
    )
    await world.run()
    assert [(row.key, row.reason) for row in await to_repair(world)] == [
        (lead(1), "bad_call_attempts"),
        (lead(2), "no_valid_phone"),
        (contact(3), "new_already_called"),
    ]
    looked = await look(world)
    assert (looked.reason, looked.repaired) == ("bad_call_attempts", False)
    world.crm.change(lead(1), call_attempts=None)
    looked = await look(world)
    assert (looked.would, looked.reason, looked.repaired) == ("call", "new", True)
    world.crm.remove(lead(2))
    assert (await look(world, 2)).repaired
    assert [row.key for row in await to_repair(world)] == [contact(3)]
    assert "repaired" in (await trail(world))[-1][3]
    assert not (await look(world, 4)).repaired


async def test_the_next_run_lists_it_again_if_it_is_bad_again(world: World) -> None:
    world.crm.add(person(lead(1), 1, call_attempts=-3))
    await world.run()
    world.crm.change(lead(1), call_attempts=0)
    assert (await look(world)).repaired
    world.crm.change(lead(1), call_attempts=99)
    await pass_time(1)  # two runs of one millisecond have no order
    await world.run()
    assert [row.key for row in await to_repair(world)] == [lead(1)]
