"""Answers `simulate` and `diff`: gathers people and assumptions once, lets each policy live through the same days."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from autodialer.ports.ledger import Ledger, Store
from autodialer.rules.local_time import start_of_day
from autodialer.rules.policy import Policy
from autodialer.service.costing import CallLength, Pace, call_length
from autodialer.service.simulation.answers import AnswerModel, flat, from_history
from autodialer.service.simulation.days import Days, World
from autodialer.service.simulation.people import USUAL, Mix, Start, made_up, whom_the_ledger_called
from autodialer.service.simulation.tally import Tally

MOST_DAYS: Final = 366
_HISTORY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be simulated. `people`: how many are made up, or at most taken from the ledger (`from_ledger`).

    `days` begin with the date `start` in the policy zone; None: today, or with `from_ledger` so many days ago. `answer_rate`: the
    chance of an answer of every call, None: by recorded calls, else assumed. `person_acts_after`: hours after an answered call at
    which a person sets another status, None: never.
    """

    people: int = 1000
    days: int = 14
    seed: int = 1
    from_ledger: bool = False
    start: date | None = None
    answer_rate: float | None = None
    person_acts_after: float | None = 20.0
    mix: Mix = field(default_factory=lambda: USUAL)


@dataclass(frozen=True, slots=True)
class Setting:
    """The people and the world in which policies are tried."""

    question: Question
    people: Sequence[Start]
    world: World

    def live(self, policy: Policy, breathe: Callable[[], None] | None = None) -> Tally:
        """Let this policy live through the days. Takes seconds of the processor; the same each time."""
        world = self.world if breathe is None else replace(self.world, breathe=breathe)
        return Days(policy, self.people, world).live()

    def assumptions(self) -> dict[str, object]:
        """What was assumed, and of how many recorded calls it is, for people and the API."""
        question, pace = self.question, self.world.pace
        return {
            "people": len(self.people),
            "people_from": "ledger" if question.from_ledger else "seed",
            "mix": None if question.from_ledger else asdict(question.mix),
            "starts_at": self.world.start,
            "days": self.world.days,
            "seed": self.world.seed,
            "calls_per_second": pace.calls_per_second,
            "lines": pace.lines,
            "call_seconds": round(pace.length.seconds, 1),
            "call_seconds_sample": pace.length.calls,
            "person_acts_after_hours": question.person_acts_after,
            "answers": self.world.model.fields(),
        }


class SimulationDesk:
    """`store` None: nothing is known of earlier calls. Only reads; `policy` says when a day begins and where numbers are from.

    `defaults`: fields of a policy that settings give, where its text says nothing of them.
    """

    def __init__(
        self,
        store: Store | None,
        policy: Policy,
        calls_per_second: float,
        lines: int,
        result_timeout: float,
        defaults: Mapping[str, object] | None = None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._calls_per_second = calls_per_second
        self._lines = lines
        self._result_timeout = result_timeout
        self._defaults = defaults or {}
        self.taken = False  # by whoever simulates now: one at a time has the processor

    def policy_of(self, text: str | None) -> Policy:
        """The policy of a text as a policy file has it; None: the one in force. SettingsError names every problem."""
        return self._policy if text is None else Policy.parse(text, **self._defaults)

    async def prepare(self, question: Question, now: datetime) -> Setting:
        """Everything that does not depend on the policy that is tried. StoreError when the ledger can't be read."""
        start = self._start(question, now)
        end = start + timedelta(days=question.days)
        first_day, last_day = (self._policy.local_date(at).isoformat() for at in (now - _HISTORY, now))

        def gather(ledger: Ledger) -> tuple[AnswerModel, CallLength, list[Start]]:
            model = from_history(ledger.stats.figures(first_day, last_day))
            people = (
                whom_the_ledger_called(ledger, self._policy, start, end, question.people)
                if question.from_ledger
                else []
            )
            return model, call_length(ledger, now, self._result_timeout), people

        known = (AnswerModel(), CallLength(), list[Start]())
        model, length, people = known if self._store is None else await self._store.read(gather)
        if question.answer_rate is not None:
            model = flat(question.answer_rate)
        if not question.from_ledger:
            country = self._policy.default_country
            drawn = (question.seed, question.people, start, question.days, country, question.mix)
            people = await asyncio.to_thread(made_up, *drawn)
        acts = question.person_acts_after
        world = World(
            start=start,
            days=question.days,
            seed=question.seed,
            model=model,
            pace=Pace(self._calls_per_second, self._lines, length),
            person_acts_after=None if acts is None else timedelta(hours=acts),
        )
        return Setting(question, people, world)

    def _start(self, question: Question, now: datetime) -> datetime:
        first = question.start or self._policy.local_date(now)
        if question.start is None and question.from_ledger:
            first -= timedelta(days=question.days)
        return start_of_day(first, self._policy.zone)
