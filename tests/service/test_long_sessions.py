"""However 8x8 writes a session's id, both databases keep it alike, and no result is lost for it."""

from dataclasses import replace

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous
from autodialer.eightx8.call_log import read_log
from autodialer.eightx8.classify import Reply, classify
from autodialer.eightx8.config import VoiceConfig
from autodialer.ports.rows import AttemptRow
from service.conftest import MakeWorld
from service.eightx8_words import AGENT, hear, leg, live, make_voice, speaking, vca, vss
from service.world import DAY, MONDAY, World, lead, person, phone

ODD = {"121": "s" * 121, "150": "s" * 150, "200": "s" * 200, "blanks": " s-1 ", "NUL": "s\x00-1"}


@pytest.fixture(params=list(ODD.values()), ids=list(ODD))
def session(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def spoken(make_world: MakeWorld, patch: pytest.MonkeyPatch, session: str, voice: VoiceConfig | None = None) -> World:
    """8x8 gives the next call that session."""
    world = speaking(make_world, patch, voice or make_voice())
    world.crm.add(person(lead(1), 1))
    created = {"sessionId": session, "sessionStatus": "CREATED", "statusCode": 1}
    world.telephony.always = classify(Reply(200, created), now=MONDAY, default_pause=1.0)
    return world


async def told(world: World, session: str) -> AttemptRow:
    """The call as 8x8 speaks of it: by that session."""
    return replace(await world.attempt(lead(1)), session_id=session)


async def test_a_call_of_such_a_session_is_placed_and_its_result_ends_it(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    world = spoken(make_world, monkeypatch, session)
    await world.run()
    assert (await world.attempt(lead(1))).state is AttemptState.PLACED
    row = await told(world, session)
    await hear(world, vss(row, "BUSY", leg(phone(1), "BUSY")))
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY


async def test_a_result_that_was_faster_than_8x8s_own_answer_is_matched(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    world = spoken(make_world, monkeypatch, session)
    summary = {"callA": leg(phone(1), "NO_ANSWER")}
    payload = {"sessionId": session, "sessionStatus": "NO_ANSWER", "callCount": 1, "details": summary}
    await hear(world, {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": payload})
    assert await world.inbox_count("orphan") == 1
    await world.run()
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER


async def test_a_session_that_is_learnt_from_the_result_alone_is_kept(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    world = spoken(make_world, monkeypatch, session)
    world.telephony.always = Ambiguous("no answer in time")
    await world.run()
    row = await told(world, session)
    summary = vss(row, "BUSY", leg(phone(1), "BUSY"))
    summary["payload"]["clientRequestId"] = row.attempt_id
    await hear(world, summary)
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY


async def test_8x8s_log_settles_a_call_of_such_a_session(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    world = spoken(make_world, monkeypatch, session)
    await world.run()
    world.clock.move_to(MONDAY + DAY / 24)
    await world.services.reconciler.sweep()
    assert (await world.attempt(lead(1))).state is AttemptState.UNKNOWN
    header = "SessionId,DestinationEndpoint,CallStatus,InitiatedAt,DurationInSec"
    csv = f"{header}\r\n{session},{phone(1)},NO_ANSWER,{MONDAY.isoformat()},0\r\n"
    world.telephony.log = read_log([csv.encode()])
    assert await world.services.call_log.reconcile() == 1
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER


async def test_what_was_heard_of_such_a_session_stands_with_its_call(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    world = spoken(make_world, monkeypatch, session)
    await world.run()
    row = await told(world, session)
    await hear(
        world,
        live(row, "CALL_STATUS", "CALL_DISCONNECTED", sipCode=486),
        vss(row, "BUSY", leg(phone(1), "BUSY")),
    )
    assert "SIP 486" in (await world.attempt(lead(1))).reason


async def test_who_presses_1_in_such_a_session_gets_one_agent(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    world = spoken(make_world, monkeypatch, session, make_voice(mode="press1"))
    await world.run()
    row = await told(world, session)
    flows = [await world.services.questions.answer(vca(row, {"dtmf": "1"}, f"event-{n}")) for n in range(2)]
    assert [AGENT in str(flow) for flow in flows] == [True, False]
