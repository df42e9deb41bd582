"""Rows of a query become records: at once where all values are as documented, else each on its own, and alike."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.zoho.answers import Answer, UnreadableError
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import ModuleFields
from autodialer.zoho.rows import read_rows, to_records

CONFIG = ZohoConfig(client_id="id", client_secret="secret", refresh_token="token")
FIELDS = ModuleFields(
    RecordType.LEAD,
    "Leads",
    status="Lead_Status",
    attempts="Call_Attempts",
    first_no_answer="First_No_Answer_At",
    phone="Phone",
    mobile=None,
    names=("Last_Name", "First_Name"),
    stored=("New", "Fara raspuns"),
    written={CrmStatus.NO_ANSWER: "Fara raspuns"},
    meanings={"fararaspuns": CrmStatus.NO_ANSWER, "new": CrmStatus.NEW},
    known_values=("New", "Fara raspuns"),
)
STRANGE_ID = [7]  # of no type that an id can have
TEXT = st.none() | st.text(max_size=12)


def row(**values: Any) -> dict[str, Any]:
    return {"id": "1", "Lead_Status": "New", **values}


def records(*rows: object, fields: ModuleFields = FIELDS) -> list[Record]:
    page = read_rows(fields, Answer(200, {}, json.dumps({"data": rows}).encode()))
    assert len(page.data) == len(rows)
    return to_records(page.data, fields, CONFIG)


def test_a_row_is_read_by_the_names_that_the_organisation_gave_its_fields() -> None:
    held = row(
        Lead_Status="Fara Raspuns",
        Call_Attempts=2,
        First_No_Answer_At="2026-03-01T10:00:00+02:00",
        Phone="0712345678",
        Created_Time="2026-02-01T10:00:00+02:00",
        Modified_Time="2026-03-01T10:00:00+02:00",
        First_Name="Ana",
        Last_Name="Pop",
        mobile="0722333444",  # another field of theirs that is called as an attribute of ours
    )
    assert records(held) == [
        Record(
            RecordKey(RecordType.LEAD, "1"),
            status="No Answer",
            call_attempts=2,
            first_no_answer_at="2026-03-01T10:00:00+02:00",
            phone="0712345678",
            created_time="2026-02-01T10:00:00+02:00",
            modified_time="2026-03-01T10:00:00+02:00",
            name="Pop Ana",
        )
    ]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["1", "12", "", "x", "4150868000000002175"])},
        optional={
            "Lead_Status": TEXT | st.sampled_from(["New", "fara RASPUNS"]),
            "Call_Attempts": st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
            "First_No_Answer_At": TEXT,
            "Phone": TEXT,
            "Created_Time": TEXT,
            "Modified_Time": TEXT,
            "First_Name": TEXT,
            "Last_Name": TEXT,
        },
    )
)
def test_what_is_odd_in_one_row_changes_nothing_in_another(held: dict[str, Any]) -> None:
    odd = row(id=STRANGE_ID)
    assert records(held, odd) == records(held)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({"id": 12}, {"key": RecordKey(RecordType.LEAD, "12")}),
        ({"Lead_Status": 5}, {"status": None}),
        ({"Phone": 712345678}, {"phone": "712345678"}),
        ({"First_No_Answer_At": 5}, {"first_no_answer_at": 5}),
        ({"Created_Time": False}, {"created_time": False}),
        ({"Modified_Time": 5}, {"modified_time": None}),
        ({"First_Name": 5, "Last_Name": ""}, {"name": "5"}),
        ({"Call_Attempts": 3.0}, {"call_attempts": 3}),
        ({"Call_Attempts": [3]}, {"call_attempts": [3]}),
    ],
)
def test_values_of_other_types_come_through_for_the_rules_to_judge(
    values: dict[str, Any], read: dict[str, object]
) -> None:
    (record,) = records(row(**values))
    assert {name: getattr(record, name) for name in read} == read


def test_what_is_no_row_is_no_record() -> None:
    assert records(None, 5, "x", {}, row(id=None), row()) == records(row())


def test_one_field_may_be_both_phone_and_mobile() -> None:
    both = replace(FIELDS, mobile="Phone")
    (record,) = records(row(Phone="0712345678"), fields=both)
    assert (record.phone, record.mobile) == ("0712345678", "0712345678")


ERROR_BODY = b'{"code": "INTERNAL_ERROR", "details": {}, "message": "internal error", "status": "error"}'


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"data": 5}', b'{"data": [{"id": "1"', b"", b"{}", b'{"info": {}}', ERROR_BODY]
)
def test_what_is_no_page_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_rows(FIELDS, Answer(200, {}, body))
