"""Zoho's credits as figures: what a day needs, what is left of it, and what is kept back (docs/zoho/reading-and-budget.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from autodialer.ports.boxes import UsageRow

DAY = timedelta(hours=24)
TOLD_FOR = timedelta(minutes=15)  # afterwards Zoho's word on what remains is out of date
_PAGE = 2000
_PAGE_CREDITS = 3
_MODULES = 2
_TOGETHER = 10  # records in one update for one credit
_IDS = 50  # in one look


@dataclass(frozen=True, slots=True)
class Budget:
    """`daily`: credits in any 24 hours. The last `reserve` percent of them are kept for writing results back."""

    daily: int = 50_000
    reserve: int = 10

    @property
    def kept(self) -> int:
        """So many are kept."""
        return -(-self.daily * self.reserve // 100)

    def left(self, used: UsageRow, now: datetime) -> int:
        """The lesser of what our own count leaves and what Zoho itself said, if it said so lately."""
        own = self.daily - used.credits
        if used.credits_remaining is None or used.told_at is None or now - used.told_at > TOLD_FOR:
            return max(0, own)
        return max(0, min(own, used.credits_remaining))


@dataclass(frozen=True, slots=True)
class Load:
    """What a run or a day holds.

    `eligible`: records that one run pulls. `calls`, `dead`: people called and records made Dead. `together`: how many calls begin,
    or end, so close to each other that they share a look and an update.
    """

    eligible: int
    calls: int
    dead: int = 0
    runs: int = 1
    together: int = 1


def credits_needed(load: Load) -> int:
    """About so many credits, by Zoho's weights (pages "API limits" and "COQL Overview"); never more while `together` holds.

    - Each run pulls pages of 2,000 records for 3 credits each, of two modules: `eligible` // 2,000 + 2 pages at most, as each
      module's last page is short, or all of it where nobody is eligible.
    - Each call costs a last look before it, a look before its result is written, and the update: a credit each. `together` calls
      share them, as one look takes 50 ids and one update of 10 records costs one credit; but Leads and Contacts are asked for and
      written apart, so that a group of two or more costs up to twice that.
    - Records made Dead are looked at by 50 and written by 10, of both modules.

    Retries, `doctor`, `explain` and the two credits for the fields at each start are not in it.
    """
    pages = load.runs * (load.eligible // _PAGE + _MODULES)
    together = max(1, min(_TOGETHER, load.together))
    groups = -(-load.calls // together) * min(_MODULES, together)
    dead = _parts(load.dead, _IDS) + _parts(load.dead, _TOGETHER)
    return pages * _PAGE_CREDITS + 3 * groups + dead


def together_at(calls_per_second: float) -> int:
    """How many calls begin within a second: these share looks and updates."""
    return max(1, min(_TOGETHER, int(calls_per_second)))


def _parts(count: int, size: int) -> int:
    """How many requests take `count` records of both modules, `size` at a time, at most."""
    return min(count, -(-count // size) + _MODULES - 1)
