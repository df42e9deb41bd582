"""What is said, which numbers are called from and connected to: checked before a call is placed."""

from collections import Counter
from typing import Any

import pytest

from autodialer.domain.placing import Placed, Refused, Scope
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import missing_settings
from autodialer.eightx8.numbers import Agents, caller_id_for, read_caller_ids, read_numbers
from autodialer.eightx8.press1 import Press1
from contract.eightx8.support import AGENT, CALLER_ID, FixedClock, Simulated, call_request, voice_config

ABROAD = "RO:+40210000001,US:+12025550123,*:+442079460000"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prompt": " "}, "EIGHTX8_PROMPT is empty"),
        ({"goodbye": "x" * 3001}, "EIGHTX8_GOODBYE_TEXT is too long"),
        ({"connecting": ""}, "EIGHTX8_CONNECTING_TEXT is empty"),
        ({"again": ""}, "EIGHTX8_AGAIN_TEXT is empty"),
        ({"opt_out_text": ""}, "EIGHTX8_OPT_OUT_TEXT is empty"),
        ({"voice": "a voice"}, "EIGHTX8_VOICE"),
        ({"speed": 0.4}, "EIGHTX8_SPEED"),
        ({"speed": 2.1}, "EIGHTX8_SPEED"),
        ({"repetitions": 4}, "EIGHTX8_REPETITIONS"),
        ({"tries": 0}, "EIGHTX8_TRIES"),
        ({"min_digits": 2}, "minDigits must not exceed maxDigits"),
        ({"max_digits": 26}, "minDigits must not exceed maxDigits"),
        ({"digit_timeout": 15.0}, "EIGHTX8_DIGIT_TIMEOUT"),
        ({"digit_timeout": 0.0}, "EIGHTX8_DIGIT_TIMEOUT"),
        ({"opt_out_digit": "1"}, "EIGHTX8_OPT_OUT_DIGIT"),
        ({"opt_out_digit": "99"}, "EIGHTX8_OPT_OUT_DIGIT"),
    ],
)
def test_what_8x8_would_refuse_is_named_and_only_where_it_is_used(wrong: dict[str, Any], named: str) -> None:
    press1 = Press1(**wrong)
    problems = missing_settings(voice_config("http://127.0.0.1:9", mode="press1", press1=press1))
    assert [named in problem for problem in problems] == [True]
    assert missing_settings(voice_config("http://127.0.0.1:9", press1=press1)) == []


def test_the_defaults_are_within_the_limits() -> None:
    assert Press1().problems() == []
    assert missing_settings(voice_config("http://127.0.0.1:9", mode="press1")) == []


def test_press1_without_an_address_for_the_question_places_no_call() -> None:
    (problem,) = missing_settings(voice_config("http://127.0.0.1:9", mode="press1", callback_url=None))
    assert "EIGHTX8_CALLBACK_URL" in problem


def test_a_key_of_the_admin_console_places_no_call_and_the_sentence_names_the_host_and_the_key_that_can() -> None:
    (problem,) = missing_settings(voice_config("https://api.8x8.com", api_key="eght_abc"))
    assert "https://voice.8x8.com" in problem
    assert "connect.8x8.com > API keys" in problem


@pytest.mark.parametrize(
    "text", [CALLER_ID, "40210000001", ABROAD, "RO:+40210000001", " RO:+40210000001 , *:+442079460000"]
)
def test_caller_ids_are_one_number_or_one_for_each_country(text: str) -> None:
    assert read_caller_ids(text)
    assert missing_settings(voice_config("http://127.0.0.1:9", caller_id=text)) == []


@pytest.mark.parametrize(
    "text", ["", "RO", "RO:", "RO:12", "ROM:+40210000001", "+40210000001,+40210000002", "RO:+40210000001,x"]
)
def test_anything_else_is_no_caller_id(text: str) -> None:
    assert read_caller_ids(text) is None


@pytest.mark.parametrize(
    ("number", "source"),
    [
        ("+40709000001", "+40210000001"),
        ("+12125550100", "+12025550123"),
        ("+447911123456", "+442079460000"),
        ("+14165550100", "+442079460000"),  # Canada shares +1 with the United States
    ],
)
def test_the_caller_id_is_that_of_the_persons_country(number: str, source: str) -> None:
    assert caller_id_for(read_caller_ids(ABROAD) or {}, number) == source


async def test_a_country_without_a_caller_id_is_refused_without_asking_8x8(simulator: Simulated) -> None:
    async with VoiceTelephony(voice_config(simulator.url, caller_id="US:+12025550123"), FixedClock()) as telephony:
        outcome = await telephony.place(call_request())
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.scope) == ("caller_id", Scope.CALL)
    assert simulator.sessions() == []


async def test_several_agents_are_called_in_turn_and_each_is_known_as_one(simulator: Simulated) -> None:
    config = voice_config(simulator.url, agent_number=f"{AGENT}, +40210000010", caller_id=ABROAD)
    simulator.post("settings", {"speed": 5000.0})
    async with VoiceTelephony(config, FixedClock()) as telephony:
        outcomes = [await telephony.place(call_request(f"+4070900000{n}", f"att-{n}")) for n in range(4)]
    assert all(isinstance(outcome, Placed) for outcome in outcomes)
    agents = [session.callflow.agent for session in simulator.app.switch.judge.sessions.values()]
    assert agents == [AGENT, "+40210000010"] * 2
    assert config.agent_digits == {"40210000009", "40210000010"}


def test_at_random_every_agent_has_a_share() -> None:
    agents = Agents(["a", "b", "c"], at_random=True)
    drawn = Counter(agents.next() for _ in range(600))
    assert set(drawn) == {"a", "b", "c"}
    assert min(drawn.values()) > 100


@pytest.mark.parametrize("text", ["", "x", "+40210000001,x"])
def test_agents_are_numbers(text: str) -> None:
    assert read_numbers(text) is None
