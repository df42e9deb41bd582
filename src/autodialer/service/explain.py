"""One person, any moment: what the rules say now and why, and all that happened."""

from dataclasses import asdict
from datetime import timedelta

from autodialer.domain.errors import CrmError
from autodialer.domain.phone import NoNumber, choose_number
from autodialer.domain.record import Record, RecordKey
from autodialer.ports import Clock, Crm
from autodialer.ports.ledger import Ledger, Store
from autodialer.rules.decide import decide
from autodialer.rules.policy import Policy
from autodialer.service.people import gather_facts
from autodialer.service.staging import outcome_of


class Explainer:
    """Answers `explain` and /api/records/{type}/{id}."""

    def __init__(self, crm: Crm, store: Store, policy: Policy, clock: Clock) -> None:
        self._crm = crm
        self._store = store
        self._policy = policy
        self._clock = clock

    async def explain(self, key: RecordKey) -> dict[str, object] | None:
        """Everything known of `key`; None when neither the CRM nor the ledger knows it.

        `in_crm` is the record as the CRM shows it this second (no name), None with `crm_error` when Zoho can't be asked.
        """
        record, crm_error = await self._look(key)
        answer = await self._store.read(lambda ledger: self._collect(ledger, key, record))
        if record is None and crm_error is None and not (answer["attempts"] or answer["updates"] or answer["last_run"]):
            return None
        return {**answer, **({"crm_error": crm_error} if crm_error else {})}

    async def _look(self, key: RecordKey) -> tuple[Record | None, str | None]:
        try:
            await self._crm.prepare()
            return (await self._crm.look([key])).get(key), None
        except CrmError as error:
            return None, error.message

    def _collect(self, ledger: Ledger, key: RecordKey, record: Record | None) -> dict[str, object]:
        attempts = ledger.attempts.of_record(key)
        callbacks = ledger.inbox.of_attempts([attempt.attempt_id for attempt in attempts])
        latest = ledger.staging.latest(key)
        return {
            "record_type": key.record_type.value,
            "zoho_id": key.zoho_id,
            "now": self._verdict(ledger, record) if record is not None else None,
            "in_crm": self._shown(record) if record is not None else None,
            "last_run": {"run_id": latest[0], **_plain(latest[1])} if latest else None,
            "attempts": [_plain(attempt) for attempt in attempts],
            "callbacks": [_plain(callback) for callback in callbacks],
            "updates": [_plain(row) for row in ledger.outbox.of_record(key)],
        }

    def _verdict(self, ledger: Ledger, record: Record) -> dict[str, object]:
        now = self._clock.now()
        (facts,) = gather_facts(ledger, [record], self._policy, now, now - timedelta(seconds=2))
        state, reason, detail, next_at = outcome_of(decide(facts, self._policy, now))
        would = {"due": "call", "dead": "mark_dead"}.get(state.value, "skip")
        return {
            "would": would,
            "reason": reason,
            "detail": detail,
            "next_at": next_at,
            "policy": self._policy.hash,
            "ledger_attempts": facts.history.attempts,
            "ledger_attempts_today": facts.history.attempts_today,
        }

    def _shown(self, record: Record) -> dict[str, object]:
        number = choose_number(record.phone, record.mobile, self._policy.default_country)
        return {
            "status": record.status,
            "call_attempts": record.call_attempts,
            "first_no_answer_at": record.first_no_answer_at,
            "modified_time": record.modified_time,
            "number": None if isinstance(number, NoNumber) else number.masked,
        }


def _plain(row: object) -> dict[str, object]:
    """A row without what only the database needs; numbers masked."""
    values: dict[str, object] = asdict(row)  # type: ignore[call-overload]  # any dataclass: no type says that
    hidden = ("key", "owner", "lease_until", "sort_key", "rank", "contends", "number")
    return {name: value for name, value in values.items() if name not in hidden}
