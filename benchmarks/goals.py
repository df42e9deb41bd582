"""What the service is to reach, beside which rival, and what counts as reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

MOST_OF: Final = (
    0.8  # of the rounds must miss a floor, and their median too, before it is missed: one bad minute is none
)


class Verdict(Enum):
    """How far a figure came; NONE where nothing was asked."""

    STRETCH = "stretch"
    FLOOR = "floor"
    MISSED = "missed"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """`unit`: of the figure, × for a ratio. Without `stretch` the floor is all there is to reach; without both it is only told."""

    id: str
    what: str
    floor: float | None = None
    stretch: float | None = None
    higher: bool = False
    unit: str = "×"

    @property
    def part(self) -> str:
        """What ONLY names: P5 of P5.rate."""
        return self.id.partition(".")[0]

    def verdict(self, rounds: Sequence[float], median: float) -> Verdict:
        """A floor is missed only where the median and four of five rounds miss it; a stretch figure is reached by the median."""
        if self.floor is None and self.stretch is None:
            return Verdict.NONE
        if self.stretch is not None and self._reaches(median, self.stretch):
            return Verdict.STRETCH
        missing = sum(not self._reaches(one, self.floor) for one in rounds)
        if self._reaches(median, self.floor) or missing < MOST_OF * len(rounds):
            return Verdict.FLOOR
        return Verdict.MISSED

    def says(self, bound: float | None) -> str:
        """A floor or a stretch figure as the table shows it."""
        return "–" if bound is None else f"{'≥' if self.higher else '≤'} {with_unit(bound, self.unit)}"

    def _reaches(self, value: float, bound: float | None) -> bool:
        return bound is None or (value >= bound if self.higher else value <= bound)


def shown(value: float) -> str:
    """A figure with as many digits as say something."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    digits = next(digits for least, digits in ((10, 1), (1, 2), (0.1, 3), (0.01, 4), (0, 6)) if size >= least)
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def with_unit(value: float, unit: str) -> str:
    """1.2×, 3 ms, 0.2 %."""
    return f"{shown(value)}{unit}" if unit in ("", "×") else f"{shown(value)} {unit}"


