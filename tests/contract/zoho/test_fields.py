from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, RecordType
from autodialer.ports import Finding, Level
from autodialer.simulators.zoho_limits import Limits
from autodialer.simulators.zoho_schema import default_metadata, field_meta, picklist_value
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import FieldMeta, ModuleFields
from autodialer.zoho.resolving import resolve
from contract.zoho.world import World, person, pull_all

OpenWorld = Callable[..., World]
VALUES = ("-None-", "New", "No Answer", "Dead")
LEAD = RecordType.LEAD


def leads(*changes: dict[str, Any], without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The default Leads fields with some replaced or added, and some left out."""
    replaced = {change["api_name"] for change in changes} | set(without)
    return [meta for meta in default_metadata()["Leads"] if meta["api_name"] not in replaced] + list(changes)


def status(api_name: str, label: str, values: tuple[str, ...] = VALUES, **more: Any) -> dict[str, Any]:
    return field_meta(api_name, label, "picklist", values=values, **more)


def resolved(metas: list[dict[str, Any]], **config: Any) -> tuple[ModuleFields | None, list[Finding]]:
    settings = ZohoConfig(client_id="", client_secret="", refresh_token="", **config)
    return resolve(LEAD, msgspec.convert(metas, list[FieldMeta]), settings)


def fields_of(metas: list[dict[str, Any]], **config: Any) -> ModuleFields:
    fields, findings = resolved(metas, **config)
    assert fields is not None, findings
    return fields


def problem_of(metas: list[dict[str, Any]], **config: Any) -> str:
    fields, findings = resolved(metas, **config)
    assert fields is None
    return " ".join(f"{f.message} {f.remedy}" for f in findings if f.level is Level.PROBLEM)


@pytest.mark.parametrize(
    "meta",
    [
        status("Status", "Whatever"),
        status("Status1", "status"),
        status("Lead_Status", "Whatever"),
        status("Stare", "Lead Status"),
        status("Contact_Status", "Whatever"),
        status("X", "CONTACT  STATUS"),
        status("Etapa", "Etapa"),
    ],
    ids=lambda meta: f"{meta['api_name']}-{meta['field_label']}",
)
def test_the_status_field_is_found_by_its_name_its_label_or_its_values(meta: dict[str, Any]) -> None:
    assert fields_of(leads(meta, without=("Lead_Status",))).status == meta["api_name"]


def test_a_configured_status_field_wins_over_everything() -> None:
    metas = leads(status("Stage", "Stage"))
    assert fields_of(metas, status_fields={LEAD: "Stage"}).status == "Stage"


def test_of_two_named_fields_the_one_that_holds_new_and_no_answer_is_taken() -> None:
    built_in = status("Lead_Status", "Lead Status", ("-None-", "Contacted", "Junk Lead"))
    assert fields_of(leads(built_in, status("Status", "Status"))).status == "Status"


def test_two_fields_that_could_both_be_the_status_are_refused_and_both_named() -> None:
    said = problem_of(leads(status("Status", "Status")))
    assert "Lead_Status" in said
    assert "Status" in said
    assert "ZOHO_LEADS_STATUS_FIELD" in said


def test_no_status_field_at_all_is_refused_with_the_candidates() -> None:
    said = problem_of(leads(status("Stage", "Stage", ("A", "B")), without=("Lead_Status",)))
    assert "Stage" in said
    assert "Lead_Source" in said
    assert "ZOHO_LEADS_STATUS_FIELD" in said


@pytest.mark.parametrize("missing", ["New", "No Answer", "Dead"])
def test_a_missing_picklist_value_is_a_problem_because_zoho_would_silently_store_it(missing: str) -> None:
    values = tuple(value for value in VALUES if value != missing)
    assert f"no value {missing}" in problem_of(leads(status("Lead_Status", "Lead Status", values)))


def test_picklist_values_are_matched_without_case_and_spaces_and_written_as_stored() -> None:
    fields = fields_of(leads(status("Lead_Status", "Lead Status", ("NEW", "no answer", "NoAnswer", "DEAD"))))
    assert fields.stored == ("NEW", "no answer", "NoAnswer")
    assert fields.written == {CrmStatus.NEW: "NEW", CrmStatus.NO_ANSWER: "no answer", CrmStatus.DEAD: "DEAD"}


def test_an_exact_spelling_is_written_before_another_and_one_in_use_before_an_unused_one() -> None:
    meta = status("Lead_Status", "Lead Status", ("new", "New", "No Answer"))
    meta["pick_list_values"] += [picklist_value("Dead", used=False), picklist_value("dead")]
    fields = fields_of(leads(meta))
    assert fields.written[CrmStatus.NEW] == "New"
    assert fields.written[CrmStatus.DEAD] == "dead"


def spelled(*values: dict[str, Any]) -> dict[str, Any]:
    """Lead Status with these values, and Dead."""
    return {**status("Lead_Status", "Lead Status"), "pick_list_values": [*values, picklist_value("Dead")]}


NO_ANSWER = picklist_value("No Answer")


def test_a_value_that_is_shown_by_another_name_is_taken_by_what_is_stored_and_told() -> None:
    fields, findings = resolved(leads(spelled(picklist_value("New", shown="Nou"), NO_ANSWER)))
    assert fields is not None
    assert fields.stored == ("New", "No Answer")
    assert any(f.level is Level.WARNING and "shown as 'Nou'" in f.message for f in findings)


def test_a_value_that_was_only_once_called_so_is_not_taken_for_it() -> None:
    renamed = picklist_value("Contacted", reference="New")
    said = problem_of(leads(spelled(renamed, NO_ANSWER)))
    assert "no value New; 'Contacted' was once called so" in said
    both = fields_of(leads(spelled(renamed, picklist_value("New"), NO_ANSWER)))
    assert both.stored == ("New", "No Answer")
    assert "contacted" not in both.meanings


def test_values_that_are_shown_by_each_others_names_are_refused() -> None:
    swapped = (picklist_value("Fresh", shown="New"), picklist_value("New", shown="Onboarding"))
    said = problem_of(leads(spelled(*swapped, NO_ANSWER)))
    assert "'Fresh' as 'New'" in said
    assert "'New' as 'Onboarding'" in said


def test_one_value_that_would_mean_two_statuses_is_refused() -> None:
    assert "two meanings" in problem_of(leads(spelled(picklist_value("New", shown="No Answer"))))


def test_a_stop_status_is_never_read_as_new_because_new_is_shown_by_its_name() -> None:
    values = (picklist_value("New", shown="Onboarding"), picklist_value("Onboarding"), NO_ANSWER)
    assert "onboarding" not in fields_of(leads(spelled(*values))).meanings


def test_an_unused_value_is_pulled_all_the_same_and_told() -> None:
    fields, findings = resolved(leads(spelled(picklist_value("New", used=False), NO_ANSWER)))
    assert fields is not None
    assert fields.stored == ("New", "No Answer")
    assert any(f.level is Level.WARNING and "marked unused" in f.message for f in findings)


def test_none_is_no_status() -> None:
    assert "-none-" not in fields_of(leads()).meanings


@pytest.mark.parametrize(
    ("data_type", "json_type", "is_text"),
    [
        ("integer", "integer", False),
        ("double", "double", False),
        ("bigint", "string", True),
        ("bigint", None, True),
        ("bigint", "integer", False),
    ],
)
def test_numbers_are_written_as_the_metadata_say_they_are_sent(
    data_type: str, json_type: str | None, is_text: bool
) -> None:
    meta = {**field_meta("Call_Attempts", "Call Attempts", data_type), "json_type": json_type}
    assert fields_of(leads(meta)).attempts_is_text is is_text


def test_a_field_of_one_digit_is_told() -> None:
    _, findings = resolved(leads(field_meta("Call_Attempts", "Call Attempts", "integer", length=1)))
    assert any(f.level is Level.WARNING and "one digit" in f.message for f in findings)


def test_metadata_with_nothing_but_a_name_and_a_type_will_do() -> None:
    keep = ("api_name", "field_label", "data_type", "pick_list_values")
    bare = [{name: meta[name] for name in keep} for meta in leads()]
    assert fields_of([*bare, {"api_name": "Strange", "data_type": None, "length": "9"}]).attempts == "Call_Attempts"


def test_two_fields_for_the_attempts_are_refused_and_both_named() -> None:
    old = field_meta("Call_Attempts", "Attempts of old", "integer")
    said = problem_of(leads(old, field_meta("Call_Attempts1", "Call Attempts", "integer")))
    assert "Call_Attempts, Call_Attempts1" in said
    assert "ZOHO_LEADS_CALL_ATTEMPTS_FIELD" in said


@pytest.mark.parametrize(
    "change",
    [{"operation_type": {"api_update": False}}, {"operation_type": {"web_update": True}}, {"field_read_only": True}],
)
@pytest.mark.parametrize("name", ["Lead_Status", "Call_Attempts", "First_No_Answer_At"])
def test_a_field_that_may_not_be_updated_is_a_problem(name: str, change: dict[str, Any]) -> None:
    metas = [{**meta, **(change if meta["api_name"] == name else {})} for meta in leads()]
    assert f"{name} can't be updated" in problem_of(metas)


def test_a_phone_field_that_may_not_be_updated_is_fine_because_it_is_only_read() -> None:
    metas = [{**meta, **({"field_read_only": True} if meta["api_name"] == "Phone" else {})} for meta in leads()]
    assert fields_of(metas).phone == "Phone"


@pytest.mark.parametrize(
    ("meta", "named"),
    [
        (field_meta("Call_Attempts", "Call Attempts", "text"), "integer"),
        (field_meta("First_No_Answer_At", "First No Answer At", "date"), "datetime"),
        (field_meta("Lead_Status", "Lead Status", "text"), "picklist"),
    ],
)
def test_a_field_of_the_wrong_type_is_a_problem(meta: dict[str, Any], named: str) -> None:
    assert named in problem_of(leads(meta), status_fields={LEAD: "Lead_Status"})


@pytest.mark.parametrize("data_type", ["double", "bigint"])
def test_other_numbers_are_tolerated_with_a_warning(data_type: str) -> None:
    fields, findings = resolved(leads(field_meta("Call_Attempts", "Call Attempts", data_type)))
    assert fields is not None
    assert any(f.level is Level.WARNING and data_type in f.message for f in findings)


def test_attempts_and_first_no_answer_are_found_by_label_too() -> None:
    fields = fields_of(
        leads(
            field_meta("Call_Attempts1", "Call Attempts", "integer"),
            field_meta("FNAA", "first no answer at", "datetime"),
            without=("Call_Attempts", "First_No_Answer_At"),
        )
    )
    assert (fields.attempts, fields.first_no_answer) == ("Call_Attempts1", "FNAA")


@pytest.mark.parametrize(
    ("role", "setting"),
    [
        ("status_fields", "ZOHO_LEADS_STATUS_FIELD"),
        ("attempts_fields", "ZOHO_LEADS_CALL_ATTEMPTS_FIELD"),
        ("first_no_answer_fields", "ZOHO_LEADS_FIRST_NO_ANSWER_FIELD"),
        ("phone_fields", "ZOHO_LEADS_PHONE_FIELD"),
        ("mobile_fields", "ZOHO_LEADS_MOBILE_FIELD"),
    ],
)
def test_a_mistyped_configured_field_is_a_problem_and_never_a_silent_no_op(role: str, setting: str) -> None:
    said = problem_of(leads(), **{role: {LEAD: "No_Such_Field"}})
    assert "No_Such_Field" in said
    assert setting in said


def test_a_missing_mobile_is_a_warning_and_neither_number_a_problem() -> None:
    fields, findings = resolved(leads(without=("Mobile",)))
    assert fields is not None
    assert (fields.phone, fields.mobile) == ("Phone", None)
    assert any(f.level is Level.WARNING and "Mobile" in f.message for f in findings)
    assert "neither Phone nor Mobile" in problem_of(leads(without=("Phone", "Mobile")))


def test_every_problem_is_told_at_once() -> None:
    said = problem_of(leads(without=("Call_Attempts", "First_No_Answer_At", "Lead_Status")))
    assert all(name in said for name in ("Call Attempts", "First No Answer At", "no picklist"))


async def test_prepare_refuses_to_go_on_with_unfit_fields_and_reads_no_record(open_world: OpenWorld) -> None:
    metadata = default_metadata() | {"Leads": leads(without=("Call_Attempts",))}
    world = open_world(person(1), metadata=metadata)
    async with world.open_client() as crm:
        with pytest.raises(CrmError, match="Call Attempts") as caught:
            await crm.prepare()
        with pytest.raises(CrmError, match="Call Attempts"):
            await pull_all(crm)
    assert (caught.value.permanent, caught.value.stops_run) == (True, True)
    assert world.sent("POST", "/crm/v8/coql") == []


async def test_prepare_sees_fields_that_were_repaired_since(open_world: OpenWorld) -> None:
    metadata = default_metadata() | {"Leads": leads(without=("Call_Attempts",))}
    world = open_world(person(1), metadata=metadata)
    async with world.open_client() as crm:
        with pytest.raises(CrmError):
            await crm.prepare()
        world.sim.metadata["Leads"] = [*default_metadata()["Leads"]]
        await crm.prepare()


async def test_fields_that_are_missing_in_the_query_are_not_asked_for(open_world: OpenWorld) -> None:
    world = open_world(person(1), metadata=default_metadata() | {"Leads": leads(without=("Mobile",))})
    async with world.open_client() as crm:
        assert [record.mobile for record in await pull_all(crm)] == [None]


async def test_the_doctor_finds_everything_in_order(open_world: OpenWorld) -> None:
    world = open_world(person(1), person(2, module="Contacts"))
    async with world.open_client() as crm:
        findings = await crm.check()
    assert {finding.level for finding in findings} == {Level.OK}
    assert {finding.subject for finding in findings} == {"Zoho token", "Leads", "Contacts"}


async def test_the_doctor_reports_statuses_that_the_picklist_does_not_know(open_world: OpenWorld) -> None:
    world = open_world(person(1, "new"), person(2, None), person(3, "Nwe"), person(4, "New"))
    async with world.open_client() as crm:
        warnings = [finding for finding in await crm.check() if finding.level is Level.WARNING]
    assert [warning.subject for warning in warnings] == ["Leads"]
    assert "Nwe, new" in warnings[0].message


@pytest.mark.parametrize(
    ("fault", "subject"),
    [
        ({"kind": "reset", "times": 0}, "Zoho token"),
        ({"kind": "html", "times": 0, "match": {"path_contains": "fields"}}, "Leads"),
        (
            {
                "kind": "status",
                "times": 0,
                "status": 403,
                "body": {"code": "NO_PERMISSION"},
                "match": {"path_contains": "coql"},
            },
            "Leads",
        ),
    ],
)
async def test_the_doctor_never_raises(open_world: OpenWorld, fault: dict[str, Any], subject: str) -> None:
    world = open_world(person(1))
    world.fault(**fault)
    async with world.open_client() as crm:
        findings = await crm.check()
    assert subject in [finding.subject for finding in findings if finding.level is Level.PROBLEM]


async def test_the_doctor_tells_once_that_a_token_at_hand_is_worth_nothing_any_more(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await crm.prepare()
        world.sim.accounts.revoke()
        (finding,) = await crm.check()
    assert (finding.level, finding.subject) == (Level.PROBLEM, "Zoho token")
    assert "ZOHO_REFRESH_TOKEN is wrong, revoked" in finding.message


async def test_the_doctor_lists_field_problems_of_both_modules(open_world: OpenWorld) -> None:
    metadata = default_metadata()
    for fields in metadata.values():
        fields[:] = [meta for meta in fields if meta["api_name"] != "First_No_Answer_At"]
    async with open_world(metadata=metadata).open_client() as crm:
        findings = await crm.check()
    problems = [finding for finding in findings if finding.level is Level.PROBLEM]
    assert [(p.subject, p.remedy != "") for p in problems] == [("Leads", True), ("Contacts", True)]


async def test_the_doctor_tells_when_credits_run_out(open_world: OpenWorld) -> None:

    world = open_world(person(1), limits=Limits(credits_per_day=7))
    async with world.open_client() as crm:
        findings = await crm.check()
    assert any(f.subject == "Zoho credits" and f.level is Level.WARNING for f in findings)
