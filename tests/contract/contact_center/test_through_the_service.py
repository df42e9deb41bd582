"""The whole service on the simulated Contact Center: placed, heard, written down, written back."""

from pathlib import Path

import httpx2

from autodialer.contact_center.events import reduce
from autodialer.simulators.contact_center_floor import Floor
from autodialer.simulators.contact_center_settings import ContactCenterSettings, StreamFault
from autodialer.simulators.faults import Fault, Match
from autodialer.simulators.people import Outcome
from contract.eightx8.summaries import leg, vss
from web.house import House, house, person

ENDS: tuple[Outcome, ...] = ("answered", "no_answer", "busy", "failed")
FAULTS = [
    StreamFault(kind="declined", destination=person(8).number or ""),
    StreamFault(kind="duplicate", times=3),
    StreamFault(kind="early", times=2),
    StreamFault(kind="garbage"),
]
ENDED = "SELECT count(*) >= {} FROM attempts WHERE state = 'ended'"
# Who takes a call is chosen as it leaves: a call that was reserved for one agent too many is released, and due again.
DECLINED = "SELECT zoho_id FROM attempts WHERE state = 'released' AND reason NOT LIKE '%no agent is free%'"


def floor_of(service: House) -> Floor:
    phones = service.simulated.phones
    assert hasattr(phones, "floor")
    floor: Floor = phones.floor
    return floor


def test_calls_wait_for_an_agent_and_every_end_reaches_its_attempt_once(tmp_path: Path) -> None:
    """Events come twice, before 8x8's own answer and beside rubbish; one agent declines, that person is called in the next run."""
    people = [person(index, outcomes=(ENDS[index % 4],)) for index in range(9)]
    tenant = ContactCenterSettings(speed=900, agents=3, stream_faults=FAULTS)
    with house(tmp_path, people, voice=tenant) as service:
        floor = floor_of(service)
        floor.agents.update(dict.fromkeys(floor.agents, 3))
        assert service.client.post("/api/cron?wait=false").status_code == 202
        service.wait_until("SELECT count(*) = 1 FROM runs WHERE state = 'dialing'", "the run dials")
        assert service.sql("SELECT count(*) FROM attempts") == [(0,)]

        floor.agents.update(dict.fromkeys(floor.agents, 4))
        service.wait_until(ENDED.format(8), "every call has an end")
        service.wait_until("SELECT count(*) = 1 FROM runs WHERE state = 'finished'", "the run is over")
        ended = dict(service.sql("SELECT zoho_id, disposition FROM attempts WHERE state = 'ended'"))
        assert ended == {one.zoho_id: one.behaviour.outcomes[0] for one in people[:8]}
        assert service.sql(DECLINED) == [(people[8].zoho_id,)]
        totals = floor.judge.rings()["totals"]
        assert (totals["max_rings_of_one_number"], totals["rang"]) == (1, 8)
        assert totals["max_concurrent"] <= 3

        service.client.post("/api/cron")
        declined = (
            f"SELECT count(*) = 1 FROM attempts WHERE zoho_id = '{people[8].zoho_id}' AND disposition = 'answered'"  # noqa: S608
        )
        service.wait_until(declined, "the person whose agent declined was called")


def test_the_result_of_a_call_that_was_placed_through_8x8_connect_ends_it_after_the_change_too(tmp_path: Path) -> None:
    """TELEPHONY was changed while the phone rang: 8x8 posts what came of it to whoever is there now."""
    who = person(0)
    with house(tmp_path, [who]) as service:
        service.client.post("/api/cron")
        ((session,),) = service.sql("SELECT session_id FROM attempts WHERE state = 'placed'")
    ended = vss("COMPLETED", {"callA": leg(who.number or "", "COMPLETED")}, sessionId=session)
    with house(tmp_path, [who], voice=ContactCenterSettings()) as service:
        assert service.client.post("/api/callback", json=ended).status_code == 200
        service.wait_until("SELECT count(*) = 1 FROM attempts WHERE disposition = 'answered'", "its result holds")


def test_an_end_that_the_stream_told_before_the_change_to_8x8_connect_is_not_lost(tmp_path: Path) -> None:
    """It was stored and acknowledged, and the process ended before it could be applied."""
    who = person(0)
    with house(tmp_path, [who], voice=ContactCenterSettings(speed=0.001)) as service:
        service.client.post("/api/cron")
        ((session,),) = service.sql("SELECT session_id FROM attempts WHERE state = 'placed'")
    told = reduce({"Interaction": {"event": "InteractionCustomerAccepted", "interactionGUID": session}})
    with house(tmp_path, [who]) as service:
        assert service.client.post("/api/callback", json=told).status_code == 200
        service.wait_until("SELECT count(*) = 1 FROM attempts WHERE disposition = 'answered'", "its result holds")


def test_ends_of_other_peoples_calls_fill_no_list_and_those_of_ours_that_come_early_are_found(tmp_path: Path) -> None:
    """The stream tells of all calls of the tenant, and whose it is can't be told as long as a call of ours has no session."""
    people = [person(0, outcomes=("busy",)), person(1)]
    early = StreamFault(kind="early", destination=people[0].number or "")
    with house(tmp_path, people, voice=ContactCenterSettings(speed=900, echo=False, stream_faults=[early])) as service:
        lost = Fault(kind="status", status=500, match=Match(method="POST", path_contains="/calls"))
        service.simulated.phones.gate.faults.add(lost)
        service.client.post("/api/cron")
        service.wait_until("SELECT count(*) = 1 FROM attempts WHERE disposition = 'busy'", "the early end is found")
        theirs = {"event": "InteractionDeleted", "interactionGUID": "theirs", "callHangupReason": "CEC_DISCONNECT_BUSY"}
        httpx2.post(f"{service.simulated.voice_url}/_sim/publish", json=[{"Interaction": theirs}])
        service.wait_until(
            "SELECT count(*) = 1 FROM inbox WHERE session_id = 'theirs' AND state <> 'new'", "it is read"
        )
        assert service.sql("SELECT session_id FROM inbox WHERE state = 'orphan'") == []
