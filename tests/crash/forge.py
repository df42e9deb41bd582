"""Real `serve` processes, each forked from one that has everything imported and both shims loaded (but asleep)."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from crash import serve_failing
from crash.serve_failing import Orders

_CONTEXT = multiprocessing.get_context("forkserver")


def open_forge(shims: Sequence[Path]) -> None:
    """Start the process from which the others are forked; it ends with this one."""
    _CONTEXT.set_forkserver_preload([serve_failing.__name__])
    # PYTHONPATH: the fork server of Python 3.11 and 3.12 does not take over sys.path before it preloads.
    with _environment(LD_PRELOAD=":".join(map(str, shims)), PYTHONPATH=os.pathsep.join(filter(None, sys.path))):
        forkserver.ensure_running()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Served:
    """One running `serve`."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self._process: ForkServerProcess = _CONTEXT.Process(target=serve_failing.serve, args=(orders,), daemon=True)
        self._process.start()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """-9 for a process that was killed."""
        return self._process.exitcode

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """The power switch of a process: SIGKILL."""
        self._process.kill()
        self._process.join(10)

    def stop(self) -> int | None:
        """SIGTERM; how it ended."""
        self.signal(signal.SIGTERM)
        self._process.join(25)
        return self._process.exitcode

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> None:
        """Until it ends, or for so long."""
        self._process.join(seconds)

    def output(self) -> str:
        """The end of what it said, for the message of a failed test."""
        return (self.orders.folder / "serve.out").read_text()[-3000:]


@contextmanager
def served(orders: Orders) -> Iterator[Served]:
    """A process that is gone afterwards, however it was asked to end."""
    process = Served(orders)
    try:
        yield process
    finally:
        if process.alive:
            process.stop()
        if process.alive:
            process.kill()


def plain_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the tests' own environment but where to find things."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**keep, **more}
