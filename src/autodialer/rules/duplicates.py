"""One number on several records: which of them is called (rules.md row 14)."""

from collections.abc import Sequence

from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.rules.eligibility import effective_kind
from autodialer.rules.facts import Facts
from autodialer.rules.order import run_order
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, Skip, SkipReason, Verdict

_STILL_IN = frozenset({SkipReason.ATTEMPTS_USED, SkipReason.DAY_QUOTA, SkipReason.CALLING_HOURS})


def contends(verdict: Verdict) -> bool:
    """Whether a record with this verdict, computed without `same_phone_as`, has a claim on its number: it got past check 8."""
    return isinstance(verdict, Call) or (isinstance(verdict, Skip) and verdict.reason in _STILL_IN)


def rank(kind: CrmStatus, order: str) -> str:
    """Text that sorts the records of one number, the one to call first: No Answer in progress, else New; the oldest of its kind.

    `order`: the record's own run_order.
    """
    return ("0" if kind is CrmStatus.NO_ANSWER else "1") + order


def choose_one(candidates: Sequence[tuple[Facts, Verdict]], policy: Policy) -> RecordKey:
    """The one record of a number that may be called: No Answer in progress, else New; the oldest of its kind.

    The order of `candidates` makes no difference. ValueError when there are none.
    """

    def place(candidate: tuple[Facts, Verdict]) -> tuple[bool, str, RecordKey]:
        facts, verdict = candidate
        record = facts.record
        kind = effective_kind(facts, policy) or CrmStatus.DEAD
        order = run_order(kind, record.created_time, record.key.zoho_id)
        return (not contends(verdict), rank(kind, order), record.key)

    return min(candidates, key=place)[0].record.key
