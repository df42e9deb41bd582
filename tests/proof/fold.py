"""What must have come of every record: a fold over the calls as 8x8 made and told them, and what people did meanwhile.

Written apart from the product: it reads no rule of ours, only what docs/rules.md says.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous, Placed
from autodialer.domain.record import Record, RecordKey
from autodialer.ports.rows import AttemptRow
from proof.exchange import Call
from proof.office import Edit
from proof.population import number_of

if TYPE_CHECKING:
    from proof.simulation import Simulation

_ANSWERED = Disposition.ANSWERED
Seen = tuple[str | None, object, str | None]  # status, Call Attempts, First No Answer At


@dataclass(frozen=True)
class Fact:
    """One attempt that counts: our row, the request that reached 8x8 (None: it died on the way), what was told of it."""

    row: AttemptRow
    call: Call | None
    heard: tuple[tuple[float, Disposition], ...]

    @property
    def end(self) -> Disposition:
        ends = [end for _, end in self.heard]
        return Disposition.UNKNOWN if not ends else _ANSWERED if _ANSWERED in ends else ends[0]

    @property
    def is_contradictory(self) -> bool:
        return len({end is _ANSWERED for _, end in self.heard}) > 1


def problems_of(simulation: "Simulation", rows: Sequence[AttemptRow], last_run_at: datetime) -> list[str]:
    """Everything in which ledger or CRM differ from the truth."""
    calls = {call.attempt_id: call for call in simulation.exchange.calls}
    problems = [f"{attempt_id} rang and is in no ledger" for attempt_id in calls.keys() - {r.attempt_id for r in rows}]
    facts: list[Fact] = []
    for row in rows:
        call = calls.get(row.attempt_id)
        if row.state is AttemptState.RELEASED:
            if call is not None and (call.rang or isinstance(call.outcome, Ambiguous)):
                problems.append(f"{row.attempt_id} may have rung and was released: {row.reason}")
            continue
        problems += _about_attempt(row, call)
        facts.append(Fact(row, call, tuple(_heard(simulation, row, call)) if call is not None else ()))
    facts.sort(key=lambda fact: (fact.row.policy_day, fact.row.attempt_id))
    problems += [
        f"{fact.row.attempt_id} ended {fact.end}, the ledger says {fact.row.disposition}"
        for fact in facts
        if fact.row.disposition is not fact.end and not _either(fact)
    ]
    return problems + _about_records(simulation, facts, last_run_at)


def _heard(simulation: "Simulation", row: AttemptRow, call: Call) -> list[tuple[float, Disposition]]:
    """What was told of it and can be known as told of it; from 8x8's log, where the ledger says that it is from there."""
    known = simulation.exchange.echoes or row.session_id == call.session
    heard = list(call.heard) if known else []
    if call.logged and row.reason.startswith("from 8x8's log"):
        simulation.dice.struck("8x8's log: tells what no webhook told")
        shown = [moment for moment, at in call.logged if row.ended_at is None or at <= row.ended_at]
        told_at = max(shown, default=call.logged[0][0])
        # It ended the call, so what webhooks had said before was of a session that nobody knew until then.
        heard = [(told_at, call.end), *((max(moment, told_at), end) for moment, end in sorted(heard))]
    return sorted(heard, key=lambda told: told[0])


def _either(fact: Fact) -> bool:
    """Of two unanswered ends the first stands; which one that was, the retries of a broken database decide."""
    ends = {end for _, end in fact.heard}
    return _ANSWERED not in ends and fact.row.disposition in ends


def _about_attempt(row: AttemptRow, call: Call | None) -> list[str]:
    if row.state is not AttemptState.ENDED:
        return [f"{row.attempt_id} is still {row.state}"]
    # A process that ended before it could say that nothing was placed leaves a call that may have rung: it counts.
    unsaid = row.reason.startswith("its process ended while the call was being sent")
    if (call is None or not isinstance(call.outcome, Placed | Ambiguous)) and not unsaid:
        return [f"{row.attempt_id} counts, but 8x8 did not place it"]
    if call is not None and (call.key, call.number) != (row.key, row.number):
        return [f"{row.attempt_id} rang somebody else"]
    if row.session_id is not None and (call is None or row.session_id != call.session):
        return [f"{row.attempt_id} has {row.session_id}, which is another call's"]
    return []


def _about_records(simulation: "Simulation", facts: Sequence[Fact], last_run_at: datetime) -> list[str]:
    of_record: dict[RecordKey, list[Fact]] = defaultdict(list)
    of_number: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        of_record[fact.row.key].append(fact)
        of_number[fact.row.number or ""].append(fact)
    problems = []
    for person in simulation.people:
        shown = simulation.crm.records.get(person.key)
        if shown is None:
            continue
        own = of_record[person.key]
        numbers = {fact.row.number for fact in own} | {number_of(person), number_of(shown)}
        kin = [fact for number in numbers for fact in of_number[number or ""] if fact.row.key != person.key]
        fold = Fold(person, own, kin, simulation.crm.edits.get(person.key, []))
        seen = (shown.status, shown.call_attempts, _instant(shown.first_no_answer_at))
        problems += fold.compare(seen, last_run_at, made_dead=simulation.crm.made_dead.get(person.key))
    return problems


