"""Replicas whose clocks differ by less than a minute (service.clock_guard) make no breach of what is right."""

from datetime import timedelta

from autodialer.domain.disposition import Disposition
from service.virtual_time import pass_time
from service.world import World, lead, person


async def test_who_asks_in_a_call_not_to_be_called_again_was_called_before_that(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await pass_time(12)
    world.clock._start -= timedelta(seconds=40)  # the replica that gets the callback is so far behind the one that sent
    await world.hear(world.session(lead(1)), Disposition.ANSWERED, doNotCall=True)
    assert await world.breaches() == []
