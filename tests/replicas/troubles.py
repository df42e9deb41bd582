"""What befalls replicas, PostgreSQL and 8x8 at random moments; the same seed plans the same moments."""

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Event

from databases import Postgres
from e2e.processes import wait_until
from replicas.city import City
from replicas.fleet import KILLED, Replica

_DUE = 0.05  # seconds between two looks at what is due
_AGAIN = 0.5  # seconds after which a trouble that found nobody well tries again
_PAGE = "/callflows"
_AT_8X8: Sequence[Mapping[str, object]] = (
    {"kind": "drop_after_commit"},
    {"kind": "reset"},
    {"kind": "slow", "delay_seconds": 1.0},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},  # once: it halves the pace for a while
)


@dataclass(frozen=True)
class Plan:
    """How long it goes on, how far apart troubles are (seconds, from and to), how long a replica stands still."""

    seconds: float
    between: tuple[float, float]
    frozen: tuple[float, float] = (1.0, 30.0)
    postgres: tuple[float, float] = (5.0, 20.0)


@dataclass
class Troubles:
    """`done`: how often each kind happened.

    `exits`: how processes ended that were asked to. `failed`: how those did that ended by themselves.
    """

    here: City
    postgres: Postgres
    plan: Plan
    chance: Random
    done: Counter[str] = field(default_factory=Counter)
    exits: list[int | None] = field(default_factory=list)
    failed: list[int | None] = field(default_factory=list)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: "itertools.count[int]" = field(default_factory=itertools.count)
    _ending: set[str] = field(default_factory=set)
    _over: Event = field(default_factory=Event)

    def go(self) -> None:
        """Let it all happen; returns when the last trouble is over."""
        self._lay_out()
        end = time.monotonic() + self.plan.seconds
        with ThreadPoolExecutor(1) as pool:
            going_on = pool.submit(self._ask_and_tell)
            try:
                while time.monotonic() < end or self._due:
                    while self._due and self._due[0][0] <= time.monotonic():
                        heapq.heappop(self._due)[2]()
                    self._supervise()
                    time.sleep(_DUE)
            finally:
                self._over.set()
            going_on.result()
        wait_until(self._nobody_is_ending, "those that were asked to end have ended")

    def _nobody_is_ending(self) -> bool:
        self._supervise()
        return not self._ending

    def _ask_and_tell(self) -> None:
        """Somebody asks for a run again and again, and 8x8 tells once more what nobody heard."""
        while not self._over.wait(1.0):
            answer = self.here.open_run()
            if answer is not None:
                assert answer.status_code in (202, 409, 502, 503), answer.text
                self.done["run opened"] += answer.status_code == 202
            self.done["told again"] += self.here.tell_again(strict=False)

    def _lay_out(self) -> None:
        """Each kind once in the first half, in any order, and any of them after that."""
        kinds = [self.kill, self.freeze, self.restart, self.drop_connections, *[self.disturb_8x8] * len(_AT_8X8)]
        once = self.chance.sample(kinds, len(kinds))
        moment = 0.0
        for index in itertools.count():
            moment += self.chance.uniform(*self.plan.between)
            if moment >= self.plan.seconds:
                break
            self._at(moment, once[index] if index < len(once) else self.chance.choice(kinds))
        moment = self.chance.uniform(*self.plan.postgres) / 2
        while moment < self.plan.seconds:
            self._at(moment, self.crash_postgres)
            moment += self.chance.uniform(*self.plan.postgres)

    def _at(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._number), what))

    def _someone(self) -> Replica | None:
        """Who runs undisturbed."""
        well = [one for one in self.here.fleet if one.alive and not one.frozen and one.name not in self._ending]
        return self.chance.choice(well) if well else None

    def _supervise(self) -> None:
        """As a container's restart policy: what ended is started again."""
        for replica in self.here.fleet:
            if replica.alive:
                continue
            if replica.process.exit_code != KILLED:
                (self.exits if replica.name in self._ending else self.failed).append(replica.process.exit_code)
                self._ending.discard(replica.name)
                replica.start()

    def kill(self) -> None:
        """kill -9, and a new process some time later."""
        if (replica := self._someone()) is None:
            self._at(_AGAIN, self.kill)
        else:
            replica.kill()
            self.done["kill"] += 1
            self._at(self.chance.uniform(0.1, 2.0), replica.start)

    def freeze(self) -> None:
        """SIGSTOP, and SIGCONT some time later."""
        if (replica := self._someone()) is None:
            self._at(_AGAIN, self.freeze)
        else:
            replica.freeze()
            self.done["freeze"] += 1
            self._at(self.chance.uniform(*self.plan.frozen), replica.thaw)  # nobody kills who stands still

    def restart(self) -> None:
        """SIGTERM; it starts again when it has ended."""
        replica = self._someone()
        if replica is None or not replica.healthy():  # it may not have got as far as to know the signal
            self._at(_AGAIN, self.restart)
            return
        self._ending.add(replica.name)
        replica.ask_to_end()
        self.done["restart"] += 1

    def crash_postgres(self) -> None:
        """All connections break at once; it recovers what was committed."""
        self.postgres.restart(immediate=True)
        self.done["PostgreSQL crashed"] += 1

    def drop_connections(self) -> None:
        """As a failing network or an administrator does."""
        with self.postgres.admin() as admin:
            found = admin.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
        dropped = found[0] if found else 0
        self.done["connections dropped"] += dropped
        if not dropped:
            self._at(_AGAIN, self.drop_connections)

    def disturb_8x8(self) -> None:
        """The next call meets the next of these faults."""
        number = self.done["8x8 disturbed"]
        fault = _AT_8X8[number] if number < len(_AT_8X8) else _AT_8X8[number % (len(_AT_8X8) - 1)]
        self.here.world.fault("voice", match={"path_contains": _PAGE}, **fault)
        self.done["8x8 disturbed"] += 1
