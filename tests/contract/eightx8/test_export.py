"""The call log is exported as documented, read without guessing, and bounded in time and size."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autodialer.bootstrap import voice_config as voice_config_of
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import TelephonyError
from autodialer.domain.result import LoggedCall
from autodialer.eightx8.call_log import read_log
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import VoiceConfig
from autodialer.eightx8.mapping import ENDS
from autodialer.settings import load_settings
from autodialer.simulators.eightx8_export import COLUMNS
from autodialer.simulators.people import Behaviour
from contract.eightx8.support import (
    AGENT,
    KEY,
    LEAD,
    SUBACCOUNT,
    FixedClock,
    Script,
    Simulated,
    http_answer,
    raw_server,
    simulated,
    voice_config,
    wait_until,
)

EXPORTS = f"/api/v1/subaccounts/{SUBACCOUNT}/messages/exports"
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ROW = {
    "SessionId": "s-1",
    "Direction": "OUTBOUND",
    "DestinationEndpoint": LEAD,
    "InitiatedAt": "2026-03-02T10:00:00.500Z",
    "ConnectedAt": "2026-03-02T10:00:17Z",
    "DisconnectedAt": "2026-03-02T10:00:40Z",
    "DurationInSec": "23",
    "SessionStatus": "COMPLETED",
    "CallStatus": "COMPLETED",
}


class HastyClock(FixedClock):
    """Waits a little, however long it is told to."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


async def ask(url: str, **changes: Any) -> Sequence[LoggedCall]:
    async with VoiceTelephony(voice_config(url, **changes), HastyClock()) as telephony:
        now = datetime.now(UTC)
        return await telephony.logged_calls(now - timedelta(hours=1), now + timedelta(minutes=1))


def called(simulator: Simulated, *numbers: str) -> list[str]:
    sessions = [simulator.place(number).json()["sessionId"] for number in numbers]
    wait_until(simulator.all_over)
    return sessions


def table(*rows: dict[str, str], columns: Sequence[str] = tuple(ROW)) -> bytes:
    lines = [",".join(columns), *(",".join(row.get(name, "") for name in columns) for row in rows)]
    return "\r\n".join([*lines, ""]).encode()


def read(**changes: str) -> LoggedCall:
    (call,) = read_log([table({**ROW, **changes})])
    return call


# Against the simulator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "disposition", "word"),
    [
        ("answered", Disposition.ANSWERED, "COMPLETED"),
        ("silent", Disposition.NO_ANSWER, "NO_ANSWER"),
        ("busy", Disposition.BUSY, "BUSY"),
        ("failed", Disposition.FAILED, "FAILED"),
    ],
)
async def test_each_end_of_a_call_stands_in_the_log(behaviour: Any, disposition: Disposition, word: str) -> None:
    with simulated({LEAD: Behaviour((behaviour,))}, export_seconds=0) as simulator:
        (session,) = called(simulator, LEAD)
        calls = await ask(simulator.url)
    (call,) = [call for call in calls if call.destination == LEAD]
    assert (call.session_id, call.disposition, call.call_status) == (session, disposition, word)
    assert call.started_at is not None
    assert call.ended_at is not None
    assert call.started_at <= call.ended_at <= datetime.now(UTC)
    assert call.agent_unreached is False


async def test_the_agent_s_leg_is_a_call_of_its_own_and_says_when_the_agent_was_not_reached() -> None:
    with simulated({LEAD: Behaviour(("answered",)), AGENT: Behaviour(("busy",))}, export_seconds=0) as simulator:
        called(simulator, LEAD)
        by_number = {call.destination: call for call in await ask(simulator.url)}
    assert set(by_number) == {LEAD, AGENT}
    assert by_number[LEAD].disposition is Disposition.ANSWERED
    assert by_number[LEAD].agent_unreached is True
    assert by_number[AGENT].disposition is Disposition.BUSY


async def test_a_log_without_calls_is_empty_and_no_error() -> None:
    with simulated(export_seconds=0) as simulator:
        assert await ask(simulator.url) == []


async def test_an_export_that_takes_a_while_is_waited_for() -> None:
    with simulated({LEAD: Behaviour(("busy",))}, speed=2000, export_seconds=300) as simulator:
        called(simulator, LEAD)
        assert len(await ask(simulator.url)) == 1
        polls = simulator.get("counts")["counts"]
    assert sum(count for name, count in polls.items() if name.startswith("GET") and "exports" in name) > 1


