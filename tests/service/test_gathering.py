"""Several things at once, one of which fails: whoever waited for them is as it was."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

import autodialer
from autodialer.service.gathering import InFlight, gather_or_cancel
from autodialer.service.signals import Signal
from service.virtual_time import pass_time


async def _soon(seconds: float, fails: bool) -> float:
    await pass_time(seconds)
    if fails:
        raise ValueError(f"after {seconds}")
    return seconds


def marks() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_a_failure_leaves_no_mark_on_the_task_that_waited_so_that_its_next_timeout_is_one() -> None:
    """With such a mark the worker's loops ended for good, at their next wait, on Python before 3.11.4."""
    with pytest.raises(ValueError, match="after 1"):
        await gather_or_cancel([_soon(3, fails=False), _soon(1, fails=True), _soon(2, fails=False)])
    assert marks() == 0
    await Signal().wait(1.0)
    with pytest.raises(ValueError, match="after 1"):
        await _fly()
    assert marks() == 0
    await Signal().wait(1.0)


async def _fly() -> None:
    async with InFlight() as flying:
        flying.create_task(_none(1, fails=True))
        flying.create_task(_none(2, fails=False))


async def _none(seconds: float, fails: bool) -> None:
    await _soon(seconds, fails)


async def test_what_is_in_flight_lands_whatever_becomes_of_the_others() -> None:
    landed: list[int] = []

    async def fly(number: int) -> None:
        await _soon(number, fails=number == 1)
        landed.append(number)

    with suppress(ValueError):
        async with InFlight() as flying:
            for number in (1, 2, 3):
                flying.create_task(fly(number))
    assert landed == [2, 3]


def test_no_group_of_tasks_is_used_that_leaves_such_a_mark() -> None:
    source = Path(autodialer.__file__).parent
    named = [path.name for path in source.rglob("*.py") if "asyncio.TaskGroup(" in path.read_text(encoding="utf-8")]
    assert named == []
