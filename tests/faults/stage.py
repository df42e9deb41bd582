"""The real service with simulated Zoho and 8x8 in one process, a dozen people, and what must hold after every fault."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Person
from autodialer.store.verify import find_breaches
from crash.judging import QUIET, check_intents, check_people, was_heard
from crash.town import NOON, people
from e2e.processes import World, ask, wait_until
from web.house import House, house

PATHS = {"place": "/callflows", "token": "/oauth/v2/token", "coql": "/coql"}


@dataclass
class Stage:
    """`logs`: where this test process logs to. `acknowledged`: sessions of callbacks that a test posted itself and saw taken."""

    house: House
    world: World
    everybody: Sequence[Person]
    logs: Path
    acknowledged: set[str] = field(default_factory=set)

    def fault(self, which: str, path: str, kind: str, **more: Any) -> None:
        """The next requests of `which` (zoho, voice) whose path holds `path` meet this fault."""
        method = more.pop("method", None)
        self.world.fault(which, kind=kind, match={"path_contains": path, "method": method}, **more)

    def fired(self, which: str) -> int:
        """How often faults of this simulator came true."""
        base = self.world.zoho if which == "zoho" else self.world.voice
        return sum(fault["fired"] for fault in ask("GET", f"{base}/_sim/faults").json()["faults"])

    def forget_faults(self, which: str) -> None:
        base = self.world.zoho if which == "zoho" else self.world.voice
        ask("DELETE", f"{base}/_sim/faults")

    def count(self, which: str, route: str) -> int:
        """How many requests came whose route ends so."""
        base = self.world.zoho if which == "zoho" else self.world.voice
        counts = ask("GET", f"{base}/_sim/counts").json()["counts"]
        return sum(number for name, number in counts.items() if name.endswith(route))

    def settings(self, **changes: Any) -> None:
        """Change the simulated 8x8."""
        assert ask("POST", f"{self.world.voice}/_sim/settings", json=changes).status_code == 200

    def edit(self, person: Person, **change: Any) -> None:
        """What a person does in Zoho."""
        body = {"id": person.zoho_id, "module": person.module, **change}
        assert ask("POST", f"{self.world.zoho}/_sim/edit", json=body).status_code == 200

    def set_status(self, person: Person, status: str) -> None:
        """The same for the status, which has another field in each module."""
        self.edit(person, fields={"Lead_Status" if person.module == "Leads" else "Status": status})

    def run(self) -> dict[str, Any]:
        """A run that must succeed, and all that follows from it."""
        answer = self.house.ask("POST", "/api/cron")
        assert answer.status_code == 200, answer.text
        self.settle()
        return dict(answer.json()["results"])

    def settle(self) -> None:
        wait_until(
            lambda: not self.world.rings()["totals"]["live"] and bool(self.house.sql(QUIET)[0][0]), "all is quiet"
        )

    def sql(self, query: str) -> Any:
        """The first value of the first row."""
        return self.house.sql(query)[0][0]

    def post(self, body: Mapping[str, object]) -> int:
        """One callback; its status."""
        answer = self.house.client.post("/api/callback", json=body)
        session = body.get("call_id") or dict(body.get("payload") or {}).get("sessionId")  # type: ignore[call-overload]  # any body
        if answer.status_code == 200 and isinstance(session, str):
            self.acknowledged.add(session)
        return answer.status_code

    def post_at_once(self, bodies: Sequence[Mapping[str, object]]) -> list[int]:
        with ThreadPoolExecutor(len(bodies)) as pool:
            return list(pool.map(self.post, bodies))

    def tell_again(self) -> int:
        """Late results: what was not delivered comes after all."""
        late = [s["sessionId"] for s in self.world.sessions() if s["endedAt"] and not was_heard(s)]
        for session_id in late:
            sent = ask("POST", f"{self.world.voice}/_sim/vss", json={"sessionId": session_id}).json()
            assert sent["delivery"] == "200", sent
        self.settle()
        return len(late)

    def check(self, *, run_finished: bool = True) -> None:
        """The always-assertions: after every fault, whatever it was."""
        attempts = [dict(row) for row in self._mappings("SELECT * FROM attempts")]
        check_intents(self.world.sessions(), attempts)
        check_people(self.everybody, self.world, NOON, run_finished=run_finished)
        stored = {row["session_id"] for row in self._mappings("SELECT session_id FROM inbox")}
        assert self.acknowledged <= stored, "an acknowledged callback is not stored"
        assert self.house.run(self.house.system.database.read(find_breaches)) == []
        totals = self.world.rings()["totals"]
        assert totals["max_per_second"] <= self.house.system.settings.calls_per_second + 1
        assert ask("GET", f"{self.world.zoho}/_sim/counts").json()["peak_in_flight"] <= 10
        assert self.house.client.get("/health").status_code == 200
        self._check_logs()

    def _mappings(self, query: str) -> Sequence[Any]:
        return self.house.run(self.house.system.database.read(lambda db: db.exec_driver_sql(query).mappings().all()))

    def _check_logs(self) -> None:
        """No name, whole number or secret stands in any line."""
        text = "".join(path.read_text() for path in self.logs.glob("*.log*"))
        settings = self.house.system.settings
        canaries = {person.number for person in self.everybody} | {"Ileana", "Cireșoaia"}
        canaries |= {settings.zoho_client_secret.get_secret_value(), settings.zoho_refresh_token.get_secret_value()}
        assert [canary for canary in canaries if canary and canary in text] == []


@contextmanager
def stage(
    folder: Path, logs: Path, everybody: Sequence[Person] | None = None, *, speed: float = 500, **settings: Any
) -> Iterator[Stage]:
    """Open it; `settings` by their field names. The webhook stands when it is entered.

    Without `everybody` there is nobody whose number 8x8 refuses.
    """
    if everybody is None:
        everybody = [who for who in people() if "refused" not in who.behaviour.outcomes]
    given = {"calls_per_second": 100.0, "max_concurrent_calls": 40, **settings}
    voice = VoiceSettings(speed=speed, talk_seconds=20)
    with house(folder, everybody, clock=NOON, voice=voice, **given) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        world = World(folder, running.simulated.zoho_url, running.simulated.voice_url)
        yield Stage(running, world, everybody, logs)


def in_the_service(here: Stage, work: Any) -> Any:
    """Await `work(system)` inside of the service's own event loop."""

    async def inside() -> Any:
        return await work(here.house.system)

    return here.house.run(asyncio.wait_for(inside(), 15))
