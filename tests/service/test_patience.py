"""Who looks at a page does not wait for all the tries of a CRM that fails, and does wait for one that is slow."""

import asyncio
import time

import pytest

from autodialer.domain.errors import CrmError
from autodialer.service import patience
from autodialer.service.patience import unless_failing
from autodialer.service.upstreams import Upstream
from service.fakes import zoho_down
from service.virtual_time import ManualClock
from service.world import MONDAY

SOON = 0.1


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", SOON)


@pytest.fixture
async def upstream() -> Upstream:
    return Upstream(ManualClock(MONDAY))


async def ends_in(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "found"


async def test_a_crm_that_fails_is_not_waited_for_and_its_words_are_told(upstream: Upstream) -> None:
    upstream.ask("query").ends("POST /crm/v8/coql: HTTP 502")
    began = time.monotonic()
    with pytest.raises(CrmError, match="HTTP 502") as failed:
        await unless_failing(ends_in(60), upstream)
    assert time.monotonic() - began < 10 * SOON
    assert not failed.value.permanent


async def test_a_crm_that_is_slow_and_does_not_fail_is_waited_for(upstream: Upstream) -> None:
    assert await unless_failing(ends_in(3 * SOON), upstream) == "found"
    assert await unless_failing(ends_in(3 * SOON), None) == "found"


async def test_a_try_that_helps_within_the_patience_is_waited_for(upstream: Upstream) -> None:
    upstream.ask("query").ends("HTTP 502")
    assert await unless_failing(ends_in(SOON / 2), upstream) == "found"


async def test_what_the_crm_says_itself_is_told_as_it_is(upstream: Upstream) -> None:
    async def refused() -> str:
        raise zoho_down(permanent=True)

    with pytest.raises(CrmError, match="Zoho is out of reach") as failed:
        await unless_failing(refused(), upstream)
    assert failed.value.permanent


async def test_what_was_given_up_is_ended(upstream: Upstream) -> None:
    ended = asyncio.Event()

    async def tries() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    upstream.ask("query").ends("HTTP 502")
    with pytest.raises(CrmError):
        await unless_failing(tries(), upstream)
    async with asyncio.timeout(1):
        await ended.wait()
