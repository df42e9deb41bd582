"""A dozen people, simulated Zoho and 8x8, a ledger, and `serve` processes that die and start again; then the judge speaks."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import Connection, text

from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Behaviour, Outcome, Person, mobile, zoho_id
from autodialer.simulators.servers import Simulated, simulators
from autodialer.store.engine import Database
from autodialer.store.verify import find_breaches
from crash.forge import Served, plain_environment, served
from crash.judging import check_intents, check_people, was_heard
from crash.serve_failing import Orders, Point
from e2e.processes import World, ask, wait_until
from sockets import free_port

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday, between two slots
DAY = timedelta(days=1)
_BETWEEN_STARTS = timedelta(minutes=10)  # longer than any lease: nobody waits for the dead
NewLedger = Callable[[Path], Mapping[str, str]]  # settings that name an empty ledger, given a folder for it


def people() -> list[Person]:
    """Everyone differs in what is known of them, and in what they do when their phone rings."""
    new: Sequence[tuple[Outcome, ...]] = (
        ("no_answer",),
        ("answered",),
        ("busy", "answered"),
        ("failed", "no_answer"),
        ("refused",),
        ("no_answer",),
    )
    chased: Sequence[tuple[int, int, tuple[Outcome, ...]]] = (  # (day, attempts, outcomes)
        (0, 1, ("no_answer",)),
        (0, 2, ("busy",)),
        (1, 4, ("answered",)),
        (2, 6, ("no_answer",)),
        (2, 7, ("no_answer",)),
        (3, 7, ("no_answer",)),
    )
    return [
        *(person(index, "New", outcomes) for index, outcomes in enumerate(new)),
        *(
            person(10 + index, "No Answer", outcomes, attempts, NOON - day * DAY - timedelta(minutes=40))
            for index, (day, attempts, outcomes) in enumerate(chased)
        ),
    ]


def person(
    index: int, status: str, outcomes: tuple[Outcome, ...], attempts: int | None = None, first: datetime | None = None
) -> Person:
    """One of them: every other one a Contact, each with a number of their own."""
    module: Any = "Contacts" if index % 2 else "Leads"
    return Person(
        module=module,
        zoho_id=zoho_id(module, index),
        first_name="Ileana",
        last_name="Cireșoaia",
        status=status,
        created_time=NOON - timedelta(days=9, minutes=index),
        call_attempts=attempts,
        first_no_answer_at=first,
        phone=mobile(index),
        number=mobile(index),
        behaviour=Behaviour(outcomes),
    )


@contextmanager
def listening(everybody: Sequence[Person], voice: VoiceSettings, voice_latency: float = 0.0) -> Iterator[Simulated]:
    """The simulators, in a thread of this process."""
    found: list[Simulated] = []
    ready, leave = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        async with simulators(everybody, settings=voice, voice_latency=voice_latency) as simulated:
            found.append(simulated)
            loops.append(asyncio.get_running_loop())
            ready.set()
            await leave.wait()

    thread = threading.Thread(target=lambda: asyncio.run(live()), name="simulators")
    thread.start()
    try:
        assert ready.wait(30), "the simulators do not start"
        yield found[0]
    finally:
        if loops:
            loops[0].call_soon_threadsafe(leave.set)
        thread.join(30)


@dataclass
class Town:
    """One ledger, one CRM, one 8x8; `starts` counts the processes."""

    world: World
    everybody: Sequence[Person]
    ledger: Mapping[str, str]
    port: int = field(default_factory=free_port)
    starts: int = 0
    runs: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ledger_url(self) -> str:
        return self.ledger.get("DATABASE_URL") or f"sqlite:///{self.ledger['DB_PATH']}"

    def orders(self, die_at: Point | None = None, **more: Any) -> Orders:
        """How the next process is to serve: some minutes later than the last one."""
        self.starts += 1
        settings = {
            **self.world.environment,
            **self.ledger,
            "PORT": str(self.port),
            "EIGHTX8_CALLBACK_URL": f"{self.url}/api/callback",
            "CLOCK": (NOON + self.starts * _BETWEEN_STARTS).isoformat(),
            "CALLS_PER_SECOND": "100",
            "MAX_CONCURRENT_CALLS": "40",
            "RESULT_TIMEOUT": "20",
            "REPLICA_LEASE": "1.5",
        }
        environment = plain_environment(settings | more.pop("environment", {}))
        return Orders(self.world.folder, environment, die_at, **more)

    def ask(self, method: str, path: str) -> httpx2.Response | None:
        """None when nobody answers."""
        try:
            return ask(method, f"{self.url}{path}", timeout=60)
        except httpx2.TransportError:
            return None

    def ready(self, process: Served) -> bool:
        """Wait until it takes part, or is dead."""

        def listens() -> bool:
            answer = self.ask("GET", "/health")
            return not process.alive or (answer is not None and answer.status_code == 200 and self._registered())

        wait_until(listens, "the service is ready")
        return process.alive

    def _registered(self) -> bool:
        url = f"{self.world.voice}/api/v1/subaccounts/simulated_voice/webhooks"
        hooks = ask("GET", url, headers={"authorization": "Bearer simulated-key"}).json().get("webhooks", ())
        return any(hook["url"] == f"{self.url}/api/callback" for hook in hooks)

    def run(self, process: Served) -> bool:
        """One run with all that follows; False when the process died meanwhile."""
        answer = self.ask("POST", "/api/cron?wait=false")
        if answer is not None:
            assert answer.status_code == 202, answer.text
        return self.settle(process)

    def settle(self, process: Served) -> bool:
        """Until no run is open, no call waits for its result and no update for Zoho; False when the process died first."""
        wait_until(lambda: not process.alive or self._is_quiet(), "everything comes to its end")
        return process.alive

    def _is_quiet(self) -> bool:
        if self.world.rings()["totals"]["live"]:
            return False
        runs, stats = self.ask("GET", "/api/runs"), self.ask("GET", "/api/stats")
        if runs is None or stats is None or runs.status_code != 200 or stats.status_code != 200:
            return False
        found, figures = runs.json()["runs"], stats.json()["stats"]
        self.runs = len(found)
        if any(run["ended_at"] is None for run in found):
            return False
        waits = figures["today"]["by_disposition"].get("no_result_yet", 0) - self._deaf_sessions()
        return waits <= 0 and not figures["work_lists"]["pending_updates"]

    def _deaf_sessions(self) -> int:
        """Calls whose summary found nobody at home: no result can come for them until it is sent again."""
        return len(self.unheard())

    def unheard(self) -> list[str]:
        """Sessions that ended while nobody listened."""
        return [s["sessionId"] for s in self.world.sessions() if s["endedAt"] and not was_heard(s)]

    def tell_again(self) -> int:
        """Late results: what 8x8 could not deliver comes after all. How many."""
        unheard = self.unheard()
        for session_id in unheard:
            sent = ask("POST", f"{self.world.voice}/_sim/vss", json={"sessionId": session_id}).json()
            assert sent["delivery"] == "200", sent
        return len(unheard)

    def finish_the_day(self) -> None:
        """A process that nothing befalls goes on, hears late results, and makes one more run."""
        with served(self.orders()) as process:
            began = time.monotonic()
            assert self.ready(process), process.output()
            assert time.monotonic() - began < 15, "a restart takes seconds, not more"  # 5 s on an idle machine
            assert self.settle(process), process.output()
            if not self.runs:
                assert self.run(process), process.output()
            self.tell_again()
            assert self.settle(process), process.output()
            assert self.run(process), process.output()
            assert process.stop() == 0, process.output()
        self.check()

    def read(self, work: Callable[[Connection], Any]) -> Any:
        """From the ledger, while no process of ours has it open or while one has."""
        database = Database(self.ledger_url, writable=False)
        try:
            return asyncio.run(database.read(work))
        finally:
            database.close()

    def attempts(self) -> list[Any]:
        return list(self.read(lambda db: db.execute(text("SELECT * FROM attempts")).mappings().all()))

    def check(self) -> None:
        """Everything that must hold when all is said and done."""
        self.check_rings()
        assert self.read(find_breaches) == []
        check_people(self.everybody, self.world, NOON)

    def check_rings(self) -> None:
        """What a process may not have forgotten, wherever it died."""
        check_intents(self.world.sessions(), self.attempts())


@contextmanager
def town(folder: Path, ledger: Mapping[str, str], *, voice_latency: float = 0.04, ring: int = 25) -> Iterator[Town]:
    """Everybody at home, nobody calling yet. `ring`: simulated seconds, 500 of which pass in one."""
    everybody = people()
    voice = VoiceSettings(speed=500, ring_seconds=ring, talk_seconds=20)
    with listening(everybody, voice, voice_latency) as simulated:
        world = World(folder, simulated.zoho_url, simulated.voice_url, simulated.environment())
        yield Town(world, everybody, ledger)
