"""8x8 sends results to one address: who registered last has them, and who lost them calls nobody."""

import pytest

from autodialer.domain.errors import ResultsElsewhere, RunRefused, TelephonyError
from autodialer.ports.rows import RunKind, RunState
from autodialer.service.holding import accept, elsewhere
from autodialer.service.webhook import WEBHOOK_HASH
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import World, lead, person


async def refusal(world: World) -> str:
    with pytest.raises(RunRefused) as caught:
        await world.services.runs.open(RunKind.MANUAL, None)
    return caught.value.message


async def test_while_results_go_to_another_installation_no_run_starts_and_the_reason_says_where_they_go(
    world: World,
) -> None:
    world.telephony.webhook = "ours"
    async with world.working():
        await pass_time(1)
        world.telephony.webhook = ResultsElsewhere("trial.example")
        await pass_time(130)
        assert "8x8 sends results to trial.example" in await refusal(world)
        assert any("trial.example" in finding.message for finding in await world.services.doctor.examine())
        await world.write(lambda ledger: accept(ledger, world.policy, world.clock.now()))
        assert "trial.example" in await refusal(world), "there is nothing to accept: they are still called by two"
        world.telephony.webhook = "ours"
        await pass_time(61)
        await world.services.runs.open(RunKind.MANUAL, None)
    assert "8x8 sends results here again" in world.log.events("warning")


async def test_a_run_that_is_going_ends_and_whom_it_had_not_called_yet_is_called_once_by_the_next(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=0.1)
    world.telephony.webhook = "ours"
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    async with world.working():
        run, _ = await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(20)
        world.telephony.webhook = ResultsElsewhere("trial.example")
        await world.services.run_desk.finished()
        ended = await world.read(lambda ledger: ledger.runs.get(run.run_id))
        assert ended is not None
        assert ended.state is RunState.STOPPED
        assert "trial.example" in (ended.stop_reason or "")
        assert 0 < len(world.telephony.rings) < 20
        world.telephony.webhook = "ours"
        await pass_time(61)
        await world.services.run_desk.start(RunKind.MANUAL)
        await world.services.run_desk.finished()
    assert len(world.telephony.numbers()) == len(set(world.telephony.numbers())) == 30


async def test_one_look_in_the_middle_of_a_change_holds_nothing(world: World) -> None:
    world.telephony.webhook = "ours"
    async with world.working():
        await pass_time(1)
        world.telephony.webhook = ResultsElsewhere("trial.example")
        await pass_time(61)
        world.telephony.webhook = "ours"
        await pass_time(120)
        assert await world.read(elsewhere) is None
        world.telephony.webhook = ResultsElsewhere("trial.example")
        await pass_time(61)
        assert await world.read(elsewhere) is None


async def test_who_starts_takes_the_results_back(world: World) -> None:
    world.telephony.webhook = "ours"
    async with world.working():
        await pass_time(1)
        world.telephony.webhook = ResultsElsewhere("trial.example")
        await pass_time(130)
        assert await world.read(elsewhere) == "trial.example"
    world.process = world.boot("second")
    async with world.working():
        await pass_time(1)
        assert await world.read(elsewhere) is None
        await world.services.runs.open(RunKind.MANUAL, None)


async def test_while_8x8_can_not_be_asked_nothing_changes(world: World) -> None:
    world.telephony.webhook = "ours"
    async with world.working():
        await pass_time(1)
        for trouble in (TelephonyError("8x8 is out of reach", permanent=False), RuntimeError("unexpected")):
            world.telephony.webhook = trouble
            await pass_time(300)
            assert await world.read(elsewhere) is None
        await world.services.runs.open(RunKind.MANUAL, None)


async def test_with_dry_run_a_missing_webhook_is_registered_and_that_of_the_service_that_dials_is_left(
    make_world: MakeWorld,
) -> None:
    world = make_world(dry_run=True)
    world.telephony.webhook = ResultsElsewhere("dials.example")
    async with world.working():
        await pass_time(200)
        assert isinstance(world.telephony.webhook, ResultsElsewhere)
        assert await world.read(elsewhere) is None, "a dry run is held by nothing of that"
    world.telephony.webhook = "ours"
    world.process = world.boot("second", dry_run=True)
    async with world.working():
        await pass_time(1)
        assert await world.read(lambda ledger: ledger.switches.get(WEBHOOK_HASH)) == "ours"
