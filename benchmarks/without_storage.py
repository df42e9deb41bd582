"""The service with its storage of callbacks taken away, for P6: what is left is what reading and answering costs.

python -m benchmarks.without_storage serve
"""

from collections.abc import Sequence

from autodialer.cli.main import main
from autodialer.ports.rows import Arrival
from autodialer.service.callbacks import CallbackDesk

_LEAVES = "_write"


async def _store_nothing(_desk: CallbackDesk, _arrivals: Sequence[Arrival]) -> None:
    """Done at once."""


def take_storage_away() -> None:
    """From now on, in this process. AttributeError when the desk stores in another way than this knows."""
    getattr(CallbackDesk, _LEAVES)  # the one place where rows leave for the ledger
    setattr(CallbackDesk, _LEAVES, _store_nothing)


if __name__ == "__main__":
    take_storage_away()
    main()
