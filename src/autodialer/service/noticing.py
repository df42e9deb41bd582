"""Looks, before the first call of a run, whether the CRM counts calls of today that the ledger has forgotten."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from autodialer.domain.attempt import AttemptState
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, Staged
from autodialer.rules.behind import FEWEST, evidence_since, is_behind, may_be_ahead
from autodialer.rules.policy import Policy
from autodialer.rules.reading import read_attempts
from autodialer.service.holding import accepted_at, behind_reason
from autodialer.service.means import Means

_PAGE = 500


async def forgotten_calls(means: Means, run: Run) -> str | None:
    """Why `run`, whose records are all staged, must call nobody; None when nothing speaks against it."""
    now, policy = means.clock.now(), means.policy
    since = await means.store.read(lambda ledger: _since(ledger, run, policy, now))
    if since is None or since >= now:
        return None
    ahead, after = 0, ""
    while True:
        page, found = await means.store.read(partial(_ahead, run.run_id, after, since, policy))
        ahead += found
        if len(page) < _PAGE:
            break
        after = page[-1].sort_key
    if ahead < FEWEST:
        return None
    today = policy.local_date(now).isoformat()
    called = await means.store.read(lambda ledger: ledger.stats.today(today)["total_attempts"])
    return behind_reason(ahead) if is_behind(ahead, int(str(called))) else None


def _since(ledger: Ledger, run: Run, policy: Policy, now: datetime) -> datetime | None:
    """None for a ledger whose first run this is: it can't be behind what it never saw."""
    earlier = ledger.runs.latest_pulled(but=run.run_id)
    if earlier is None:
        return None
    return evidence_since(policy, earlier.staged_at, accepted_at(ledger), now)


def _ahead(run_id: str, after: str, since: datetime, policy: Policy, ledger: Ledger) -> tuple[Sequence[Staged], int]:
    page = ledger.staging.rows(run_id, after=after, limit=_PAGE)
    suspects = {row.key: row for row in page if _is_ahead(row, _count(row, "ledger_attempts"), since, policy)}
    if not suspects:
        return page, 0
    known = _known(ledger, list(suspects), policy)
    return page, sum(_is_ahead(row, known.get(key, 0), since, policy) for key, row in suspects.items())


def _is_ahead(row: Staged, known: int, since: datetime, policy: Policy) -> bool:
    return may_be_ahead(row.facts.get("call_attempts"), row.facts.get("modified_time"), known, since, policy)


def _count(row: Staged, name: str) -> int:
    value = row.facts.get(name)
    return value if isinstance(value, int) else 0


def _known(ledger: Ledger, keys: Sequence[RecordKey], policy: Policy) -> dict[RecordKey, int]:
    """The greatest count that the ledger has made of each, or had seen when a run before this one pulled it and found it so."""
    counts: dict[RecordKey, int] = {}
    greatest: dict[RecordKey, int] = {}
    for call in ledger.attempts.of_people(keys, ()):
        if call.state is not AttemptState.RELEASED:
            counts[call.key] = counts.get(call.key, 0) + 1
            greatest[call.key] = max(greatest.get(call.key, 0), call.attempts_before + 1, counts[call.key])
    for update in ledger.outbox.of_records(keys):
        greatest[update.key] = max(greatest.get(update.key, 0), update.call_attempts or 0)
    # Who was counted before this ledger was begun, as another dialer did, and is edited now, was not called since.
    for key, seen in ledger.staging.latest_of(keys, compared=True).items():
        shown = read_attempts(seen.facts.get("call_attempts"), policy.max_sane_attempts)
        greatest[key] = max(greatest.get(key, 0), shown if isinstance(shown, int) else 0)
    return greatest
