"""How long this machine stood still: what should have arrived meanwhile arrives all at once, whoever sent it in time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 0.02


class Stalls:
    """`longest`: seconds by which a thread that wanted to sleep for a moment was woken too late."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._over = threading.Event()

    def watch(self) -> None:
        """Until `end`."""
        before = time.monotonic()
        while not self._over.wait(_EVERY):
            now = time.monotonic()
            self.longest = max(self.longest, now - before - _EVERY)
            before = now

    def end(self) -> None:
        self._over.set()


@contextmanager
def watching_stalls() -> Iterator[Stalls]:
    """In a thread of this process, in which the simulators are too."""
    stalls = Stalls()
    thread = threading.Thread(target=stalls.watch, name="stalls")
    thread.start()
    try:
        yield stalls
    finally:
        stalls.end()
        thread.join(10)
