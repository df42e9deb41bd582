"""One look at the present moment: what is going on, what waits, how the outside fares. The same for all who look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from autodialer.domain.attempt import AttemptState
from autodialer.ports.access import AuditRow
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, Run
from autodialer.service.answer_rates import AnswerRates, answer_rates
from autodialer.service.control import last_pause
from autodialer.service.credits import Credits, CreditState
from autodialer.service.holding import hold_problem
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.progress import Progress, progress_of
from autodialer.service.schedule import next_slot
from autodialer.service.sharing import Shared
from autodialer.service.upstreams import UpstreamState

FRESH_FOR: Final = 1.0  # seconds
RATE_DAYS: Final = 30
_SHOWN_CALLS: Final = 12
_MOST_CALLS: Final = 120
_RUNS: Final = 5
NO_RUN: Final = "no run is going"
NO_AGENT: Final = "a run is going and waits: no agent is free"


class Standing(StrEnum):
    """Whether calls are sent. The first that applies."""

    DRY_RUN = "dry_run"  # DRY_RUN is set
    UNREADY = "unready"  # a setting without which no call can be placed is missing
    HELD = "held"  # this ledger may not know of calls that were made
    PAUSED = "paused"  # somebody said so
    RUNNING = "running"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Figures:
    """What takes longer to count. `run_ends`: of the run `run_id`."""

    today: Mapping[str, object]
    work_lists: Mapping[str, int]
    rates: AnswerRates
    credits: CreditState
    run_id: str | None
    run_ends: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Glance:
    """Times in UTC. `pause`: who paused and when, while it is so. `run`: the one that is going, else the latest.

    `runs`: the latest, and skipped slots. `calls`: of those sent last the ones that ended, latest end first. `outbox_oldest`: when
    the update was queued that waits longest. `inbox_waiting`: callbacks that are stored and not applied yet. `replicas`: processes
    that share the ledger.
    """

    at: datetime
    standing: Standing
    reason: str
    pause: AuditRow | None
    run: Progress | None
    runs: Sequence[Run]
    next_run: datetime
    lines_in_use: int
    lines: int
    calls: Sequence[AttemptRow]
    outbox_oldest: datetime | None
    inbox_waiting: int
    replicas: int
    figures: Figures
    upstreams: Mapping[str, UpstreamState] = field(default_factory=dict)

    @property
    def is_late(self) -> bool:
        """Whether a run that is due can't start yet; `reason` says why."""
        return self.standing is Standing.IDLE and self.reason != NO_RUN

    @property
    def lacks_agent(self) -> bool:
        """Whether the run that is going waits until an agent is free for a call; `reason` says so."""
        return self.reason == NO_AGENT

    @property
    def is_sending(self) -> bool:
        """Whether calls are sent, or would be if any were due."""
        return self.standing in (Standing.RUNNING, Standing.IDLE)


@dataclass(frozen=True, slots=True)
class _Moment:
    """What the ledger says at once."""

    held: str | None
    pause: AuditRow | None
    run: Progress | None
    runs: Sequence[Run]
    free: int
    calls: Sequence[AttemptRow]
    outbox_oldest: datetime | None
    inbox_waiting: int
    replicas: int


