"""Questions in a call (VCA) come here only with press1; the token stands in the header, in the address, or in both."""

from typing import Any

import pytest
import stamina

from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.http import Exchange
from autodialer.eightx8.webhooks import registration_hash, remove_webhooks
from autodialer.ports import Level
from contract.eightx8.support import TOKEN, FixedClock, Simulated, voice_config

URL = "http://127.0.0.1:9/api/callback"
PRESS1 = {"mode": "press1"}


@pytest.fixture(autouse=True)
def _no_waiting() -> Any:
    with stamina.set_testing(True, attempts=3):
        yield


async def ensure(simulator: Simulated, known: str | None = None, **changes: Any) -> str | None:
    async with VoiceTelephony(voice_config(simulator.url, **changes), FixedClock()) as telephony:
        return await telephony.ensure_webhook(known)


async def doctor(simulator: Simulated, **changes: Any) -> list[tuple[Level, str]]:
    async with VoiceTelephony(voice_config(simulator.url, **changes), FixedClock()) as telephony:
        return [(f.level, f.message) for f in await telephony.check() if f.subject == "8x8 webhook"]


def registered(simulator: Simulated) -> dict[str, tuple[str, str | None]]:
    hooks = {kind: simulator.app.switch.webhooks.enabled(kind) for kind in ("VSS", "VCA")}
    return {kind: (hook.url, hook.header) for kind, hook in hooks.items() if hook is not None}


async def test_with_press1_both_are_registered_once_and_bridge_ends_the_one_it_does_not_answer(
    simulator: Simulated,
) -> None:
    first = await ensure(simulator, **PRESS1)
    assert registered(simulator) == {"VSS": (URL, TOKEN), "VCA": (URL, TOKEN)}
    assert await ensure(simulator, first, **PRESS1) == first
    counts = simulator.get("counts")["counts"]
    assert sum(count for route, count in counts.items() if route.startswith(("POST", "DELETE"))) == 2
    assert [level for level, _ in await doctor(simulator, **PRESS1)] == [Level.OK, Level.OK]
    assert [level for level, _ in await doctor(simulator)] == [Level.OK, Level.WARNING]
    assert await ensure(simulator, first) == first
    assert registered(simulator) == {"VSS": (URL, TOKEN)}
    (_, (level, message)) = await doctor(simulator, **PRESS1)
    assert (level, "(VCA)" in message) == (Level.WARNING, True)


async def test_somebody_elses_webhook_for_questions_is_left_alone(simulator: Simulated) -> None:
    other = "http://127.0.0.1:9/another-service"
    simulator.ask("POST", "webhooks", {"type": "VCA", "url": other})
    await ensure(simulator)
    assert registered(simulator)["VCA"] == (other, None)
    assert [level for level, _ in await doctor(simulator)] == [Level.OK]


@pytest.mark.parametrize(
    ("auth", "url", "header"),
    [("header", URL, TOKEN), ("url", f"{URL}?token={TOKEN}", None), ("both", f"{URL}?token={TOKEN}", TOKEN)],
)
async def test_the_token_is_registered_where_the_settings_want_it(
    simulator: Simulated, auth: str, url: str, header: str | None
) -> None:
    known = await ensure(simulator, callback_auth=auth)
    assert registered(simulator) == {"VSS": (url, header)}
    assert known == registration_hash(voice_config(simulator.url, callback_auth=auth))
    assert await ensure(simulator, known, callback_auth=auth) == known
    assert [level for level, _ in await doctor(simulator, callback_auth=auth)] == [Level.OK]
    others = [other for other in ("header", "url", "both") if other != auth]
    for other in others:
        ((level, message),) = await doctor(simulator, callback_auth=other)
        assert level is Level.PROBLEM
        assert TOKEN not in message


async def test_an_address_that_has_a_query_keeps_it(simulator: Simulated) -> None:
    await ensure(simulator, callback_url=f"{URL}?from=8x8", callback_auth="url")
    assert registered(simulator)["VSS"] == (f"{URL}?from=8x8&token={TOKEN}", None)


async def test_removing_ends_ours_and_no_other(simulator: Simulated) -> None:
    await ensure(simulator, callback_auth="url")
    simulator.ask("POST", "webhooks", {"type": "VCA", "url": "http://127.0.0.1:9/another-service"})
    config = voice_config(simulator.url)
    exchange = Exchange(config)
    assert await remove_webhooks(config, exchange) == ["VSS"]
    assert await remove_webhooks(config, exchange) == []
    await exchange.aclose()
    assert list(registered(simulator)) == ["VCA"]
