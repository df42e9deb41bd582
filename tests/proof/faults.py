"""The dice of a simulation: every fault is drawn from its seed and counted when it fires."""

import random
from collections import Counter
from collections.abc import Mapping

CHANCES: Mapping[str, float] = {
    "8x8: time-out after accepting": 0.012,
    "8x8: reset after accepting": 0.006,
    "8x8: 5xx, and it rang": 0.006,
    "8x8: 5xx, and it did not ring": 0.01,
    "8x8: refused": 0.01,
    "8x8: number refused": 0.003,
    "8x8: account refused": 0.0005,
    "8x8: 429": 0.01,
    "8x8: out of reach for seconds": 0.002,
    "8x8: slow": 0.02,
    "webhook: lost": 0.02,
    "webhook: hours late": 0.015,
    "webhook: before 8x8's own answer": 0.02,
    "webhook: delivered twice": 0.05,
    "webhook: contradicted": 0.01,
    "8x8's log: fails": 0.15,
    "8x8's log: a call is missing": 0.1,
    "zoho: pull fails": 0.01,
    "zoho: pull breaks off": 0.01,
    "zoho: look fails": 0.002,
    "zoho: slow": 0.004,
    "zoho: write fails": 0.03,
    "zoho: answer torn after the commit": 0.03,
    "zoho: one record locked": 0.02,
    "zoho: one record refused": 0.004,
    "zoho: one record read again": 0.005,
    "store: disk full": 0.001,
    "store: answer torn after the commit": 0.0005,
}
"""How likely each is, every time that its edge is used in fair weather."""

TROUBLES = (
    "8x8's log: tells what no webhook told",
    "process: killed",
    "process: stands still",
    "store: gone for seconds",
    "clock: set back",
    "clock: set forward",
    "zoho: 401",
    "zoho: 429",
    "person: paused",
    "person: do-not-call",
    "person: edits the CRM",
)
"""What else is counted: it is drawn once for each slot, or comes with another one."""

ALL = (*CHANCES, *TROUBLES)


class Dice:
    """One stream of chance per edge of the system, so that a draw here does not shift the draws there.

    `storm` multiplies every chance of a fault.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.fired: Counter[str] = Counter()
        self.healed = False
        self.storm = 1.0
        self._streams: dict[str, random.Random] = {}

    def of(self, edge: str) -> random.Random:
        if edge not in self._streams:
            self._streams[edge] = random.Random(f"{self.seed} {edge}")
        return self._streams[edge]

    def fault(self, name: str) -> bool:
        """Whether this fault strikes now. Names begin with their edge; after healing none does."""
        if self.healed or self.of(name.split(":", 1)[0]).random() >= CHANCES[name] * self.storm:
            return False
        self.fired[name] += 1
        return True

    def struck(self, trouble: str) -> None:
        """Count one that was not drawn by `fault`."""
        assert trouble in TROUBLES, trouble
        self.fired[trouble] += 1
