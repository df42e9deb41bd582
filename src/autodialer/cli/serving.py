"""One process that listens and works: shared by `serve`, `run` and the demo."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn

from autodialer.bootstrap import System, remarks_on
from autodialer.domain.errors import DialerError
from autodialer.service.signals import Signal
from autodialer.store.migrate import current_version, waiting
from autodialer.web.acceptor import BACKLOG, Acceptor
from autodialer.web.wire import wire_with
from autodialer.worker import Worker

GRACE = 20.0  # seconds from SIGTERM until calls in flight must have been answered
_SLOW_CLIENT = 5
_DATE_EVERY = 1.0


class _Server(uvicorn.Server):
    """Leaves signals to us: dialing must stop before the socket does. Accepts a crowd at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaves = Signal()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. SystemExit when that can't be."""
        await super().startup(sockets)
        self._acceptor = Acceptor((each for server in self.servers for each in server.sockets), self._protocol)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no more, and let go of all connections."""
        self._acceptor.close()
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Renew the date that answers carry each second; uvicorn's own looks ten times as often whether it should leave."""
        while not await self.on_tick(0):
            await self._leaves.wait(_DATE_EVERY)

    def leave(self) -> None:
        """Let go of the socket and of all connections."""
        self.should_exit = True
        self._leaves.notify()

    def _protocol(self) -> asyncio.Protocol:
        kind: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


@asynccontextmanager
async def serving(system: System, *, scheduled: bool) -> AsyncIterator[Worker]:
    """Listen on HOST:PORT and run the loops inside; on leaving, stop both in the right order.

    `scheduled`: take the slots of CRON_HOURS, unless DRY_RUN is set: then nobody may be called.
    DialerError when the port is taken.
    """
    settings = system.settings
    config = uvicorn.Config(
        system.web(),
        host=settings.listen_host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        http=wire_with(system.lane()),
        ws="none",
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=_SLOW_CLIENT,
        timeout_graceful_shutdown=_SLOW_CLIENT,
    )
    server = _Server(config)
    task = asyncio.create_task(_listen(server))
    worker = Worker(system.services, scheduled=scheduled and not settings.dry_run)
    try:
        await _until_started(server, task, f"{settings.listen_host}:{settings.port}")
        await worker.start()
        yield worker
    finally:
        await worker.stop(GRACE)
        server.leave()
        await asyncio.gather(task, return_exceptions=True)


async def _listen(server: _Server) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way to say that it can't bind
        raise DialerError("the port is taken", permanent=True) from error


async def _until_started(server: _Server, task: asyncio.Task[None], address: str) -> None:
    while not server.started:
        if task.done():
            raise DialerError(
                f"{address} can't be listened on: is another autodialer running? Set PORT to a free one, or HOST to an address of "
                "this machine",
                permanent=True,
            )
        await asyncio.sleep(0.01)


def stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; further ones change nothing."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


async def serve_until_stopped(system: System) -> None:
    """`autodialer serve`: until SIGTERM or SIGINT."""
    log = structlog.get_logger("autodialer")
    stopped = stop_event()
    _say_what_differs(system)
    for step in waiting(str(await system.database.read(current_version))):
        log.warning("migration waits for `autodialer migrate --after`", revision=step.revision, what=step.what)
    async with serving(system, scheduled=True):
        settings = system.settings
        log.info(
            "serving",
            host=settings.listen_host,
            port=settings.port,
            ledger=system.database.name,
            dry_run=settings.dry_run,
        )
        await stopped.wait()
        system.services.stopping.set()  # /health/ready says so from now on
        log.info("stopping: no new calls, results are still taken")
        await asyncio.sleep(settings.drain_seconds)
    log.info("stopped")


def _say_what_differs(system: System) -> None:
    """At start, in the log: what is missing for dialing, and settings that were understood in another way."""
    log = system.services.means.log
    for sentence in system.telephony.missing_settings():
        log.error("no calls can be placed", reason=sentence)
    for remark in remarks_on(system.settings):
        log.warning("setting", remark=remark)
    for warning in system.policy.warnings():
        log.warning("policy", remark=warning)
