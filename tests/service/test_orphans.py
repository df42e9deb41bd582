"""rules.md row 23 in a person's hands: an orphan is matched again or dismissed, and no result is lost by either."""

import pytest

from autodialer.domain.access import Action
from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import NotWaiting
from autodialer.domain.placing import Ambiguous, Placed
from autodialer.ports.access import AuditRow
from autodialer.ports.rows import InboxRow
from service.fakes import zoho_down
from service.world import World, lead, person, phone


async def orphans(world: World) -> list[InboxRow]:
    return [orphan.row for orphan in await world.services.orphans.page(None, 100)]


async def the_orphan(world: World) -> InboxRow:
    (row,) = await orphans(world)
    return row


async def trail(world: World) -> list[tuple[str, str, str, str]]:
    """Who did what to what, oldest first."""

    def entry(row: AuditRow) -> tuple[str, str, str, str]:
        return row.who, row.action, row.subject, row.detail

    rows = await world.read(lambda ledger: ledger.audit.newest_first(None, 100))
    return [entry(row) for row in reversed(rows)]


async def test_an_orphan_that_still_belongs_to_nobody_stays_one(world: World) -> None:
    await world.hear("nobody-knows", Disposition.ANSWERED)
    before = await the_orphan(world)
    after = await world.services.orphans.match_again(before.inbox_id, "ana")
    assert after.state == "orphan"
    assert await orphans(world) == [before]
    assert await trail(world) == [("ana", Action.MATCH_CALLBACK, str(before.inbox_id), before.event_type)]


async def test_a_result_of_a_call_elsewhere_is_taken_once_zoho_knows_the_record(world: World) -> None:
    await world.told(lead(1), "no_answer")
    orphan = await the_orphan(world)
    world.crm.add(person(lead(1), 1))
    after = await world.services.orphans.match_again(orphan.inbox_id)
    assert after.state == "applied"
    await world.drain()
    assert (world.crm.records[lead(1)].status, world.crm.records[lead(1)].call_attempts) == ("No Answer", 1)
    with pytest.raises(NotWaiting, match="no orphan any more: applied"):
        await world.services.orphans.match_again(orphan.inbox_id)
    assert len(await world.attempts(lead(1))) == 1
    assert await world.breaches() == []


async def test_while_zoho_can_not_be_asked_it_waits_and_is_taken_later(world: World) -> None:
    await world.told(lead(1), "no_answer")
    orphan = await the_orphan(world)
    world.crm.add(person(lead(1), 1))
    world.crm.down = zoho_down()
    assert (await world.services.orphans.match_again(orphan.inbox_id)).state == "new"
    world.crm.down = None
    await world.apply()
    assert len(await world.attempts(lead(1))) == 1


async def test_while_others_are_being_applied_it_is_left_to_them(world: World) -> None:
    await world.hear("nobody-knows", Disposition.ANSWERED)
    orphan = await the_orphan(world)
    async with world.services.results._turn:
        assert (await world.services.orphans.match_again(orphan.inbox_id)).state == "new"
    await world.apply()
    assert (await the_orphan(world)).inbox_id == orphan.inbox_id


async def test_a_dismissed_orphan_changes_nothing_and_leaves_the_list(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.hear("nobody-knows", Disposition.ANSWERED)
    orphan = await the_orphan(world)
    await world.services.orphans.dismiss(orphan.inbox_id, "another program's", "ana")
    assert await orphans(world) == []
    assert await world.attempts(lead(1)) == []
    assert await trail(world) == [("ana", Action.DISMISS_CALLBACK, str(orphan.inbox_id), "another program's")]
    with pytest.raises(NotWaiting, match="no orphan any more: ignored"):
        await world.services.orphans.dismiss(orphan.inbox_id, "again")
    with pytest.raises(NotWaiting, match="no callback with this number"):
        await world.services.orphans.dismiss(10**9, "nothing")
    assert len(await trail(world)) == 1


async def test_a_dismissed_result_still_ends_its_call_should_the_session_become_known(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.hear("s-77", Disposition.NO_ANSWER)
    await world.services.orphans.dismiss((await the_orphan(world)).inbox_id, "who is that?")
    world.telephony.always = Placed("s-77")
    await world.run()
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER
    assert await world.breaches() == []


async def test_an_orphan_names_the_unknown_calls_to_its_number_and_touches_none(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.telephony.always = Ambiguous("timeout")
    await world.run()
    await world.hear("lost", Disposition.ANSWERED, destination=phone(1))
    (orphan,) = await world.services.orphans.page(None, 10)
    call = await world.attempt(lead(1))
    assert orphan.unknown_calls == ((call.attempt_id, lead(1)),)
    assert call.state is AttemptState.UNKNOWN
