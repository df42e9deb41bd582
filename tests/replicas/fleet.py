"""Several `serve` processes, each with a port and a folder of its own, that can be killed, stopped, frozen and started again."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from crash.forge import Served, plain_environment
from crash.serve_failing import Orders, Point
from e2e.processes import ask, wait_until
from sockets import free_port

KILLED = -signal.SIGKILL
_END = 25.0  # seconds within which a process that was asked to end must have done so


@dataclass
class Replica:
    """One of them. `pids`: all processes that it ever was. `shaken`: those of them that were killed, or stood still for a while."""

    name: str
    folder: Path
    environment: Callable[[], Mapping[str, str]]
    port: int = field(default_factory=free_port)
    served: Served | None = None
    frozen: bool = False
    pids: list[int] = field(default_factory=list)
    shaken: set[int] = field(default_factory=set)

    @property
    def alive(self) -> bool:
        return self.served is not None and self.served.alive

    @property
    def process(self) -> Served:
        assert self.served is not None, f"{self.name} was never started"
        return self.served

    def start(self, die_at: Point | None = None, **more: Any) -> None:
        assert not self.alive
        self.folder.mkdir(exist_ok=True)
        settings = plain_environment({**self.environment(), "PORT": str(self.port)})
        self.served, self.frozen = Served(Orders(self.folder, settings, die_at, **more)), False
        self.pids.append(self.served.pid)

    def kill(self) -> None:
        """SIGKILL, frozen or not."""
        self.shaken.add(self.process.pid)
        self.process.kill()
        self.frozen = False

    def freeze(self) -> None:
        """SIGSTOP: it does nothing any more, and doesn't know it."""
        self.shaken.add(self.process.pid)
        self.process.signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        self.process.signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        self.process.signal(signal.SIGTERM)

    def ended(self) -> int | None:
        """How it ended, having been asked to; None if it did not."""
        self.process.wait(_END)
        return self.process.exit_code

    def stands_still(self) -> bool:
        """Whether it was frozen, by whomever."""
        state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "T"

    def healthy(self) -> bool:
        if not self.alive or self.frozen:
            return False
        try:
            return ask("GET", f"http://127.0.0.1:{self.port}/health", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


class Fleet(list[Replica]):
    """All of them."""

    def start(self) -> None:
        """Whoever doesn't run; until each of them answers."""
        for replica in self:
            if not replica.alive:
                replica.start()
        for replica in self:
            wait_until(replica.healthy, f"{replica.name} is healthy")

    def conducting(self, owner: str) -> Replica:
        """Whose process has this name in the ledger."""
        pid = int(owner.split(":")[1])
        return next(replica for replica in self if pid in replica.pids)

    def others(self, replica: Replica) -> list[Replica]:
        return [other for other in self if other is not replica]

    @property
    def shaken(self) -> set[int]:
        return {pid for replica in self for pid in replica.shaken}

    def end(self) -> list[int | None]:
        """All at once are asked to end; how each of them did."""
        for replica in self:
            replica.ask_to_end()
        return [replica.ended() for replica in self]

    def output(self) -> str:
        """For the message of a failed test."""
        return "\n".join(f"--- {replica.name}\n{replica.process.output()}" for replica in self if replica.served)


@contextmanager
def fleet(folder: Path, number: int, environment: Callable[[], Mapping[str, str]]) -> Iterator[Fleet]:
    """So many replicas, none started yet; all gone afterwards. `environment` is asked for at each start."""
    replicas = Fleet(Replica(f"replica{index}", folder / f"replica{index}", environment) for index in range(number))
    try:
        yield replicas
    finally:
        for replica in replicas:
            if replica.alive:
                replica.kill()
