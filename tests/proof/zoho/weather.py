"""What goes wrong at Zoho and on the way there, drawn from a seed and counted when it fires."""

import random
from collections import Counter
from collections.abc import Mapping

import httpx2
import msgspec

from autodialer.zoho.answers import Answer
from proof.times import SimClock

CHANCES: Mapping[str, float] = {
    "the connection is refused": 0.01,
    "a request is lost": 0.004,
    "an answer is lost after the commit": 0.015,
    "an answer is torn after the commit": 0.015,
    "the network is slow": 0.02,
    "500": 0.01,
    "502 as a page": 0.01,
    "429": 0.01,
}
"""How likely each is at every request in fair weather."""

STORMS: Mapping[str, float] = {"429": 0.6, "500": 0.7, "the connection is refused": 0.9}
"""How likely while a storm of that kind lasts."""

EVENTS = (
    "a storm of 429",
    "a storm of 500",
    "a storm of the connection is refused",
    "all tokens are revoked",
    "a record is locked",
    "a record is converted",
    "a record is deleted",
    "a picklist value is renamed",
    "a person edits a status",
    "a person edits a status between our look and our write",
)
ALL = (*CHANCES, *EVENTS)
_JSON = {"content-type": "application/json;charset=UTF-8"}


class Weather:
    """`healed`: nothing goes wrong any more. `fired` counts what did."""

    def __init__(self, seed: int, clock: SimClock) -> None:
        self._seed = seed
        self._clock = clock
        self._streams: dict[str, random.Random] = {}
        self._storm: tuple[str, float] = ("", 0.0)
        self.fired: Counter[str] = Counter()
        self.healed = False

    def dice(self, edge: str) -> random.Random:
        """The stream of one edge."""
        if edge not in self._streams:
            self._streams[edge] = random.Random(f"{self._seed} {edge}")
        return self._streams[edge]

    def strikes(self, name: str) -> bool:
        """Whether it happens to this request."""
        kind, until = self._storm
        chance = STORMS[name] if kind == name and self._clock.monotonic() < until else CHANCES[name]
        if self.healed or self.dice(name).random() >= chance:
            return False
        self.fired[name] += 1
        return True

    def storm(self, kind: str, seconds: float) -> None:
        """From now on for so many seconds."""
        self._storm = (kind, self._clock.monotonic() + seconds)
        self.happened(f"a storm of {kind}")

    def happened(self, event: str) -> None:
        """Count one of EVENTS."""
        assert event in EVENTS, event
        self.fired[event] += 1

    def refusal(self, path: str) -> Answer | None:
        """What a server says that does nothing; the accounts server is spared 429, which it says otherwise."""
        if path.startswith("/crm/") and self.strikes("429"):
            return _error(429, "TOO_MANY_REQUESTS")
        if self.strikes("500"):
            return _error(500, "INTERNAL_ERROR")
        if self.strikes("502 as a page"):
            return Answer(502, httpx2.Headers({"content-type": "text/html"}), b"<html>502 Bad Gateway</html>")
        return None


def _error(status: int, code: str) -> Answer:
    body = {"code": code, "details": {}, "message": "no", "status": "error"}
    return Answer(status, httpx2.Headers(_JSON), msgspec.json.encode(body))
