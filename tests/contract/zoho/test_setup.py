"""`zoho setup`: what is missing is told, and the two fields are made through Zoho's API, once."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordType
from autodialer.domain.update import CrmUpdate, Written
from autodialer.ports import Level
from autodialer.simulators.zoho_new_fields import SCOPE
from autodialer.simulators.zoho_schema import default_metadata, field_meta
from autodialer.simulators.zoho_tokens import SCOPES
from autodialer.zoho.resolving import Role
from autodialer.zoho.setup import Creation, ModuleState, ZohoSetup, open_setup
from contract.zoho.world import World, key_of, person, pull_all

OpenWorld = Callable[..., World]
FIELDS = "/crm/v8/settings/fields"
BOTH = (Role.ATTEMPTS, Role.FIRST_NO_ANSWER)
ANA, VLAD = person(1), person(2, module="Contacts")


def bare(*, custom: tuple[str, ...] = ("Call_Attempts", "First_No_Answer_At")) -> dict[str, list[dict[str, Any]]]:
    """Both modules without these fields."""
    return {name: [m for m in metas if m["api_name"] not in custom] for name, metas in default_metadata().items()}


@asynccontextmanager
async def opened(
    world: World, *, scopes: tuple[str, ...] = (*SCOPES, SCOPE), **changes: Any
) -> AsyncIterator[ZohoSetup]:
    world.sim.accounts.scopes = scopes
    async with open_setup(world.config(**changes), world.tokens, world.quick_clock) as zoho:
        yield zoho


def problems(states: list[ModuleState]) -> list[tuple[str, Role, bool]]:
    found = [(state.module, part) for state in states for part in state.parts if part.level is Level.PROBLEM]
    assert all(part.message and part.remedy for _, part in found)
    return [(module, part.role, part.is_absent) for module, part in found]


async def test_a_complete_organisation_lists_every_part_as_there(open_world: OpenWorld) -> None:
    async with opened(open_world()) as zoho:
        states = await zoho.survey()
    assert [(state.module, state.is_complete, state.creatable) for state in states] == [
        ("Leads", True, ()),
        ("Contacts", True, ()),
    ]
    for state in states:
        assert {part.role for part in state.parts} == set(Role)
        assert {part.level for part in state.parts} == {Level.OK}
        assert sum("the value" in part.message for part in state.parts) == 3


async def test_missing_fields_are_told_with_what_to_do_and_can_be_created(open_world: OpenWorld) -> None:
    async with opened(open_world(metadata=bare())) as zoho:
        states = await zoho.survey()
    assert problems(states) == [(module, role, True) for module in ("Leads", "Contacts") for role in BOTH]
    assert {state.creatable for state in states} == {BOTH}
    (remedy,) = [part.remedy for part in states[0].parts if part.role is Role.FIRST_NO_ANSWER]
    assert "Modules and Fields > Leads: add a Date/Time field with the label First No Answer At" in remedy
    assert "ZOHO_LEADS_FIRST_NO_ANSWER_FIELD" in remedy


async def test_the_fields_are_made_and_can_be_read_and_written_at_once(open_world: OpenWorld) -> None:
    world = open_world(ANA, VLAD, metadata=bare())
    async with opened(world) as zoho:
        created = await zoho.create(await zoho.survey())
        assert all(state.is_complete for state in await zoho.survey())
    assert created == [
        Creation(module, role, is_created=True, message="created") for module in ("Leads", "Contacts") for role in BOTH
    ]
    async with world.open_client() as crm:
        assert [record.call_attempts for record in await pull_all(crm)] == [None]
        update = CrmUpdate(key_of(VLAD), None, 3, world.clock.now())
        assert isinstance((await crm.write([update]))[0], Written)
        (record,) = (await crm.look([key_of(VLAD)])).values()
    assert record.call_attempts == 3
    assert record.first_no_answer_at is not None


async def test_what_is_sent_is_what_zoho_documents(open_world: OpenWorld) -> None:
    world = open_world(metadata=bare())
    async with opened(world) as zoho:
        await zoho.create(await zoho.survey())
    sent = world.sent("POST", FIELDS)
    assert [exchange.query for exchange in sent] == ["module=Leads", "module=Contacts"]
    assert json.loads(sent[0].body) == {
        "fields": [
            {"field_label": "Call Attempts", "data_type": "integer", "length": 9},
            {"field_label": "First No Answer At", "data_type": "datetime"},
        ]
    }


async def test_a_second_time_there_is_nothing_to_create(open_world: OpenWorld) -> None:
    world = open_world(metadata=bare(custom=("Call_Attempts",)))
    async with opened(world) as zoho:
        assert [made.role for made in await zoho.create(await zoho.survey())] == [Role.ATTEMPTS] * 2
        assert await zoho.create(await zoho.survey()) == []
    assert len(world.sent("POST", FIELDS)) == 2


async def test_without_the_scope_nothing_is_made_and_the_scope_is_named(open_world: OpenWorld) -> None:
    world = open_world(metadata=bare())
    async with opened(world, scopes=SCOPES) as zoho:
        with pytest.raises(CrmError, match=SCOPE):
            await zoho.create(await zoho.survey())
    assert len(world.sent("POST", FIELDS)) == 1


async def test_an_answer_that_was_lost_is_never_followed_by_a_second_request(open_world: OpenWorld) -> None:
    world = open_world(metadata=bare(custom=("Call_Attempts",)))
    async with opened(world) as zoho:
        states = await zoho.survey()
        world.fault(kind="status", status=502, commit=True, match={"method": "POST", "path_contains": "fields"})
        lost, made = await zoho.create(states)
        assert not lost.is_created
        assert "not known whether" in lost.message
        assert made.is_created
        assert all(state.is_complete for state in await zoho.survey()), "the lost one had been made"
    assert len(world.sent("POST", FIELDS)) == 2


async def test_a_field_that_this_user_can_not_see_is_told_as_such(open_world: OpenWorld) -> None:
    world = open_world(metadata=bare())
    async with opened(world) as zoho:
        states = await zoho.survey()
        world.sim.metadata["Leads"].append(field_meta("Call_Attempts", "Call Attempts", "integer"))
        hidden, made, *_ = await zoho.create(states)
    assert not hidden.is_created
    assert "DUPLICATE_DATA" in hidden.message
    assert "can't see it" in hidden.message
    assert made.is_created


async def test_an_edition_without_room_for_more_fields_says_so(open_world: OpenWorld) -> None:
    world = open_world(metadata=bare())
    world.sim.new_fields.most = 2  # Contacts have one already, their Status
    async with opened(world) as zoho:
        created = await zoho.create(await zoho.survey())
    assert [made.is_created for made in created] == [True, True, True, False]
    assert "allows no more custom fields" in created[-1].message


@pytest.mark.parametrize(
    ("metadata", "changes", "role"),
    [
        ([field_meta("Call_Attempts", "Call Attempts", "text")], {}, Role.ATTEMPTS),
        ([field_meta("Call_Attempts", "Call Attempts", "integer", writable=False)], {}, Role.ATTEMPTS),
        ([field_meta("Call_Attempts", "Call Attempts", "integer")], {"attempts": "Tries"}, Role.ATTEMPTS),
        (
            [field_meta("Call_Attempts", "Old", "integer"), field_meta("CA", "Call Attempts", "integer")],
            {},
            Role.ATTEMPTS,
        ),
    ],
    ids=["wrong type", "no right", "named otherwise in .env", "two of them"],
)
async def test_what_another_field_would_not_mend_is_never_created(
    open_world: OpenWorld, metadata: list[dict[str, Any]], changes: dict[str, str], role: Role
) -> None:
    both = {name: metas + metadata for name, metas in bare(custom=("Call_Attempts",)).items()}
    config: Any = {"attempts_fields": dict.fromkeys(RecordType, changes["attempts"])} if changes else {}
    world = open_world(metadata=both)
    async with opened(world, **config) as zoho:
        states = await zoho.survey()
        assert problems(states) == [("Leads", role, False), ("Contacts", role, False)]
        assert await zoho.create(states) == []
    assert world.sent("POST", FIELDS) == []


async def test_picklists_are_told_and_never_touched(open_world: OpenWorld) -> None:
    metadata = bare()
    metadata["Leads"][-1] = field_meta("Lead_Status", "Lead Status", "picklist", values=("-None-", "New"))
    world = open_world(metadata=metadata)
    async with opened(world) as zoho:
        await zoho.create(await zoho.survey())
        states = await zoho.survey()
    assert problems(states) == [("Leads", Role.STATUS, False)] * 2
    remedies = [part.remedy for part in states[0].parts if part.level is Level.PROBLEM]
    assert remedies == [
        f"Zoho: Setup > Customization > Modules and Fields > Leads > Lead_Status: add the value {value}"
        for value in ("No Answer", "Dead")
    ]
    assert {exchange.method for exchange in world.exchanges} == {"GET", "POST"}
    assert "pick_list" not in "".join(exchange.body.decode() for exchange in world.sent("POST", FIELDS))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "MANDATORY_NOT_FOUND"),
        ({"fields": []}, 400, "MANDATORY_NOT_FOUND"),
        ({"fields": [{"field_label": f"F{n}", "data_type": "text"} for n in range(6)]}, 400, "LIMIT_EXCEEDED"),
    ],
)
async def test_the_simulator_refuses_a_wrong_request_as_a_whole(
    open_world: OpenWorld, body: dict[str, Any], status: int, code: str
) -> None:
    world = open_world()
    world.sim.accounts.scopes = (SCOPE,)
    async with world.open_raw() as raw:
        answer = await raw.post(FIELDS, params={"module": "Leads"}, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await raw.post(FIELDS, params={"module": "Nope"}, json=body)).json()["code"] == "INVALID_MODULE"
        assert (await raw.post(FIELDS, json=body)).json()["code"] == "REQUIRED_PARAM_MISSING"


@pytest.mark.parametrize(
    ("item", "code", "where"),
    [
        ({"data_type": "integer"}, "MANDATORY_NOT_FOUND", "field_label"),
        ({"field_label": "A"}, "MANDATORY_NOT_FOUND", "data_type"),
        ({"field_label": "A", "data_type": "number"}, "INVALID_DATA", "data_type"),
        ({"field_label": 1, "data_type": "integer"}, "INVALID_DATA", "field_label"),
        ({"field_label": "A" * 26, "data_type": "integer"}, "INVALID_DATA", "field_label"),
        ({"field_label": "A", "data_type": "integer", "length": 10}, "INVALID_DATA", "length"),
        ({"field_label": "mobile", "data_type": "integer"}, "DUPLICATE_DATA", "field_label"),
    ],
)
async def test_the_simulator_refuses_a_wrong_field_and_makes_the_others(
    open_world: OpenWorld, item: dict[str, Any], code: str, where: str
) -> None:
    world = open_world()
    world.sim.accounts.scopes = (SCOPE,)
    async with world.open_raw() as raw:
        alone = await raw.post(FIELDS, params={"module": "Leads"}, json={"fields": [item]})
        good = {"field_label": "Good one", "data_type": "datetime"}
        mixed = await raw.post(FIELDS, params={"module": "Leads"}, json={"fields": [item, good]})
    assert (alone.status_code, mixed.status_code) == (400, 207)
    refused, made = mixed.json()["fields"]
    assert (refused["code"], refused["details"]["api_name"]) == (code, where)
    assert refused["details"]["json_path"] == f"$.fields[0].{where}"
    assert made["code"] == "SUCCESS"
    assert any(meta["api_name"] == "Good_one" for meta in world.sim.metadata["Leads"])
