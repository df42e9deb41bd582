"""Which slot is due, and what happens to one that can't be taken."""

import json
from datetime import UTC, datetime, time, timedelta

from autodialer.domain.errors import RunRefused
from autodialer.ports import Clock, Log
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Run, RunKind
from autodialer.service.control import is_paused
from autodialer.service.runs import RunService

LEDGER_SINCE = "ledger_since"
HOURS_SINCE = "run_hours_since"
_TRY_AGAIN = timedelta(seconds=60)


def latest_slot(run_hours: tuple[int, ...], now: datetime) -> datetime:
    """The newest slot that is not in the future. `run_hours` are UTC, on the hour (CRON_HOURS)."""
    today = now.astimezone(UTC).date()
    days = (today, today - timedelta(days=1))
    slots = [datetime.combine(day, time(hour), tzinfo=UTC) for day in days for hour in run_hours]
    return max(slot for slot in slots if slot <= now)


def next_slot(run_hours: tuple[int, ...], now: datetime) -> datetime:
    """The first slot in the future."""
    today = now.astimezone(UTC).date()
    days = (today, today + timedelta(days=1))
    slots = [datetime.combine(day, time(hour), tzinfo=UTC) for day in days for hour in run_hours]
    return min(slot for slot in slots if slot > now)


class Scheduler:
    """Takes each slot once. A slot missed by less than `catch_up` seconds is made up for (rules.md row 30)."""

    def __init__(
        self, runs: RunService, store: Store, clock: Clock, log: Log, run_hours: tuple[int, ...], catch_up: float
    ) -> None:
        self._runs = runs
        self._store = store
        self._clock = clock
        self._log = log
        self._run_hours = run_hours
        self._catch_up = timedelta(seconds=catch_up)
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._refusal: tuple[datetime, str] | None = None  # of a slot that could not start, and why
        self._seen: datetime | None = None  # the newest slot of which the ledger says that it is over

    async def take_due(self) -> Run | None:
        """Open the run of a slot that is due; None when none is, or when it was skipped (and recorded so)."""
        now = self._clock.now()
        slot = latest_slot(self._run_hours, now)
        is_late = now - slot > max(self._catch_up, _TRY_AGAIN)
        refused = self._refusal[1] if self._refusal is not None and self._refusal[0] == slot else None
        if slot == self._seen or (refused is None if is_late else now < self._not_before):
            return None
        known, is_ours, paused, current = await self._store.read(
            lambda ledger: (
                ledger.runs.has_slot(slot),
                was_set(ledger, slot),
                is_paused(ledger),
                ledger.runs.current(),
            )
        )
        if known or not is_ours:
            self._seen = slot
            return None
        if is_late:  # no process could start it in time
            await self._skip(slot, refused or "")
            return None
        if paused:
            await self._skip(slot, "paused")
            return None
        if current is not None:
            await self._skip(slot, f"run {current.run_id} was still going")
            return None
        try:
            opened = await self._runs.open(RunKind.SCHEDULED, slot)
        except RunRefused as refusal:
            await self._refused(slot, refusal, now)
            return None
        self._refusal = None
        return opened

    def late(self, now: datetime) -> str | None:
        """Why the run of the latest slot has not started although it is time, while it may start yet."""
        if self._refusal is None:
            return None
        slot, reason = self._refusal
        if slot == self._seen or slot != latest_slot(self._run_hours, now):
            return None
        return f"the run of {slot:%H:%M} UTC can't start yet: {reason}"

    async def _refused(self, slot: datetime, refusal: RunRefused, now: datetime) -> None:
        """Try again each minute (Zoho may be back); once it is too late to catch up, say that the slot was skipped."""
        if refusal.running is None:
            self._log.error("slot can't start yet", slot=slot.isoformat(), reason=refusal.message)
            self._not_before, self._refusal = now + _TRY_AGAIN, (slot, refusal.message)
            return
        await self._skip(slot, refusal.message)

    async def _skip(self, slot: datetime, reason: str) -> None:
        skipped = self._runs.skipped(slot, reason)
        if await self._store.write(lambda ledger: ledger.runs.skip_slot(skipped)):
            self._log.error("slot skipped", slot=slot.isoformat(), reason=reason)


def remember_start(ledger: Ledger, now: datetime, run_hours: tuple[int, ...] = ()) -> bool:
    """Keep when this ledger was first used, and since when a run begins at each of the hours: earlier slots were never missed.

    Whether this is its first use.
    """
    since = ledger.switches.get(LEDGER_SINCE)
    is_first = since is None
    if since is None:
        since = now.isoformat()
        ledger.switches.set(LEDGER_SINCE, since, now)
    known: dict[str, str] = json.loads(ledger.switches.get(HOURS_SINCE) or "{}")
    new = now.isoformat() if known else since  # earlier versions did not keep them
    hours = {str(hour): known.get(str(hour), new) for hour in run_hours}
    if hours != known:
        ledger.switches.set(HOURS_SINCE, json.dumps(hours), now)
    return is_first


def was_set(ledger: Ledger, slot: datetime) -> bool:
    """Whether a run was to begin then: the ledger was in use, and the hour was one of CRON_HOURS already."""
    hours: dict[str, str] = json.loads(ledger.switches.get(HOURS_SINCE) or "{}")
    begun = (ledger.switches.get(LEDGER_SINCE), hours.get(str(slot.hour)))
    return all(datetime.fromisoformat(since) <= slot for since in begun if since is not None)
