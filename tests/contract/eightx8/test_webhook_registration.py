"""The webhook for session summaries is registered once, again when something changed, and never twice."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
import stamina

from autodialer.domain.errors import ResultsElsewhere, TelephonyError
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.webhooks import registration_hash
from autodialer.ports import Finding, Level
from contract.eightx8.support import (
    AGENT,
    CALLER_ID,
    KEY,
    TOKEN,
    FixedClock,
    Simulated,
    documented,
    http_answer,
    raw_server,
    simulated,
    voice_config,
)

URL = "http://127.0.0.1:9/api/callback"


@pytest.fixture(autouse=True)
def _no_waiting() -> Any:
    with stamina.set_testing(True, attempts=3):
        yield


async def ensure(url: str, known: str | None = None, **changes: Any) -> str | None:
    async with VoiceTelephony(voice_config(url, **changes), FixedClock()) as telephony:
        return await telephony.ensure_webhook(known)


async def findings(url: str, **changes: Any) -> Sequence[Finding]:
    async with VoiceTelephony(voice_config(url, **changes), FixedClock()) as telephony:
        return await telephony.check()


def changes_made(simulator: Simulated) -> dict[str, int]:
    counts: dict[str, int] = simulator.get("counts")["counts"]
    made = {key.split("/")[0].strip(): count for key, count in counts.items() if "webhooks" in key}
    return {method: made.get(method, 0) for method in ("POST", "DELETE")}


async def test_a_missing_webhook_is_registered_enabled_with_our_token(simulator: Simulated) -> None:
    registered = await ensure(simulator.url)
    assert registered == registration_hash(voice_config(simulator.url))
    webhook = simulator.app.switch.webhooks.enabled("VSS")
    assert webhook is not None
    assert (webhook.url, webhook.header) == (URL, TOKEN)
    assert changes_made(simulator) == {"POST": 1, "DELETE": 0}


async def test_registering_again_changes_nothing(simulator: Simulated) -> None:
    first = await ensure(simulator.url)
    assert await ensure(simulator.url, first) == first
    assert changes_made(simulator) == {"POST": 1, "DELETE": 0}


@pytest.mark.parametrize(
    "changed", [{"callback_url": "http://127.0.0.1:9/other"}, {"callback_token": "new"}, {"callback_token": None}]
)
async def test_a_changed_address_or_token_is_registered_anew(simulator: Simulated, changed: dict[str, Any]) -> None:
    first = await ensure(simulator.url)
    second = await ensure(simulator.url, first, **changed)
    assert second not in {None, first}
    webhook = simulator.app.switch.webhooks.enabled("VSS")
    assert webhook is not None
    expected = {"callback_url": URL, "callback_token": TOKEN, **changed}
    assert (webhook.url, webhook.header) == (expected["callback_url"], expected["callback_token"])
    assert changes_made(simulator) == {"POST": 2, "DELETE": 1}


async def test_a_webhook_whose_token_nobody_remembers_is_registered_anew(simulator: Simulated) -> None:
    simulator.register(URL, "somebody else's")
    await ensure(simulator.url, None)
    webhook = simulator.app.switch.webhooks.enabled("VSS")
    assert webhook is not None
    assert webhook.header == TOKEN


async def test_an_address_that_took_our_results_is_left_alone_unless_they_are_taken_back(simulator: Simulated) -> None:
    first = await ensure(simulator.url)
    await ensure(simulator.url, callback_url="https://trial.example/api/callback?token=secret")
    async with VoiceTelephony(voice_config(simulator.url), FixedClock()) as telephony:
        with pytest.raises(ResultsElsewhere) as caught:
            await telephony.ensure_webhook(first, takes_over=False)
        assert caught.value.address == "trial.example"
        assert "secret" not in caught.value.message
        assert changes_made(simulator) == {"POST": 2, "DELETE": 1}
        await telephony.ensure_webhook(first)
    webhook = simulator.app.switch.webhooks.enabled("VSS")
    assert webhook is not None
    assert webhook.url == URL


async def test_a_webhook_that_is_gone_or_not_enabled_any_more_is_registered_without_taking_it_from_anybody(
    simulator: Simulated,
) -> None:
    first = await ensure(simulator.url)
    for change in ({"url": URL, "enabled": False}, {"url": "https://trial.example/", "enabled": False}, None):
        simulator.ask("DELETE", "webhooks/VSS")
        if change is not None:
            simulator.ask("POST", "webhooks", {"type": "VSS", "httpAuthHeader": TOKEN, **change})
        async with VoiceTelephony(voice_config(simulator.url), FixedClock()) as telephony:
            await telephony.ensure_webhook(first, takes_over=False)
        webhook = simulator.app.switch.webhooks.enabled("VSS")
        assert webhook is not None
        assert webhook.url == URL


async def test_what_was_registered_for_one_sub_account_says_nothing_of_another(simulator: Simulated) -> None:
    known = await ensure(simulator.url)
    with simulated() as other:
        other.register(URL, "the token that it had when it was used last")
        await ensure(other.url, known)
        webhook = other.app.switch.webhooks.enabled("VSS")
        assert webhook is not None
        assert webhook.header == TOKEN


@pytest.mark.parametrize("flags", [{"enabled": False}, {"active": False}])
async def test_a_webhook_that_is_not_enabled_is_registered_anew(simulator: Simulated, flags: dict[str, bool]) -> None:
    simulator.ask("POST", "webhooks", {"type": "VSS", "url": URL, "httpAuthHeader": TOKEN, **flags})
    assert simulator.app.switch.webhooks.enabled("VSS") is None
    await ensure(simulator.url, registration_hash(voice_config(simulator.url)))
    assert simulator.app.switch.webhooks.enabled("VSS") is not None


async def test_webhooks_of_other_types_are_left_alone(simulator: Simulated) -> None:
    simulator.ask("POST", "webhooks", {"type": "VCA", "url": "http://127.0.0.1:9/vca"})
    await ensure(simulator.url)
    assert simulator.app.switch.webhooks.enabled("VCA") is not None
    assert changes_made(simulator)["DELETE"] == 0


async def test_nothing_is_asked_where_registering_is_switched_off(simulator: Simulated) -> None:
    assert await ensure(simulator.url, "old", register_webhook=False) is None
    assert simulator.get("counts")["counts"] == {}


@pytest.mark.parametrize("name", ["callback_url", "subaccount_id"])
async def test_a_missing_setting_is_named(simulator: Simulated, name: str) -> None:
    with pytest.raises(TelephonyError, match=f"EIGHTX8_{name.upper()}") as caught:
        await ensure(simulator.url, **{name: None})
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"api_key": "wrong"}, "EIGHTX8_API_KEY"),
        ({"subaccount_id": "another"}, "EIGHTX8_SUBACCOUNT_ID"),
        ({"callback_url": "ftp://127.0.0.1/x"}, "EIGHTX8_CALLBACK_URL"),
    ],
)
async def test_a_refusal_says_which_setting_to_correct(
    simulator: Simulated, changes: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(TelephonyError, match=remedy) as caught:
        await ensure(simulator.url, **changes)
    assert caught.value.permanent


async def test_trouble_that_passes_is_waited_out(simulator: Simulated) -> None:
    simulator.post("faults", {"kind": "status", "status": 503, "times": 2})
    assert await ensure(simulator.url) is not None


async def test_trouble_that_stays_is_told_as_passing(simulator: Simulated) -> None:
    simulator.post("faults", {"kind": "reset", "times": 0})
    with pytest.raises(TelephonyError, match="could not be reached") as caught:
        await ensure(simulator.url)
    assert not caught.value.permanent


@pytest.mark.parametrize("replaces", [True, False])
async def test_an_answer_that_is_lost_after_registering_does_no_harm(replaces: bool) -> None:
    with simulated(webhook_replaces=replaces) as simulator:
        match = {"method": "POST", "path_contains": "webhooks"}
        simulator.post("faults", {"kind": "drop_after_commit", "match": match})
        assert await ensure(simulator.url) is not None
        assert simulator.app.switch.webhooks.enabled("VSS") is not None


async def test_a_registration_that_is_not_listed_afterwards_is_an_error(simulator: Simulated) -> None:
    empty = {"webhooks": [], "statusCode": 0}
    match = {"method": "GET"}
    simulator.post("faults", {"kind": "status", "status": 200, "body": empty, "match": match, "times": 2})
    with pytest.raises(TelephonyError, match="does not list it"):
        await ensure(simulator.url)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"webhooks": 5}', b"<html>"])
async def test_a_list_that_cannot_be_read_changes_nothing(body: bytes) -> None:
    async def script(_reader: Any, writer: Any) -> None:
        writer.write(http_answer("200 OK", body))

    async with raw_server(script) as server:
        with pytest.raises(TelephonyError, match="can't be read"):
            await ensure(server.url)
    assert {request.split()[0] for request in server.requests} == {b"GET"}


async def test_no_error_shows_the_token_or_a_number(simulator: Simulated) -> None:
    simulator.post("faults", {"kind": "status", "status": 422, "body": {"statusMessage": f"{AGENT} {CALLER_ID}"}})
    with pytest.raises(TelephonyError) as caught:
        await ensure(simulator.url)
    assert not any(secret in caught.value.message for secret in (TOKEN, KEY, AGENT, CALLER_ID))


async def test_doctor_finds_nothing_wrong_with_what_is_right(simulator: Simulated) -> None:
    await ensure(simulator.url)
    found = await findings(simulator.url)
    assert {finding.level for finding in found} == {Level.OK}
    assert [finding.subject for finding in found] == ["8x8 settings", "8x8 address", "8x8 key", "8x8 webhook"]


async def test_doctor_changes_nothing_and_rings_nobody(simulator: Simulated) -> None:
    await findings(simulator.url)
    counts = simulator.get("counts")["counts"]
    assert list(counts) == ["GET /api/v1/subaccounts/simulated_voice/webhooks"]


@pytest.mark.parametrize(
    ("changes", "level", "subject", "words"),
    [
        ({"caller_id": None}, Level.PROBLEM, "8x8 settings", "EIGHTX8_CALLER_ID"),
        ({"api_key": "eght_abc"}, Level.PROBLEM, "8x8 key", "Admin Console"),
        ({"api_key": "wrong"}, Level.PROBLEM, "8x8 key", "401"),
        ({"subaccount_id": "another"}, Level.PROBLEM, "8x8 key", "404"),
        ({"callback_url": None}, Level.PROBLEM, "8x8 callback", "no result ever comes"),
        ({"callback_url": "http://127.0.0.1:9/else"}, Level.PROBLEM, "8x8 webhook", "another address"),
        ({"callback_token": None}, Level.PROBLEM, "8x8 webhook", "Authorization header"),
    ],
)
async def test_doctor_names_what_is_wrong_and_what_to_do(
    simulator: Simulated, changes: dict[str, Any], level: Level, subject: str, words: str
) -> None:
    simulator.register(URL)
    wrong = [f for f in await findings(simulator.url, **changes) if f.subject == subject and f.level is level]
    assert any(words in finding.message for finding in wrong)
    assert all(finding.remedy for finding in wrong)


async def test_doctor_tells_a_missing_and_a_disabled_webhook_apart(simulator: Simulated) -> None:
    (missing,) = [f for f in await findings(simulator.url) if f.subject == "8x8 webhook"]
    assert (missing.level, "serve" in missing.remedy) == (Level.WARNING, True)
    simulator.ask("POST", "webhooks", {"type": "VSS", "url": URL, "httpAuthHeader": TOKEN, "enabled": False})
    (disabled,) = [f for f in await findings(simulator.url, register_webhook=False) if f.subject == "8x8 webhook"]
    assert (disabled.level, "not enabled" in disabled.message) == (Level.PROBLEM, True)
    assert "by hand" in disabled.remedy


async def test_doctor_explains_the_host_that_places_no_calls_and_never_raises() -> None:
    found = await findings("https://api.8x8.com", subaccount_id=None)
    (address,) = [finding for finding in found if finding.subject == "8x8 address"]
    assert address.level is Level.WARNING
    assert "voice.8x8.com" in address.message
    messages = [finding.message for finding in found if finding.subject == "8x8 callback"]
    assert messages == ["EIGHTX8_CALLBACK_URL is no https address that 8x8 can reach."]


async def test_doctor_warns_of_a_public_callback_without_a_token() -> None:
    public = {"callback_url": "https://dialer.example/api/callback", "callback_token": None, "subaccount_id": None}
    found = await findings("https://voice.8x8.com", **public)
    assert [f.level for f in found if f.subject == "8x8 callback"] == [Level.WARNING]


async def test_doctor_says_when_8x8_is_out_of_reach(simulator: Simulated) -> None:
    simulator.post("faults", {"kind": "reset", "times": 0})
    (key,) = [finding for finding in await findings(simulator.url) if finding.subject == "8x8 key"]
    assert key.level is Level.PROBLEM
    assert "could not be reached" in key.message


async def test_doctor_waits_for_a_silent_8x8_once_and_not_for_long() -> None:
    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with raw_server(silent) as server:
        found = await findings(server.url, check_timeout=0.2)
        assert len(server.requests) <= 1
    (key,) = [finding for finding in found if finding.subject == "8x8 key"]
    assert (key.level, key.message) == (Level.PROBLEM, "8x8 gave no answer in 0.2 seconds.")


async def test_the_list_that_8x8_documents_is_read() -> None:
    listed = json.dumps(documented("voice_webhooks_list.json")).encode()

    async def script(_reader: Any, writer: Any) -> None:
        writer.write(http_answer("200 OK", listed))

    async with raw_server(script) as server:
        found = await findings(server.url)
    (webhook,) = [finding for finding in found if finding.subject == "8x8 webhook"]
    assert "another address" in webhook.message


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_an_outage_of_8x8_is_no_refusal_and_there_is_nothing_to_correct(
    simulator: Simulated, status: int
) -> None:
    simulator.post("faults", {"kind": "status", "status": status, "times": 0})
    (problem,) = [finding for finding in await findings(simulator.url) if finding.level is not Level.OK]
    said = f"{problem.message} {problem.remedy}"
    assert f"HTTP {status}" in said
    assert "later" in problem.remedy
    for wrong in ("refused", "Correct it", "next start"):
        assert wrong not in said, "serve tries again each minute, by itself"
