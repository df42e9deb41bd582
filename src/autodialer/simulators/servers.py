"""Both simulators listening: two HTTP servers in one process. 8x8 is simulated by the product that TELEPHONY names."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from autodialer.domain.errors import DialerError
from autodialer.simulators import contact_center, eightx8, zoho
from autodialer.simulators.contact_center_judge import ContactCenterJudge
from autodialer.simulators.contact_center_settings import ContactCenterSettings
from autodialer.simulators.eightx8_judge import Judge
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Person, behaviours
from autodialer.simulators.zoho_limits import Limits
from autodialer.simulators.zoho_tokens import Credentials

CONTACT_CENTER = "contact_center"


@dataclass(frozen=True, slots=True)
class Simulated:
    """Where they listen, and themselves."""

    zoho_url: str
    voice_url: str
    zoho: zoho.ZohoSimulator
    phones: eightx8.VoiceSimulator | contact_center.ContactCenterSimulator

    @property
    def voice(self) -> eightx8.VoiceSimulator:
        """The simulated 8x8 Connect. TypeError when another product is simulated."""
        if not isinstance(self.phones, eightx8.VoiceSimulator):
            raise TypeError("8x8 Connect is not simulated here")
        return self.phones

    @property
    def judge(self) -> Judge | ContactCenterJudge:
        """Who was rung, by 8x8's own count."""
        return self.phones.switch.judge if isinstance(self.phones, eightx8.VoiceSimulator) else self.phones.floor.judge

    @property
    def calls(self) -> int:
        """How many calls 8x8 took."""
        judge = self.judge
        return len(judge.sessions if isinstance(judge, Judge) else judge.calls)

    def can_tell(self, webhook: str = "VSS") -> bool:
        """Whether results would reach the service: its webhook of that type is registered, or it listens."""
        if isinstance(self.phones, eightx8.VoiceSimulator):
            return self.phones.switch.webhooks.enabled(webhook) is not None
        return any(one.consumer is not None for one in self.phones.floor.pulsar.subscriptions.values())

    def environment(self) -> dict[str, str]:
        """The variables that point a service at them."""
        credentials = Credentials()
        common = {
            "ZOHO_CLIENT_ID": credentials.client_id,
            "ZOHO_CLIENT_SECRET": credentials.client_secret,
            "ZOHO_REFRESH_TOKEN": credentials.refresh_token,
            "ZOHO_API_DOMAIN": self.zoho_url,
            "ZOHO_ACCOUNTS_URL": self.zoho_url,
            "EIGHTX8_API_KEY": "simulated-key",
            "EIGHTX8_BASE_URL": self.voice_url,
            "EIGHTX8_CALLER_ID": "+40210000001",
        }
        if isinstance(self.phones, eightx8.VoiceSimulator):
            return common | {
                "EIGHTX8_SUBACCOUNT_ID": self.phones.switch.settings.subaccount_id,
                "EIGHTX8_AGENT_NUMBER": "+40210000002",
            }
        return common | {
            "TELEPHONY": CONTACT_CENTER,
            "EIGHTX8_API_SECRET": "simulated-action-token",
            "EIGHTX8_CC_TENANT": self.phones.floor.settings.tenant,
            "EIGHTX8_CC_AGENT_IDS": "all",
            "EIGHTX8_CC_QUEUE_ID": "101",
            "EIGHTX8_CC_STREAM": self.voice_url.replace("http://", "ws://"),
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
    settings: VoiceSettings | ContactCenterSettings | None = None,
    zoho_latency: float = 0.0,
    voice_latency: float = 0.0,
    seed: int = 0,
    limits: Limits | None = None,
) -> AsyncIterator[Simulated]:
    """Listen while inside; port 0 takes a free one. Latencies in seconds. DialerError when a port is taken.

    `settings` say which product of 8x8 is simulated.
    """
    zoho_app = zoho.create_app(people, latency_seconds=zoho_latency, limits=limits)
    known = behaviours(people)
    phones: eightx8.VoiceSimulator | contact_center.ContactCenterSimulator
    if isinstance(settings, ContactCenterSettings):
        phones = contact_center.create_app(known, settings=settings, latency_seconds=voice_latency, seed=seed)
    else:
        phones = eightx8.create_app(known, settings=settings, latency_seconds=voice_latency, seed=seed)
    async with _listening(zoho_app, host, zoho_port) as zoho_url, _listening(phones, host, voice_port) as voice_url:
        yield Simulated(zoho_url, voice_url, zoho_app, phones)


def phone_settings(telephony: str, *, speed: float, agents: int = 5) -> VoiceSettings | ContactCenterSettings:
    """The simulated 8x8 for this TELEPHONY, at this speed. DialerError for a product that is not simulated."""
    if telephony == CONTACT_CENTER:
        return ContactCenterSettings(speed=speed, agents=agents)
    if telephony == "voice":
        return VoiceSettings(speed=speed)
    raise DialerError(f"TELEPHONY={telephony} is not simulated: voice or {CONTACT_CENTER}", permanent=True)


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
