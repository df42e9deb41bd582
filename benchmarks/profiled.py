"""The service under cProfile, from SIGUSR1 until SIGUSR2: then what all threads did meanwhile is in the file PROFILE_TO.

python -m benchmarks.profiled serve
"""

import cProfile
import os
import pstats
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from autodialer.cli.main import main

_profiles: list[cProfile.Profile] = []
_run = threading.Thread.run


class _Seen:
    """What a profile says this moment, for pstats: asked itself, it would end."""

    def __init__(self, profile: cProfile.Profile) -> None:
        profile.snapshot_stats()
        self.stats: dict[Any, Any] = dict(profile.stats)

    def create_stats(self) -> None:
        """As pstats wants it."""


def _begin(*_signal: object) -> None:
    for profile in _profiles:
        profile.clear()
    own = cProfile.Profile(time.thread_time)  # waiting costs nothing
    _profiles.append(own)
    own.enable()


def _run_profiled(thread: threading.Thread) -> None:
    own = cProfile.Profile(time.thread_time)
    with suppress(ValueError):  # from Python 3.12 on there is one profile in a process: that of the loop
        own.enable()
        _profiles.append(own)
    _run(thread)


def _write(*_signal: object) -> None:
    told, *more = [cast(cProfile.Profile, seen) for profile in _profiles if (seen := _Seen(profile)).stats]
    found = pstats.Stats(told)
    for each in more:
        found.add(pstats.Stats(each))
    target = Path(os.environ["PROFILE_TO"])
    found.dump_stats(target.with_suffix(".part"))
    target.with_suffix(".part").rename(target)


if __name__ == "__main__":
    threading.Thread.run = _run_profiled  # type: ignore[method-assign,assignment]  # that is what this is for
    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _write)
    main()
