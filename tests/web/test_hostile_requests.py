"""Whatever is sent: an answer that says what is wrong, never a 500, and nothing changed."""

import gzip
import json
import time
from typing import Any

import pytest

from web.house import CALLBACK_TOKEN, House, body_of, person, result, summary

GOOD = result(person(0), call_id="c-1")
NESTED = b"[" * 60_000
NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "malformed": b'{"zoho_id": ',
    "two objects": b"{}{}",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"7",
    "nested deeply": NESTED,
    "nested deeply in a field": b'{"payload":' + NESTED,
    "nested deeply and closed": b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
    "objects nested deeply": b'{"a":' * 8000,
    "NaN": b'{"number":NaN}',
    "infinity": b'{"number":Infinity}',
    "1e999": b'{"number":1e999}',
    "10^5000": b'{"number":' + b"1" * 5000 + b"}",
    "a lone surrogate": b'{"number":"\\ud800"}',
    "a lone low surrogate": b'{"number":"\\udfff x"}',
    "a surrogate as a key": b'{"\\ud800":1}',
    "a surrogate in UTF-8": b'{"number":"\xed\xa0\x80"}',
    "bad UTF-8": b'{"number":"\xff\xfe"}',
    "UTF-16": '{"number":"1"}'.encode("utf-16"),
    "a BOM": b"\xef\xbb\xbf{}",
    "an escaped NUL": b'{"number":"\\u0000"}',
    "a NUL": b'{"number":"\x00"}',
    "a repeated key": b'{"number":"+40709000001","number":"+40709000002"}',
    "a repeated key inside": b'{"namespace":"VOICE","eventType":"X","payload":{"a":{"b":1,"b":2}}}',
    "a comment": b"{}//",
    "a form": b"number=1&reason=2",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "a pickle": b"\x80\x04\x95.",
}
WRONG_FIELDS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"zoho_id", "record_type", "call_status"}),
    ({"zoho_id": None, "record_type": None, "call_status": None}, {"zoho_id", "record_type", "call_status"}),
    ({"zoho_id": [], "record_type": {}, "call_status": []}, {"zoho_id", "record_type", "call_status"}),
    (GOOD | {"zoho_id": ""}, {"zoho_id"}),
    (GOOD | {"zoho_id": "1" * 21}, {"zoho_id"}),
    (GOOD | {"zoho_id": 10**400}, {"zoho_id"}),
    (GOOD | {"zoho_id": -1}, {"zoho_id"}),
    (GOOD | {"zoho_id": 1.0}, {"zoho_id"}),
    (GOOD | {"zoho_id": True}, {"zoho_id"}),
    (GOOD | {"zoho_id": "١٢٣"}, {"zoho_id"}),
    (GOOD | {"zoho_id": "1\n"}, {"zoho_id"}),
    (GOOD | {"zoho_id": " 1"}, {"zoho_id"}),
    (GOOD | {"zoho_id": "1' OR '1'='1"}, {"zoho_id"}),
    (GOOD | {"zoho_id": "1; DROP TABLE attempts; --"}, {"zoho_id"}),
    (GOOD | {"zoho_id": "1) or (id is not null"}, {"zoho_id"}),
    (GOOD | {"record_type": "lead"}, {"record_type"}),
    (GOOD | {"record_type": "Leads"}, {"record_type"}),
    (GOOD | {"record_type": 1}, {"record_type"}),
    (GOOD | {"call_status": "ANSWERED"}, {"call_status"}),
    (GOOD | {"call_status": "unknown"}, {"call_status"}),
    (GOOD | {"call_status": "answered "}, {"call_status"}),
    (GOOD | {"call_status": ["answered"]}, {"call_status"}),
    (GOOD | {"call_id": ""}, {"call_id"}),
    (GOOD | {"call_id": 5}, {"call_id"}),
    (GOOD | {"call_id": "x" * 121}, {"call_id"}),
    (GOOD | {"timestamp": "yesterday"}, {"timestamp"}),
    (GOOD | {"timestamp": 1768292818}, {"timestamp"}),
    (GOOD | {"timestamp": "0001-01-01T00:00:00+14:00"}, {"timestamp"}),
    (GOOD | {"timestamp": "9999-12-31T23:59:59-14:00"}, {"timestamp"}),
    (GOOD | {"timestamp": "2026-13-01T00:00:00Z"}, {"timestamp"}),
    (GOOD | {"timestamp": []}, {"timestamp"}),
    (GOOD | {"timestamp": 5, "call_id": 5, "call_status": 5}, {"timestamp", "call_id", "call_status"}),
    ({"namespace": "VOICE"}, {"eventType", "payload"}),
    ({"eventType": "X", "payload": {}}, {"namespace"}),
    ({"namespace": 5, "eventType": None, "payload": "x"}, {"namespace", "eventType", "payload"}),
    ({"namespace": "V" * 61, "eventType": "", "payload": []}, {"namespace", "eventType", "payload"}),
]
JSON = {"content-type": "application/json"}
CALLBACK = f"/api/callback?token={CALLBACK_TOKEN}"


