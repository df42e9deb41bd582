"""Everything that an hour of faults needs is done over HTTP, on the /_sim pages."""

from collections.abc import Callable
from typing import Any

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, Written
from autodialer.simulators.zoho_schema import default_metadata
from contract.zoho.world import World, key_of, person, pull_all

OpenWorld = Callable[..., World]
EDIT, FAULTS, PICKLIST = "/_sim/edit", "/_sim/faults", "/_sim/picklist"
TOO_MANY = {"code": "TOO_MANY_REQUESTS", "details": {}, "message": "slow down", "status": "error"}


async def post(world: World, page: str, **sent: Any) -> Any:
    async with world.open_raw(authorised=False) as raw:
        answer = await raw.post(page, json=sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("First_Name", "Ion"),
        ("Phone", None),
        ("Lead_Status", "Onboarding"),
        ("Call_Attempts", 4),
        ("First_No_Answer_At", "2026-03-01T10:00:00+00:00"),
    ],
)
async def test_a_person_can_edit_any_field(open_world: OpenWorld, name: str, value: Any) -> None:
    someone = person(1)
    world = open_world(someone)
    await post(world, EDIT, module="Leads", id=someone.zoho_id, fields={name: value})
    stored = world.stored(key_of(someone))[name]
    assert stored == ("2026-03-01T02:00:00-08:00" if name == "First_No_Answer_At" else value)


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("locked", Refusal.BLOCKED),
        ("not_approved", Refusal.BLOCKED),
        ("converted", Refusal.NEVER),
    ],
)
async def test_a_record_can_be_locked_held_for_approval_and_converted_and_let_go_again(
    open_world: OpenWorld, state: str, refusal: Refusal
) -> None:
    someone = person(1)
    world = open_world(someone)
    update = CrmUpdate(key_of(someone), call_attempts=1)
    async with world.open_client() as crm:
        await post(world, EDIT, module="Leads", id=someone.zoho_id, state=state)
        held = (await crm.write([update]))[0]
        await post(world, EDIT, module="Leads", id=someone.zoho_id, state="none")
        assert isinstance((await crm.write([update]))[0], Written)
    assert isinstance(held, NotWritten)
    assert held.refusal is refusal


async def test_a_record_can_be_deleted_between_a_pull_and_a_write(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 1
        await post(world, EDIT, module="Leads", id=someone.zoho_id, delete=True)
        result = (await crm.write([CrmUpdate(key_of(someone), call_attempts=1)]))[0]
    assert isinstance(result, NotWritten)
    assert result.refusal is Refusal.NEVER


async def test_a_burst_of_429_and_a_storm_of_500_pass_and_expired_tokens_are_renewed(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(10)))
    async with world.open_client() as crm:
        await crm.prepare()
        for fault in ({"status": 429, "body": TOO_MANY}, {"status": 500}):
            await post(world, FAULTS, kind="status", match={"path_contains": "coql"}, times=3, **fault)
            assert len(await pull_all(crm)) == 10
        minted = (await post(world, "/_sim/oauth", expire_tokens=True))["minted"]
        assert len(await pull_all(crm)) == 10
        assert world.sim.accounts.minted == minted + 1
        await post(world, FAULTS, kind="status", status=500, times=0)
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert not caught.value.permanent
    assert [fired > 0 for fired in world.fired()] == [True] * 3


async def test_a_value_shown_under_another_name_is_still_stored_under_the_old_one(open_world: OpenWorld) -> None:
    someone = person(1, "No Answer")
    world = open_world(someone)
    renamed = await post(
        world, PICKLIST, module="Leads", field="Lead_Status", value="No Answer", display_value="Nu a răspuns"
    )
    assert renamed["records_moved"] == 0
    async with world.open_client() as crm:
        assert [record.status for record in await pull_all(crm)] == ["No Answer"]
        await crm.write([CrmUpdate(key_of(someone), CrmStatus.NEW)])
    assert world.stored(key_of(someone))["Lead_Status"] == "New"


@pytest.mark.parametrize("move", [True, False])
async def test_a_stored_value_that_was_renamed_takes_its_records_along_unless_told_not_to(
    open_world: OpenWorld, move: bool
) -> None:
    someone = person(1, "Onboarding")
    world = open_world(someone)
    before = world.stored(key_of(someone))
    rename = {"value": "Onboarding", "actual_value": "On board", "used": False, "move_records": move}
    answer = await post(world, PICKLIST, module="Leads", field="Lead_Status", **rename)
    assert answer["records_moved"] == int(move)
    stored = world.stored(key_of(someone))
    assert stored["Lead_Status"] == ("On board" if move else "Onboarding")
    assert stored["Modified_Time"] == before["Modified_Time"]
    metas = {meta["api_name"]: meta for meta in world.sim.metadata["Leads"]}
    values = {value["actual_value"]: value["type"] for value in metas["Lead_Status"]["pick_list_values"]}
    assert values["On board"] == "unused"
    assert "Onboarding" not in values


async def test_renaming_in_one_simulator_leaves_the_metadata_it_was_made_from_alone(open_world: OpenWorld) -> None:
    metadata = default_metadata()
    world = open_world(person(1), metadata=metadata)
    await post(world, PICKLIST, module="Leads", field="Lead_Status", value="New", actual_value="Nou")
    assert metadata == default_metadata()


@pytest.mark.parametrize(
    "sent",
    [
        {"module": "Leads", "field": "Lead_Status", "value": "Unheard"},
        {"module": "Leads", "field": "Nope", "value": "New"},
        {"module": "Nowhere", "field": "Lead_Status", "value": "New"},
        {"module": "Leads", "field": "Lead_Status"},
        7,
    ],
)
async def test_a_rename_that_makes_no_sense_is_400(open_world: OpenWorld, sent: Any) -> None:
    world = open_world(person(1))
    async with world.open_raw(authorised=False) as raw:
        answer = await raw.post(PICKLIST, json=sent)
    assert answer.status_code == 400
    assert answer.json()["error"]
