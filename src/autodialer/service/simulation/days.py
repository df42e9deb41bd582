"""The simulated days: run after run over the same people, decided by the rules as they stand, with telephones that are drawn."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from msgspec import structs

from autodialer.domain.disposition import Disposition
from autodialer.domain.numbering import NoNumber
from autodialer.domain.record import CrmStatus, Record
from autodialer.ports.rows import Staged, StagedState
from autodialer.rules.after_call import update_after, update_to_dead
from autodialer.rules.decide import decide
from autodialer.rules.duplicates import choose_one, contends
from autodialer.rules.facts import Facts
from autodialer.rules.local_time import start_of_day
from autodialer.rules.policy import Policy
from autodialer.rules.reading import read_instant
from autodialer.rules.verdict import Call, DeadReason, Skip, SkipReason, Verdict
from autodialer.service.costing import Pace
from autodialer.service.history import summarise
from autodialer.service.preparing import DAY_OVER
from autodialer.service.schedule import next_slot
from autodialer.service.simulation.answers import AnswerModel
from autodialer.service.simulation.calls import Line, call_row
from autodialer.service.simulation.people import Start
from autodialer.service.simulation.tally import Did, Entry, Tally
from autodialer.service.staging import staged

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)
_BREATH = 50  # people that are looked at between two breaths
_FOR_GOOD = frozenset(
    {
        SkipReason.STATUS,
        SkipReason.ANSWERED_WAITING,
        SkipReason.BAD_CALL_ATTEMPTS,
        SkipReason.BAD_FIRST_NO_ANSWER,
        SkipReason.NEW_ALREADY_CALLED,
        SkipReason.NO_VALID_PHONE,
        SkipReason.NUMBER_REFUSED,
        SkipReason.DO_NOT_CALL,
    }
)
"""What no passing of time changes, as long as nothing else happens to the person."""

_OF_THE_DAY = frozenset({SkipReason.DAY_QUOTA, SkipReason.CALLING_HOURS})
"""What another day may say otherwise before the next call can be: it may be a closed one, or the one of Dead."""


@dataclass(frozen=True, slots=True)
class World:
    """What does not depend on the policy. `person_acts_after`: how long after an answered call a person sets another status.

    `call_seconds` is in `pace`. `breathe` is called now and then, so that others may have the processor.
    """

    start: datetime
    days: int
    seed: int
    model: AnswerModel
    pace: Pace
    person_acts_after: timedelta | None = timedelta(hours=20)
    breathe: Callable[[], None] = lambda: None


class Person:
    """One of them, as the days have left them."""

    def __init__(self, start: Start, line: Line, policy: Policy, seed: int) -> None:
        self.start = start
        self.line = line
        self.record = Record(
            start.key,
            policy.label_of(start.kind),
            start.call_attempts,
            None if start.first_no_answer_at is None else start.first_no_answer_at.isoformat(),
            created_time=start.created_at.isoformat(),
            name=None,
        )
        self.is_out = False  # the run does not see the record any more
        self.verdict: Verdict | None = None
        self.facts: Facts | None = None
        self.row: Staged | None = None
        self.wakes_at = _ALWAYS
        self.our_statuses: set[CrmStatus] = set()
        self.known = [row for row in start.known if row.number != line.e164]
        self.chance = random.Random(f"{seed} {start.key}")  # noqa: S311 - a repeatable future, no secret

    @property
    def staged(self) -> Staged:
        """As the run that goes has it."""
        if self.row is None:
            raise ValueError(f"{self.start.key} was not decided")
        return self.row


class Days:
    """One simulation of one policy; to be used once."""

    def __init__(self, policy: Policy, people: Sequence[Start], world: World) -> None:
        self._policy = policy
        self._world = world
        self._lines: dict[str, Line] = {}
        self._people = [Person(start, self._line_of(start), policy, world.seed) for start in people]
        self._on: dict[Line, list[Person]] = defaultdict(list)
        for person in self._people:
            self._on[person.line].append(person)
        self._shared = [people for line, people in self._on.items() if line.e164 and len(people) > 1]
        self._coming = sorted(self._people, key=lambda one: (one.start.appears_at, one.start.key), reverse=True)
        self._there: list[Person] = []
        self._acts: dict[datetime, list[Person]] = defaultdict(list)
        self._unsettled: list[tuple[date, Person]] = []
        self._looked_at = 0
        self.tally = Tally(policy, world.pace)

    def live(self) -> Tally:
        """All of them."""
        until = self._world.start + timedelta(days=self._world.days)
        slot = next_slot(self._policy.run_hours, self._world.start - timedelta(milliseconds=1))
        goes_until = _ALWAYS
        while slot < until:
            if slot < goes_until:
                self.tally.skipped_slot(slot)
            else:
                goes_until = self._run(slot)
            slot = next_slot(self._policy.run_hours, slot)
        self.tally.close([person.start.key for person in self._people])
        return self.tally

    def _line_of(self, start: Start) -> Line:
        if isinstance(start.number, NoNumber):
            return Line(None)
        line = self._lines.setdefault(start.number.e164, Line(start.number.e164))
        line.remember(start.known, start.recorded)
        return line

    # One run

    def _run(self, slot: datetime) -> datetime:
        """Do what a run does; when it has placed its last call."""
        self._before(slot)
        pulled = [person for person in self._there if not person.is_out]
        for person in pulled:
            self._look(person, slot)
        held_back = self._settle_duplicates(slot)
        due = [person for person in pulled if isinstance(person.verdict, Call) and person not in held_back]
        dead = [person for person in pulled if person.staged.state is StagedState.DEAD]
        self.tally.begin(slot, len(pulled))
        for person in pulled:
            if person.staged.state is StagedState.SKIP and person not in held_back:
                self._note(person, slot, slot, Did.SKIP, person.staged)
        for person, winner in held_back.items():
            self.tally.note(person.start.key, _held_back(slot, winner.start))
        self._bury(dead, slot, len(pulled))
        last = self._dial(sorted(due, key=_order), slot)
        self.tally.end()
        return last

    def _before(self, slot: datetime) -> None:
        """What happened since the last run: people appeared, others were taken over by a person, unknown calls were closed."""
        while self._coming and self._coming[-1].start.appears_at <= slot:
            self._there.append(self._coming.pop())
        for at in sorted(moment for moment in self._acts if moment <= slot):
            for person in self._acts.pop(at):
                self._taken_over(person, at)
        today = self._policy.local_date(slot)
        for day, person in self._unsettled:
            if day < today:
                person.line.close_unknown(slot)
                self._wake(person.line)
        self._unsettled = [one for one in self._unsettled if one[0] >= today]

    def _taken_over(self, person: Person, at: datetime) -> None:
        """A person has set a status that is not called, and so lifted the hold (rules.md row 11)."""
        person.is_out = True
        person.line.lift_holds(person.start.key, at)
        self._wake(person.line)

    def _look(self, person: Person, now: datetime) -> Verdict:
        """Decide, unless the last verdict still stands: it names the instant until which it does."""
        if person.verdict is not None and now < person.wakes_at:
            return person.verdict
        self._breathe()
        return self._decide(person, now)

    def _decide(self, person: Person, now: datetime) -> Verdict:
        policy, record = self._policy, person.record
        rows = person.line.rows if not person.known else [*person.line.rows, *person.known]
        today = policy.local_date(now).isoformat()
        history = summarise(record, person.line.e164, rows, person.our_statuses, policy, today)
        facts = Facts(record, person.start.number, history)
        verdict = decide(facts, policy, now)
        person.facts, person.verdict, person.row = facts, verdict, staged(facts, verdict, policy)
        person.wakes_at = self._stands_until(verdict, now)
        return verdict

    def _settle_duplicates(self, slot: datetime) -> Mapping[Person, Person]:
        """Of those with one number who have a claim on it, all but the one that is chosen, and who that is (rules.md row 14)."""
        held_back: dict[Person, Person] = {}
        for people in self._shared:
            here = [
                one for one in people if not one.is_out and one.verdict is not None and one.start.appears_at <= slot
            ]
            claims = {
                one.start.key: (one, one.facts, one.verdict)
                for one in here
                if one.facts is not None and one.verdict is not None and contends(one.verdict)
            }
            if len(claims) > 1:
                chosen = choose_one([(facts, verdict) for _, facts, verdict in claims.values()], self._policy)
                held_back.update({one: claims[chosen][0] for key, (one, _, _) in claims.items() if key != chosen})
        return held_back

    def _bury(self, dead: Sequence[Person], slot: datetime, pulled: int) -> None:
        """As many as one run may make Dead, in its order (rules.md row 29); the others are looked at again by the next."""
        limit = self._policy.max_dead(pulled)
        for place, person in enumerate(sorted(dead, key=_order)):
            if place >= limit:
                self.tally.note(person.start.key, Entry(slot, slot, Did.SKIP, SkipReason.DEAD_LIMIT.value, ""))
                continue
            status = update_to_dead(person.start.key).status
            person.record = structs.replace(person.record, status=self._policy.label_of(status or CrmStatus.DEAD))
            person.is_out = True
            self._note(person, slot, slot, Did.MARK_DEAD, person.staged)

    # Calls

    def _dial(self, due: Sequence[Person], slot: datetime) -> datetime:
        """Place the calls at the pace, each decided once more as its turn comes; the instant of the last one.

        A run ends with its day: whose turn would come later is left to the next one.
        """
        placed, at, day_ends_at = 0, slot, self._next_day(slot)
        for person in due:
            turn = slot + timedelta(seconds=self._world.pace.seconds_until(placed))
            if turn >= day_ends_at:
                self.tally.note(person.start.key, Entry(slot, turn, Did.SKIP, SkipReason.RUN_STOPPED.value, DAY_OVER))
                continue
            self._breathe()
            verdict = self._decide(person, turn)
            if isinstance(verdict, Call):
                placed, at = placed + 1, turn
                self._call(person, verdict, slot, turn)
            else:
                self._note(person, slot, turn, Did.SKIP, person.staged)
        return at

    def _call(self, person: Person, call: Call, slot: datetime, at: datetime) -> None:
        # Drawn for every call, also for one whose end is recorded: so one more or less shifts no other.
        first, second = person.chance.random(), person.chance.random()
        end = person.line.recorded_end(at) or self._world.model.end(call.attempt_number, at.hour, first, second)
        ended_at = at + timedelta(seconds=self._world.pace.length.seconds)
        day = self._policy.local_date(at)
        row = call_row(person.record, person.line, call, end, at, ended_at, day.isoformat())
        earliest = person.line.earliest_unanswered()
        person.line.rows.append(row)
        became_dead = self._write_back(person, call, end, at, earliest)
        if end is Disposition.UNKNOWN:
            self._unsettled.append((day, person))
        elif end is Disposition.ANSWERED and self._world.person_acts_after is not None:
            self._acts[ended_at + self._world.person_acts_after].append(person)
        self._wake(person.line)
        self._note(person, slot, at, Did.CALL, person.staged, end)
        self.tally.call(call.attempt_number, at, end)
        if became_dead:
            after = DeadReason.ATTEMPTS_EXHAUSTED.value
            self.tally.note(person.start.key, Entry(slot, at, Did.MARK_DEAD, after, "after its last call"))

    def _write_back(
        self, person: Person, call: Call, end: Disposition, at: datetime, earliest: datetime | None
    ) -> bool:
        """What Zoho holds after the call; it is taken at once. Whether the record became Dead by it."""
        first = read_instant(person.record.first_no_answer_at, self._policy.zone)
        update = update_after(
            person.start.key,
            CrmStatus.NEW if call.is_new else CrmStatus.NO_ANSWER,
            end,
            call.attempt_number - 1,
            first if isinstance(first, datetime) else None,
            at,
            self._policy,
            first_unanswered_at=earliest,
        )
        if update is None:
            return False
        record = structs.replace(person.record, call_attempts=update.call_attempts)
        if update.first_no_answer_at is not None:
            record = structs.replace(record, first_no_answer_at=update.first_no_answer_at.isoformat())
        if update.status is not None:
            person.our_statuses.add(update.status)
            record = structs.replace(record, status=self._policy.label_of(update.status))
            person.is_out = update.status is CrmStatus.DEAD
        person.record = record
        return person.is_out

    # Books

    def _stands_until(self, verdict: Verdict, now: datetime) -> datetime:
        if not isinstance(verdict, Skip):
            return _ALWAYS
        if verdict.reason in _FOR_GOOD:
            return _NEVER
        if verdict.reason in _OF_THE_DAY:
            return min(verdict.until or _NEVER, self._next_day(now))
        return verdict.until or _ALWAYS

    def _next_day(self, now: datetime) -> datetime:
        return start_of_day(self._policy.local_date(now) + timedelta(days=1), self._policy.zone)

    def _wake(self, line: Line) -> None:
        """Something happened to this number: everybody who has it is decided anew."""
        for person in self._on[line]:
            person.wakes_at = _ALWAYS

    def _note(
        self, person: Person, slot: datetime, at: datetime, did: Did, row: Staged, end: Disposition | None = None
    ) -> None:
        self.tally.note(person.start.key, Entry(slot, at, did, row.reason, row.detail, end))

    def _breathe(self) -> None:
        self._looked_at += 1
        if self._looked_at % _BREATH == 0:
            self._world.breathe()


def _order(person: Person) -> str:
    return person.staged.sort_key


def _held_back(slot: datetime, winner: Start) -> Entry:
    return Entry(slot, slot, Did.SKIP, SkipReason.SAME_PHONE_AS.value, f"the same number as {winner.key}")