@pytest.mark.parametrize("path", [CALLBACK, "/api/do-not-call"])
def test_what_is_not_one_strict_json_object_is_refused_with_a_reason(guarded: House, path: str) -> None:
    before = guarded.ledger()
    for name, body in NOT_JSON.items():
        answer = guarded.ask("POST", path, content=body, headers=JSON)
        found = answer.json()
        assert (answer.status_code, found["success"]) == (400, False), name
        assert found["problems"], name
        assert all(found["problems"])
        assert len(answer.content) < 1000, name
    assert guarded.ledger() == before


@pytest.mark.parametrize(("body", "names"), WRONG_FIELDS, ids=range(len(WRONG_FIELDS)))
def test_every_wrong_field_of_a_callback_is_named_at_once(
    guarded: House, body: dict[str, Any], names: set[str]
) -> None:
    before = guarded.ledger()
    answer = guarded.client.post(CALLBACK, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 400
    assert {problem.split()[0] for problem in answer.json()["problems"]} == names
    assert guarded.ledger() == before


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "number"),
        ({"number": None}, "number"),
        ({"number": 40709000001}, "number"),
        ({"number": ""}, "number"),
        ({"number": "112"}, "number"),
        ({"number": "not a number"}, "number"),
        ({"number": "+40" + "7" * 58}, "number"),
        ({"number": "'; DROP TABLE do_not_call; --"}, "number"),
        ({"number": "+40709000001", "reason": 5}, "reason"),
        ({"number": "+40709000001", "reason": "x" * 501}, "reason"),
        ({"number": "+40709000001", "reson": "misspelt"}, "reson"),
        ({"number": "+40709000001", "\u0000": 1}, "NUL"),
        ({"number": "+40709000001"} | {f"k{index}": index for index in range(4000)}, "k0"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_number_for_the_do_not_call_list_is_refused(guarded: House, body: dict[str, Any], word: str) -> None:
    answer = guarded.ask("POST", "/api/do-not-call", json=body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert word in answer.json()["problems"][0]
    assert len(answer.content) < 8000
    assert guarded.sql("SELECT * FROM do_not_call") == []


@pytest.mark.parametrize("path", [CALLBACK, "/api/do-not-call"])
@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "image/png", "x"],
)
def test_a_body_that_says_it_is_no_json_is_415(guarded: House, path: str, kind: str) -> None:
    answer = guarded.ask("POST", path, content=json.dumps(summary("s")), headers={"content-type": kind})
    assert (answer.status_code, answer.json()["success"]) == (415, False)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/vnd.8x8+json", "text/plain", None]
)
def test_a_result_is_not_lost_for_the_name_of_its_content_type(guarded: House, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    body = json.dumps(summary(f"of type {kind}", event="CALL_ACTION"))
    assert guarded.client.post(CALLBACK, content=body, headers=headers).status_code == 200
    assert guarded.sql(f"SELECT count(*) FROM inbox WHERE session_id = 'of type {kind}'") == [(1,)]  # noqa: S608 - a test's query


@pytest.mark.parametrize("path", [CALLBACK, "/api/do-not-call", "/api/cron"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_a_compressed_body_is_415_and_never_unpacked(guarded: House, path: str, coding: str) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    answer = guarded.ask("POST", path, content=bomb, headers=JSON | {"content-encoding": coding})
    assert (answer.status_code, answer.json()["success"]) == (415, False)


def test_ids_and_names_in_the_address_are_checked_to_the_letter(guarded: House) -> None:
    before = guarded.ledger()
    ids = [
        "x",
        "1" * 21,
        "%D9%A1%D9%A2",
        "1%0A",
        "1%00",
        "1'%20OR%20'1'='1",
        "1%20or%20id%20is%20not%20null",
        "-1",
        "1.0",
        "%F0",
    ]
    paths = [f"/api/records/lead/{bad}" for bad in ids]
    paths += [f"/api/records/{bad}/1" for bad in ("LEAD", "leadss", "user", "le%00ad", "lead%0A")]
    paths += [f"/api/runs/{bad}" for bad in ("x" * 37, "a%20b", "..%2e", "a';--", "%00", "%C3%A9", "a%0A")]
    paths += [
        f"/api/runs/a?{bad}"
        for bad in ("after=%00", "after=" + "x" * 65, "after=%F0", "limit=1e3", "limit=٣", "limit=-1")
    ]
    paths += [f"/api/plan?{bad}" for bad in ("limit=1000001", "format=xml", "limit=-1", "confirm=2", "confirm=", "x=1")]
    for path in paths:
        answer = guarded.ask("GET", path)
        assert (answer.status_code, answer.json()["success"]) == (400, False), path
        assert answer.json()["problems"], path
        assert len(answer.content) < 1000
    for bad in ("x", "112", "%00", "+40'--", "%D9%A1", "9" * 61):
        answer = guarded.ask("DELETE", f"/api/do-not-call/{bad}")
        assert (answer.status_code, answer.json()["success"]) == (400, False), bad
    assert guarded.ledger() == before


def test_a_nul_character_in_the_address_is_refused_wherever_text_is_taken(guarded: House) -> None:
    before = guarded.ledger()
    asked = [("GET", f"/api/{path}=a%00b") for path in ("do-not-call?search", "people?q", "audit?who")]
    asked += [("DELETE", "/api/do-not-call/+40721000001?reason=%00"), ("POST", "/api/do-not-call/import?reason=%00")]
    for method, path in asked:
        answer = guarded.ask(method, path)
        assert (answer.status_code, answer.json()["success"]) == (400, False), path
        assert answer.json()["problems"][0].endswith("holds a NUL character"), path
    assert guarded.ledger() == before


def test_an_id_of_20_digits_is_looked_for_and_not_found(guarded: House) -> None:
    assert guarded.ask("GET", f"/api/records/lead/{'9' * 20}").status_code == 404


def test_a_huge_address_is_a_4xx_with_a_short_answer(guarded: House) -> None:
    for query in ("a=1&" * 10_000, "&".join(f"k{number}=1" for number in range(5_000)), "after=" + "x" * 60_000):
        answer = guarded.ask("GET", f"/api/runs?{query}")
        assert (answer.status_code, answer.json()["success"]) == (400, False)
        assert len(answer.content) < 2000


@pytest.mark.parametrize(
    "part", [b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n"]
)
def test_a_head_longer_than_any_buffer_does_no_harm(guarded: House, part: bytes) -> None:
    answer = guarded.raw(part % (b"x" * 1_000_000), wait=1)
    assert answer == b"" or (answer[:10] == b"HTTP/1.1 4" and body_of(answer)["success"] is False)
    assert guarded.client.get("/health").status_code == 200


def test_a_post_whose_options_stand_in_the_address_takes_no_body(guarded: House) -> None:
    before = guarded.ledger()
    for path in ("/api/cron", "/api/pause", "/api/resume", "/api/accept"):
        for body in [*NOT_JSON.values(), b'{"confirm":true}']:
            if body:
                answer = guarded.ask("POST", path, content=body, headers=JSON)
                assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert guarded.ledger() == before


def test_what_is_unusual_but_right_is_stored_as_it_is(guarded: House) -> None:
    odd = summary("odd", event="ÇAĞRI", text="' OR 1=1; -- 😀 \\u0000x", big=10**400, deep=[[[[1]]]], empty="")
    assert guarded.client.post(CALLBACK, json=odd).status_code == 200
    stored = guarded.sql("SELECT body FROM inbox WHERE session_id = 'odd'")
    assert json.loads(stored[0][0]) == odd


def test_bodies_of_up_to_64_kib_are_taken_and_larger_ones_are_413(guarded: House) -> None:
    def event(size: int) -> bytes:
        frame = json.dumps(summary("large", event="CALL_ACTION", fill="")).encode()
        return frame.replace(b'"fill": ""', b'"fill": "' + b"x" * (size - len(frame)) + b'"')

    assert len(event(65536)) == 65536
    for chunked in (False, True):
        sizes = {}
        for size in (65536, 65537):
            content = iter([event(size)]) if chunked else event(size)
            sizes[size] = guarded.client.post(CALLBACK, content=content, headers=JSON).status_code
        assert sizes == {65536: 200, 65537: 413}


def test_cookies_that_are_too_long_are_refused_before_anything_reads_them(guarded: House) -> None:
    quoted = '"' + '\\"' * 20_000 + '"'  # a minute of work for Python's own reader, before 3.11.10
    for path in ("/console", "/console/sign-in", "/console/no/such", "/console/static/console.css", "/health", "/x"):
        for headers in ([("cookie", f"a={quoted}")], [("cookie", "a=" + "b" * 3000), ("cookie", "c=" + "d" * 3000)]):
            started = time.monotonic()
            answer = guarded.client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["success"]) == (400, False), path
            assert "cookies" in answer.json()["message"]
            assert time.monotonic() - started < 2
    file = {"cookie": f"autodialer_sign_in={quoted}", "content-type": "multipart/form-data; boundary=x"}
    assert guarded.client.post("/console/do-not-call/import", headers=file, content=b"x").status_code == 400
    assert guarded.client.get("/console/sign-in", headers={"cookie": "a=" + "b" * 4000}).status_code == 200