async def test_the_export_goes_to_its_own_address_and_the_calls_do_not(simulator: Simulated) -> None:
    simulator.post("settings", {"export_seconds": 0})
    called(simulator, LEAD)
    calls = await ask("http://127.0.0.1:9", export_url=f"{simulator.url}/")
    assert {call.destination for call in calls} >= {LEAD}


async def test_only_the_time_that_was_asked_for_comes(simulator: Simulated) -> None:
    simulator.post("settings", {"export_seconds": 0})
    called(simulator, LEAD)
    async with VoiceTelephony(voice_config(simulator.url), FixedClock()) as telephony:
        assert await telephony.logged_calls(START - timedelta(days=400), START - timedelta(days=399)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"api_key": "wrong"}, "EIGHTX8_API_KEY"), ({"subaccount_id": "another"}, "EIGHTX8_SUBACCOUNT_ID")],
)
async def test_a_refusal_names_the_setting(changes: dict[str, str], said: str) -> None:
    with simulated() as simulator:
        with pytest.raises(TelephonyError, match=said) as refusal:
            await ask(simulator.url, **changes)
        assert refusal.value.permanent


async def test_no_request_rings_anybody(simulator: Simulated) -> None:
    simulator.post("settings", {"export_seconds": 0})
    await ask(simulator.url)
    assert simulator.sessions() == []


# Where it is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "export_url", "host"),
    [
        (None, None, "https://voice.wavecell.com"),
        ("https://api.8x8.com", None, "https://voice.wavecell.com"),
        ("https://voice.8x8.com/", None, "https://voice.wavecell.com"),
        ("https://voice.8x8.example", None, "https://voice.8x8.example"),
        ("http://127.0.0.1:9090", None, "http://127.0.0.1:9090"),
        (None, "https://logs.example/", "https://logs.example"),
    ],
)
def test_the_address_of_the_export_is_the_documented_one_unless_it_is_set(
    base_url: str | None, export_url: str | None, host: str
) -> None:
    config = VoiceConfig(api_key=KEY, subaccount_id=SUBACCOUNT, base_url=base_url, export_url=export_url)
    assert config.exports_url == f"{host}{EXPORTS}"


def test_the_setting_reaches_the_adapter() -> None:
    needed = dict.fromkeys(("zoho_client_id", "zoho_client_secret", "zoho_refresh_token", "eightx8_api_key"), "x")
    settings = load_settings(_env_file=None, **needed, eightx8_export_url="https://logs.example")
    assert voice_config_of(settings).export_url == "https://logs.example"


# What a server may do ------------------------------------------------------------------------------------------------


def answers(*bodies: bytes) -> Script:
    """One answer for each connection, in this order; the last one again and again."""
    left = list(bodies)

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return script


def said(body: Any, status: str = "200 OK") -> bytes:
    return http_answer(status, json.dumps(body).encode(), "connection: close")


STARTED = said({"jobId": "j/1"}, "202 Accepted")


