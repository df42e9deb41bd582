"""Rounds in turn over several servers, so that what is compared was measured in the same minute."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.servers import Server

_WAKING: Final = 0.1


def quick() -> bool:
    """Whether QUICK=1 asks for what a developer runs before and after a change."""
    return os.environ.get("QUICK", "") not in ("", "0")


def rounds() -> int:
    """How many."""
    return 3 if quick() else int(os.environ.get("ROUNDS", "5"))


def seconds() -> float:
    """How long one is."""
    return 0.7 if quick() else float(os.environ.get("SECONDS", "4"))


def interleave(servers: Sequence[Server], connections: int, name: str = "bench", *, alive: bool = False) -> None:
    """Post to all of them, round by round, every other round in the other order; then check that what was answered is stored.

    Whoever has no turn is stopped meanwhile, as each may have work left from its own; not so if `alive`.
    """
    for server in servers:
        server.rounds.clear()
        server.answered = 0
    with ExitStack() as stack:
        if not alive:
            stack.callback(_wake, servers)
        for number in range(-1, rounds()):
            for server in servers if number % 2 == 0 else list(reversed(servers)):
                if not alive:
                    _let_alone(server, servers)
                long = seconds() if number >= 0 else min(1.0, seconds())  # the first one is to warm up
                server.post(f"{name}-{number}", connections, long, kept=number >= 0)
    for server in servers:
        server.check(name)


def _let_alone(server: Server, servers: Sequence[Server]) -> None:
    for other in servers:
        os.kill(other.pid, signal.SIGCONT if other is server else signal.SIGSTOP)
    time.sleep(_WAKING)


def _wake(servers: Sequence[Server]) -> None:
    for server in servers:
        os.kill(server.pid, signal.SIGCONT)
