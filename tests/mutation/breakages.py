"""All breakages."""

from collections.abc import Sequence

from mutation import calls, contact_center, counting, ledger, meanwhile, replicas
from mutation.edits import Breakage

BREAKAGES: Sequence[Breakage] = (
    *ledger.BREAKAGES,
    *calls.BREAKAGES,
    *contact_center.BREAKAGES,
    *replicas.BREAKAGES,
    *meanwhile.BREAKAGES,
    *counting.BREAKAGES,
)
