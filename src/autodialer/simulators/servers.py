"""Both simulators listening: two HTTP servers in one process."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from autodialer.domain.errors import DialerError
from autodialer.simulators import eightx8, zoho
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Person, behaviours
from autodialer.simulators.zoho_limits import Limits
from autodialer.simulators.zoho_tokens import Credentials


@dataclass(frozen=True, slots=True)
class Simulated:
    """Where they listen, and themselves."""

    zoho_url: str
    voice_url: str
    zoho: zoho.ZohoSimulator
    voice: eightx8.VoiceSimulator

    def environment(self) -> dict[str, str]:
        """The variables that point a service at them."""
        credentials = Credentials()
        return {
            "ZOHO_CLIENT_ID": credentials.client_id,
            "ZOHO_CLIENT_SECRET": credentials.client_secret,
            "ZOHO_REFRESH_TOKEN": credentials.refresh_token,
            "ZOHO_API_DOMAIN": self.zoho_url,
            "ZOHO_ACCOUNTS_URL": self.zoho_url,
            "EIGHTX8_API_KEY": "simulated-key",
            "EIGHTX8_BASE_URL": self.voice_url,
            "EIGHTX8_SUBACCOUNT_ID": self.voice.switch.settings.subaccount_id,
            "EIGHTX8_CALLER_ID": "+40210000001",
            "EIGHTX8_AGENT_NUMBER": "+40210000002",
        }


class _Server(uvicorn.Server):
    """Leaves signals to whoever started it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def simulators(
    people: Sequence[Person],
    *,
    host: str = "127.0.0.1",
    zoho_port: int = 0,
    voice_port: int = 0,
    settings: VoiceSettings | None = None,
    zoho_latency: float = 0.0,
    voice_latency: float = 0.0,
    seed: int = 0,
    limits: Limits | None = None,
) -> AsyncIterator[Simulated]:
    """Listen while inside; port 0 takes a free one. Latencies in seconds. DialerError when a port is taken."""
    zoho_app = zoho.create_app(people, latency_seconds=zoho_latency, limits=limits)
    voice_app = eightx8.create_app(behaviours(people), settings=settings, latency_seconds=voice_latency, seed=seed)
    async with _listening(zoho_app, host, zoho_port) as zoho_url, _listening(voice_app, host, voice_port) as voice_url:
        yield Simulated(zoho_url, voice_url, zoho_app, voice_app)


@asynccontextmanager
async def _listening(app: Starlette, host: str, port: int) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,
        date_header=False,  # the simulated Zoho dates its answers by the simulated clock
    )
    server = _Server(config)
    task = asyncio.create_task(_serve(server, port))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise DialerError(f"port {port} can't be listened on", permanent=True)
            await asyncio.sleep(0.01)
        yield f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


async def _serve(server: _Server, port: int) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way to say that it can't bind
        raise DialerError(
            f"port {port} is taken: choose another with --zoho-port or --voice-port", permanent=True
        ) from error