class Glancer:
    """Looks once a second at most, however many ask; what takes longer to count, less often."""

    def __init__(
        self, means: Means, lines: Lines, count: Credits, late: Callable[[datetime], str | None] = lambda _: None
    ) -> None:
        """`late`: why a run that is due at an instant has not started."""
        self._m = means
        self._late = late
        self._lines = lines
        self._credits = count
        self._glances = Shared(self._look, means.clock, FRESH_FOR, longest=2 * FRESH_FOR)
        self._figures = Shared(self._count, means.clock, FRESH_FOR)

    async def look(self) -> Glance:
        """As it was a second ago at most, two where the ledger is slow. StoreError when it can't be read."""
        return await self._glances.get()

    def forget(self) -> None:
        """Look anew for the next who asks: somebody changed something and wants to see it."""
        self._glances.forget()
        self._figures.forget()

    async def _look(self) -> Glance:
        m = self._m
        now = m.clock.now()
        figures = await self._figures.get()
        moment = await m.store.read(lambda ledger: self._read(ledger, now))
        standing, reason = self._standing(moment)
        run = moment.run
        if run is not None and figures.run_id == run.run.run_id:
            run = run.with_ends(figures.run_ends)
        return Glance(
            at=now,
            standing=standing,
            reason=reason,
            pause=moment.pause,
            run=run,
            runs=moment.runs,
            next_run=next_slot(m.policy.run_hours, now),
            lines_in_use=m.max_concurrent_calls - moment.free,
            lines=m.max_concurrent_calls,
            calls=moment.calls,
            outbox_oldest=moment.outbox_oldest,
            inbox_waiting=moment.inbox_waiting,
            replicas=moment.replicas,
            figures=figures,
            upstreams={name: upstream.state for name, upstream in m.upstreams.items()},
        )

    def _standing(self, moment: _Moment) -> tuple[Standing, str]:
        if self._m.dry_run:
            return Standing.DRY_RUN, "DRY_RUN is set: nobody is called"
        if missing := self._m.telephony.missing_settings():
            return Standing.UNREADY, "no calls can be placed: " + "; ".join(missing)
        if moment.held is not None:
            return Standing.HELD, moment.held
        if moment.pause is not None:
            return Standing.PAUSED, "paused: no call is sent until somebody resumes"
        if moment.run is not None and moment.run.run.is_open:
            return Standing.RUNNING, NO_AGENT if self._lines.lacks_agent else "a run is going"
        return Standing.IDLE, self._late(self._m.clock.now()) or NO_RUN

    def _read(self, ledger: Ledger, now: datetime) -> _Moment:
        runs = ledger.runs.recent(_RUNS)
        run = _of_interest(ledger)
        return _Moment(
            held=hold_problem(ledger, self._m.policy, now),
            pause=last_pause(ledger),
            run=None if run is None else progress_of(ledger, run, now),
            runs=runs,
            free=self._lines.count_free(ledger),
            calls=self._ended(ledger, now),
            outbox_oldest=ledger.outbox.oldest_pending(),
            inbox_waiting=ledger.inbox.count("new"),
            replicas=len(ledger.replicas.all()),
        )

    def _ended(self, ledger: Ledger, now: datetime) -> Sequence[AttemptRow]:
        """Calls in progress were sent among the latest, too: so many more are looked at."""
        latest = min(_MOST_CALLS, self._m.max_concurrent_calls + _SHOWN_CALLS)
        sent = ledger.attempts.sent_since(now - timedelta(days=1), None, latest)
        ended = [(row.ended_at, row) for row in sent if row.state is AttemptState.ENDED and row.ended_at is not None]
        return [row for _, row in sorted(ended, key=lambda pair: pair[0], reverse=True)[:_SHOWN_CALLS]]

    async def _count(self) -> Figures:
        policy, now = self._m.policy, self._m.clock.now()
        today = policy.local_date(now)
        first = today - timedelta(days=RATE_DAYS - 1)

        def count(ledger: Ledger) -> Figures:
            run = _of_interest(ledger)
            figures = ledger.stats.figures(first.isoformat(), today.isoformat())
            return Figures(
                today=ledger.stats.today(today.isoformat()),
                work_lists=work_list_counts(ledger),
                rates=answer_rates(figures, first, today, policy.zone),
                credits=state,
                run_id=None if run is None else run.run_id,
                run_ends={} if run is None else ledger.stats.of_run(run.run_id),
            )

        state = await self._credits.state()
        return await self._m.store.read(count)


def work_list_counts(ledger: Ledger) -> dict[str, int]:
    """How many wait for a person, by list; `pending_updates` wait for Zoho only."""
    return {**ledger.stats.work_lists(), "data_to_repair": ledger.work_lists.to_repair()}


def _of_interest(ledger: Ledger) -> Run | None:
    """The run that is going, else the one before."""
    return ledger.runs.current() or ledger.runs.latest_begun()
