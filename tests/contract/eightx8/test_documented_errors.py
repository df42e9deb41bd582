"""Every error body that 8x8 documents for placing a call is answered by the simulator and understood by the adapter."""

import pytest

from autodialer.domain.placing import Ambiguous, Refused, Scope, Throttled
from autodialer.eightx8.client import VoiceTelephony
from contract.eightx8.support import FixedClock, Simulated, call_request, voice_config

ACCOUNT, CALL = Scope.ACCOUNT, Scope.CALL


@pytest.mark.parametrize(
    ("status", "code", "scope"),
    [(400, "-1007", CALL), (401, "401", ACCOUNT), (404, "404", ACCOUNT), (422, "-1013", CALL), (426, "426", ACCOUNT)],
)
async def test_a_documented_refusal_is_one(simulator: Simulated, status: int, code: str, scope: Scope) -> None:
    simulator.post("settings", {"answer_with": status})
    async with VoiceTelephony(voice_config(simulator.url), FixedClock()) as telephony:
        outcome = await telephony.place(call_request())
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.scope) == (code, scope)
    assert bool(outcome.remedy) is (scope is ACCOUNT)


async def test_a_server_error_leaves_doubt_and_too_many_requests_wait(simulator: Simulated) -> None:
    async with VoiceTelephony(voice_config(simulator.url), FixedClock()) as telephony:
        simulator.post("settings", {"answer_with": 500})
        assert isinstance(await telephony.place(call_request()), Ambiguous)
        simulator.post("settings", {"answer_with": 429, "retry_after": 7})
        assert await telephony.place(call_request()) == Throttled(7.0)
