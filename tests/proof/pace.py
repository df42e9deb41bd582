"""How often the service looks for work that nobody told it of: seldom, for in virtual time looking is most of the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from autodialer import worker
from autodialer.service import dialing, preparing

LOOKS_EVERY = 15.0
"""Seconds between two looks of each loop; whatever has a signal is still seen at once."""


@contextmanager
def unhurried() -> Iterator[None]:
    """Inside, the loops of the service take their time when there is nothing to do."""
    with (
        patch.object(worker, "_RESULTS_EVERY", LOOKS_EVERY),
        patch.object(worker, "_WRITE_BACK_EVERY", LOOKS_EVERY),
        patch.object(worker, "_RECONCILE_EVERY", LOOKS_EVERY),
        patch.object(preparing, "_POLL", 2.0),
        patch.object(dialing, "_IDLE", 0.5),
    ):
        yield
