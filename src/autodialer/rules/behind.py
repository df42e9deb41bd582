"""Whether the CRM counts calls that the ledger has forgotten, as one does that was put back from an older state.

One record with a higher number says nothing: people type into the field. Many at once, all changed since the ledger last saw
them with a lower one and within the hours of today's runs, are calls that another ledger, or a later state of this one, made.
"""

from datetime import UTC, datetime, time, timedelta

from autodialer.rules.local_time import start_of_day
from autodialer.rules.policy import Policy
from autodialer.rules.reading import read_attempts, read_instant

FEWEST = 3  # records ahead; fewer are somebody's hand
SHARE = 0.1  # of them among all that were called today


def evidence_since(policy: Policy, last_look: datetime | None, accepted_at: datetime | None, now: datetime) -> datetime:
    """From when on a change in the CRM can be the trace of a call that the ledger forgot and that matters today.

    `last_look`: when the ledger's latest run had pulled all records. `accepted_at`: when a person last said that all is well.
    Before the first slot of the day no run has called anybody today, and yesterday's calls only count in all, where the CRM's
    count decides.
    """
    first_slot = _first_slot(policy, start_of_day(policy.local_date(now), policy.zone))
    return max(moment for moment in (first_slot, last_look, accepted_at) if moment is not None)


def _first_slot(policy: Policy, midnight: datetime) -> datetime:
    """Of the day of the rules that begins then; its slots may have two dates in UTC."""
    dates = (midnight.date(), midnight.date() + timedelta(days=1))
    slots = (datetime.combine(date, time(hour), tzinfo=UTC) for date in dates for hour in policy.run_hours)
    return min(slot for slot in slots if slot >= midnight)


def may_be_ahead(call_attempts: object, modified_time: object, known: int, since: datetime, policy: Policy) -> bool:
    """Whether the CRM counts more calls to a record than the `known` ones, by a change after `since`."""
    shown = read_attempts(call_attempts, policy.max_sane_attempts)
    if not isinstance(shown, int) or shown <= known:
        return False
    changed = read_instant(modified_time, policy.zone)
    return isinstance(changed, datetime) and changed > since


def is_behind(ahead: int, called_today: int) -> bool:
    """Whether `ahead` records are too many to be the work of hands, beside `called_today` calls that the ledger knows."""
    return ahead >= FEWEST and ahead >= SHARE * (ahead + called_today)
