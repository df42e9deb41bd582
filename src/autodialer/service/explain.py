"""One person, any moment: what the rules say and why, what would change it, what comes next, and all that happened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from msgspec import structs

from autodialer.domain.attempt import OPEN_STATES
from autodialer.domain.errors import CrmError
from autodialer.domain.phone import NoNumber, PhoneNumber, choose_number
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.sentence import Sentence, phrase
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, Staged
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import SkipReason, Verdict
from autodialer.service.explaining.as_of import known_at, known_later, known_now
from autodialer.service.explaining.conditions import Setting, conditions, dead_conditions
from autodialer.service.explaining.dossier import Dossier, read_dossier
from autodialer.service.explaining.explanation import Explanation, Moment
from autodialer.service.explaining.outlook import Outlook, look_ahead
from autodialer.service.explaining.seen import glimpses, record_at
from autodialer.service.explaining.telling import Judgement, judge, said_of_run
from autodialer.service.explaining.timeline import timeline
from autodialer.service.means import Means
from autodialer.service.patience import unless_failing
from autodialer.service.people import JUST_WRITTEN, Known, compose, e164_of
from autodialer.service.staging import staged
from autodialer.service.upstreams import ZOHO

_SHARING = 20  # records with the same number that are looked at too


class Explainer:
    """Answers `explain`, /api/records/{type}/{id} and the page of a person."""

    def __init__(self, means: Means) -> None:
        self._m = means
        self._crm, self._store, self._policy, self._clock = means.crm, means.store, means.policy, means.clock

    async def explain(self, key: RecordKey, at: datetime | None = None) -> Explanation | None:
        """Everything known of `key`, and how it stood at `at`; None when neither the CRM nor the ledger knows it."""
        asked_at = self._clock.now()
        found, crm_error = await self._look([key])
        record = found.get(key)
        number = self._number(record)
        sharing, unseen = await self._sharing(key, number)
        now, seen_at = self._clock.now(), asked_at - JUST_WRITTEN
        setting = Setting(self._m.dry_run, self._m.telephony.missing_settings())
        work = _Work(key, record, crm_error, number, sharing, unseen, self._policy, setting, now, seen_at)
        answer = await self._store.read(lambda ledger: work.explained(ledger, at))
        is_unknown = record is None and crm_error is None and answer.dossier.is_empty
        return None if is_unknown else answer

    def _number(self, record: Record | None) -> PhoneNumber | NoNumber | None:
        return None if record is None else choose_number(record.phone, record.mobile, self._policy.default_country)

    async def _look(self, keys: Sequence[RecordKey]) -> tuple[Mapping[RecordKey, Record], str | None]:
        try:
            return await unless_failing(self._crm.look(keys), self._m.upstreams.get(ZOHO)), None
        except CrmError as error:
            return {}, error.message

    async def _sharing(self, key: RecordKey, number: PhoneNumber | NoNumber | None) -> tuple[tuple[Record, ...], int]:
        """The others that had this number when the ledger heard of them last, as the CRM shows them now (rules.md row 14).

        And of how many nothing is known: the CRM did not tell of them, or they are too many.
        """
        if not isinstance(number, PhoneNumber):
            return (), 0
        e164 = number.e164
        keys = await self._store.read(lambda ledger: _with_number(ledger, e164))
        others = [other for other in keys if other != key]
        if not others:
            return (), 0
        found, error = await self._look(others[:_SHARING])
        return tuple(found.values()), len(others) if error is not None else len(others[_SHARING:])


def _with_number(ledger: Ledger, number: str) -> list[RecordKey]:
    keys = [row.key for row in ledger.attempts.of_number(number)]
    newest = ledger.runs.latest_pulled()
    if newest is not None:
        keys += ledger.staging.of_number(newest.run_id, number)
    return list(dict.fromkeys(keys))


@dataclass(frozen=True, slots=True)
class _Work:
    """One explanation, once the CRM has been asked.

    `unseen`: how many more than `sharing` had the number. `seen_at`: what was written since may not show in the CRM's answer.
    """

    key: RecordKey
    record: Record | None
    crm_error: str | None
    number: PhoneNumber | NoNumber | None
    sharing: tuple[Record, ...]
    unseen: int
    policy: Policy
    setting: Setting
    now: datetime
    seen_at: datetime

    def explained(self, ledger: Ledger, at: datetime | None) -> Explanation:
        e164 = None if self.number is None else e164_of(self.number)
        dossier = read_dossier(ledger, self.key, e164)
        looks = glimpses(dossier, self.record, e164, self.now)
        ask = self._asker(ledger, dossier)
        return Explanation(
            key=self.key,
            record=self.record,
            crm_error=self.crm_error,
            number=self.number,
            now=self._judged(dossier, ask, self.now) if ask is not None else None,
            outlook=self._outlook(ledger, dossier, ask) if ask is not None else None,
            moment=None if at is None else self._moment(dossier, ask, at),
            dossier=dossier,
            events=timeline(dossier, looks, self.policy),
            policy_hash=self.policy.hash,
        )

    def _asker(self, ledger: Ledger, dossier: Dossier) -> Callable[[datetime], Facts] | None:
        """The facts at any moment from now on, the other records with the number among them."""
        if self.record is None or self.number is None:
            return None
        mine = (self.record, self.number, known_now(dossier, e164_of(self.number), self.seen_at))
        group = [mine]
        for other in self.sharing:
            number = choose_number(other.phone, other.mobile, self.policy.default_country)
            if number == self.number:
                e164 = e164_of(number)
                known = known_now(read_dossier(ledger, other.key, e164), e164, self.seen_at)
                group.append((other, number, known))

        def facts_at(moment: datetime) -> Facts:
            alone = [self._facts(*one, moment) for one in group]
            first = min(
                (
                    row
                    for facts in alone
                    if (row := staged(facts, decide(facts, self.policy, moment), self.policy)).contends
                ),
                key=lambda row: row.rank,
                default=None,
            )
            if first is None or first.key == self.key or len(group) == 1:
                return alone[0]
            return structs.replace(alone[0], same_phone_as=first.key)

        return facts_at

    def _facts(self, record: Record, number: PhoneNumber | NoNumber, known: Known, moment: datetime) -> Facts:
        today = self.policy.local_date(moment).isoformat()
        later = known_later(known, moment, self.policy) if moment > self.now else known
        return compose(record, number, later, self.policy, today)

    def _judged(self, dossier: Dossier, ask: Callable[[datetime], Facts], at: datetime) -> Judgement:
        return judge(ask(at), self.policy, at, _open_day(dossier))

    def _outlook(self, ledger: Ledger, dossier: Dossier, ask: Callable[[datetime], Facts]) -> Outlook:
        def verdict_at(slot: datetime) -> Verdict:
            return decide(ask(slot), self.policy, slot)

        outlook = look_ahead(verdict_at, self.policy, self.now)
        provided = [*conditions(ledger, dossier, self.policy, self.setting, self.now)]
        if self.unseen and outlook.next_call_at is not None:
            provided.append(Sentence(_UNSEEN, {"count": self.unseen}))
        if outlook.dead_at is not None:
            provided += dead_conditions(dossier, self.policy)
        return replace(outlook, provided=tuple(provided))

    def _moment(self, dossier: Dossier, ask: Callable[[datetime], Facts] | None, at: datetime) -> Moment:
        if at >= self.now:
            judgement = self._judged(dossier, ask, at) if ask is not None else None
            return Moment(
                at, None, None, was_going=False, judgement=judgement, known=(Sentence(_AS_NOW),), unknowable=()
            )
        run = next(((run, row) for run, row in dossier.sightings if run.started_at <= at), None)
        was_going = run is not None and (run[0].ended_at is None or at <= run[0].ended_at)
        seen = record_at(dossier, at, self.policy)
        if seen is None:
            return Moment(
                at, None, None, was_going=False, judgement=None, known=(), unknowable=(Sentence(_NEVER_SEEN),)
            )
        record, seen_at = seen
        number = self._number_then(record, run)
        known = known_at(dossier, e164_of(number), at, at, self.policy)
        facts = compose(record, number, known, self.policy, self.policy.local_date(at).isoformat())
        unknowable = [Sentence(_EDITS, {"seen": seen_at}), Sentence(_LISTS)]
        if run is not None and run[0].policy_hash != self.policy.hash:
            unknowable.append(Sentence(_OTHER_POLICY, {"hash": run[0].policy_hash}))
        return Moment(
            at=at,
            run=run,
            recorded=said_of_run(run[1].reason, self.policy, run[1].status) if run is not None else None,
            was_going=was_going,
            judgement=judge(facts, self.policy, at),
            known=(Sentence(_SEEN, {"seen": seen_at}), Sentence(_REPLAYED)),
            unknowable=tuple(unknowable),
        )

    def _number_then(self, record: Record, run: tuple[Run, Staged] | None) -> PhoneNumber | NoNumber:
        """As the run saw it, which keeps what was wrong with Phone and Mobile but not what they held."""
        if record.phone is None:
            is_told = run is not None and run[1].reason == SkipReason.NO_VALID_PHONE
            return NoNumber(run[1].detail if run is not None and is_told else "the run saw none that may be dialled")
        return choose_number(record.phone, None, self.policy.default_country)


_UNSEEN = phrase(
    "Other records with this number that were not looked at in Zoho: {count}. If one of them is called, this one is not."
)
_AS_NOW = phrase("That moment is still to come: this is what the rules will say then if nothing changes until then.")
_NEVER_SEEN = phrase("No run had seen the record by then: what Zoho held is not known.")
_SEEN = phrase("Zoho's fields are those that the run of {seen} pulled, with what we wrote ourselves since.")
_REPLAYED = phrase("The calls, results and updates are as the ledger held them at that moment.")
_EDITS = phrase("What a person changed in Zoho after {seen} and before that moment is not known.")
_LISTS = phrase(
    "A number that was taken off the do-not-call list since, or another record with the same number, is not known."
)
_OTHER_POLICY = phrase(
    "That run decided by another policy ({hash}); its own decision stands above, the words here are today's."
)


def _open_day(dossier: Dossier) -> date | None:
    days = [date.fromisoformat(row.policy_day) for row in dossier.attempts if row.state in OPEN_STATES]
    return max(days, default=None)
