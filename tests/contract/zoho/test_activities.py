"""Notes and Calls as Zoho takes them, and as they are found again."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from autodialer.domain.activity import Activity, ActivityForm, LogCalls, Logged, Unclear
from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.update import NotWritten, Refusal
from autodialer.ports import Level
from autodialer.simulators.zoho_activities import ACTIVITY_SCOPES
from autodialer.simulators.zoho_tokens import SCOPES
from autodialer.zoho.scopes import OPTIONAL
from contract.zoho.world import NOW, World, key_of, person

OpenWorld = Callable[..., World]
NOTE, CALL = ActivityForm.NOTE, ActivityForm.CALL
GONE = RecordKey(RecordType.LEAD, "4150868000000999999")
LEAD, CONTACT = person(1), person(2, module="Contacts")


def activity(number: int = 1, form: ActivityForm = NOTE, key: RecordKey | None = None, seconds: int = 75) -> Activity:
    attempt_id = f"{number:08}-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    key = key or key_of(LEAD)
    return Activity(attempt_id, key, form, f"Automatic call 1: busy [{attempt_id}]", "told", NOW, seconds)


@pytest.fixture
def world(open_world: OpenWorld) -> World:
    opened = open_world(LEAD, CONTACT)
    opened.sim.accounts.scopes = (*SCOPES, *ACTIVITY_SCOPES)
    return opened


async def add(world: World, *activities: Activity, **config: Any) -> Sequence[Any]:
    async with world.open_client(**config) as crm:
        return await crm.activities.add(activities)


def calls(world: World) -> list[dict[str, Any]]:
    records = world.sim.activities.calls
    return [records.row(record, records.schema.types) for record in records.by_id()]


async def test_a_note_stands_on_its_record_with_the_attempt_in_its_title(world: World) -> None:
    (result,) = await add(world, activity())
    (note,) = world.sim.activities.notes
    assert result == Logged(note["id"])
    assert note["Parent_Id"] == {"module": {"api_name": "Leads"}, "id": LEAD.zoho_id}
    assert activity().attempt_id in note["Note_Title"]


@pytest.mark.parametrize("someone", [LEAD, CONTACT], ids=["lead", "contact"])
async def test_a_call_is_a_completed_outbound_one_of_the_lead_or_contact(world: World, someone: Any) -> None:
    (result,) = await add(world, activity(form=CALL, key=key_of(someone), seconds=3675), trigger=("workflow",))
    (call,) = calls(world)
    assert result == Logged(call["id"])
    assert (call["About"], call["Call_Type"], call["Outbound_Call_Status"]) == (
        someone.zoho_id,
        "Outbound",
        "Completed",
    )
    assert (call["Call_Start_Time"], call["Call_Duration"]) == ("2026-03-02T02:00:00-08:00", "61:15")
    assert b'"trigger":["workflow"]' in world.sent("POST", "/crm/v8/Calls")[0].body


async def test_notes_and_calls_go_in_a_request_each_and_each_result_stands_at_its_place(world: World) -> None:
    mixed = [activity(1), activity(2, CALL), activity(3, key=GONE), activity(4, CALL, GONE), activity(5)]
    results = await add(world, *mixed)
    assert [type(result) for result in results] == [Logged, Logged, NotWritten, NotWritten, Logged]
    assert [result.refusal for result in results[2:4]] == [Refusal.NEVER] * 2
    assert [len(world.sent("POST", f"/crm/v8/{module}")) for module in ("Notes", "Calls")] == [1, 1]
    assert world.sim.meter.spent == 2


async def test_a_long_subject_is_cut_behind_the_attempt_s_id_not_before_it(world: World) -> None:
    wordy = activity()
    wordy = Activity(wordy.attempt_id, wordy.key, NOTE, wordy.subject + "x" * 300, "told", NOW)
    assert isinstance((await add(world, wordy))[0], Logged)
    async with world.open_client() as crm:
        assert list(await crm.activities.find([wordy])) == [wordy.attempt_id]


@pytest.mark.parametrize(
    ("kind", "form"),
    [("drop_after_commit", NOTE), ("torn", CALL), ("slow", NOTE), ("reset", CALL), ("timeout", NOTE), ("html", CALL)],
)
async def test_without_a_whole_answer_it_is_sent_once_and_left_open(
    world: World, form: ActivityForm, kind: str
) -> None:
    world.fault(kind=kind, match={"method": "POST", "path_contains": "/crm/v8/"}, delay_seconds=0.6)
    (result,) = await add(world, activity(form=form), read_timeout=0.2)
    assert isinstance(result, Unclear)
    assert len(world.sim.activities.notes) + len(calls(world)) <= 1
    assert world.sim.gate.counts[f"POST /crm/v8/{'Notes' if form is NOTE else 'Calls'}"] == 1
    async with world.open_client() as crm:
        there = await crm.activities.find([activity(form=form)])
    assert len(there) == len(world.sim.activities.notes) + len(calls(world))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"code": "INTERNAL_ERROR", "details": {}, "message": "", "status": "error"}),
        (201, {"data": []}),
        (201, {"data": [{"code": "SUCCESS", "details": {}, "message": "", "status": "success"}]}),
        (207, {"data": [{"code": "INTERNAL_ERROR", "details": {}, "message": "", "status": "error"}]}),
    ],
)
async def test_an_answer_that_leaves_it_open_is_taken_so(world: World, status: int, body: dict[str, Any]) -> None:
    world.fault(kind="status", status=status, body=body, match={"path_contains": "Notes"})
    assert isinstance((await add(world, activity()))[0], Unclear)


async def test_a_throttled_request_added_nothing_and_says_so(world: World) -> None:
    world.fault(kind="status", status=429, body={"code": "TOO_MANY_REQUESTS"}, match={"path_contains": "Notes"})
    (result,) = await add(world, activity())
    assert isinstance(result, NotWritten)
    assert result.refusal is Refusal.RETRY


@pytest.mark.parametrize("form", [NOTE, CALL])
@pytest.mark.parametrize("code", ["INVALID_DATA", "RECORD_LOCKED", "MANDATORY_NOT_FOUND", "LIMIT_EXCEEDED"])
async def test_a_request_that_is_refused_for_one_of_them_keeps_back_no_other(
    world: World, form: ActivityForm, code: str
) -> None:
    told = [activity(number, form) for number in range(5)]
    refused = {"code": code, "details": {}, "message": "no", "status": "error"}
    match = {"method": "POST", "path_contains": "/crm/v8/", "body_contains": told[2].attempt_id}
    world.fault(kind="status", status=400, body={"data": [refused]}, match=match, times=0)
    results = await add(world, *told)
    assert [type(result) for result in results] == [Logged, Logged, NotWritten, Logged, Logged]
    assert len(world.sim.activities.notes) + len(calls(world)) == 4


async def test_an_expired_token_is_renewed_and_the_note_added_once(world: World) -> None:
    async with world.open_client() as crm:
        await crm.prepare()
        world.sim.accounts.expire_all()
        assert isinstance((await crm.activities.add([activity()]))[0], Logged)
    assert len(world.sim.activities.notes) == 1


async def test_without_the_scopes_it_is_told_which_are_missing(world: World) -> None:
    world.sim.accounts.scopes = SCOPES
    (result,) = await add(world, activity())
    assert isinstance(result, NotWritten)
    assert result.refusal is Refusal.STOP
    assert "ZohoCRM.modules.notes.CREATE" in result.message


async def test_while_zoho_takes_no_credentials_what_is_to_be_told_waits_for_them_however_long(world: World) -> None:
    (result,) = await add(world, activity(), refresh_token="1000.nobodys")
    assert isinstance(result, NotWritten)
    assert (result.code, result.refusal) == ("invalid_code", Refusal.STOP)


async def test_an_address_at_which_zoho_is_not_is_no_refusal_of_what_is_told(world: World) -> None:
    world.fault(kind="html", status=404, match={"path_contains": "Notes"})
    (result,) = await add(world, activity())
    assert isinstance(result, NotWritten)
    assert (result.code, result.refusal) == ("HTTP 404", Refusal.STOP)


@pytest.mark.parametrize("form", [NOTE, CALL])
async def test_of_many_those_that_stand_there_are_found_whoever_they_are_of(world: World, form: ActivityForm) -> None:
    there = [activity(n, form, key_of(LEAD if n % 2 else CONTACT)) for n in range(9)]
    missing = [activity(n, form, key_of(LEAD if n % 2 else CONTACT)) for n in range(50, 80)]
    results = await add(world, *there)
    async with world.open_client() as crm:
        found = await crm.activities.find([*missing, *there])
    assert found == {one.attempt_id: result.activity_id for one, result in zip(there, results, strict=True)}


async def test_a_note_is_found_behind_hundreds_of_others(world: World) -> None:
    wanted = activity()
    parent = {"module": {"api_name": "Leads"}, "id": LEAD.zoho_id}
    notes = world.sim.activities.notes
    notes += [{"Parent_Id": parent, "Note_Title": "by hand", "id": str(10**9 + n)} for n in range(450)]
    await add(world, wanted)
    async with world.open_client() as crm:
        assert list(await crm.activities.find([wanted])) == [wanted.attempt_id]


async def test_of_a_record_that_is_gone_nothing_is_found_and_an_outage_is_no_answer(world: World) -> None:
    async with world.open_client() as crm:
        assert await crm.activities.find([activity(key=GONE)]) == {}
        world.fault(kind="html", match={"path_contains": "Notes"}, times=0)
        with pytest.raises(CrmError):
            await crm.activities.find([activity()])


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"Call_Duration": "00:00"}, "DEPENDENT_MISMATCH", "Call_Duration"),
        ({"Call_Duration": None}, "MANDATORY_NOT_FOUND", "Call_Duration"),
        ({"Call_Start_Time": None}, "MANDATORY_NOT_FOUND", "Call_Start_Time"),
        ({"Subject": None}, "MANDATORY_NOT_FOUND", "Subject"),
        ({"Subject": "x" * 256}, "INVALID_DATA", "Subject"),
        ({"Call_Start_Time": "2026-03-02"}, "INVALID_DATA", "Call_Start_Time"),
        ({"$se_module": None}, "MANDATORY_NOT_FOUND", "$se_module"),
        ({"What_Id": None, "Who_Id": {"id": LEAD.zoho_id}}, "INVALID_DATA", "Who_Id"),
    ],
)
async def test_the_simulator_refuses_a_call_as_zoho_documents_it(
    world: World, changes: dict[str, Any], code: str, name: str
) -> None:
    call = {
        "Subject": "x",
        "Call_Type": "Outbound",
        "Outbound_Call_Status": "Completed",
        "Call_Start_Time": "2026-03-02T10:00:00+00:00",
        "Call_Duration": "00:01",
        "What_Id": {"id": LEAD.zoho_id},
        "$se_module": "Leads",
    }
    async with world.open_raw() as raw:
        good = await raw.post("/crm/v8/Calls", json={"data": [call]})
        bad = await raw.post("/crm/v8/Calls", json={"data": [{**call, **changes}]})
    assert (good.status_code, bad.status_code) == (201, 400)
    answer = bad.json()["data"][0]
    assert (answer["code"], answer["details"]["api_name"]) == (code, name)


async def test_what_was_added_can_be_looked_at(world: World) -> None:
    await add(world, activity(1), activity(2, CALL))
    async with world.open_raw(authorised=False) as raw:
        shown = (await raw.get("/_sim/activities")).json()
    assert [len(shown["notes"]), len(shown["calls"])] == [1, 1]


@pytest.mark.parametrize(
    ("log_calls", "lacking"),
    [
        (LogCalls.OFF, []),
        (LogCalls.NOTES, ["ZohoCRM.modules.notes.CREATE", "ZohoCRM.modules.notes.READ"]),
        (LogCalls.CALLS, list(ACTIVITY_SCOPES)),
    ],
)
async def test_doctor_names_the_scopes_that_telling_zoho_of_calls_lacks(
    world: World, log_calls: LogCalls, lacking: list[str]
) -> None:
    world.sim.accounts.scopes = SCOPES
    async with world.open_client(log_calls=log_calls) as crm:
        found = [f for f in await crm.check() if f.level is not Level.OK]
    assert [name for name in ACTIVITY_SCOPES if any(name in f.message for f in found)] == lacking
    assert all(f.level is Level.WARNING and "zoho login" in f.remedy for f in found), "calls are placed all the same"


async def test_who_grants_what_login_names_may_tell_zoho_of_calls(world: World) -> None:
    world.sim.accounts.scopes = (*SCOPES, *(scope.name for scope in OPTIONAL))
    async with world.open_client(log_calls=LogCalls.CALLS) as crm:
        assert not [f for f in await crm.check() if f.level is not Level.OK]
        added = await crm.activities.add([activity(1), activity(2, CALL)])
        found = await crm.activities.find([activity(1), activity(2, CALL)])
    assert [type(one) for one in added] == [Logged, Logged]
    assert len(found) == 2, "what may be there already is looked for before it is added again"
