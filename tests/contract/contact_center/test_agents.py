"""Who is given the next call."""

from typing import Any

import pytest

from autodialer.clock import SystemClock
from autodialer.contact_center.agents import Roster, RosterError, read_roster
from autodialer.domain.placing import Ambiguous, NobodyFree, NotSent, Placed, Refused, Scope, Throttled
from autodialer.simulators.contact_center_floor import WAITS
from autodialer.simulators.faults import Fault, Match
from autodialer.telephony_http.exchange import Reply
from contract.contact_center.support import Simulated, adapter, call_request, config, listening, simulated, until

PLACES = Match(method="POST", path_contains="/calls")
ASKS = Match(method="GET", path_contains="/agentstatus")


def number(index: int) -> str:
    return f"+4070900000{index}"


def given(simulator: Simulated) -> list[str]:
    """Whose phones rang, in order."""
    return [call.agent_id for call in simulator.app.floor.judge.calls.values()]


async def test_free_agents_are_called_in_turn() -> None:
    with simulated(agents=3, speed=0.1) as simulator:
        async with adapter(simulator.url) as telephony:
            for index in range(3):
                assert isinstance(await telephony.place(call_request(number(index))), Placed)
                assert await telephony.free_agents() == 2 - index
            assert isinstance(await telephony.place(call_request(number(3))), NobodyFree)
        assert given(simulator) == ["agSim001", "agSim002", "agSim003"]


async def test_an_agent_who_is_being_given_a_call_is_counted_until_it_is_known_whether_he_has_the_call(
    simulator: Simulated,
) -> None:
    """The ledger keeps an agent for each call that is being sent: for this one it is he."""
    counted: list[int | None] = []
    async with adapter(simulator.url, status_age=600.0) as telephony:
        send = telephony._exchange.send

        async def look_meanwhile(*request: Any, kind: str) -> Reply:
            if kind == "place":
                counted.append(await telephony.free_agents())
            return await send(*request, kind=kind)

        telephony._exchange.send = look_meanwhile  # type: ignore[method-assign,assignment]
        assert isinstance(await telephony.place(call_request()), Placed)
        assert (counted, await telephony.free_agents()) == ([5], 4)


async def test_the_turn_goes_on_behind_the_last_one_who_was_called(simulator: Simulated) -> None:
    async with adapter(simulator.url, agent_rest=0.0) as telephony:
        for index in range(7):
            await telephony.place(call_request(number(index)))
            await until(lambda: simulator.app.floor.judge.live == 0)
    numbers = [int(agent_id[-3:]) for agent_id in given(simulator)]
    assert numbers == [1, 2, 3, 4, 5, 1, 2]


async def test_only_who_waits_for_a_call_is_free(simulator: Simulated) -> None:
    agents = simulator.app.floor.agents
    agents.clear()
    agents.update({f"agent{status}": status for status in range(12)})
    async with adapter(simulator.url) as telephony:
        assert await telephony.free_agents() == 1
        assert isinstance(await telephony.place(call_request()), Placed)
    assert given(simulator) == [f"agent{WAITS}"]


async def test_agents_that_are_named_are_the_only_ones_who_are_called(simulator: Simulated) -> None:
    async with adapter(simulator.url, agent_ids=("agSim002", "agGone"), agent_rest=0.0) as telephony:
        assert await telephony.free_agents() == 1
        assert isinstance(await telephony.place(call_request()), Placed)
    assert given(simulator) == ["agSim002"]


async def test_nobody_free_is_asked_for_no_call(simulator: Simulated) -> None:
    simulator.app.floor.agents.clear()
    async with adapter(simulator.url) as telephony:
        assert await telephony.free_agents() == 0
        assert await telephony.place(call_request()) == NobodyFree(2.0, "no agent is free")
    assert simulator.asked("POST") == 0


async def test_an_agent_who_was_not_available_after_all_is_left_alone_for_a_while(simulator: Simulated) -> None:
    away = Fault(
        kind="status", status=409, body={"reasons": ["Agent=[x] not available to handle interaction"]}, match=PLACES
    )
    simulator.app.gate.faults.add(away)
    async with adapter(simulator.url) as telephony:
        assert isinstance(await telephony.place(call_request(number(1))), NobodyFree)
        assert await telephony.free_agents() == 4
        assert isinstance(await telephony.place(call_request(number(2))), Placed)
    assert given(simulator) == ["agSim002"]


async def test_who_may_have_a_call_of_an_unknown_fate_is_left_alone_too(simulator: Simulated) -> None:
    simulator.app.gate.faults.add(Fault(kind="status", status=500, match=PLACES))
    async with adapter(simulator.url) as telephony:
        assert isinstance(await telephony.place(call_request()), Ambiguous)
        assert await telephony.free_agents() == 4


async def test_a_refused_call_leaves_its_agent_free(simulator: Simulated) -> None:
    simulator.app.gate.faults.add(Fault(kind="status", status=400, match=PLACES))
    async with adapter(simulator.url) as telephony:
        assert isinstance(await telephony.place(call_request()), Refused)
        assert await telephony.free_agents() == 5


