"""An administrator renames things in Zoho while the service runs: the metadata are read anew when an answer suggests it."""

from collections.abc import Callable
from typing import Any

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, Written
from autodialer.simulators.zoho_schema import Schema, default_metadata, field_meta, picklist_value
from contract.zoho.world import World, key_of, person, pull_all

OpenWorld = Callable[..., World]
FIELDS = "/crm/v8/settings/fields"
ANA, ION = person(1), person(2, "No Answer")


def replace_fields(world: World, *metas: dict[str, Any], without: tuple[str, ...] = ()) -> None:
    """What an administrator does to the fields of Leads."""
    gone = {meta["api_name"] for meta in metas} | set(without)
    world.sim.metadata["Leads"] = [m for m in default_metadata()["Leads"] if m["api_name"] not in gone] + list(metas)
    world.sim.records["Leads"].schema = Schema.of(world.sim.metadata["Leads"])


def rename_field(world: World, old: str, new: dict[str, Any]) -> None:
    replace_fields(world, new, without=(old,))
    for record in world.sim.records["Leads"].by_id():
        record.values[new["api_name"]] = record.values.pop(old)


def rename_value(world: World, old: str, new: str) -> None:
    """The picklist's value and what the records hold, as Zoho offers to do."""
    shown = [value["actual_value"] for value in default_metadata()["Leads"][-1]["pick_list_values"]]
    values = tuple(new if value == old else value for value in shown)
    replace_fields(world, field_meta("Lead_Status", "Lead Status", "picklist", values=values))
    for record in world.sim.records["Leads"].by_id():
        if record.values["Lead_Status"] == old:
            record.values["Lead_Status"] = new


async def test_a_field_that_got_another_api_name_is_found_again_by_its_label(open_world: OpenWorld) -> None:
    world = open_world(ANA, person(3, "No Answer", call_attempts=2))
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 2
        rename_field(world, "Call_Attempts", field_meta("Tries", "Call Attempts", "integer"))
        assert [record.call_attempts for record in await pull_all(crm)] == [None, 2]
        assert isinstance((await crm.write([CrmUpdate(key_of(ANA), None, 5)]))[0], Written)
    assert world.stored(key_of(ANA))["Tries"] == 5
    assert len(world.sent("GET", FIELDS)) == 4


async def test_a_status_that_was_renamed_stops_the_look_with_the_reason(open_world: OpenWorld) -> None:
    world = open_world(ANA, ION)
    async with world.open_client() as crm:
        await pull_all(crm)
        rename_value(world, "No Answer", "Nu raspunde")
        with pytest.raises(CrmError, match="the picklist Lead_Status has no value No Answer") as caught:
            await crm.look([key_of(ANA), key_of(ION)])
    assert (caught.value.code, caught.value.stops_run) == ("FIELDS", True)


async def test_after_such_a_stop_nothing_is_written_by_the_old_name(open_world: OpenWorld) -> None:
    world = open_world(ANA, ION)
    async with world.open_client() as crm:
        await pull_all(crm)
        rename_value(world, "No Answer", "Nu raspunde")
        with pytest.raises(CrmError):
            await crm.prepare()
        with pytest.raises(CrmError, match="no value No Answer"):
            await crm.write([CrmUpdate(key_of(ANA), CrmStatus.NO_ANSWER, 1)])
        rename_value(world, "Nu raspunde", "No Answer")
        assert isinstance((await crm.write([CrmUpdate(key_of(ANA), CrmStatus.NO_ANSWER, 1)]))[0], Written)
    assert [exchange.method for exchange in world.exchanges].count("PUT") == 1


async def test_another_picklist_with_the_same_values_does_not_take_the_place_of_the_one_in_use(
    open_world: OpenWorld,
) -> None:
    world = open_world(ANA)
    async with world.open_client() as crm:
        await crm.prepare()
        without = field_meta("Lead_Status", "Lead Status", "picklist", values=("-None-", "Fresh", "No Answer", "Dead"))
        other = field_meta("Result", "Last result", "picklist", values=("New", "No Answer", "Dead"))
        replace_fields(world, without, other)
        for _ in range(2):  # the second time it is forgotten what was in use, but for its name
            with pytest.raises(CrmError, match="the picklist Lead_Status has no value New"):
                await crm.prepare()


async def test_a_status_nobody_knows_has_the_metadata_read_once_and_not_each_time(open_world: OpenWorld) -> None:
    strange = person(3, "Nwe")
    world = open_world(ANA, strange)
    async with world.open_client() as crm:
        await crm.prepare()
        for _ in range(3):
            assert (await crm.look([key_of(strange)]))[key_of(strange)].status == "Nwe"
    assert len(world.sent("GET", FIELDS)) == 4


