"""Pause and resume: a switch in the ledger that every call passes in the transaction that commits its intent; other switches."""

from datetime import UTC, datetime

from autodialer.domain.access import THE_API, Action
from autodialer.domain.errors import StoreError
from autodialer.ports.access import AuditRow
from autodialer.ports.ledger import Ledger
from autodialer.service.means import Means

TROUBLES = "troubles"  # calls in a row that failed for the same reason of the account
HEADWAY = "headway"  # what is known of 8x8's limit while calls leave more slowly (service.shared_pacing)
SLOWED_BY = "slowed_by"  # the newest call that was one too many at once
_PAUSED = "paused"
_YES = "1"
_NO = "0"
_UNTIL_LEFT = 0.75  # seconds in which a call leaves that has its intent: later it is asked again whether it may (shared_pacing.py)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def pause(ledger: Ledger, at: datetime, by: str = THE_API) -> None:
    """From this commit on no further call gets its intent, by whichever process. `by`: who wants it, for the audit trail."""
    ledger.switches.set(_PAUSED, _YES, at)
    ledger.audit.add(at, by, Action.PAUSE)


async def pause_dialing(means: Means, by: str = THE_API) -> datetime:
    """Pause; returns when no further call leaves, with the moment of the pause. StoreError."""
    now = means.clock.now()

    def pause_behind_others(ledger: Ledger) -> None:
        ledger.runs.wait_for_writers()
        pause(ledger, now, by)

    try:
        await means.store.write(pause_behind_others)
    except StoreError:  # somebody keeps the run's row: nobody may be kept from pausing by that
        await means.store.write(lambda ledger: pause(ledger, now, by))
    if not means.alone:
        await means.clock.sleep(_UNTIL_LEFT)
    return now


def resume(ledger: Ledger, at: datetime, by: str = THE_API) -> None:
    """Calls may be sent again."""
    ledger.switches.set(_PAUSED, _NO, at)
    ledger.audit.add(at, by, Action.RESUME)


def is_paused(ledger: Ledger) -> bool:
    """Whether sending is switched off."""
    return ledger.switches.get(_PAUSED) == _YES


def last_pause(ledger: Ledger) -> AuditRow | None:
    """While sending is switched off: who did it, and when."""
    if not is_paused(ledger):
        return None
    rows = ledger.audit.newest_first(None, 1, action=Action.PAUSE)
    at = ledger.switches.changed_at(_PAUSED)
    # A switch that was set before there was a trail, or copied without it, has no row of its own.
    return rows[0] if rows else AuditRow(0, at or _EVER, "", Action.PAUSE, "", "")