async def test_the_end_of_his_call_frees_the_agent_before_his_rest_is_over() -> None:
    with simulated(agents=1) as simulator:
        async with adapter(simulator.url, agent_rest=600.0) as telephony, listening(telephony):
            for index in range(3):
                assert isinstance(await telephony.place(call_request(number(index))), Placed)
                await until(lambda: simulator.app.floor.judge.live == 0)
                while await telephony.free_agents() == 0:
                    pass
        assert given(simulator) == ["agSim001"] * 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="status", status=500, match=ASKS), NotSent),
        (Fault(kind="status", status=200, body=[], match=ASKS), NotSent),
        (Fault(kind="reset", match=ASKS), NotSent),
        (Fault(kind="torn", match=ASKS), NotSent),
        (Fault(kind="timeout", match=ASKS), NotSent),
        (Fault(kind="status", status=401, match=ASKS), Refused),
        (Fault(kind="status", status=403, match=ASKS), Refused),
    ],
    ids=lambda value: getattr(value, "kind", "") and f"{value.kind}{value.status or ''}",
)
async def test_while_nobody_tells_who_is_free_nothing_is_sent(simulator: Simulated, fault: Fault, kind: type) -> None:
    simulator.app.gate.faults.add(fault)
    async with adapter(simulator.url, status_timeout=0.1) as telephony:
        outcome = await telephony.place(call_request())
        assert isinstance(outcome, kind)
        assert not isinstance(outcome, Refused) or (outcome.scope is Scope.ACCOUNT and outcome.remedy)
        assert simulator.asked("POST") == 0
        assert isinstance(await telephony.place(call_request()), Placed)


async def test_where_8x8_is_asked_too_often_who_is_free_it_is_left_alone_for_as_long_as_it_says(
    simulator: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All wait as told, as after a 429 to a call (rules.md row 26): that no answer comes five times in a row ends a run."""
    now = 0.0
    monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: now)
    simulator.app.gate.faults.add(Fault(kind="status", status=429, headers={"retry-after": "7"}, match=ASKS))
    async with adapter(simulator.url) as telephony:
        assert await telephony.place(call_request()) == Throttled(7.0)
        now = 3.0
        assert await telephony.place(call_request()) == Throttled(4.0)
        assert await telephony.free_agents() == 0
        assert simulator.asked("agentstatus") == 1
        now = 7.0
        assert await telephony.free_agents() == 5
        assert isinstance(await telephony.place(call_request()), Placed)


async def test_named_agents_are_called_in_turn_where_8x8_does_not_tell_who_is_free() -> None:
    with simulated(agents=3, status_api=False) as simulator:
        simulator.app.floor.agents["agSim002"] = 3
        async with adapter(simulator.url, agent_ids=("agSim001", "agSim002", "agSim003")) as telephony:
            found = [type(await telephony.place(call_request(number(index)))) for index in range(4)]
        assert found == [Placed, NobodyFree, Placed, NobodyFree]
        assert given(simulator) == ["agSim001", "agSim003"]


async def test_an_agent_who_is_not_available_time_and_again_is_asked_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each time a call is reserved for him and Zoho is asked about the person: he may be at lunch, or talk to one we called."""
    now = 0.0
    monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: now)
    with simulated(agents=1, status_api=False) as simulator:
        floor = simulator.app.floor
        async with adapter(simulator.url, agent_ids=("agSim001",), status_age=9999.0) as telephony:
            asked = []
            for back in (600, 700):
                floor.agents["agSim001"] = 3
                while now < back:
                    before = simulator.asked("POST")
                    assert isinstance(await telephony.place(call_request()), NobodyFree)
                    asked += [now] * (simulator.asked("POST") - before)
                    now += 1
                floor.agents["agSim001"] = WAITS
                while not isinstance(await telephony.place(call_request()), Placed):
                    now += 1
                    assert now < back + 90
                await until(lambda: simulator.app.floor.judge.live == 0)
                now += 20
        assert asked[:9] == [0, 10, 30, 70, 150, 230, 310, 390, 470]
        assert [moment - asked[-3] for moment in asked[-3:]] == [0, 10, 30]


async def test_a_call_whose_time_is_over_is_not_sent_and_its_agent_stays_free(simulator: Simulated) -> None:
    async with adapter(simulator.url) as telephony:
        assert isinstance(await telephony.place(call_request(seconds=-1)), NotSent)
        assert await telephony.free_agents() == 5
    assert simulator.asked("POST") == 0


@pytest.mark.parametrize(
    "entries",
    [
        [{"agent-id": "a", "agent-status": "4"}, {"agent-id": "b", "agent-status": 4.0}],
        [{"agent-id": "a", "agent-status": 4}, {"agent-id": "b", "agent-status": 4}, {"agent-status": 4}, None, 7],
        [{"agent-id": "b", "agent-status": 4}, {"agent-id": "a", "agent-status": 4, "more": {}}, {"agent-id": 9}],
    ],
)
def test_statuses_are_read_whatever_their_types(entries: list[Any]) -> None:
    assert read_roster(config(), Reply(200, {"data": entries})) == Roster(("a", "b"), frozenset({"a", "b"}))


@pytest.mark.parametrize("status", [None, "", "four", True, [4], 40, 4.5])
def test_a_status_that_nobody_knows_is_not_free(status: object) -> None:
    entries = [{"agent-id": "a", "agent-status": status}]
    assert read_roster(config(), Reply(200, {"data": entries})) == Roster(("a",), frozenset())


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {}}])
def test_what_is_no_list_of_agents_is_not_taken_for_an_empty_one(body: object) -> None:
    with pytest.raises(RosterError):
        read_roster(config(), Reply(200, body))
