"""8x8 as a judge: it knows whom it rang, whatever our tables say, and what it told us of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import TelephonyError
from autodialer.domain.placing import (
    Ambiguous,
    CallRequest,
    NotSent,
    Placed,
    PlaceOutcome,
    Refused,
    Scope,
    Throttled,
)
from autodialer.domain.record import RecordKey
from autodialer.domain.result import LoggedCall
from proof.faults import Dice
from proof.processes import outside
from proof.times import SimClock
from service.fakes import FakeTelephony, summary

UNANSWERED = (Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED)
_RINGS_FOR = timedelta(seconds=20)
_IN_LOG_AFTER = timedelta(seconds=60)
_OUT_OF_REACH = NotSent("connection refused")
_FATES: tuple[tuple[str, bool, PlaceOutcome], ...] = (  # fault, whether it rang, what we hear
    ("8x8: time-out after accepting", True, Ambiguous("timeout")),
    ("8x8: reset after accepting", True, Ambiguous("reset")),
    ("8x8: 5xx, and it rang", True, Ambiguous("503")),
    ("8x8: 5xx, and it did not ring", False, Ambiguous("500")),
    ("8x8: refused", False, Refused("-1001", "no")),
    ("8x8: number refused", False, Refused("-1017", "not a number", Scope.NUMBER)),
    ("8x8: account refused", False, Refused("401", "who are you", Scope.ACCOUNT)),
    ("8x8: 429", False, Throttled(1.5)),
    ("8x8: out of reach for seconds", False, _OUT_OF_REACH),
)


@dataclass
class Call:
    """One request that reached 8x8. `end`: how the call ended there. `heard`: the results that we took, in order, and when.
    `told`: somebody tried to tell us one, and it may have been kept. `logged`: when 8x8's log showed it.

    Monotonic seconds say when, as clocks may be set back; `at` is what our clock showed.
    """

    at: datetime
    moment: float
    attempt_id: str
    key: RecordKey
    number: str
    session: str
    rang: bool
    outcome: PlaceOutcome
    end: Disposition = Disposition.NO_ANSWER
    told: bool = False
    heard: list[tuple[float, Disposition]] = field(default_factory=list)
    logged: list[tuple[float, datetime]] = field(default_factory=list)


@dataclass
class Exchange(FakeTelephony):
    """Rings, tells the results, counts. `violations` are what may never happen.

    `suppressed` and `paused_since`: monotonic seconds at which that was committed; `tolerance`: how long a call may then still be
    on its way, in seconds. `late` results are told when `send_late` is called. `keeps_log`: unknown calls can be looked up.
    """

    clock: SimClock
    dice: Dice = field(default_factory=lambda: Dice(0))
    echoes: bool = True
    keeps_log: bool = False
    mood: Callable[[str], float] = lambda _: 0.2
    take: Callable[[Mapping[str, object]], Awaitable[bool]] | None = None
    note: Callable[..., None] = lambda *_: None
    calls: list[Call] = field(default_factory=list)
    late: list[tuple[Call, Disposition]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    suppressed: dict[str, float] = field(default_factory=dict)
    paused_since: float | None = None
    tolerance: float = 1.0
    sent: Counter[str] = field(default_factory=Counter)
    rung_on: Counter[tuple[str, str]] = field(default_factory=Counter)
    rung: Counter[str] = field(default_factory=Counter)
    last_on: dict[str, Call] = field(default_factory=dict)
    day_of: Callable[[datetime], str] = lambda at: at.date().isoformat()
    quota: Callable[[str, datetime], int] = lambda *_: 3
    down_until: float = 0.0

    async def place(self, request: CallRequest) -> PlaceOutcome:
        chance = self.dice.of("8x8 answers")
        call = self._accept(request)
        slow = 3.0 if isinstance(call.outcome, Ambiguous) else 20.0 if self.dice.fault("8x8: slow") else 1.0
        await self.clock.sleep(slow * (0.05 + chance.random() ** 3))
        return call.outcome

    def _accept(self, request: CallRequest) -> Call:
        """What becomes of it is settled the moment it arrives; the caller may die before it hears."""
        session = f"session-{len(self.calls) + 1}"
        rang, outcome = self._fate(session)
        now, moment = self.clock.now(), self.clock.monotonic()
        call = Call(now, moment, request.attempt_id, request.key, request.number, session, rang, outcome)
        self.calls.append(call)
        self.note("call", request.attempt_id, request.number, rang, type(outcome).__name__)
        self.judge(call)
        if rang:
            call.end = self._end(request.number)
            self._tell(call)
        return call

    def _fate(self, session: str) -> tuple[bool, PlaceOutcome]:
        """Whether it rings, and what we hear."""
        if self.clock.monotonic() < self.down_until:
            return False, _OUT_OF_REACH
        for name, rang, outcome in _FATES:
            if self.dice.fault(name):
                if outcome is _OUT_OF_REACH:
                    self.down_until = self.clock.monotonic() + 5
                return rang, outcome
        return True, Placed(session)

    def judge(self, call: Call) -> None:
        """The counts that nobody else keeps."""
        self.sent[call.attempt_id] += 1
        if self.sent[call.attempt_id] > 1:
            self.violations.append(f"{call.attempt_id} was sent twice")
        day = self.day_of(call.at)
        last = self.last_on.get(call.number)
        if last is not None and not last.told and self.day_of(last.at) >= day:
            self.violations.append(f"{call.number} was called again before anything was told of its last call")
        if call.rang or isinstance(call.outcome, Ambiguous):
            self.last_on[call.number] = call
        if not call.rang:
            return
        self.rung[call.number] += 1
        self.rung_on[call.number, day] += 1
        if self.rung[call.number] > 7:
            self.violations.append(f"{call.number} rang {self.rung[call.number]} times")
        if self.rung_on[call.number, day] > self.quota(call.number, call.at):
            self.violations.append(f"{call.number} rang {self.rung_on[call.number, day]} times on {day}")
        latest = self.clock.monotonic() - self.tolerance
        if latest > self.suppressed.get(call.number, latest):
            self.violations.append(f"{call.number} rang after it was put on the do-not-call list")
        if self.paused_since is not None and latest > self.paused_since:
            self.violations.append(f"{call.number} rang while calling was paused")

    def forget(self, call: Call) -> None:
        """A person said that this one never rang: for the counts, it did not."""
        self.rung[call.number] -= 1
        self.rung_on[call.number, self.day_of(call.at)] -= 1

    def _end(self, number: str) -> Disposition:
        chance = self.dice.of("people")
        return Disposition.ANSWERED if chance.random() < self.mood(number) else chance.choice(UNANSWERED)

    def _tell(self, call: Call) -> None:
        """Which callbacks are sent, and when."""
        fault, chance = self.dice.fault, self.dice.of("webhook times")
        after = 1.5 + 14 * chance.random()
        if fault("webhook: lost"):
            return
        if fault("webhook: hours late"):
            self.late.append((call, call.end))
            return
        if fault("webhook: before 8x8's own answer"):
            after = 0.01
        self.send(call, call.end, after)
        if fault("webhook: delivered twice"):
            self.send(call, call.end, after + 4 * chance.random())
        if fault("webhook: contradicted"):
            other = Disposition.ANSWERED if call.end in UNANSWERED else Disposition.BUSY
            self.send(call, other, after + 2 + 4 * chance.random())

    def send(self, call: Call, end: Disposition, after: float) -> None:
        """Deliver so many seconds from now; tried again until it is taken, as 8x8 does."""
        task = outside(self._deliver(call, end, after))
        self.tasks.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[object]) -> None:
        self.tasks.discard(task)
        if task.cancelled() or task.exception() is not None:
            self.violations.append("a callback was answered by neither yes nor no")

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:
        await self.clock.sleep(1.0)
        if self.dice.fault("8x8's log: fails"):
            raise TelephonyError("the export failed", permanent=False)
        last = min(until, self.clock.now() - _IN_LOG_AFTER)
        over = [call for call in self.calls if call.rang and since <= call.at <= last] if self.keeps_log else []
        return [self._log(call) for call in over if not self.dice.fault("8x8's log: a call is missing")]

    def _log(self, call: Call) -> LoggedCall:
        call.told = True
        call.logged.append((self.clock.monotonic(), self.clock.now()))
        status = call.end.value.upper()
        return LoggedCall(call.session, call.number, call.at, call.at + _RINGS_FOR, call.end, status, status)

    def send_late(self) -> None:
        """What was held back for hours comes now."""
        for n, (call, end) in enumerate(self.late):
            self.send(call, end, 0.1 * n)
        self.late.clear()

    async def _deliver(self, call: Call, end: Disposition, after: float) -> None:
        await self.clock.sleep(after)
        echo = {"attemptId": call.attempt_id} if self.echoes else {}
        body = summary(call.session, end, **echo)
        assert self.take is not None
        call.told = True
        while not await self.take(body):
            await self.clock.sleep(1.0)
        call.heard.append((self.clock.monotonic(), end))
        self.note("heard", call.session, end)
