"""Sends session summaries to the registered webhook, each once, unless a fault says otherwise.

8x8 documents no retry of voice webhooks ("assume duplicates", no schedule), so there is none here.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any, Final

import httpx2
import msgspec

from autodialer.simulators.common import SimClock
from autodialer.simulators.eightx8_interview import read_answer
from autodialer.simulators.eightx8_plan import with_status
from autodialer.simulators.eightx8_sessions import Session, summary
from autodialer.simulators.eightx8_settings import VoiceSettings, VssFault
from autodialer.simulators.eightx8_webhooks import Webhooks
from autodialer.trust import trusted

_TIMEOUT_SECONDS: Final = 10.0
_Held = tuple[Session, dict[str, Any]]


class Delivery:
    """The background tasks of the simulator and the HTTP client that they share; `aclose` ends both."""

    def __init__(self, clock: SimClock, settings: VoiceSettings, webhooks: Webhooks, draw: Random) -> None:
        self._clock = clock
        self.settings = settings
        self._webhooks = webhooks
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[_Held] = []
        self._client: httpx2.AsyncClient | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` go on in the background until it ends or the simulator does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def open(self) -> httpx2.AsyncClient:
        """The client, made at once where there is none: else the first result, and each call beside it, would wait for that."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=trusted(environment=False), timeout=_TIMEOUT_SECONDS, trust_env=False
            )
        return self._client

    async def aclose(self) -> None:
        """Cancel what is under way and close the connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def report(self, session: Session, fault: VssFault | None = None) -> None:
        """Tell the webhook that the session is over, as `fault` wants it."""
        body = self.body(session)
        kind = None if fault is None else fault.kind
        if fault is None or kind in {"early", "status"}:
            await self.send(session, body)
        elif kind == "lost":
            session.deliveries.append("lost")
        elif kind == "duplicate":
            for _ in range(1 + fault.copies):
                await self.send(session, body)
        elif kind == "delay":
            await asyncio.sleep(self.settings.real(fault.seconds))
            await self.send(session, body)
        elif kind == "shuffle":
            await self._shuffle(session, body, fault)
        else:
            await self._contradict(session, body, fault)

    def body(self, session: Session, status: str | None = None, error_code: int = -2004) -> dict[str, Any]:
        """The summary of a session, or one that claims another end of the person's leg."""
        plan = session.plan if status is None else with_status(session.plan, status, error_code)
        ended = session.ended_at or self._clock.now()
        return summary(session, plan, ended, echo=self.settings.echo_client_request_id)

    async def send(self, session: Session, body: dict[str, Any]) -> None:
        """POST one summary; what became of it goes to the session's deliveries."""
        answer = await self._post("VSS", body, _TIMEOUT_SECONDS)
        session.deliveries.append(answer if isinstance(answer, str) else str(answer.status_code))

    async def progress(self, body: dict[str, Any]) -> None:
        """POST one status of a live call (VCS), where somebody wants them."""
        await self._post("VCS", body, _TIMEOUT_SECONDS)

    async def ask(self, session: Session, body: dict[str, Any]) -> Mapping[str, Any] | None:
        """POST one VCA; the answer, None for one that can't be followed. Further copies ask the same again."""
        answers = []
        for _ in range(self.settings.vca_copies):
            answer = await self._post("VCA", body, self.settings.vca_patience)
            answers.append(None if isinstance(answer, str) else read_answer(answer.status_code, answer.content))
        session.told.append(answers[0] if len(answers) == 1 else answers)
        return answers[-1]

    async def _post(self, kind: str, body: dict[str, Any], patience: float) -> httpx2.Response | str:
        """The answer, or why there is none."""
        webhook = self._webhooks.enabled(kind)
        if webhook is None:
            return "no webhook"
        headers = {"content-type": "application/json"}
        if webhook.header is not None:
            headers["authorization"] = webhook.header
        content = msgspec.json.encode(body)
        try:
            return await self.open().post(webhook.url, content=content, headers=headers, timeout=patience)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return type(error).__name__

    async def _shuffle(self, session: Session, body: dict[str, Any], fault: VssFault) -> None:
        self._held.append((session, body))
        if len(self._held) < fault.copies:
            await asyncio.sleep(self.settings.real(fault.seconds))
        held, self._held = self._held, []
        for other, its_body in _another_order(held, self._draw):
            await self.send(other, its_body)

    async def _contradict(self, session: Session, body: dict[str, Any], fault: VssFault) -> None:
        answered = session.plan.legs[0].status == "COMPLETED"
        await self.send(session, body)
        await self.send(session, self.body(session, fault.status or ("NO_ANSWER" if answered else "COMPLETED")))


def _another_order(entries: list[_Held], draw: Random) -> list[_Held]:
    """The entries in an order that is not the one given, if there is another."""
    shuffled = list(entries)
    while len(entries) > 1 and shuffled == entries:
        draw.shuffle(shuffled)
    return shuffled