class Fold:
    """One record's way from its first state to its last."""

    def __init__(self, person: Record, own: Sequence[Fact], kin: Sequence[Fact], edits: Sequence[Edit]) -> None:
        self._person = person
        self._own = own
        self._kin = kin
        self._edits = edits

    def compare(self, seen: Seen, last_run_at: datetime, made_dead: datetime | None) -> list[str]:
        """What is wrong with the record as the CRM shows it in the end."""
        key = self._person.key
        problems = []
        attempts = self._attempts()
        if seen[1] not in (attempts, self._attempts(as_decided=True)):
            problems.append(f"{key}: Call Attempts is {seen[1]}, not {attempts}")
        if seen[2] not in self._firsts():
            problems.append(f"{key}: First No Answer At is {seen[2]}, not one of {self._firsts()}")
        statuses = self._statuses()
        over = self._window_over(seen, last_run_at)
        if made_dead is not None or "Dead" in (seen[0], self._person.status):
            if made_dead is not None and not self._window_over(seen, made_dead) and not self._inferred_over(made_dead):
                problems.append(f"{key}: was made Dead before its days were over")
            statuses |= {"Dead"}
        elif over and not self._held() and statuses == {"No Answer"}:
            statuses = {"Dead"}
        if seen[0] not in statuses:
            problems.append(f"{key}: the status is {seen[0]}, not one of {statuses}")
        return problems

    def _attempts(self, *, as_decided: bool = False) -> object:
        """rules.md row 9: each call that was told of counts one more than the greater of CRM and ledger before it.

        Before it left, or, `as_decided`, seconds earlier, before it was reserved. Of a call of which nothing had been told by then
        it may be told later: both count.
        """
        count = self._person.call_attempts
        if not isinstance(count, int | None) or (isinstance(count, int) and not 0 <= count <= 50):
            return max([count, *(edit.call_attempts for edit in self._edits if edit.call_attempts)], key=_number)
        events: list[tuple[float, int, int]] = [
            (edit.at, 0, edit.call_attempts) for edit in self._edits if edit.call_attempts is not None
        ]
        for n, fact in enumerate(self._own):
            if fact.call is not None and fact.heard:
                waited = (fact.row.submitted_at or fact.row.reserved_at) - fact.row.reserved_at
                known_at = fact.call.moment - (waited.total_seconds() if as_decided else 0)
                events += [(known_at, 1, n), (fact.heard[0][0], 2, n)]
        before: dict[int, int] = {}
        told: list[int] = []
        for _, kind, value in sorted(events):
            if kind == 0:
                count = max(count or 0, value)
            elif kind == 1:
                others = sum(
                    fact.row.attempt_id < self._own[value].row.attempt_id and self._is_kin(fact, value)
                    for fact in self._kin
                )
                before[value] = max(value + others, count or 0)
            else:
                told.append(before[value])
                count = max(count or 0, reduce(lambda most, known: max(most, known) + 1, sorted(told), 0))
        return count

    def _is_kin(self, fact: Fact, own: int) -> bool:
        return fact.row.number == self._own[own].row.number

    def _firsts(self) -> set[str | None]:
        """rules.md row 6, and the rule for New: the time of the call that first went unanswered."""
        held = _instant(self._person.first_no_answer_at)
        told = [fact for fact in self._own if any(end is not _ANSWERED for _, end in fact.heard)]
        if held is not None or not told:
            return {held}
        if any(fact.is_contradictory for fact in told):
            return {None, *(_instant(fact.row.submitted_at) for fact in [*told, *self._kin])}
        times = [fact.row.submitted_at for fact in told if fact.row.submitted_at]
        if not self._own[0].row.is_new:
            times += [fact.row.submitted_at for fact in self._kin if fact.row.submitted_at and fact.end.is_unanswered]
            return {_instant(each) for each in times} if self._kin else {_instant(min(times))}
        return {_instant(min(times))}

    def _statuses(self) -> set[str | None]:
        status = next((edit.status for edit in reversed(self._edits) if edit.status), None)
        new = [fact for fact in self._own if fact.row.is_new and fact.heard]
        called = {"No Answer"} if any(end is not _ANSWERED for fact in new for _, end in fact.heard) else set()
        if status is not None:
            return {status, *(called if status in ("New", "No Answer") else ())}
        if called and not any(fact.is_contradictory for fact in new):
            return {"No Answer"}
        return {self._person.status, *called}

    def _held(self) -> bool:
        return any(fact.end is _ANSWERED for fact in (*self._own, *self._kin))

    def _window_over(self, seen: Seen, at: datetime) -> bool:
        first = datetime.fromisoformat(seen[2]) if seen[2] else None
        attempts = seen[1] if seen[1] is not None else 0
        sane = isinstance(attempts, int) and 0 <= attempts <= 50
        return first is not None and sane and (at.date() - first.date()).days >= 3

    def _inferred_over(self, at: datetime) -> bool:
        """rules.md row 6: where the CRM knows no first call, the earliest unanswered one to that number counts."""
        facts = [fact for fact in (*self._own, *self._kin) if fact.end.is_unanswered and fact.row.submitted_at]
        first = min((fact.row.submitted_at for fact in facts if fact.row.submitted_at), default=None)
        return self._person.first_no_answer_at is None and first is not None and (at.date() - first.date()).days >= 3


def _instant(value: object) -> str | None:
    """To the millisecond, as the ledger keeps it."""
    if value is None or value == "":
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.isoformat(timespec="milliseconds")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int) else float("inf")
