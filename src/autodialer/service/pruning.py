"""Keeps the ledger small beside live dialing: old details go, a few rows at a time, with longer rests than steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from autodialer.domain.access import Action
from autodialer.ports.ledger import Ledger
from autodialer.ports.pruning import Detail, Pruned
from autodialer.service.means import Means

KEEP_AT_LEAST = 30  # days: longer than anybody sends a late result, and than the days of the rules
AT_ONCE = 200
_REST = 4.0  # times as long as a step took
_SHORTEST_REST = 0.02
_DETAILS = tuple(Detail)


@dataclass(frozen=True, slots=True)
class Progress:
    """`removed` by detail (or, of a dry run, what would be); `after`: what goes on from here, "" when all is done."""

    removed: Mapping[Detail, int] = field(default_factory=dict)
    after: str = ""


class Pruner:
    """Answers `prune`, and does it each day when RETENTION_DAYS is set."""

    def __init__(self, means: Means, retention_days: int) -> None:
        self._m = means
        self._days = retention_days

    async def some(
        self, keep_days: int, after: str, seconds: float, *, dry_run: bool, by: str | None = None
    ) -> Progress:
        """Steps of AT_ONCE rows with rests between them, for about so many `seconds`.

        `after` "" begins where the last pass ended. ValueError for an `after` that no progress gave, or for too few days. `by`: for
        the audit trail, which is told at the end, as a step must not be longer than it is, and not of a dry run.
        """
        if keep_days < KEEP_AT_LEAST:
            raise ValueError(f"at least {KEEP_AT_LEAST} days must be kept")
        before = self._m.clock.now() - timedelta(days=keep_days)
        number, position = _read(after)
        removed: dict[Detail, int] = {}
        until = self._m.clock.monotonic() + seconds
        while number < len(_DETAILS) and self._m.clock.monotonic() < until:
            detail = _DETAILS[number]
            step = await self._step(detail, position, before, dry_run)
            removed[detail] = removed.get(detail, 0) + step.removed
            number, position = (number, step.position) if step.position is not None else (number + 1, None)
        if by is not None and not dry_run:
            counts = ", ".join(f"{detail.value} {count}" for detail, count in removed.items())
            told = f"kept {keep_days} days; removed: {counts}"
            now = self._m.clock.now()
            await self._m.store.write(lambda ledger: ledger.audit.add(now, by, Action.PRUNE, detail=told))
        return Progress(removed, f"{number}~{position or ''}" if number < len(_DETAILS) else "")

    async def daily(self) -> bool:
        """All that is older than RETENTION_DAYS, if no process did so within a day; whether this was the one."""
        if not self._days:
            return False
        if not await self._m.store.write(lambda ledger: ledger.pruning.begin_daily(ledger.shared_now())):
            return False
        removed: dict[Detail, int] = dict.fromkeys(_DETAILS, 0)
        after = ""
        while True:
            progress = await self.some(self._days, after, 60.0, dry_run=False)
            for detail, count in progress.removed.items():
                removed[detail] += count
            after = progress.after
            if not after:
                break
        self._m.log.info("old details removed", keep_days=self._days, **{d.value: n for d, n in removed.items()})
        return True

    async def _step(self, detail: Detail, position: str | None, before: datetime, dry_run: bool) -> Pruned:
        began = self._m.clock.monotonic()
        if dry_run:
            step = await self._m.store.read(partial(_look, detail, position, before))
        else:
            step = await self._m.store.write(partial(_remove, detail, position, before))
        # Calls, callbacks and results come first: each waits for one step at most.
        await self._m.clock.sleep(max(_SHORTEST_REST, _REST * (self._m.clock.monotonic() - began)))
        return step


def _remove(detail: Detail, position: str | None, before: datetime, ledger: Ledger) -> Pruned:
    return ledger.pruning.step(detail, position, before, AT_ONCE, remove=True)


def _look(detail: Detail, position: str | None, before: datetime, ledger: Ledger) -> Pruned:
    return ledger.pruning.step(detail, position, before, AT_ONCE, remove=False)


def _read(after: str) -> tuple[int, str | None]:
    if not after:
        return 0, None
    number, _, position = after.partition("~")
    if number not in {str(each) for each in range(len(_DETAILS))}:
        raise ValueError(f"no such place: {after[:20]}")
    return int(number), position or None
