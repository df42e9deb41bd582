"""The whole service on the simulated Contact Center: placed, heard, written down, written back."""

from pathlib import Path

import pytest

from autodialer.simulators.contact_center_floor import Floor
from autodialer.simulators.contact_center_settings import ContactCenterSettings, StreamFault
from autodialer.simulators.people import Outcome, Person
from web.house import House, house, person

TENANT = ContactCenterSettings(speed=900, agents=3)
ENDS: tuple[Outcome, ...] = ("answered", "no_answer", "busy", "failed")
SETTLED = "SELECT count(*) = 0 FROM attempts WHERE state IN ('reserved', 'submitting', 'placed')"


def floor_of(service: House) -> Floor:
    phones = service.simulated.phones
    assert hasattr(phones, "floor")
    floor: Floor = phones.floor
    return floor


def run(service: House) -> dict[str, object]:
    answer = service.client.post("/api/cron")
    assert answer.status_code == 200, answer.text
    service.wait_until(SETTLED, "every call has an end")
    found: dict[str, object] = answer.json()["results"]
    return found


def test_every_end_reaches_its_attempt_once_although_events_come_twice_and_the_stream_is_cut(tmp_path: Path) -> None:
    people = [person(index, outcomes=(ENDS[index % 4],)) for index in range(8)]
    faults = [StreamFault(kind="duplicate", times=3), StreamFault(kind="early", times=2), StreamFault(kind="garbage")]
    tenant = ContactCenterSettings(speed=900, agents=3, stream_faults=faults)
    with house(tmp_path, people, voice=tenant) as service:
        assert service.client.get("/health").status_code == 200
        results = run(service)
        assert (results["called"], results["errors"]) == (8, 0)
        ended = dict(service.sql("SELECT zoho_id, disposition FROM attempts WHERE state = 'ended'"))
        assert ended == {one.zoho_id: one.behaviour.outcomes[0] for one in people}
        assert floor_of(service).judge.rings()["totals"]["max_rings_of_one_number"] == 1
        assert floor_of(service).judge.max_concurrent <= 3
        service.wait_until("SELECT count(*) = 8 FROM outbox WHERE state = 'sent'", "Zoho has all of it")


@pytest.fixture
def lead() -> Person:
    return person(0, outcomes=("no_answer",))


def test_a_call_that_the_agent_declined_is_no_attempt_and_is_placed_in_the_next_run(
    tmp_path: Path, lead: Person
) -> None:
    tenant = ContactCenterSettings(speed=900, agents=3, stream_faults=[StreamFault(kind="declined")])
    with house(tmp_path, [lead], voice=tenant) as service:
        run(service)
        assert service.sql("SELECT state FROM attempts") == [("released",)]
        assert service.sql("SELECT count(*) FROM outbox") == [(0,)]
        run(service)
        states = service.sql("SELECT state, disposition FROM attempts ORDER BY reserved_at")
        assert states == [("released", None), ("ended", "no_answer")]
        assert [call.rang for call in floor_of(service).judge.calls.values()] == [False, True]


def test_a_run_waits_for_an_agent_and_then_calls(tmp_path: Path, lead: Person) -> None:
    with house(tmp_path, [lead], voice=TENANT) as service:
        floor = floor_of(service)
        floor.agents.update(dict.fromkeys(floor.agents, 3))
        assert service.client.post("/api/cron?wait=false").status_code == 202
        service.wait_until("SELECT count(*) = 1 FROM runs WHERE state = 'dialing'", "the run dials")
        assert service.sql("SELECT count(*) FROM attempts") == [(0,)]
        floor.agents["agSim002"] = 4
        service.wait_until("SELECT count(*) = 1 FROM attempts WHERE state = 'ended'", "the call is over")
        assert service.rings() == 1
