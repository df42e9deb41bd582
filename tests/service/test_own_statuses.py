"""Which statuses we may have written ourselves is known by meaning; how they are spelled is the policy's (invariant 7)."""

from typing import Any

import pytest

from autodialer.domain.record import CrmStatus
from autodialer.ports.rows import Projection
from autodialer.rules.policy import Policy
from service.conftest import MakeWorld
from service.world import World, lead, person

NEW, NO_ANSWER, DEAD = "Nou", "Fără răspuns", "Închis"


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    world = make_world(policy=Policy(new_status=NEW, no_answer_status=NO_ANSWER, dead_status=DEAD))
    world.crm.add(person(lead(1), 1, NEW))
    return world


async def queue(world: World, status: CrmStatus | None, expected: str, **fields: Any) -> None:
    projection = Projection(lead(1), None, "result", expected, status, fields.get("call_attempts"), None)
    await world.write(lambda ledger: ledger.outbox.put(projection, world.clock.now()))


async def merged(world: World, shown: str) -> tuple[CrmStatus | None, str | None]:
    """An update to Dead that took the place of one to No Answer, while the CRM shows `shown`: what was written, what was kept."""
    await queue(world, CrmStatus.NO_ANSWER, NEW, call_attempts=1)
    await queue(world, CrmStatus.DEAD, NEW)
    world.crm.change(lead(1), status=shown)
    await world.drain()
    row = (await world.updates(lead(1)))[-1]
    assert row.state == "sent"
    assert world.crm.writes[-1].call_attempts == 1
    return world.crm.writes[-1].status, row.status_kept


@pytest.mark.parametrize("shown", [NEW, " nou", NO_ANSWER, "FĂRĂ  RĂSPUNS", DEAD])
async def test_what_we_decided_on_or_wrote_meanwhile_is_written_over_however_it_is_spelled(
    world: World, shown: str
) -> None:
    needed = None if shown == DEAD else CrmStatus.DEAD  # what the CRM shows already is not written again
    assert await merged(world, shown) == (needed, None)


@pytest.mark.parametrize("shown", ["No Answer", "New", "Dead", "Recrutare", "ours"])
async def test_another_status_that_happens_to_have_our_word_for_it_is_a_person_s_and_stays(
    world: World, shown: str
) -> None:
    assert await merged(world, shown) == (None, shown)


async def test_while_such_an_update_waits_what_we_wrote_is_taken_as_ours_in_a_run(world: World) -> None:
    """The update to No Answer reached the CRM, the next one to Dead waits: the record counts as Dead."""
    await queue(world, CrmStatus.NO_ANSWER, NEW, call_attempts=1)
    await queue(world, CrmStatus.DEAD, NEW)
    for shown in (NEW, NO_ANSWER):
        world.crm.change(lead(1), status=shown)
        found = await world.explained(lead(1))
        now = found["now"]
        assert (now["would"], now["reason"]) == ("skip", "status"), shown
