"""A crowd, simulated Zoho and 8x8, one PostgreSQL, and replicas behind a balancer: what the tests here play in."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx2
from sqlalchemy import Connection, text

from autodialer.domain.errors import StoreError
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Outcome, Person
from autodialer.simulators.servers import Simulated
from autodialer.store.engine import Database
from crash.judging import QUIET, was_heard
from crash.town import NOON, listening, person
from e2e.processes import World, ask, wait_until
from replicas.balancer import Balancer, balancing
from replicas.fleet import Fleet, fleet
from replicas.stalls import Stalls, watching_stalls

T = TypeVar("T")
_PATIENCE = 60.0
_ROUNDS = 12  # runs after which everybody who can be called must have been
_HABITS: Mapping[tuple[Outcome, ...], int] = {
    ("answered",): 55,
    ("no_answer", "answered"): 20,
    ("no_answer",): 5,
    ("busy", "answered"): 10,
    ("failed", "no_answer"): 10,
}


def prompt_crowd(number: int) -> list[Person]:
    """So many New people who all pick up at once, and must never be called again."""
    return [person(index, "New", ("answered",)) for index in range(number)]


def crowd(number: int, seed: int) -> list[Person]:
    """So many New people; most pick up at once, some later, some never."""
    chance = Random(seed)
    habits = chance.choices(list(_HABITS), list(_HABITS.values()), k=number)
    return [person(index, "New", outcomes) for index, outcomes in enumerate(habits)]


@dataclass(frozen=True)
class Limits:
    """What all replicas together must keep to, and how long a call takes (`speed` of its 25 to 45 seconds pass in one)."""

    per_second: int = 5
    lines: int = 6
    result_timeout: int = 8
    speed: float = 60


@dataclass
class City:
    """`began`: when it was NOON, on this machine's clock: all replicas' clocks agree."""

    world: World
    simulated: Simulated
    everybody: Sequence[Person]
    limits: Limits
    ledger: Database
    fleet: Fleet
    balancer: Balancer
    stalls: Stalls
    began: float = field(default_factory=time.time)

    def now(self) -> datetime:
        """By the replicas' clocks."""
        return NOON + timedelta(seconds=time.time() - self.began)

    def rings(self) -> int:
        """How many calls 8x8 took until now."""
        return self.simulated.calls

    def ring_times(self) -> list[float]:
        """When 8x8 took each call, on the clock of time.monotonic()."""
        rings = self.world.rings()["rings"].values()
        return sorted(call["monotonic"] for calls in rings for call in calls)

    def read(self, work: Callable[[Connection], T]) -> T:
        """From the ledger, past all replicas. StoreError while PostgreSQL is away."""
        return asyncio.run(self.ledger.read(work))

    def sql(self, query: str) -> list[Any]:
        return self.read(lambda db: [dict(row) for row in db.execute(text(query)).mappings()])

    def attempts(self) -> list[Any]:
        return self.sql("SELECT * FROM attempts ORDER BY reserved_at")

    def owner(self) -> str | None:
        """Who conducts the run that is open."""
        rows = self.sql("SELECT owner FROM runs WHERE state IN ('staging', 'dialing')")
        return rows[0]["owner"] if rows else None

    def open_run(self) -> httpx2.Response | None:
        """POST /api/cron to whichever replica has its turn; None when nobody answers."""
        try:
            return ask("POST", f"{self.balancer.url}/api/cron?wait=false", timeout=10)
        except httpx2.TransportError:
            return None

    def start_run(self) -> None:
        answer = self.open_run()
        assert answer is not None
        assert answer.status_code == 202, answer.text

    def quiet(self) -> bool:
        """No phone rings, no run is open, nothing waits."""
        if self.simulated.voice.switch.judge.live:
            return False
        try:
            return bool(self.read(lambda db: db.execute(text(QUIET)).scalar()))
        except StoreError:
            return False

    def settle(self) -> None:
        calls = 4 * len(self.everybody) / self.limits.per_second  # far longer than one run, whatever goes wrong in it
        wait_until(self.quiet, "all is quiet", _PATIENCE + calls)

    def unheard(self) -> list[str]:
        """Calls of whose end no replica said that it had heard."""
        return [call["sessionId"] for call in self.world.sessions() if call["endedAt"] and not was_heard(call)]

    def tell_again(self, *, strict: bool = True) -> int:
        """Late results: what 8x8 could not deliver comes after all. How many came; all must, if `strict`."""
        unheard = self.unheard()
        told = [ask("POST", f"{self.world.voice}/_sim/vss", json={"sessionId": each}).json() for each in unheard]
        heard = [sent for sent in told if sent["delivery"] == "200"]
        assert len(heard) == len(told) or not strict, told
        return len(heard)

    def left_over(self) -> set[str | None]:
        """Numbers of people who were never called, and of whom the ledger does not say that they may have been."""
        tried = {row["number"] for row in self.attempts() if row["submitted_at"] is not None}
        return {who.number for who in self.everybody} - tried

    def finish(self) -> None:
        """All replicas up and unharmed: what is open comes to its end, late results come in, runs follow until all were called."""
        for replica in self.fleet:
            if replica.frozen:
                replica.thaw()
        self.fleet.start()
        for _ in range(_ROUNDS):
            self.tell_again()
            self.settle()
            self.start_run()
            self.settle()
            if not self.left_over():
                break
        self.tell_again()
        self.settle()
        assert self.fleet.end() == [0] * len(self.fleet), self.fleet.output()


@contextmanager
def city(
    folder: Path, ledger_url: str, replicas: int, everybody: Sequence[Person], limits: Limits = Limits(), **more: str
) -> Iterator[City]:
    """Everybody at home, no replica started yet. `more`: settings of all replicas."""
    with ExitStack() as opened:
        voice = VoiceSettings(speed=limits.speed, talk_seconds=20)
        simulated = opened.enter_context(listening(everybody, voice, 0.01))
        world = World(folder, simulated.zoho_url, simulated.voice_url, simulated.environment())
        places: list[City] = []

        def environment() -> Mapping[str, str]:
            here = places[0]
            return {
                **world.environment,
                "DATABASE_URL": ledger_url,
                "EIGHTX8_CALLBACK_URL": f"{here.balancer.url}/api/callback",
                "CLOCK": here.now().isoformat(),
                "CALLS_PER_SECOND": str(limits.per_second),
                "MAX_CONCURRENT_CALLS": str(limits.lines),
                "RESULT_TIMEOUT": str(limits.result_timeout),
                **more,
            }

        processes = opened.enter_context(fleet(folder, replicas, environment))
        balancer = opened.enter_context(balancing([replica.port for replica in processes]))
        ledger = Database(ledger_url, writable=False)
        opened.callback(ledger.close)
        stalls = opened.enter_context(watching_stalls())
        here = City(world, simulated, everybody, limits, ledger, processes, balancer, stalls)
        places.append(here)
        yield here


def ready(here: City) -> None:
    """All replicas serve, and 8x8 knows where to."""
    here.fleet.start()
    wait_until(here.simulated.can_tell, "the webhook is registered")


OpenCity = Callable[..., AbstractContextManager[City]]
"""As `city`, with a folder and an empty ledger."""