async def test_the_order_is_the_documented_one() -> None:
    async with raw_server(answers(STARTED, said({"status": "empty"}))) as server:
        async with VoiceTelephony(voice_config(server.url), FixedClock()) as telephony:
            await telephony.logged_calls(START, START + timedelta(hours=2))
        first, second = server.requests
    assert first.startswith(f"POST {EXPORTS} HTTP/1.1\r\n".encode())
    assert f"authorization: bearer {KEY}".encode() in first.lower()
    assert json.loads(first.partition(b"\r\n\r\n")[2]) == {
        "from": "2026-03-02T10:00:00Z",
        "to": "2026-03-02T12:00:00Z",
        "limit": 0,
    }
    assert second.startswith(f"GET {EXPORTS}/j%2F1 HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("status", ["failed", "cancelled", "error", "whatever"])
async def test_an_export_that_ends_otherwise_is_an_error(status: str) -> None:
    async with raw_server(answers(STARTED, said({"status": status}))) as server:
        with pytest.raises(TelephonyError, match=f"ended as '{status}'"):
            await ask(server.url)


async def test_a_poll_that_fails_for_the_moment_is_only_one_more_wait() -> None:
    trouble = [said({}, "503 Down"), said({}, "429 Slow down"), b"", said([]), said({"status": "running"})]
    async with raw_server(answers(STARTED, *trouble, said({"status": "EMPTY"}))) as server:
        assert await ask(server.url) == []
        assert len(server.requests) == 7


async def test_an_export_that_never_ends_is_cancelled_and_given_up() -> None:
    async with raw_server(answers(STARTED, said({"status": "queued"}))) as server:
        with pytest.raises(TelephonyError, match="not ready after 60 seconds") as error:
            await ask(server.url, export_patience=60.0)
        assert not error.value.permanent
        assert server.requests[-1].startswith(f"DELETE {EXPORTS}/j%2F1 ".encode())
        assert 5 < len(server.requests) < 30


async def test_a_server_that_keeps_silent_is_given_up() -> None:
    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with raw_server(silent) as server:
        with pytest.raises(TelephonyError, match=r"more than 0.2 seconds|could not be reached"):
            await ask(server.url, export_timeout=0.2)


async def test_nobody_listening_is_an_error_and_nothing_else() -> None:
    with pytest.raises(TelephonyError, match="could not be reached"):
        await ask("http://127.0.0.1:9")


@pytest.mark.parametrize(
    "body", [{}, {"jobId": 7}, {"jobId": ""}, {"jobId": "x" * 300}, []], ids=["none", "number", "empty", "long", "list"]
)
async def test_an_answer_without_a_job_is_an_error(body: Any) -> None:
    async with raw_server(answers(said(body, "202 Accepted"))) as server:
        with pytest.raises(TelephonyError, match="HTTP 202"):
            await ask(server.url)


def done(*links: Any) -> bytes:
    return said({"status": "succeeded", "data": list(links)})


@pytest.mark.parametrize("links", [[], [7], ["ftp://x/y"], ["/relative"], ["http://["], ["http://x/"] * 21])
async def test_an_answer_without_usable_links_is_an_error(links: list[Any]) -> None:
    async with raw_server(answers(STARTED, done(*links))) as server:
        with pytest.raises(TelephonyError, match="file"):
            await ask(server.url)


async def test_the_key_is_shown_to_the_host_of_the_export_and_to_no_other() -> None:
    async with raw_server(answers(http_answer("200 OK", table(ROW), "connection: close"))) as files:
        async with raw_server(answers(STARTED, done(f"{files.url}/f.csv"))) as server:
            assert len(await ask(server.url)) == 1
        (request,) = files.requests
    assert KEY.encode() not in request
    assert b"authorization" not in request.lower()


async def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for _piece in range(10_000):
            writer.write(b"x" * 1024)
            await writer.drain()

    async with raw_server(endless) as files, raw_server(answers(STARTED, done(f"{files.url}/f"))) as server:
        with pytest.raises(TelephonyError, match="more than 20000 bytes"):
            await ask(server.url, max_export_bytes=20_000)


async def test_the_limit_holds_for_all_files_together() -> None:
    file = http_answer("200 OK", table(ROW), "connection: close")
    async with raw_server(answers(file)) as files:
        async with raw_server(answers(STARTED, done(f"{files.url}/a", f"{files.url}/b"))) as server:
            with pytest.raises(TelephonyError, match="more than"):
                await ask(server.url, max_export_bytes=len(table(ROW)) + 10)
        assert len(files.requests) == 2


async def test_a_file_that_is_not_there_or_breaks_off_is_an_error() -> None:
    for answer in (said({}, "404 Not Found"), http_answer("200 OK", table(ROW), length=5000)):
        async with raw_server(answers(answer)) as files, raw_server(answers(STARTED, done(f"{files.url}/f"))) as server:
            with pytest.raises(TelephonyError, match="its file can't be had"):
                await ask(server.url)


# What stands in a file -----------------------------------------------------------------------------------------------


def test_a_row_is_read_whole() -> None:
    assert read() == LoggedCall(
        session_id="s-1",
        destination=LEAD,
        started_at=START + timedelta(milliseconds=500),
        ended_at=START + timedelta(seconds=40),
        disposition=Disposition.ANSWERED,
        call_status="COMPLETED",
        session_status="COMPLETED",
        duration_seconds=23,
    )


@pytest.mark.parametrize(
    ("word", "disposition", "reason"),
    [
        ("NO ANSWER", Disposition.NO_ANSWER, ""),
        ("no-answer", Disposition.NO_ANSWER, ""),
        ("CANCELLED", Disposition.FAILED, "canceled"),
        ("ERROR", Disposition.FAILED, "error"),
        ("", None, ""),
        ("IN_PROGRESS", None, ""),
        ("ANSWERED?", None, ""),
    ],
)
def test_words_mean_what_they_mean_in_a_callback_and_others_mean_nothing(
    word: str, disposition: Disposition | None, reason: str
) -> None:
    call = read(CallStatus=word)
    assert (call.disposition, call.reason, call.call_status) == (disposition, reason, word)


def test_the_session_s_status_counts_only_where_the_person_opted_out() -> None:
    assert read(CallStatus="", SessionStatus="NO_ANSWER").disposition is None
    opted_out = read(CallStatus="", SessionStatus="COMPLETED_UNSUBSCRIBED")
    assert (opted_out.disposition, opted_out.do_not_call) == (Disposition.ANSWERED, True)
    assert read(CallStatus="BUSY", SessionStatus="UNSUBSCRIBED_CONTACT").do_not_call


AT_ONCE = {"ConnectedAt": "", "DisconnectedAt": ROW["InitiatedAt"], "DurationInSec": "0", "SessionStatus": "ERROR"}


@pytest.mark.parametrize("word", ["FAILED", "CANCELED", "ERROR"])
def test_nobody_can_tell_whose_failure_it_was_where_a_session_ended_with_an_error_at_once(word: str) -> None:
    assert read(CallStatus=word, **AT_ONCE).disposition is None
    assert read(CallStatus=word, **{**AT_ONCE, "SessionStatus": "FAILED"}).disposition is Disposition.FAILED


@pytest.mark.parametrize(
    "more", [{"DisconnectedAt": "2026-03-02T10:00:12Z"}, {"ConnectedAt": ROW["InitiatedAt"]}, {"DurationInSec": "4"}]
)
def test_a_call_that_lasted_keeps_its_end_whatever_ended_the_session(more: dict[str, str]) -> None:
    assert read(CallStatus="FAILED", **{**AT_ONCE, **more}).disposition is Disposition.FAILED


@pytest.mark.parametrize("word", ["NO_ANSWER", "BUSY", "COMPLETED"])
def test_the_persons_own_word_counts_in_a_session_that_ended_with_an_error(word: str) -> None:
    assert read(CallStatus=word, **AT_ONCE).disposition is ENDS[word][0]


@pytest.mark.parametrize("number", ["40709000001", "+40709000001", " +40 709 000 001", "0040709000001"])
def test_numbers_are_read_as_e164(number: str) -> None:
    assert read(DestinationEndpoint=number).destination == LEAD


@pytest.mark.parametrize(
    "moment", ["2026-03-02T10:00:00Z", "2026-03-02 10:00:00", "2026-03-02T12:00:00+02:00", "2026-03-02T10:00:00.000Z"]
)
def test_times_without_a_zone_are_utc(moment: str) -> None:
    assert read(InitiatedAt=moment).started_at == START


@pytest.mark.parametrize("moment", ["", "yesterday", "02/03/2026 10:00"])
def test_a_time_that_can_not_be_read_is_none(moment: str) -> None:
    assert read(InitiatedAt=moment).started_at is None


def test_columns_are_found_by_name_in_any_case_and_order_with_a_byte_order_mark() -> None:
    columns = ["callstatus", "SESSIONID", " DestinationEndpoint ", "Whatever"]
    row = dict(zip(columns, ["BUSY", "s-9", LEAD, "x"], strict=True))
    (call,) = read_log([b"\xef\xbb\xbf" + table(row, columns=columns)])
    assert (call.session_id, call.disposition, call.started_at) == ("s-9", Disposition.BUSY, None)


def test_all_documented_columns_and_quoted_content_can_be_read() -> None:
    row = {**dict.fromkeys(COLUMNS, "x"), **ROW, "Content": '"{""say"": ""a, b""\n}"'}
    (call,) = read_log([table(row, columns=COLUMNS)])
    assert call.disposition is Disposition.ANSWERED


def test_rows_that_name_no_session_or_number_inbound_ones_and_half_ones_are_left_out() -> None:
    bad = [{**ROW, "SessionId": ""}, {**ROW, "DestinationEndpoint": "unknown"}, {**ROW, "Direction": "inbound"}]
    assert read_log([table(*bad) + b"s-3,OUTBOUND"]) == []


@pytest.mark.parametrize(
    "file", [b"", b"<html>", b"SessionId,CallStatus\r\ns,BUSY", b"\xff\xfe\x00", b'a,"' + b"x" * 200_000]
)
def test_a_file_that_is_no_call_log_is_an_error_that_names_the_setting(file: bytes) -> None:
    with pytest.raises(TelephonyError, match="EIGHTX8_EXPORT_URL"):
        read_log([file])


def test_calls_of_a_session_that_stand_in_two_files_belong_together() -> None:
    agent = {**ROW, "DestinationEndpoint": AGENT, "CallStatus": "NO_ANSWER"}
    calls = {call.destination: call for call in read_log([table(ROW), table(agent)])}
    assert calls[LEAD].agent_unreached is True
    assert calls[AGENT].agent_unreached is False
