"""A verdict in plain words: why, and what would change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.domain.sentence import Sentence
from autodialer.rules.cadence import end_of_window
from autodialer.rules.decide import decide
from autodialer.rules.eligibility import NEW_BUT_CALLED, NEW_BUT_UNKNOWN, Standing, effective_kind, read_standing
from autodialer.rules.facts import Facts
from autodialer.rules.local_time import start_of_day
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import MarkDead, Skip, SkipReason, Verdict
from autodialer.rules.words import (
    BECOMES_DEAD,
    CALLED_BY_US,
    CLOSED_UNKNOWN,
    LAST_DAY,
    LAST_HOURS,
    NAMES,
    Words,
    words_for,
)
from autodialer.service.staging import outcome_of

_WOULD = {"due": "call", "dead": "mark_dead"}
_WHO_KNOWS = {NEW_BUT_CALLED: CALLED_BY_US, NEW_BUT_UNKNOWN: CLOSED_UNKNOWN}
_LAST = {SkipReason.DAY_QUOTA: LAST_DAY, SkipReason.CALLING_HOURS: LAST_HOURS}
_NO_STANDING = Standing(0, 0, 0, date.min, 0, first_known=False, inferred=False)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of one person at one moment. `next_at`: the instant that the verdict itself names."""

    at: datetime
    verdict: Verdict
    would: str
    reason: str
    detail: str
    next_at: datetime | None
    short: Sentence
    why: Sentence
    changes: tuple[Sentence, ...]
    ledger_attempts: int
    ledger_attempts_today: int


def judge(facts: Facts, policy: Policy, at: datetime, open_day: date | None = None) -> Judgement:
    """Decide, and say it in words. `open_day`: the day of the rules on which the call was made that is not settled yet."""
    verdict = decide(facts, policy, at)
    state, reason, detail, next_at = outcome_of(verdict)
    words = _words(facts, policy, verdict, at)
    values = _values(facts, policy, verdict, at, open_day)
    return Judgement(
        at=at,
        verdict=verdict,
        would=_WOULD.get(state.value, "skip"),
        reason=reason,
        detail=detail,
        next_at=next_at,
        short=Sentence(words.short),
        why=Sentence(words.why, values),
        changes=tuple(Sentence(change, values) for change in words.change if _is_sayable(change, values)),
        ledger_attempts=facts.history.attempts,
        ledger_attempts_today=facts.history.attempts_today,
    )


def said_of_run(reason: str, policy: Policy, status: str | None, other: RecordKey | None = None) -> Sentence:
    """What a run gave as its reason, in words that need no more than what the run has kept."""
    values = {**_labels(policy), "status": status, "other": other}
    words = words_for(reason)
    return Sentence(words.why, values) if _is_sayable(words.why, values) else Sentence(f"{words.short}.")


def _words(facts: Facts, policy: Policy, verdict: Verdict, at: datetime) -> Words:
    kind = effective_kind(facts, policy)
    if isinstance(verdict, Skip) and verdict.reason is SkipReason.STATUS:
        is_shown = policy.kind_of(facts.record.status) is CrmStatus.DEAD
        if kind is CrmStatus.DEAD and not is_shown:
            return words_for(BECOMES_DEAD)
    if isinstance(verdict, Skip) and verdict.reason in _LAST and kind is CrmStatus.NO_ANSWER:
        standing = _standing(facts, policy, kind, at)
        over = end_of_window(policy, standing.day_index, standing.today) if standing.first_known else None
        return words_for(_LAST[verdict.reason] if over is not None and verdict.until == over else verdict.reason)
    if isinstance(verdict, Skip) and verdict.reason is SkipReason.NEW_ALREADY_CALLED:
        return words_for(_WHO_KNOWS.get(verdict.detail, verdict.reason))
    return words_for(verdict.reason)


def _standing(facts: Facts, policy: Policy, kind: CrmStatus | None, at: datetime) -> Standing:
    standing = read_standing(facts, kind, policy, at) if kind is not None else _NO_STANDING
    return _NO_STANDING if isinstance(standing, Skip) else standing


def _values(
    facts: Facts, policy: Policy, verdict: Verdict, at: datetime, open_day: date | None
) -> Mapping[str, object]:
    kind = effective_kind(facts, policy)
    standing = _standing(facts, policy, kind, at)
    day = (open_day or policy.local_date(at)) + timedelta(days=1)
    return {
        **_labels(policy),
        "status": facts.record.status,
        "until": verdict.until if isinstance(verdict, Skip) else None,
        "closes": start_of_day(day, policy.zone),
        "most": policy.max_sane_attempts,
        "attempts": standing.used,
        "total": policy.new_quota if kind is CrmStatus.NEW else policy.total_quota,
        "day": standing.day_index if isinstance(verdict, MarkDead) else None,
        "other": facts.same_phone_as,
        "attempt": facts.history.open_attempt,
    }


def _labels(policy: Policy) -> dict[str, object]:
    return {"new": policy.new_status, "no_answer": policy.no_answer_status, "dead": policy.dead_status}


def _is_sayable(text: str, values: Mapping[str, object]) -> bool:
    """Whether everything that the sentence leaves open is known; a status that is empty may be said."""
    needed = NAMES - {"status"}
    return all(f"{{{name}}}" not in text or values.get(name) is not None for name in needed)
