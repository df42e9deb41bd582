"""Why nobody may be called although everything works: this ledger was moved away, or may not know of calls that were made.

A ledger that was put back from an older state would give people calls anew that they have had (docs/deploy.md, section 6). So would
a second installation beside this one: 8x8 sends results to one address only, so who took them from here is noticed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from autodialer.domain.access import THE_API, Action
from autodialer.domain.identity import is_sealed
from autodialer.ports.ledger import Ledger
from autodialer.rules.policy import Policy

LEDGER_ID: Final = "ledger_id"
MOVING_TO: Final = "moving_to"  # a copy was begun
MOVED_TO: Final = "moved_to"  # it is complete, and the other one counts
COPYING_FROM: Final = "copying_from"  # this is the copy, and not complete
BACKUP_MADE_AT: Final = "backup_made_at"  # written into each backup: who serves one has put it back
HELD: Final = "held"
RESULTS_ELSEWHERE: Final = "results_elsewhere"  # the host that 8x8 sends results to instead of here
ACCEPTED_AT: Final = "hold_accepted_at"

OF_THIS_DATABASE: Final = (MOVING_TO, MOVED_TO, COPYING_FROM)
"""What is told of one database and not of the ledger in it: never copied."""

_LATE: Final = timedelta(hours=1)  # until when callbacks of calls that were accepted as forgotten may still come
_WHAT_NOW: Final = (
    "look what it lacks (autodialer drift, 8x8's own log; docs/deploy.md, section 6), then let it dial with "
    "autodialer db accept"
)


def unusable(ledger: Ledger) -> str | None:
    """Why this database is not the one to work with at all; None when it is."""
    return _unusable(ledger.switches.some(OF_THIS_DATABASE))


def hold_problem(ledger: Ledger, policy: Policy, now: datetime) -> str | None:
    """Why no call may be sent at `now`; None when nothing holds it back."""
    found = ledger.switches.some((*OF_THIS_DATABASE, BACKUP_MADE_AT, HELD, RESULTS_ELSEWHERE))
    if not found:
        return None
    return _unusable(found) or _restored(found, now) or _held(found, policy, now) or _taken(found)


def hold(ledger: Ledger, reason: str, day: str | None, now: datetime) -> None:
    """Send no call until a person accepts, or until `day` (a date of the policy's, YYYY-MM-DD) is over. The first reason stands."""
    known = json.loads(ledger.switches.get(HELD) or "{}")
    if known and (known["day"] is None or known["day"] == day):
        return
    ledger.switches.set(HELD, json.dumps({"reason": reason, "day": day}), now)


def elsewhere(ledger: Ledger) -> str | None:
    """The host that 8x8 was last seen to send results to instead of here; None when they come here."""
    return ledger.switches.get(RESULTS_ELSEWHERE) or None


def note_elsewhere(ledger: Ledger, address: str | None, now: datetime) -> None:
    """Send no call while results go there; None: they come here."""
    ledger.switches.set(RESULTS_ELSEWHERE, address or "", now)


def accept(ledger: Ledger, policy: Policy, now: datetime, by: str = THE_API) -> str | None:
    """A person takes it that calls may be missing: what was held is not any more. What held it, None when nothing did."""
    reason = hold_problem(ledger, policy, now)
    for name in (BACKUP_MADE_AT, HELD):
        if ledger.switches.get(name):
            ledger.switches.set(name, "", now)
    ledger.switches.set(ACCEPTED_AT, now.isoformat(), now)
    ledger.audit.add(now, by, Action.ACCEPT, detail=reason or "")
    return reason


def accepted_at(ledger: Ledger) -> datetime | None:
    """When a person last accepted."""
    told = ledger.switches.get(ACCEPTED_AT)
    return datetime.fromisoformat(told) if told else None


def notice_stranger(ledger: Ledger, attempt_id: str | None, policy: Policy, received_at: datetime) -> bool:
    """A callback names an attempt of ours that the ledger has no row of: it was made and forgotten. Whether that is so now.

    Only an id with this ledger's own seal proves it; another program may use the same account of 8x8.
    """
    if attempt_id is None or not is_sealed(attempt_id, ledger.switches.get(LEDGER_ID) or ""):
        return False
    accepted = accepted_at(ledger)
    if accepted is not None and received_at < accepted + _LATE:
        return False
    reason = f"8x8 reports a call that this ledger made and does not know ({attempt_id}): an older state was put back"
    hold(ledger, f"{reason}; {_WHAT_NOW}", policy.local_date(received_at).isoformat(), received_at)
    return True


def behind_reason(ahead: int) -> str:
    """What to say when the CRM is ahead of the ledger."""
    return (
        f"Zoho counts calls of today to {ahead} records that this ledger does not know: an older state of it was put back, or "
        f"another program counts there too; {_WHAT_NOW}"
    )


def _unusable(found: Mapping[str, str]) -> str | None:
    if told := found.get(COPYING_FROM):
        return f"the copy of {json.loads(told)['from']} into this ledger is not complete: go on with the same autodialer db copy"
    if told := found.get(MOVED_TO):
        moved = json.loads(told)
        return (
            f"this ledger was moved to {moved['to']} on {_shown(moved['at'])}: set DATABASE_URL or DB_PATH to that one "
            "(autodialer db reopen makes this one usable again)"
        )
    if told := found.get(MOVING_TO):
        return (
            f"a copy of this ledger to {json.loads(told)['to']} was begun and is not complete: go on with the same "
            "autodialer db copy, or give it up with autodialer db reopen"
        )
    return None


def _restored(found: Mapping[str, str], now: datetime) -> str | None:
    told = found.get(BACKUP_MADE_AT)
    if told is None:
        return None
    age = _age(now - datetime.fromisoformat(told))
    return (
        f"this ledger is a backup of {_shown(told)} ({age} ago) that was put back: it knows of no call made since, and would "
        f"make it again; {_WHAT_NOW}"
    )


def _held(found: Mapping[str, str], policy: Policy, now: datetime) -> str | None:
    held = json.loads(found.get(HELD) or "{}")
    if not held or (held["day"] is not None and held["day"] != policy.local_date(now).isoformat()):
        return None
    return str(held["reason"])


def _taken(found: Mapping[str, str]) -> str | None:
    if not (address := found.get(RESULTS_ELSEWHERE)):
        return None
    return (
        f"8x8 sends results to {address} now and not here any more: another installation with the same account would call the same "
        "people. End that one, then take the results back: autodialer 8x8 webhooks register, or start this one again"
    )


def _shown(told: str) -> str:
    return f"{datetime.fromisoformat(told):%Y-%m-%d %H:%M} UTC"


def _age(age: timedelta) -> str:
    minutes = max(0, age // timedelta(minutes=1))
    parts: Sequence[tuple[int, str]] = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a minute"