GOALS: Final = {
    goal.id: goal
    for goal in (
        Goal("P1", "durable callbacks/s at 64 connections, beside express 5 that commits each", 6, 10, higher=True),
        Goal("P1.fastapi", "the same beside a FastAPI handler that commits each", 5, higher=True),
        Goal("P1.envelope", "the same with 8x8's own events, beside express with the plain callback"),
        Goal("P1.dialing", "the same while the service places ten calls a second, beside FastAPI", 5, higher=True),
        Goal("P2", "durable callbacks/s, beside fastify with group commit", 0.45, 0.8, higher=True),
        Goal("P3", "own p99 at 64 connections ÷ express' p50", 1.0, 0.5),
        Goal("P4", "p50 at 1 connection ÷ express' (no timer that waits for more)", 1.1, 0.9),
        Goal("P5.rate", "fsync + 10 ms: callbacks/s beside express", 30, 36, higher=True),
        Goal("P5.p99", "fsync + 10 ms: p99", 70, 55, unit="ms"),
        Goal("P5.2ms", "fsync + 2 ms: callbacks/s beside express"),
        Goal("P6", "durable ÷ the same service with storage off", 0.55, 0.65, higher=True),
        Goal("P7.errors", "9,000 connections: errors", 0, unit=""),
        Goal("P7.rate", "9,000 connections: callbacks/s ÷ own at 64", 0.35, 0.6, higher=True),
        Goal("P7.rss", "9,000 connections: memory beside express", 0.8, 0.5),
        Goal(
            "P8.express", "PostgreSQL, 64 connections, 2 cores: callbacks/s beside express on SQLite", 5, 8, higher=True
        ),
        Goal("P8.pg", "the same beside bare ASGI with an asyncpg pool that commits each", 2, 3.5, higher=True),
        Goal("P9.cpu", "processor time per callback beside express", 1 / 5, 1 / 8),
        Goal("P9.rss", "memory at 64 connections beside express", 0.6, 0.4),
        Goal("D1.50", "a run of 1,000 at 50/s: time from the end of the pull ÷ the least possible", 1.05, 1.02),
        Goal("D1.10", "a run of 100 at 10/s: the same", 1.05, 1.02),
        Goal("D2", "requests to Zoho without faults ÷ the fewest that the rules allow", 1.0),
        Goal("D2.naive", "requests of the naive client ÷ ours"),
        Goal("D3.calls", "8x8's limit halved midway: requests ÷ calls", 1.05, 1.01),
        Goal("D3.wall", "8x8's limit halved midway: time ÷ the least possible", 1.10, 1.05),
        Goal("D4", "processor time per dialed record beside the naive client", 0.35, 0.2),
        Goal("D5.rate", "the client for 8x8, 50 at once: calls/s", 500, higher=True, unit="/s"),
        Goal("D5.aiohttp", "the same beside aiohttp", stretch=0.5, higher=True),
        Goal(
            "E1.json",
            "decode a page and decide each record, beside json, dicts and phonenumbers with the same checks",
            4,
            6,
            higher=True,
        ),
        Goal("E1.bare", "the same beside json and dicts with the fewest checks that decide alike"),
        Goal("E1.msgspec", "the same beside msgspec structs and the fewest checks", 0.6, 0.9, higher=True),
        Goal("E2", "memory that 1,000,000 records take ÷ 10,000 records", 1.1),
        Goal("S1.growth", "one day's statistics with the largest ledger ÷ a tenth of it", 3, 1.5),
        Goal("S1.scan", "one day's statistics ÷ the same without an index, largest ledger", 1 / 100, 1 / 10_000),
        Goal("S2", "bytes per attempt, table and indexes, ÷ the reference (361 SQLite, 460 PostgreSQL)", 1.3, 1.0),
        Goal("S3.rate", "8 processes claim 100 at a time: ÷ without SKIP LOCKED", 2, 2.5, higher=True),
        Goal("S3.twice", "records claimed twice", 0, unit=""),
        Goal("S4", "start to ready with the largest ledger ÷ with 1,000 attempts", 1.5, 1.1),
        Goal("GROWTH.call", "what a call costs in the largest ledger ÷ in the smallest", 2.5, 1.25),
        Goal("GROWTH.callback", "what a callback costs in the largest ledger ÷ in the smallest", 2.5, 1.25),
        Goal(
            "YEAR",
            "/api/stats over HTTP, one person's story and /health, largest ledger (the slowest)",
            100,
            50,
            unit="ms",
        ),
        Goal("PAGES", "the console's pages over HTTP with 5 million attempts (the slowest)", 200, 100, unit="ms"),
        Goal("CONSOLES.wall", "a run with ten open consoles that show it live ÷ without: time", 1.05, 1.01),
        Goal("CONSOLES.cpu", "the same: processor time"),
        Goal(
            "LEDGER",
            "calls/s that the ledger alone allows, one at a time, each three durable commits",
            50,
            higher=True,
            unit="/s",
        ),
        Goal("FLIGHT", "attempts/s of 8 processes on PostgreSQL, claim to result", unit="/s"),
        Goal("FLIGHT.twice", "of them claimed or sent twice", 0, unit=""),
        Goal("REPLICAS", "a run of 2 replicas on PostgreSQL: time ÷ the least possible", 1.1, 1.05),
        Goal("PULL.credits", "100,000 records pulled: credits ÷ the fewest", 1.0),
        Goal("PULL.memory", "100,000 records pulled: most memory of the service", 150, unit="MB"),
        Goal("START", "start to the first 200 of /health", 2, 1, unit="s"),
        Goal("IMPORTS", "modules loaded by `autodialer --help`, beside those that `serve` loads"),
        Goal("LIBRARIES", "memory of the libraries that `serve` loads, without a line of the service", unit="MB"),
        Goal("IDLE", "memory with nothing to do", 120, 90, unit="MB"),
        Goal("REST", "processor time with nothing to do, of one core", 0.5, 0.25, unit="%"),
        Goal("SIZE", "installed, with all libraries that it needs to run", unit="MB"),
    )
}
