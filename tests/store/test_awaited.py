"""What the ledger's threads have done reaches the tasks that wait for it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from autodialer.store.awaited import Awaited, Crossing


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def test_results_and_errors_of_a_group_are_handed_over_with_one_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    crossing, woken, wake = Crossing(loop), [], loop.call_soon_threadsafe

    def count(callback: Callable[..., object], *arguments: Any) -> object:
        woken.append(callback)
        return wake(callback, *arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    waiting = [Awaited(crossing) for _ in range(50)]

    def work() -> None:
        for number, waiter in enumerate(waiting):
            if number % 10 == 3:
                waiter.set_exception(ValueError(number))
            else:
                waiter.set_result(number)

    in_a_thread(work)
    found = await asyncio.gather(*(waiter.future for waiter in waiting), return_exceptions=True)
    assert [str(one) for one in found] == [str(number) for number in range(50)]
    assert [number for number, one in enumerate(found) if isinstance(one, ValueError)] == [3, 13, 23, 33, 43]
    assert len(woken) == 1
    later = Awaited(crossing)
    in_a_thread(lambda: later.set_result("later"))
    assert await later.future == "later"


async def test_who_waits_no_longer_is_left_alone_and_the_others_have_their_results() -> None:
    crossing = Crossing(asyncio.get_running_loop())
    gone, there = Awaited(crossing), Awaited(crossing)
    assert gone.set_running_or_notify_cancel()
    gone.future.cancel()
    assert not gone.set_running_or_notify_cancel()

    def work() -> None:
        gone.set_result(1)
        there.set_result(2)

    in_a_thread(work)
    assert await there.future == 2
    assert gone.future.cancelled()


def test_what_comes_after_the_loop_was_closed_harms_nobody() -> None:
    loop = asyncio.new_event_loop()
    waiting = [Awaited(Crossing(loop)) for _ in range(2)]
    loop.close()
    for waiter in waiting:
        waiter.set_result(None)
        waiter.set_exception(ValueError())
        assert not waiter.future.done()
