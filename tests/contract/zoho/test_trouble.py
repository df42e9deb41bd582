import asyncio
from collections.abc import Callable

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.update import CrmUpdate, Written
from autodialer.simulators.common import SimClock
from autodialer.simulators.zoho_limits import Limits
from autodialer.zoho import wire
from autodialer.zoho.slots import Rank, Slots
from contract.zoho.world import NOW, QuickClock, World, key_of, person, pull_all

OpenWorld = Callable[..., World]
TOO_MANY = {"code": "TOO_MANY_REQUESTS", "details": {}, "message": "", "status": "error"}


async def test_a_storm_of_429_is_weathered_and_everything_is_read(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(1000)]
    world = open_world(*people, latency_seconds=0.08, limits=Limits(concurrency=2, sub_concurrency=2))
    async with world.open_client(concurrency=10, coql_concurrency=10, tries=8) as crm:
        found = await crm.look([key_of(p) for p in people])
    assert len(found) == 1000
    refused = sum(1 for exchange in world.exchanges if exchange.status == 429)
    assert 0 < refused <= 25, "all wait together and fewer go at a time, instead of each trying on its own"


async def test_a_retry_after_makes_everybody_wait_as_long_as_told(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(60)]
    world = open_world(*people)
    headers = {"Retry-After": "90"}
    match = {"path_contains": "coql"}
    async with world.open_client() as crm:
        await crm.prepare()
        world.fault(kind="status", status=429, body=TOO_MANY, headers=headers, match=match)
        began = world.clock.now()
        assert len(await crm.look([key_of(p) for p in people])) == 60
    assert 90 <= (world.clock.now() - began).total_seconds() < 100


