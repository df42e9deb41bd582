"""What a process loads at its start is kept out of the way of whoever looks for garbage."""

import gc
import subprocess
import sys

import pytest

from autodialer.cli.lasting import lasting

# In a process of its own: what is frozen in this one would stay so for all other tests.
_LOOK = """
import gc
from autodialer.cli.lasting import lasting
with lasting():
    assert not gc.isenabled()
    kept = [[number] for number in range(1000)]
assert gc.isenabled()
print(gc.get_freeze_count() > 1000, any(one is kept for one in gc.get_objects()))
"""


def test_what_is_made_at_the_start_is_not_looked_through_again() -> None:
    told = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"]


def test_garbage_is_collected_again_when_a_start_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with pytest.raises(ZeroDivisionError), lasting():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_the_command_and_the_service_load_what_lasts_that_way() -> None:
    told = "import gc, autodialer.__main__; print(gc.get_freeze_count() > 50_000, gc.isenabled())"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["True", "True"]


def test_what_serves_others_looks_for_garbage_in_small_steps_and_other_commands_in_large_ones() -> None:
    """A call that is to leave, or a callback, waits for the whole step: with 50,000 objects for 10 to 20 milliseconds."""
    look = """
import gc, autodialer.__main__
from autodialer.cli.common import run_serving
async def work():
    return gc.get_threshold()[0]
print(gc.get_threshold()[0], run_serving(work()))
"""
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    large, small = map(int, told.stdout.split())
    assert large >= 50_000
    assert small <= 5_000
