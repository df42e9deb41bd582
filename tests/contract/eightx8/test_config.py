"""Settings: the host that really places calls, what is missing, and secrets that stay secret."""

from dataclasses import replace
from typing import Any

import pytest

from autodialer.eightx8.checks import check
from autodialer.eightx8.classify import _REMEDIES
from autodialer.eightx8.config import VOICE_URL, VoiceConfig, missing_settings, resolve_base_url
from autodialer.eightx8.http import Exchange
from autodialer.masking import Masker
from contract.eightx8.support import AGENT, CALLER_ID, KEY, TOKEN, voice_config


@pytest.mark.parametrize("given", [None, "", "  "])
def test_without_a_base_url_the_voice_host_is_used_and_the_reason_given(given: str | None) -> None:
    url, reason = resolve_base_url(given)
    assert url == VOICE_URL
    assert reason is not None
    assert "not set" in reason


@pytest.mark.parametrize(
    "given", ["https://api.8x8.com", "https://api.8x8.com/", "http://API.8x8.com:443/x", "api.8x8.com"]
)
def test_the_host_that_places_no_calls_is_replaced_and_the_reason_given(given: str) -> None:
    url, reason = resolve_base_url(given)
    assert url == VOICE_URL
    assert reason is not None
    assert "api.8x8.com" in reason


@pytest.mark.parametrize(
    "given",
    [
        "https://voice.8x8.com",
        "https://voice.wavecell.com/",
        "http://127.0.0.1:1234",
        "https://api.8x8.com.evil.example",
    ],
)
def test_any_other_host_is_used_as_given(given: str) -> None:
    assert resolve_base_url(given) == (given.rstrip("/"), None)


def test_resolving_twice_changes_nothing() -> None:
    assert resolve_base_url(resolve_base_url(None)[0]) == (VOICE_URL, None)


def test_nothing_is_missing_from_a_whole_configuration() -> None:
    assert missing_settings(voice_config(VOICE_URL)) == []


def test_every_missing_setting_is_named_at_once() -> None:
    problems = missing_settings(VoiceConfig(api_key=""))
    names = ["EIGHTX8_API_KEY", "EIGHTX8_SUBACCOUNT_ID", "EIGHTX8_CALLER_ID", "EIGHTX8_AGENT_NUMBER"]
    assert [problem.split()[0] for problem in problems] == names
    assert all("missing" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key", "with space"),
        ("api_key", "with\nnewline"),
        ("api_key", "ünicode"),
        ("subaccount_id", "a/b"),
        ("subaccount_id", "ab"),
        ("caller_id", "0700 000 000"),
        ("caller_id", "office"),
        ("agent_number", "+0709000001"),
        ("base_url", "ftp://voice.8x8.com"),
        ("base_url", "http://["),
        ("base_url", "voice.example"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named_without_its_value(name: str, value: str) -> None:
    config = voice_config(**{"base_url": VOICE_URL, name: value})
    (problem,) = missing_settings(config)
    assert f"EIGHTX8_{name.upper()}" in problem
    assert value not in problem


@pytest.mark.parametrize("value", ["+40210000001", "40210000001"])
def test_numbers_may_have_their_plus_or_not(value: str) -> None:
    changes: dict[str, Any] = {"caller_id": value, "agent_number": value}
    assert missing_settings(voice_config(VOICE_URL, **changes)) == []


def test_no_secret_and_no_number_shows_in_the_configurations_text() -> None:
    shown = repr(voice_config(VOICE_URL))
    assert not any(secret in shown for secret in (KEY, TOKEN, CALLER_ID, AGENT))


@pytest.mark.parametrize(
    ("given", "told"), [("+40211234567", False), ("RO:+40211234567", True), ("RO:+40211234567,*:+442079460000", False)]
)
async def test_the_doctor_tells_of_countries_without_a_caller_id(given: str, told: bool) -> None:
    config = replace(voice_config("http://127.0.0.1:9"), caller_id=given)
    exchange = Exchange(config)
    try:
        found = [finding.subject for finding in await check(config, exchange)]
    finally:
        await exchange.aclose()
    assert ("8x8 caller id" in found) is told


def test_no_advice_is_changed_by_the_masking_of_logs() -> None:
    masker = Masker()
    advices = [remedy for _, remedy in _REMEDIES.values()]
    assert advices
    assert [masker.text(advice) for advice in advices] == advices