async def test_a_retry_after_may_be_a_date(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    headers = {"Retry-After": "Mon, 02 Mar 2026 10:01:00 GMT"}
    world.fault(kind="status", status=503, headers=headers, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 1
    assert (world.clock.now() - NOW).total_seconds() >= 59


@pytest.mark.parametrize("moment", ["soon", "Mon, 02 Mar 2026", "Mon, 02 Mar 99999999999999999999 10:01:00 GMT"])
async def test_a_retry_after_or_a_date_that_is_none_is_as_if_there_were_none(
    open_world: OpenWorld, moment: str
) -> None:
    world = open_world(person(1))
    headers = {"Retry-After": moment, "Date": moment}
    world.fault(kind="status", status=503, headers=headers, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 1
    assert (world.clock.now() - NOW).total_seconds() < 30


async def test_a_retry_after_of_hours_is_not_waited_for(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    headers = {"Retry-After": "7200"}
    world.fault(kind="status", status=429, body=TOO_MANY, headers=headers, match={"path_contains": "coql"}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert not caught.value.permanent
    assert world.fired() == [1]
    assert (world.clock.now() - NOW).total_seconds() < 60


async def test_used_up_credits_are_transient_so_that_no_result_is_lost(open_world: OpenWorld) -> None:
    world = open_world(person(1), limits=Limits(credits_per_day=3))
    update = CrmUpdate(key_of(person(1)), call_attempts=1)
    async with world.open_client() as crm:
        assert isinstance((await crm.write([update]))[0], Written)
        with pytest.raises(CrmError) as caught:
            await crm.write([update])
        assert not caught.value.permanent
        assert crm.usage.credits_remaining == 0
        world.clock.advance(24 * 3600)
        assert isinstance((await crm.write([update]))[0], Written)


async def test_waits_between_tries_grow_and_are_bounded(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="html", match={"path_contains": "coql"}, times=0)
    clock = QuickClock(world.clock)
    async with world.open_client(clock, tries=10) as crm:
        with pytest.raises(CrmError):
            await pull_all(crm)
    assert world.fired() == [10]
    assert len(clock.slept) == 9
    for place, seconds in enumerate(clock.slept):
        assert 0 <= seconds <= min(60, 2 * 2**place)


async def test_an_answer_larger_than_the_cap_is_not_read(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 100_000)
    world = open_world(*(person(i) for i in range(2000)))
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert not caught.value.permanent


async def test_an_answer_that_drips_for_ever_is_cut_at_the_request_timeout(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client(read_timeout=5, request_timeout=0.2) as crm:
        await crm.prepare()
        world.fault(kind="slow", match={"path_contains": "coql"}, delay_seconds=1.5)
        assert len(await pull_all(crm)) == 1
    assert len(world.sent("POST", "/crm/v8/coql")) == 2


async def test_a_server_that_is_not_there_is_a_transient_error(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await crm.prepare()
    async with world.open_client(api_domain="http://127.0.0.1:9") as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert not caught.value.permanent
    assert "ConnectError" in caught.value.message


async def test_no_message_of_any_error_holds_a_token_a_secret_or_a_number(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    item = {
        "code": "INVALID_DATA",
        "details": {"api_name": "Phone", "value": someone.phone, "duplicate_record": {"Phone": someone.phone}},
        "message": "invalid data",
        "status": "error",
    }
    world.fault(kind="status", status=400, body={"data": [item]}, match={"method": "PUT"})
    async with world.open_client() as crm:
        results = await crm.write([CrmUpdate(key_of(someone), call_attempts=1)])
    assert world.tokens.token is not None
    assert someone.phone is not None
    for secret in (someone.phone, world.tokens.token.value, world.config().client_secret):
        assert secret not in repr(results)


async def test_slots_halve_once_for_a_burst_of_throttles_and_grow_back() -> None:
    slots = Slots(8, QuickClock(SimClock()))
    for _ in range(5):
        slots.throttle(10)
    assert slots.limit == 4
    for _ in range(80):
        async with slots.one():
            slots.succeed()
    assert slots.limit == 8


async def test_never_more_hold_a_slot_than_the_limit_also_after_it_shrank_and_grew() -> None:
    slots = Slots(6, QuickClock(SimClock()))
    holding = peak = 0

    async def work(step: int) -> None:
        nonlocal holding, peak
        async with slots.one():
            holding += 1
            peak = max(peak, holding)
            await asyncio.sleep(0)
            if step % 40 == 20:
                slots.throttle(1)
            else:
                slots.succeed()
            holding -= 1

    await asyncio.gather(*(work(step) for step in range(400)))
    assert peak <= 6
    async with asyncio.timeout(1):
        await asyncio.gather(*(work(1) for _ in range(50)))


async def test_a_429_halves_how_many_requests_go_at_a_time_and_is_counted(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(60)))
    async with world.open_client(concurrency=8) as crm:
        await crm.prepare()
        assert (crm.usage.at_a_time, crm.usage.throttled) == (8, 0)
        world.fault(kind="status", status=429, body=TOO_MANY, match={"path_contains": "coql"})
        await crm.look([key_of(person(i)) for i in range(60)])
        assert (crm.usage.at_a_time, crm.usage.throttled) == (4, 1)


async def test_when_one_request_goes_at_a_time_an_update_goes_before_every_look_and_page_that_waits(
    open_world: OpenWorld,
) -> None:
    people = [person(i) for i in range(600)]
    world = open_world(*people, latency_seconds=0.05)
    async with world.open_client(concurrency=1, coql_concurrency=1) as crm:
        await crm.prepare()
        reading = [asyncio.create_task(crm.look([key_of(p) for p in people])), asyncio.create_task(pull_all(crm))]
        await asyncio.sleep(0.02)
        assert isinstance((await crm.write([CrmUpdate(key_of(people[0]), call_attempts=1)]))[0], Written)
        before = len(world.sent("POST", "/crm/v8/coql"))
        await asyncio.gather(*reading)
    assert before <= 3, "only the reads that were on their way"
    assert len(world.sent("POST", "/crm/v8/coql")) == 13


async def test_who_is_cancelled_while_waiting_or_just_as_the_turn_comes_leaves_no_slot_taken() -> None:
    slots = Slots(1, QuickClock(SimClock()))
    order: list[Rank] = []

    async def work(rank: Rank) -> None:
        async with slots.one(rank):
            order.append(rank)
            await asyncio.sleep(0)

    async with slots.one():
        waiting = [asyncio.create_task(work(rank)) for rank in (Rank.PAGE, Rank.LOOK, Rank.WRITE, Rank.WRITE)]
        await asyncio.sleep(0)
        waiting[2].cancel()
    waiting[3].cancel()  # the slot was just handed to it
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == [Rank.LOOK, Rank.PAGE]
    async with asyncio.timeout(1), slots.one():
        pass


async def test_credits_that_may_have_been_charged_are_counted_and_those_of_no_request_are_not(
    open_world: OpenWorld,
) -> None:
    world = open_world(person(1))
    async with world.open_client(read_timeout=0.3) as crm:
        await crm.prepare()
        for kind in ("drop_after_commit", "torn", "reset", "html"):
            world.fault(kind=kind, match={"path_contains": "coql"})
        await crm.look([key_of(person(1))])
        assert crm.usage.credits == 2 + 5
        world.fault(kind="status", status=429, body=TOO_MANY, match={"path_contains": "coql"})
        await crm.look([key_of(person(1))])
        assert crm.usage.credits == 2 + 6, "what is refused for being too much is not charged"
    async with world.open_client(api_domain="http://127.0.0.1:9", tries=1) as nobody:
        with pytest.raises(CrmError):
            await nobody.prepare()
        assert (nobody.usage.calls > 0, nobody.usage.credits) == (True, 0)
