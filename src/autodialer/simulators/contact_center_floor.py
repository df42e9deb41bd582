"""The simulated floor: agents, the calls they are given, and what the stream tells of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

from autodialer.simulators.common import SimClock
from autodialer.simulators.contact_center_calls import Call, Step, event_of, plan
from autodialer.simulators.contact_center_judge import ContactCenterJudge
from autodialer.simulators.contact_center_pulsar import Pulsar
from autodialer.simulators.contact_center_settings import ContactCenterSettings, StreamFault
from autodialer.simulators.people import Behaviour

WAITS, OFFERED, TALKS, WRAPS = 4, 6, 9, 8
_GARBAGE: Final = (b"\xff\xfe", b"[", b"[]", b'{"Interaction": 7}', b'{"eventType": "agent.login"}')
_STATUS_AT: Final[Mapping[str, int]] = {
    "InteractionAccepted": TALKS,
    "InteractionPostProcess": WRAPS,
    "InteractionDeleted": WAITS,
}


class Floor:
    """All state of one simulated tenant. `behaviours`: by E.164 number; who isn't named behaves as usual."""

    def __init__(
        self, behaviours: Mapping[str, Behaviour], clock: SimClock, settings: ContactCenterSettings, seed: int
    ) -> None:
        self.behaviours = dict(behaviours)
        self.clock = clock
        self.settings = settings
        self.judge = ContactCenterJudge()
        self.pulsar = Pulsar()
        self.agents: dict[str, int] = {f"agSim{number:03}": WAITS for number in range(1, settings.agents + 1)}
        self._seed = seed
        self._calls: dict[str, int] = {}
        self._events = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def throttled(self) -> bool:
        """Whether the next call must be answered with 429."""
        limit = self.settings.calls_per_second
        return limit is not None and self.judge.in_last_second(asyncio.get_running_loop().time()) >= limit

    def refuses(self, number: str) -> bool:
        """Whether 8x8 does not take a call to this number."""
        if self._behaviour(number) != "refused":
            return False
        self._calls[number] = self._calls.get(number, 0) + 1
        return True

    def is_free(self, agent_id: str) -> bool:
        """Whether the agent waits for a call."""
        return self.agents.get(agent_id) == WAITS

    async def place(self, agent_id: str, number: str, user_data: Sequence[Mapping[str, Any]]) -> Call:
        """The agent is offered the call from now on."""
        settings, draw = self.settings, self._draw(number)
        outcome = self._behaviour(number)
        self._calls[number] = self._calls.get(number, 0) + 1
        takes = draw.random() < settings.agent_answers and settings.take_fault(number, "declined") is None
        call = Call(
            agent_id=agent_id,
            destination=number,
            attempt_id=next((str(one.get("value")) for one in user_data if one.get("name") == "attemptId"), None),
            user_data=user_data,
            steps=self._steps(number, plan(outcome, settings, draw, agent_takes=takes)),
            outcome=outcome if takes else "declined",
            rang=takes,
            accepted_at=self.clock.now(),
            accepted=asyncio.get_running_loop().time(),
            tenant=settings.tenant,
        )
        self.judge.accept(call)
        self.agents[agent_id] = OFFERED
        fault = settings.take_fault(number, "lost", "duplicate", "delay", "reorder", "early", "garbage")
        if fault is not None and fault.kind == "early":
            await self._live(replace_steps(call), None)
        else:
            task = asyncio.get_running_loop().create_task(self._live(call, fault))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return call

    async def aclose(self) -> None:
        """End what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def tell(self, call: Call, event: str, **more: Any) -> None:
        """Publish one event of this call now, whatever has been told of it."""
        self._publish(call, Step(0, event, more))

    async def _live(self, call: Call, fault: StreamFault | None) -> None:
        kind = None if fault is None else fault.kind
        began = call.accepted
        for step in call.steps:
            await self._until(began + self.settings.real(step.at))
            self._move(call, step)
            if kind not in ("lost", "delay", "reorder") and not self._is_kept_silent(call, step):
                for _ in range(1 + (fault.copies if fault is not None and kind == "duplicate" else 0)):
                    self._publish(call, step)
            if kind == "garbage":
                self._publish_garbage()
        call.ended_at = self.clock.now()
        self.judge.end(call)
        if fault is not None and kind == "delay":
            await asyncio.sleep(self.settings.real(fault.seconds))
        if kind in ("delay", "reorder"):
            for step in call.steps if kind == "delay" else reversed(call.steps):
                self._publish(call, step)

    async def _until(self, moment: float) -> None:
        wait = moment - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    def _move(self, call: Call, step: Step) -> None:
        status = _STATUS_AT.get(step.event)
        # Whom a test, or a break, has sent away meanwhile stays away.
        if status is not None and self.agents.get(call.agent_id) in (OFFERED, TALKS, WRAPS):
            self.agents[call.agent_id] = status

    def _is_kept_silent(self, call: Call, step: Step) -> bool:
        """Of somebody whose calls are silent nobody ever hears an end."""
        return call.outcome == "silent" and step.event in ("InteractionDeleted", "InteractionDeassigned")

    def _publish(self, call: Call, step: Step) -> None:
        self._events += 1
        call.published.append(step.event)
        event = event_of(call, step, self.clock.now(), self._events, echo=self.settings.echo)
        self.pulsar.publish(step.event, event)

    def _publish_garbage(self) -> None:
        for payload in _GARBAGE:
            self.pulsar.publish("", payload)
        self.pulsar.publish_raw("no JSON")
        self.pulsar.publish_raw('{"payload": "bm8gaWQ="}')

    def _steps(self, number: str, steps: list[Step]) -> list[Step]:
        reason = self.settings.take_fault(number, "reason")
        if reason is not None:
            named = {"callHangupReason": reason.reason} if reason.reason else {}
            end = {key: value for key, value in steps[-1].more.items() if key != "callHangupReason"}
            steps = [*steps[:-1], replace(steps[-1], more=end | named)]
        if self.settings.take_fault(number, "unheard") is not None:
            steps = [step for step in steps if step.event != "InteractionCustomerAccepted"]
        return steps

    def _behaviour(self, number: str) -> Any:
        call = self._calls.get(number, 0)
        return self.behaviours.get(number, Behaviour()).outcome(call, self._draw(number))

    def _draw(self, number: str) -> Random:
        """Chance that depends on the number and how often it was called, not on the order of the calls."""
        return Random(f"{self._seed}:{number}:{self._calls.get(number, 0)}")  # noqa: S311 - repeatable


def replace_steps(call: Call) -> Call:
    """The same call, all over in this moment."""
    call.steps = [replace(step, at=0) for step in call.steps]
    return call
