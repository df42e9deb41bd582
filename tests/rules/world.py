"""One person in a small world: a CRM record, a ledger in memory and an outbox, moved by decide and update_after alone."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from msgspec import structs

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus, Record
from autodialer.domain.update import CrmUpdate
from autodialer.rules.after_call import update_after, update_to_dead
from autodialer.rules.decide import decide
from autodialer.rules.eligibility import effective_kind
from autodialer.rules.facts import Facts, History, PendingUpdate
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, MarkDead, Verdict
from rules.people import LEAD, NUMBER

_CRM_ZONE = timezone(timedelta(hours=-7))  # Zoho answers in the organisation's zone, whatever was written


@dataclass(frozen=True)
class LedgerCall:
    at: datetime
    was: CrmStatus
    verdict: Call
    disposition: Disposition | None = None  # None while it rings


@dataclass
class World:
    policy: Policy
    record: Record = field(default_factory=lambda: Record(LEAD, "New", phone="0712 345 678"))
    calls: list[LedgerCall] = field(default_factory=list)
    waiting: CrmUpdate | None = None
    expected_status: str | None = None
    person_acted_at: datetime | None = None

    @property
    def written_attempts(self) -> int:
        """Call Attempts as the CRM holds it."""
        held = self.record.call_attempts
        return held if isinstance(held, int) else 0

    def facts(self, now: datetime) -> Facts:
        return Facts(self.record, NUMBER, self._history(now), self._pending())

    def run(self, now: datetime) -> Verdict:
        """One run: the call is placed and rings, or the record becomes Dead, or nothing."""
        facts = self.facts(now)
        verdict = decide(facts, self.policy, now)
        if isinstance(verdict, Call):
            was = effective_kind(facts, self.policy)
            assert was is not None
            self.calls.append(LedgerCall(now, was, verdict))
        elif isinstance(verdict, MarkDead):
            self._queue(update_to_dead(self.record.key))
        return verdict

    def end(self, disposition: Disposition) -> None:
        """The call that rings ends so; None rings: nothing."""
        if not self.calls or self.calls[-1].disposition is not None:
            return
        call = self.calls[-1]
        first = self._first_no_answer()
        update = update_after(
            self.record.key, call.was, disposition, self._attempts_before(), first, call.at, self.policy
        )
        self.calls[-1] = replace(call, disposition=disposition)
        if update is not None:
            self._queue(update)

    def deliver(self) -> None:
        """The CRM takes what waits; a status that a person set meanwhile stays."""
        update, self.waiting = self.waiting, None
        if update is None:
            return
        if update.status is not None and self.record.status == self.expected_status:
            self.record = structs.replace(self.record, status=self.policy.label_of(update.status))
        if update.call_attempts is not None:
            self.record = structs.replace(self.record, call_attempts=update.call_attempts)
        if update.first_no_answer_at is not None:
            text = update.first_no_answer_at.astimezone(_CRM_ZONE).isoformat(timespec="seconds")
            self.record = structs.replace(self.record, first_no_answer_at=text)

    def set_status(self, label: str, now: datetime) -> None:
        """A person changes the status."""
        self.record = structs.replace(self.record, status=label)
        self.person_acted_at = now

    def _queue(self, update: CrmUpdate) -> None:
        if self.waiting is None:
            self.waiting, self.expected_status = update, self.record.status
            return
        old = self.waiting
        self.waiting = CrmUpdate(
            update.key,
            update.status or old.status,
            update.call_attempts if update.call_attempts is not None else old.call_attempts,
            update.first_no_answer_at or old.first_no_answer_at,
        )

    def _pending(self) -> PendingUpdate | None:
        waits = self.waiting
        if waits is None:
            return None
        return PendingUpdate(self.expected_status, waits.status, waits.call_attempts, waits.first_no_answer_at)

    def _attempts_before(self) -> int:
        waits = self.waiting.call_attempts if self.waiting else None
        return max(len(self.calls) - 1, self.written_attempts, waits or 0)

    def _first_no_answer(self) -> datetime | None:
        if self.waiting is not None and self.waiting.first_no_answer_at is not None:
            return self.waiting.first_no_answer_at
        text = self.record.first_no_answer_at
        return datetime.fromisoformat(text) if isinstance(text, str) else None

    def _history(self, now: datetime) -> History:
        today = self.policy.local_date(now)
        ended = [call for call in self.calls if call.disposition is not None]
        answered = [call.at for call in ended if call.disposition is Disposition.ANSWERED]
        acted = self.person_acted_at
        return History(
            attempts=len(self.calls),
            attempts_today=sum(self.policy.local_date(call.at) == today for call in self.calls),
            first_unanswered_at=min(
                (call.at for call in ended if call.disposition and call.disposition.is_unanswered), default=None
            ),
            open_attempt="a1" if len(ended) < len(self.calls) else None,
            answered_at=answered[-1] if answered and (acted is None or acted < answered[-1]) else None,
            closed_unknown=any(call.disposition is Disposition.UNKNOWN for call in ended),
        )