async def test_a_record_is_still_shown_when_the_metadata_can_not_be_read_anew(open_world: OpenWorld) -> None:
    strange = person(3, "Nwe")
    world = open_world(strange)
    async with world.open_client(tries=1) as crm:
        await crm.prepare()
        world.fault(kind="status", status=503, times=0, match={"path_contains": "fields"})
        assert (await crm.look([key_of(strange)]))[key_of(strange)].status == "Nwe"


@pytest.mark.parametrize("hidden", [False, True])
async def test_what_is_wrong_with_one_module_keeps_nobody_of_the_other_from_being_looked_at_and_written(
    open_world: OpenWorld, hidden: bool
) -> None:
    dan = person(4, module="Contacts")
    world = open_world(ANA, dan)
    async with world.open_client() as crm:
        await crm.prepare()
        if hidden:
            match = {"path_contains": "fields", "query_contains": "module=Leads"}
            world.fault(kind="status", status=400, body={"code": "INVALID_MODULE"}, times=0, match=match)
        else:
            rename_value(world, "No Answer", "Nu raspunde")
        for _ in range(2):
            with pytest.raises(CrmError) as caught:
                await crm.prepare()
            assert caught.value.permanent
            assert list(await crm.look([key_of(dan)])) == [key_of(dan)]
            assert isinstance((await crm.write([CrmUpdate(key_of(dan), CrmStatus.NO_ANSWER, 1)]))[0], Written)
        with pytest.raises(CrmError):
            await crm.look([key_of(ANA)])


async def test_metadata_that_could_not_be_read_are_read_before_anything_else_is_done(open_world: OpenWorld) -> None:
    world = open_world(ANA)
    async with world.open_client(tries=1) as crm:
        await crm.prepare()
        world.fault(kind="status", status=503, times=2, match={"path_contains": "fields"})
        with pytest.raises(CrmError) as caught:
            await crm.prepare()
        assert not caught.value.permanent
        world.sim.gate.faults.clear()  # the second one may not have struck: its request was given up with the first
        rename_value(world, "No Answer", "Nu raspunde")
        with pytest.raises(CrmError, match="no value No Answer"):
            await crm.write([CrmUpdate(key_of(ANA), CrmStatus.NO_ANSWER, 1)])
    assert "PUT" not in {exchange.method for exchange in world.exchanges}


async def test_a_value_that_was_added_since_is_known_by_its_meaning_at_once(open_world: OpenWorld) -> None:
    world = open_world(person(3, "NOANSWER"))
    async with world.open_client() as crm:
        await crm.prepare()
        values = [picklist_value("New"), picklist_value("Dead"), picklist_value("NOANSWER", shown="No Answer")]
        status = {**field_meta("Lead_Status", "Lead Status", "picklist"), "pick_list_values": values}
        replace_fields(world, status)
        (record,) = (await crm.look([key_of(person(3))])).values()
    assert record.status == "No Answer"


async def test_a_field_that_became_another_type_parks_nothing_but_waits_for_a_person(open_world: OpenWorld) -> None:
    world = open_world(ANA)
    async with world.open_client() as crm:
        await crm.prepare()
        replace_fields(world, field_meta("Call_Attempts", "Call Attempts", "text"))
        (result,) = await crm.write([CrmUpdate(key_of(ANA), None, 1)])
    assert isinstance(result, NotWritten)
    assert (result.code, result.refusal) == ("FIELDS", Refusal.STOP)
    assert "must be integer" in result.message


async def test_a_value_that_is_bad_in_an_unchanged_field_is_refused_for_good(open_world: OpenWorld) -> None:
    world = open_world(ANA)
    async with world.open_client() as crm:
        (result,) = await crm.write([CrmUpdate(key_of(ANA), None, 10**10)])
    assert isinstance(result, NotWritten)
    assert (result.code, result.refusal) == ("INVALID_DATA", Refusal.NEVER)


async def test_an_update_to_a_field_that_was_replaced_by_another_one_is_to_be_sent_again(open_world: OpenWorld) -> None:
    world = open_world(ANA)
    rename_field(world, "Call_Attempts", field_meta("Tries", "Call Attempts", "integer"))
    async with world.open_client() as crm:
        await crm.prepare()
        old, new = field_meta("Tries", "Tries of old", "text"), field_meta("Call_Attempts", "Call Attempts", "integer")
        replace_fields(world, old, new)
        (result,) = await crm.write([CrmUpdate(key_of(ANA), None, 1)])
        assert isinstance(result, NotWritten)
        assert (result.code, result.refusal) == ("FIELDS", Refusal.RETRY)
        assert isinstance((await crm.write([CrmUpdate(key_of(ANA), None, 1)]))[0], Written)
    assert world.stored(key_of(ANA))["Call_Attempts"] == 1
