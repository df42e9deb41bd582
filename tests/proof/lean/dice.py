"""The dice of one seed: every fault is drawn from it and counted when it strikes."""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Mapping
from math import log

ANSWERS: Mapping[str, float] = {
    "8x8: time-out after accepting": 0.010,
    "8x8: reset after accepting": 0.005,
    "8x8: 5xx, and it rang": 0.006,
    "8x8: 5xx, and it did not ring": 0.008,
    "8x8: success without a session, and it rang": 0.003,
    "8x8: unknown error -9999, and it rang": 0.003,
    "8x8: refused": 0.010,
    "8x8: number refused": 0.004,
    "8x8: account refused": 0.0003,
    "8x8: 429": 0.008,
    "8x8: out of reach for seconds": 0.0002,
    "8x8: slow": 0.010,
}
WEBHOOKS: Mapping[str, float] = {
    "webhook: lost": 0.015,
    "webhook: hours late": 0.015,
    "webhook: before 8x8's own answer": 0.020,
    "webhook: delivered twice": 0.040,
    "webhook: contradicted": 0.012,
    "webhook: progress comes after the end": 0.010,
}
WRITES: Mapping[str, float] = {
    "zoho: one record locked": 0.02,
    "zoho: one record refused": 0.004,
    "zoho: one record read again": 0.006,
}
NTH: Mapping[str, float] = {  # one in so many uses of that edge
    "store: disk full": 1000.0,
    "store: answer torn after the commit": 900.0,
    "zoho: pull fails": 120.0,
    "zoho: pull breaks off": 400.0,
    "zoho: look fails": 900.0,
    "zoho: slow": 100.0,
    "zoho: write fails": 25.0,
    "zoho: answer torn after the commit": 25.0,
}
TROUBLES = (
    "process: killed",
    "process: killed while it sent a call",
    "process: stands still",
    "store: gone for seconds",
    "clock: set back",
    "clock: set forward",
    "zoho: 401",
    "zoho: 429",
    "person: paused",
    "person: do-not-call",
    "person: sets a status",
    "person: raises Call Attempts",
    "person: deletes a record",
    "person: converts a lead",
    "8x8's log: tells what no webhook told",
)
"""What is drawn once for a run, or comes with something else."""
KINDS = (*ANSWERS, *WEBHOOKS, *WRITES, *NTH, *TROUBLES)


class Draw:
    """One draw of many: which fault strikes this time, or none."""

    def __init__(self, chances: Mapping[str, float], storm: float) -> None:
        total = 0.0
        self._names: list[str | None] = []
        self._bounds: list[float] = []
        for name, chance in chances.items():
            total += chance * storm
            self._names.append(name)
            self._bounds.append(total)
        self._names.append(None)

    def __call__(self, number: float) -> str | None:
        """For an even number between 0 and 1."""
        return self._names[bisect(self._bounds, number)]


class Dice:
    """A stream of chance of its own for each edge of the system, so that a draw here shifts no draw there."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.fired: Counter[str] = Counter()
        self.healed = False
        self._streams: dict[str, random.Random] = {}
        self.storm = (0.2, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 4.0)[self.of("shape").randrange(8)]
        self._answers, self._webhooks, self._writes = (
            Draw(chances, self.storm) for chances in (ANSWERS, WEBHOOKS, WRITES)
        )
        self._numbers = self.of("faults").random
        self._left = {name: self._wait(name) for name in NTH}

    def of(self, edge: str) -> random.Random:
        if edge not in self._streams:
            self._streams[edge] = random.Random(f"{self.seed} {edge}")
        return self._streams[edge]

    def _draw(self, draw: "Draw", number: float) -> str | None:
        name = None if self.healed else draw(number)
        if name is not None:
            self.fired[name] += 1
        return name

    def answer(self) -> str | None:
        """What is wrong with 8x8's answer to one call."""
        return self._draw(self._answers, self._numbers())

    def webhook(self) -> str | None:
        """What is wrong with the webhook of one call."""
        return self._draw(self._webhooks, self._numbers())

    def write(self) -> str | None:
        """Why Zoho does not take one record's update."""
        return self._draw(self._writes, self._numbers())

    def _wait(self, name: str) -> int:
        mean = NTH[name] / self.storm
        return 1 + int(log(1 - self.of(name).random()) / log(1 - 1 / mean))

    def nth(self, name: str) -> bool:
        """Whether it strikes at this use of its edge."""
        left = self._left[name] - 1
        if left > 0 or self.healed:
            self._left[name] = left
            return False
        self._left[name] = self._wait(name)
        self.fired[name] += 1
        return True
