"""A clock that jumped back must not dial: quotas, days and windows would be reckoned from a time that has been."""

from datetime import datetime, timedelta

from autodialer.ports.ledger import Ledger

TOLERANCE = timedelta(seconds=60)  # what the clocks of two replicas may differ by


def clock_problem(ledger: Ledger, now: datetime) -> str | None:
    """Why no call may be sent at `now`: a call of ours was sent at a later time. None when the clock is right."""
    latest = ledger.attempts.latest_submitted()
    if latest is None or now >= latest - TOLERANCE:
        return None
    return (
        f"the clock jumped back: it shows {_shown(now)}, but the latest call was sent at {_shown(latest)}. Set this machine's "
        "clock (timedatectl, NTP; in a trial CLOCK). If it is right now and was ahead then, calls go on after that time"
    )


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
