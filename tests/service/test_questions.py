"""EIGHTX8_MODE=press1: 8x8's questions are answered at once, the same when asked again, and what was pressed decides the call."""

from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback, StoreError
from autodialer.domain.placing import Ambiguous
from autodialer.eightx8.press1 import Press1
from autodialer.rules.policy import Policy
from service.conftest import MakeWorld
from service.eightx8_words import AGENT, SECOND_AGENT, called, error_of, hear, leg, live, make_voice, speaking, vca, vss
from service.world import World, lead, phone

PRESS1 = make_voice(mode="press1", press1=Press1(opt_out_digit="9"), agent_number=f"{AGENT},{SECOND_AGENT}")
HANGUP = {"action": "hangup"}


@pytest.fixture
async def world(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    return speaking(make_world, monkeypatch, PRESS1)


async def ask(world: World, body: dict[str, Any]) -> dict[str, Any]:
    answer = await world.services.questions.answer(body)
    assert answer is not None
    return dict(answer)


def actions(answer: dict[str, Any]) -> list[str]:
    return [entry["action"] for entry in answer["callflow"]]


@pytest.mark.parametrize("data", [{"dtmf": "1"}, "1"])
async def test_who_presses_1_is_connected_to_an_agent_under_our_own_id(world: World, data: object) -> None:
    attempt = await called(world)
    answer = await ask(world, vca(attempt, data))
    assert answer["clientActionId"] == attempt.attempt_id
    params = {"source": "+40210000001", "destination": AGENT}
    assert answer["callflow"] == [{"action": "makeCall", "params": params}]


@pytest.mark.parametrize("data", [{"dtmf": "2"}, {"dtmf": None}])
async def test_who_presses_another_key_or_none_is_told_goodbye(world: World, data: object) -> None:
    answer = await ask(world, vca(await called(world), data))
    assert actions(answer) == ["say", "hangup"]
    assert answer["callflow"][0]["params"]["text"] == PRESS1.press1.goodbye


@pytest.mark.parametrize("more", [{}, {"eventData": None}])
async def test_an_action_that_was_no_question_changes_nothing_about_the_call(
    world: World, more: dict[str, Any]
) -> None:
    body = live(await called(world), "CALL_ACTION", "ACTION_COMPLETED", **more)
    assert actions(await ask(world, body)) == []


async def test_a_question_that_comes_again_has_the_same_answer_and_no_second_agent_is_called(world: World) -> None:
    attempt = await called(world)
    first = await ask(world, vca(attempt, "1"))
    again = [await ask(world, vca(attempt, "1")), await ask(world, vca(attempt, "1") | {"version": 5})]
    assert again == [first, first]
    other = await ask(world, vca(attempt, "1", "event-2"))
    assert actions(other) == []
    rows = await world.read(lambda ledger: ledger.inbox.of_session(attempt.session_id or ""))
    assert [row.deliveries for row in rows] == [3, 1]


async def test_another_process_gives_the_same_answer(world: World) -> None:
    attempt = await called(world)
    first = await ask(world, vca(attempt, "1"))
    other = world.boot("second", interviewer=world.services.means.interviewer)
    assert await other.services.questions.answer(vca(attempt, "1")) == first
    assert await other.services.questions.answer(vca(attempt, "1", "event-2")) == {
        "clientActionId": attempt.attempt_id,
        "callflow": [],
    }


async def test_the_answer_is_stored_before_it_is_given(world: World) -> None:
    attempt = await called(world)
    world.process.store.fails = lambda: StoreError("the disk is full", permanent=False)
    with pytest.raises(StoreError):
        await ask(world, vca(attempt, "1"))
    world.process.store.fails = None
    assert await world.read(lambda ledger: ledger.inbox.of_session(attempt.session_id or "")) == []
    assert actions(await ask(world, vca(attempt, "1"))) == ["makeCall"]


async def test_several_agents_are_called_in_turn(world: World) -> None:
    first, second = await called(world, 1), await called(world, 2)
    answers = [await ask(world, vca(first, "1", "a")), await ask(world, vca(second, "1", "b"))]
    assert [answer["callflow"][0]["params"]["destination"] for answer in answers] == [AGENT, SECOND_AGENT]


async def test_a_session_that_nobody_knows_or_that_is_over_is_hung_up(world: World) -> None:
    attempt = await called(world)
    stranger = vca(attempt, "1", sessionId="another", destination="+40709999999")
    assert await ask(world, stranger) == {"callflow": [HANGUP]}
    await hear(world, vss(attempt, "BUSY", leg(phone(1), "BUSY")))
    assert await ask(world, vca(attempt, "1", "late")) == {"callflow": [HANGUP]}


async def test_a_call_whose_session_never_became_known_is_found_by_its_number(world: World) -> None:
    world.telephony.always = Ambiguous("no answer")
    attempt = await called(world)
    assert (attempt.state, attempt.session_id) == (AttemptState.UNKNOWN, None)
    answer = await ask(world, vca(attempt, "1", sessionId="the session"))
    assert (answer["clientActionId"], actions(answer)) == (attempt.attempt_id, ["makeCall"])


@pytest.mark.parametrize("payload", [None])
async def test_a_question_that_can_not_be_read_is_malformed_or_no_question(world: World, payload: object) -> None:
    body = {"namespace": "VOICE", "eventType": "CALL_ACTION", "payload": payload}
    assert await world.services.questions.answer(body) is None
    with pytest.raises(MalformedCallback):
        await world.services.questions.answer({"eventType": "CALL_ACTION", "payload": {}})


async def test_without_press1_nothing_is_a_question(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = speaking(make_world, monkeypatch, make_voice())
    body = vca(await called(world), "1")
    assert not world.services.questions.is_question(body)
    assert await world.services.questions.answer(body) is None


async def _pressed(world: World, data: object, *legs: tuple[str, str], session: str = "COMPLETED") -> Any:
    attempt = await called(world)
    shown = [leg(phone(1) if who == "lead" else AGENT, status, seconds=9) for who, status in legs]
    await hear(world, vca(attempt, data), vss(attempt, session, *shown))
    assert await world.breaches() == []
    return await world.attempt(lead(1))


async def test_picked_up_and_pressed_1_is_answered(world: World) -> None:
    after = await _pressed(world, "1", ("lead", "COMPLETED"), ("agent", "COMPLETED"))
    assert (after.disposition, after.agent_unreached) == (Disposition.ANSWERED, False)


@pytest.mark.parametrize("agent", ["BUSY"])
async def test_pressed_1_and_no_agent_is_answered_with_nobody_there(world: World, agent: str) -> None:
    after = await _pressed(world, "1", ("lead", "COMPLETED"), ("agent", agent), session=agent)
    assert (after.disposition, after.agent_unreached) == (Disposition.ANSWERED, True)


@pytest.mark.parametrize("data", [{"dtmf": None}, "4"])
async def test_picked_up_and_pressed_nothing_is_no_answer_by_default_and_says_why(world: World, data: object) -> None:
    after = await _pressed(world, data, ("lead", "COMPLETED"))
    assert after.disposition is Disposition.NO_ANSWER
    assert after.reason.startswith("picked up, did not press the key")
    today = world.policy.local_date(world.clock.now()).isoformat()
    assert (await world.read(lambda ledger: ledger.stats.today(today)))["unconfirmed"] == 1


async def test_the_policy_can_take_it_as_answered(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = speaking(make_world, monkeypatch, PRESS1, policy=Policy(unconfirmed="answered"))
    after = await _pressed(world, {"dtmf": None}, ("lead", "COMPLETED"))
    assert after.disposition is Disposition.ANSWERED
    assert after.reason.startswith("picked up, did not press the key")


@pytest.mark.parametrize("status", ["BUSY"])
async def test_who_did_not_pick_up_is_what_8x8_says(world: World, status: str) -> None:
    attempt = await called(world)
    await hear(world, vss(attempt, status, leg(phone(1), status)))
    after = await world.attempt(lead(1))
    assert (after.disposition, after.reason) == (Disposition(status.lower()), "")


async def test_a_session_that_broke_after_1_was_pressed_is_answered_with_nobody_there(world: World) -> None:
    attempt = await called(world)
    await hear(world, vca(attempt, "1", sipCode=200), error_of(attempt, -2003))
    after = await world.attempt(lead(1))
    assert (after.disposition, after.agent_unreached) == (Disposition.ANSWERED, True)
    assert "-2003" in after.reason
    assert "SIP 200" in after.reason


async def test_a_session_that_broke_before_anybody_was_asked_rang_nobody(world: World) -> None:
    attempt = await called(world)
    await hear(world, error_of(attempt, -2003))
    assert (await world.attempts(lead(1)))[0].state is AttemptState.RELEASED


async def test_the_key_for_never_again_is_heard_at_once_even_if_no_summary_ever_comes(world: World) -> None:
    attempt = await called(world)
    answer = await ask(world, vca(attempt, "9"))
    assert answer["callflow"][0]["params"]["text"] == PRESS1.press1.opt_out_text
    await world.apply()
    assert await world.read(lambda ledger: ledger.do_not_call.has([phone(1)])) == {phone(1)}
    await hear(world, vss(attempt, "COMPLETED", leg(phone(1), "COMPLETED", seconds=9)))
    assert (await world.attempt(lead(1))).disposition is Disposition.ANSWERED


async def test_the_key_for_never_again_is_heard_at_once_in_a_call_whose_session_was_never_told(world: World) -> None:
    """8x8's own answer was lost, its summary may bring no id of ours, and its log may never be had."""
    world.telephony.always = Ambiguous("no answer in time")
    attempt = await called(world)
    answer = await ask(world, vca(attempt, "9", sessionId="who-knows"))
    assert answer["callflow"][0]["params"]["text"] == PRESS1.press1.opt_out_text
    await world.apply()
    assert await world.read(lambda ledger: ledger.do_not_call.has([phone(1)])) == {phone(1)}
    assert (await world.attempt(lead(1))).state is AttemptState.UNKNOWN
    assert [row.event_type for row in await world.inbox(attempt.attempt_id)] == ["CALL_ACTION"]


async def test_the_same_key_in_a_call_that_is_none_of_ours_suppresses_nobody(world: World) -> None:
    attempt = await called(world)
    await hear(world, vca(attempt, "9", sessionId="another"))
    assert await world.read(lambda ledger: ledger.do_not_call.has([phone(1)])) == frozenset()
    assert await world.inbox_count("orphan") == 1


async def test_progress_never_ends_a_call_and_its_sip_code_is_kept(world: World) -> None:
    attempt = await called(world)
    states = ["CALL_INITIATED", "CALL_CONNECTED", "CALL_DISCONNECTED", "SOMETHING NEW"]
    for n, status in enumerate(states):
        await hear(world, live(attempt, "CALL_STATUS", status, f"e{n}", sipCode=[100, 200, 486, "x"][n]))
        assert (await world.attempt(lead(1))).state is AttemptState.PLACED
    await hear(world, live(attempt, "CALL_STATUS", "CALL_DISCONNECTED", "agent", destination=AGENT, sipCode=480))
    notes = [row.note for row in await world.inbox(attempt.attempt_id)]
    assert notes[2] == "VCS CALL_DISCONNECTED, SIP 486"
    await hear(world, vss(attempt, "BUSY", leg(phone(1), "BUSY")))
    after = await world.attempt(lead(1))
    assert (after.disposition, after.reason) == (Disposition.BUSY, "SIP 486")
