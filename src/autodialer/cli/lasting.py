"""What a process loads at its start stays to its end; what it makes later is looked through for garbage in small steps."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_STEP = 5_000  # objects, a millisecond


def in_small_steps() -> None:
    """Garbage is looked for often and little at a time from now on, in a process that others wait for.

    With the large steps of a start (autodialer.cli) a call left 15 milliseconds late every few seconds, at 50 a second.
    """
    gc.set_threshold(_STEP, 20, 50)


@contextmanager
def lasting() -> Iterator[None]:
    """What is made in here is never looked through for garbage: not while it is made, nor ever after.

    A hundred thousand objects are made at a start. To look through them again and again makes it a fifteenth slower, and all of
    them once takes a tenth of a second, in which nobody is answered.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
